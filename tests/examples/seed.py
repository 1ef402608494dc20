#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""save_checkpoint, load_checkpoint and list_checkpoints for a detection program in Python.

The three functions are all that such a program needs to keep its stages with gst-checkpoint; what
follows them plays every call and checks what it promises. The stores are those of the environment.

    meson devenv -C build python3 "$PWD/tests/examples/seed.py"
"""
import json
import logging

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
gi.require_version("GstCheckpoint", "1.0")
from gi.repository import Gio, GLib, Gst, GstCheckpoint, GstVideo  # noqa: E402

Gst.init(None)
log = logging.getLogger("checkpoints")
store = GstCheckpoint.Store.new(None, None)

TEXTS = ("video_path", "profile_name", "stage_output_key")
OBJECTS = ("stats", "config_snapshot", "config_overrides")


def sample_of(frame):
    """A frame of the program, a dict, as a GstSample."""
    image = frame["image"]
    buffer = Gst.Buffer.new_wrapped(image) if image else Gst.Buffer.new()
    buffer.pts = frame["pts"]
    buffer.duration = Gst.SECOND // 25
    for number, found in enumerate(frame.get("detections", ())):
        region = GstVideo.buffer_add_video_region_of_interest_meta(
            buffer, found["label"], *found["box"])
        region.id = number
        detection = Gst.Structure.new_empty("detection")
        detection.set_value("confidence", found["confidence"])
        region.add_param(detection)
    return Gst.Sample.new(buffer, Gst.Caps.from_string(frame["caps"]), None, None)


def frame_of(sample):
    """And back."""
    buffer, detections = sample.get_buffer(), []
    while True:
        region = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, len(detections))
        if region is None:
            break
        detections.append({
            "label": GLib.quark_to_string(region.roi_type),
            "box": (region.x, region.y, region.w, region.h),
            "confidence": region.get_param("detection").get_value("confidence"),
        })
    return {
        "sequence": sample.get_info().get_value("sequence"),
        "pts": buffer.pts,
        "caps": sample.get_caps().to_string(),
        "image": buffer.extract_dup(0, buffer.get_size()),
        "detections": detections,
    }


class Frames:
    """The frames of a checkpoint, one at a time: a long video never lies in memory as a whole."""

    def __init__(self, checkpoint, **which):
        self.checkpoint, self.which = checkpoint, which

    def __iter__(self):
        frames = GstCheckpoint.Frames(checkpoint=self.checkpoint, **self.which)
        while (sample := frames.next()) is not None:
            yield frame_of(sample)


def state_object(state):
    """The program's state, a dict, as the library takes it."""
    out = GstCheckpoint.State(parent_id=state.get("parent_id"))
    for name in TEXTS:
        out.set_property(name, state.get(name))
    for name in OBJECTS:
        if state.get(name) is not None:
            out.set_property(name, json.dumps(state[name]))
    if state.get("filtered_frame_sequences") is not None:
        out.props.filtered_frame_sequences = GLib.Variant("at", state["filtered_frame_sequences"])
    for frame in state.get("frames", ()):
        out.add_frame(sample_of(frame), frame.get("sequence", -1))
    return out


def save_checkpoint(job_id, stage, stage_index, state, frames_manifest=None, is_scenario=False,
                    scenario_label=""):
    """Keeps a stage; its id. frames_manifest None: the frames of the state are stored."""
    manifest = None if frames_manifest is None else GLib.Variant("a{ts}", frames_manifest)
    checkpoint_id = store.save(job_id, stage, stage_index, state_object(state), manifest,
                               is_scenario, scenario_label)
    log.info("saved %s/%s as %s, scenario %r", job_id, stage, checkpoint_id,
             scenario_label if is_scenario else None)
    return checkpoint_id


def state_of(checkpoint):
    """Every field of the row, under its own name."""
    p = checkpoint.props
    state = {name: getattr(p, name) or "" for name in TEXTS}
    state.update({name: json.loads(getattr(p, name) or "null") for name in OBJECTS})
    state.update(
        id=p.id, version=p.version, parent_id=p.parent_id,
        job_id=p.job_id, stage=p.stage, stage_index=p.stage_index, frames_prefix=p.frames_prefix,
        is_scenario=p.is_scenario, scenario_label=p.scenario_label,
        frames_manifest=checkpoint.read_frames_manifest().unpack(),
        frames_meta=json.loads(checkpoint.read_frames_meta()),
        filtered_frame_sequences=checkpoint.read_filtered_frame_sequences().unpack(),
        frames=Frames(checkpoint),
    )
    log.info("loaded %s/%s: %d frames", p.job_id, p.stage, p.n_frames)
    return state


