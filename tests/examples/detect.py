#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A detection application in Python: it keeps what it decoded and what it detected, stage by stage.

    meson devenv -C build python3 "$PWD/tests/examples/detect.py"
"""
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
gi.require_version("GstCheckpoint", "1.0")
from gi.repository import Gst, GstApp, GstCheckpoint, GstVideo  # noqa: E402, F401

COPY_ALL = (Gst.BufferCopyFlags.FLAGS | Gst.BufferCopyFlags.TIMESTAMPS | Gst.BufferCopyFlags.META
            | Gst.BufferCopyFlags.MEMORY)
JOB, FRAMES, WIDTH, HEIGHT = "court", 20, 64, 48


def wait(pipeline, *kinds):
    """The next message of these kinds; an error ends the program."""
    while True:
        message = pipeline.get_bus().timed_pop_filtered(
            Gst.CLOCK_TIME_NONE, Gst.MessageType.ERROR | Gst.MessageType.EOS
            | Gst.MessageType.ELEMENT)
        if message.type == Gst.MessageType.ERROR:
            error, debug = message.parse_error()
            raise SystemExit(f"{message.src.name}: {error.message}\n{debug}")
        if message.type in kinds:
            return message


def decode():
    """Stage 0: here a drawn film, elsewhere filesrc and decodebin."""
    pipeline = Gst.parse_launch(
        f"videotestsrc pattern=ball num-buffers={FRAMES}"
        f" ! video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate=10/1"
        f" ! checkpointsink job-id={JOB} stage=decode")
    pipeline.set_state(Gst.State.PLAYING)
    wait(pipeline, Gst.MessageType.EOS)  # all of it is durable
    pipeline.set_state(Gst.State.NULL)


def find_ball(image, threshold):
    """The box around what is brighter than the threshold."""
    stride = len(image) // HEIGHT
    rows = [image[y * stride:y * stride + WIDTH] for y in range(HEIGHT)]
    ys = [y for y, row in enumerate(rows) if max(row) > threshold]
    xs = [x for x in range(WIDTH) if any(row[x] > threshold for row in rows)]
    return xs[0], ys[0], xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1


def detect(buffer, threshold):
    """A buffer of our own, over the same memory, with what was found on it."""
    found = buffer.copy_region(COPY_ALL, 0, buffer.get_size())  # copy() only takes a reference
    box = find_ball(buffer.extract_dup(0, buffer.get_size()), threshold)
    region = GstVideo.buffer_add_video_region_of_interest_meta(found, "ball", *box)
    detection = Gst.Structure.new_empty("detection")
    detection.set_value("confidence", threshold / 255)
    region.add_param(detection)
    return found


def detect_all(store):
    """Stage 1 from stage 0, and stage 2 when the light changes halfway."""
    decoded = store.load(JOB, "decode")
    pipeline = Gst.parse_launch(
        f"checkpointsrc job-id={JOB} stage=decode ! appsink name=in sync=false"
        # async=false: the source need not wait for the first frame that comes back.
        f"  appsrc name=out format=time ! checkpointsink name=keep async=false job-id={JOB}"
        f" stage=detect parent-id={decoded.props.id}")
    source, sink = pipeline.get_by_name("in"), pipeline.get_by_name("out")
    keep = pipeline.get_by_name("keep")
    pipeline.set_state(Gst.State.PLAYING)
    for n in range(FRAMES):
        sample = source.pull_sample()
        if n == 0:
            sink.set_caps(sample.get_caps())
        if n == FRAMES // 2:
            boundary = Gst.Structure.new_empty("checkpoint-boundary")
            boundary.set_value("from-stage", "detect")
            boundary.set_value("stage", "detect-dark")
            sink.send_event(Gst.Event.new_custom(Gst.EventType.CUSTOM_DOWNSTREAM, boundary))
        sink.push_buffer(detect(sample.get_buffer(), 200 if n < FRAMES // 2 else 100))
        if n == FRAMES // 4:
            token = keep.emit("checkpoint-now")  # what it has taken by now
    sink.end_of_stream()

    complete, now_durable = {}, False
    while True:
        message = wait(pipeline, Gst.MessageType.ELEMENT, Gst.MessageType.EOS)
        if message.type == Gst.MessageType.EOS:
            break
        body = message.get_structure()
        if body.get_name() == "gst-checkpoint-complete":
            complete[body.get_value("stage")] = body.get_value("frames")
        elif body.get_name() != "gst-checkpoint-commit":
            continue
        if body.get_value("token") >= token > 0:
            now_durable = True
    pipeline.set_state(Gst.State.NULL)
    assert complete == {"detect": FRAMES // 2, "detect-dark": FRAMES - FRAMES // 2}, complete
    assert now_durable


def report(store):
    """What is kept, frame by frame, without a pipeline."""
    for stage in store.list(JOB)[1:]:
        checkpoint = store.load(JOB, stage)
        assert checkpoint.props.bytes_new == 0  # no frame is stored twice
        frames = GstCheckpoint.Frames(checkpoint=checkpoint, select="label == 'ball'")
        while (sample := frames.next()) is not None:
            buffer = sample.get_buffer()
            ball = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, 0)
            box = (ball.x, ball.y, ball.w, ball.h)
            confidence = ball.get_param("detection").get_value("confidence")
            image = buffer.extract_dup(0, buffer.get_size())
            assert box == find_ball(image, round(confidence * 255)), box
            print(f"{stage} frame {sample.get_info().get_value('sequence')}: ball at {box}")


def main():
    Gst.init(None)
    store = GstCheckpoint.Store.new(None, None)
    decode()
    detect_all(store)
    report(store)


if __name__ == "__main__":
    main()