def load_checkpoint(job_id, stage):
    """The newest complete one of the base."""
    try:
        return state_of(store.load(job_id, stage))
    except GLib.Error as error:
        if error.matches(GstCheckpoint.error_quark(), GstCheckpoint.Error.NOT_FOUND):
            raise ValueError(error.message) from error
        raise


def list_checkpoints(job_id):
    """The stages that have one."""
    return store.list(job_id)


# --- every call, and what it promises

CAPS = "video/x-raw, format=(string)RGB, width=(int)8, height=(int)4, framerate=(fraction)25/1"
FRAMES = [{"sequence": n, "pts": n * Gst.SECOND // 25, "caps": CAPS, "image": bytes([n]) * 96}
          for n in range(5)]
GIVEN = {
    "video_path": "/videos/street.mp4",
    "profile_name": "night",
    "stage_output_key": "outputs/decode.json",
    "stats": {"frames": 5, "seconds": 0.25},
    "config_snapshot": {"decoder": {"threads": 4, "name": "ünï"}},
    "config_overrides": {"threads": 4},
    "filtered_frame_sequences": [1, 3],
}


def detected(frames):
    return [dict(frame, detections=[{"label": "person", "box": (1, 1, 4, 2), "confidence": 0.75}])
            for frame in frames]


def must_fail(code, call, *words):
    try:
        call()
    except GLib.Error as error:
        assert error.matches(GstCheckpoint.error_quark(), code), error
        assert all(word in error.message.lower() for word in words), error.message
        return
    raise AssertionError(f"{words} did not fail")


def a_checkpoint_that_is_not_there_is_named():
    assert list_checkpoints("street") == []
    for stage in ("decode", "detect"):
        try:
            load_checkpoint("street", stage)
        except ValueError as error:
            assert "street" in str(error) and stage in str(error), error
        else:
            raise AssertionError("it was found")


def g14_every_field_comes_back():
    checkpoint_id = save_checkpoint("street", "decode", 0, dict(GIVEN, frames=FRAMES))
    state = load_checkpoint("street", "decode")
    assert state["id"] == checkpoint_id and isinstance(checkpoint_id, str)
    for name, value in GIVEN.items():
        assert state[name] == value, (name, state[name])
    assert (state["job_id"], state["stage"], state["stage_index"]) == ("street", "decode", 0)
    assert (state["is_scenario"], state["scenario_label"]) == (False, "")
    assert list(state["frames_manifest"]) == [0, 1, 2, 3, 4]
    assert all(key.startswith(state["frames_prefix"]) for key in state["frames_manifest"].values())
    assert [m["pts"] for m in state["frames_meta"]] == [f["pts"] for f in FRAMES]
    assert [m["sequence"] for m in state["frames_meta"]] == [0, 1, 2, 3, 4]
    loaded = list(state["frames"])
    assert loaded == [dict(frame, detections=[]) for frame in FRAMES], loaded
    assert [f["sequence"] for f in Frames(store.load("street", "decode"), filtered=True)] == [1, 3]


def frames_of_a_manifest_are_taken_as_stored():
    before = load_checkpoint("street", "decode")
    # What the program knows of a frame; its bytes are not looked at.
    known = [dict(frame, image=b"") for frame in detected(FRAMES[1:4])]
    manifest = {n: before["frames_manifest"][n] for n in (1, 2, 3)}
    save_checkpoint("street", "detect", -1, {"frames": known, "stats": {"persons": 3}}, manifest)
    state = load_checkpoint("street", "detect")
    assert state["frames_manifest"] == manifest
    assert state["stage_index"] == 1 and state["parent_id"] == before["id"]
    assert list(state["frames"]) == detected(FRAMES[1:4])
    assert store.load("street", "detect").props.bytes_new == 0
    assert len(list(Frames(store.load("street", "detect"), select="label == 'person'"))) == 3
    # Without frames in the state all is as it is stored, with the metas.
    save_checkpoint("street", "track", 2, {"parent_id": state["id"]}, {2: manifest[2]})
    assert list(load_checkpoint("street", "track")["frames"]) == detected(FRAMES[2:3])
    must_fail(GstCheckpoint.Error.NOT_FOUND,
              lambda: save_checkpoint("street", "track", 2, {}, {2: manifest[3]}), "frame 2")


def frames_that_are_stored_are_not_stored_again():
    state = load_checkpoint("street", "detect")
    save_checkpoint("street", "read", 3, {"parent_id": state["id"], "frames": state["frames"]})
    checkpoint = store.load("street", "read")
    assert (checkpoint.props.bytes_new, checkpoint.props.n_frames) == (0, 3)
    assert list(load_checkpoint("street", "read")["frames"]) == detected(FRAMES[1:4])


def g16_an_empty_manifest_means_no_frames():
    save_checkpoint("street", "empty", 4, dict(GIVEN, frames=FRAMES), {})
    state = load_checkpoint("street", "empty")
    assert state["frames_manifest"] == {} and state["frames_meta"] == []
    assert list(state["frames"]) == []
    assert state["stats"] == GIVEN["stats"]


def g17_saving_again_makes_the_next_version():
    first = load_checkpoint("street", "decode")
    save_checkpoint("street", "decode", 0, {"frames": FRAMES[:2]})
    again = load_checkpoint("street", "decode")
    assert (first["version"], again["version"]) == (1, 2) and len(again["frames_manifest"]) == 2
    kept = state_of(store.load_by_id(first["id"]))
    assert list(kept.pop("frames")) == list(first.pop("frames")) and kept == first


def g18_a_scenario_is_not_the_base():
    base = load_checkpoint("street", "decode")
    for label in ("brighter", ""):
        save_checkpoint("street", "decode", 0, {"config_overrides": {"gain": 2}, "frames": FRAMES[:1]},
                        is_scenario=True, scenario_label=label)
        scenario = state_of(store.load_scenario("street", "decode", label))
        assert (scenario["is_scenario"], scenario["scenario_label"]) == (True, label)
        assert scenario["config_overrides"] == {"gain": 2} and scenario["config_snapshot"] is None
    assert load_checkpoint("street", "decode")["id"] == base["id"]
    must_fail(GstCheckpoint.Error.NOT_FOUND,
              lambda: store.load_scenario("street", "detect", "brighter"), "street", "detect")
    save_checkpoint("street", "only in a scenario", 9, {}, None, True, "brighter")
    assert list_checkpoints("street") == ["decode", "detect", "track", "read", "empty"]
    assert len(store.list_checkpoints("street", True, False)) == 9
    assert len(store.list_checkpoints("street", False, False)) == 6


def what_makes_no_sense_is_refused():
    bad = GstCheckpoint.Error.INVALID_ARGUMENT
    must_fail(bad, lambda: save_checkpoint("street", "a\nb", 0, {}), "stage")
    must_fail(bad, lambda: save_checkpoint("", "decode", 0, {}), "job-id")
    must_fail(bad, lambda: store.save("street", "x", 0, GstCheckpoint.State(stats="[1]"), None,
                                      False, None), "stats")
    must_fail(bad, lambda: save_checkpoint("street", "x", 0, {}, None, False, "label"), "scenario")
    must_fail(bad, lambda: store.load_by_id("17"), "id")
    must_fail(GstCheckpoint.Error.NOT_FOUND,
              lambda: save_checkpoint("street", "x", 0, {"parent_id": GLib.uuid_string_random()}))
    assert "x" not in list_checkpoints("street")


def each_call_is_there_without_blocking():
    loop, results = GLib.MainLoop(), []

    def done(_, result, finish):
        try:
            results.append(finish(result))
        except GLib.Error as error:
            results.append(error)
        loop.quit()

    state = state_object({"frames": FRAMES})
    store.save_async("lane", "decode", 0, state, None, False, None, None, done, store.save_finish)
    loop.run()
    store.load_async("lane", "decode", None, done, store.load_finish)
    loop.run()
    store.list_async("lane", None, done, store.list_finish)
    loop.run()
    frames = GstCheckpoint.Frames.new(results[1])
    frames.next_async(None, done, frames.next_finish)
    loop.run()
    stop = Gio.Cancellable()
    stop.cancel()
    store.save_async("lane", "late", 1, state, None, False, None, stop, done, store.save_finish)
    loop.run()
    assert results[1].props.id == results[0] and results[2] == ["decode"]
    assert frame_of(results[3])["image"] == FRAMES[0]["image"]
    assert results[4].matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED), results[4]
    assert list_checkpoints("lane") == ["decode"]


def main():
    for check in (a_checkpoint_that_is_not_there_is_named,
                  g14_every_field_comes_back,
                  frames_of_a_manifest_are_taken_as_stored,
                  frames_that_are_stored_are_not_stored_again,
                  g16_an_empty_manifest_means_no_frames,
                  g17_saving_again_makes_the_next_version,
                  g18_a_scenario_is_not_the_base,
                  what_makes_no_sense_is_refused,
                  each_call_is_there_without_blocking):
        check()
        print("ok", check.__name__.replace("_", " "))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
