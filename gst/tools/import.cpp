// SPDX-License-Identifier: LGPL-2.1-or-later
// import: pictures or a video, with detections that others wrote, as a checkpoint.
#include <gst/video/gstvideometa.h>

#include <filesystem>

#include "core/warning_observer.h"
#include "elements/buffer_input.h"
#include "elements/gst_handles.h"
#include "elements/meta_codec.h"
#include "tools/call.h"
#include "tools/checkpoint_name.h"
#include "tools/image_source.h"
#include "tools/json.h"
#include "tools/noted_frames.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

using Notes = std::map<uint64_t, FrameNote>;

struct Import {
  std::string path;
  CheckpointFields fields;
  WriterOptions writer;
  Notes notes;
  uint64_t frame_time = 40000000;  // nanoseconds
};

struct Done {
  uint64_t frames = 0, detections = 0, out_of_range = 0;
};

guint inside(int64_t value, bool &changed) {
  const int64_t clamped = std::clamp<int64_t>(value, 0, G_MAXINT);
  changed = changed || clamped != value;
  return static_cast<guint>(clamped);
}

// As GStreamer's detectors attach them.
void attach(GstBuffer *buffer, const std::vector<DetectionRow> &detections, Done &done) {
  for (const DetectionRow &row : detections) {
    bool changed = false;
    const guint x = inside(row.x, changed), y = inside(row.y, changed);
    const guint width = inside(row.width, changed), height = inside(row.height, changed);
    GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta(
        buffer, row.label.c_str(), x, y, width, height);
    if (row.confidence)
      gst_video_region_of_interest_meta_add_param(
          roi,
          gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, *row.confidence, nullptr));
    if (row.track)
      gst_video_region_of_interest_meta_add_param(
          roi, gst_structure_new("object_id", "id", G_TYPE_INT64, *row.track, nullptr));
    done.detections++;
    done.out_of_range += changed;
  }
}

Status write_frames(ImageSource &source, const Import &import, CheckpointWriter &writer,
                    const std::shared_ptr<MetaWatch> &metas, Progress &progress, Done &done,
                    Cancellation &cancel) {
  std::shared_ptr<const StreamCaps> caps;
  CapsPtr current;
  for (;;) {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    CHECKPOINT_ASSIGN_OR_RETURN(const SourceFrame frame, source.next(cancel));
    if (!frame.sample) return Status::ok();
    GstCaps *own = gst_sample_get_caps(frame.sample.get());
    if (!current || !gst_caps_is_equal(current.get(), own)) {
      CHECKPOINT_ASSIGN_OR_RETURN(caps, StreamCaps::from_caps(own));
      current.reset(gst_caps_ref(own));
      CHECKPOINT_RETURN_IF_ERROR(writer.set_caps(caps->text()));
    }
    BufferPtr buffer(gst_buffer_copy(gst_sample_get_buffer(frame.sample.get())));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    if (gst_sample_get_segment(frame.sample.get())->format == GST_FORMAT_TIME)
      segment = *gst_sample_get_segment(frame.sample.get());
    FrameTiming timing = frame_timing(buffer.get(), segment);
    std::optional<uint64_t> sequence = frame.index;
    if (const auto note = import.notes.find(frame.index); note != import.notes.end()) {
      attach(buffer.get(), note->second.detections, done);
      if (note->second.sequence) sequence = note->second.sequence;
      if (note->second.timed) {
        timing.pts = timing.stream_time = note->second.pts;
        timing.dts = note->second.dts;
        timing.duration = note->second.duration;
        timing.offset = note->second.offset;
        timing.offset_end = note->second.offset_end;
        timing.flags = note->second.flags;
      }
    }
    CHECKPOINT_ASSIGN_OR_RETURN(std::unique_ptr<FrameInput> input,
                                make_buffer_input(buffer.get(), caps, metas));
    CHECKPOINT_RETURN_IF_ERROR(writer.push(input, timing, sequence));
    progress.update(++done.frames, source.frames());
  }
}

Status import_all(Call &call, const Import &import, Done &done, Uuid &id) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(import.path, error);
  if (!std::filesystem::exists(import.path, error))
    return {Code::kNotFound, "there is no " + tool::in_quotes(import.path)};
  CHECKPOINT_ASSIGN_OR_RETURN(
      const std::unique_ptr<ImageSource> source,
      folder ? open_folder(import.path, import.notes, import.frame_time) : open_video(import.path));
  CHECKPOINT_ASSIGN_OR_RETURN(const auto stores, call.open(Stores::Access::kWrite));
  const auto warn = [&call](const Status &status) { call.out().warning(status.message()); };
  const auto metas = std::make_shared<MetaWatch>(false, warn);
  CheckpointWriter writer([stores](Cancellation &) { return stores; }, import.writer,
                          std::make_shared<WarningObserver>(warn));
  Cancellation::Hook hook(call.cancel(), [&writer] { writer.interrupt(); });
  Progress progress(call.out(), "importing", "frames");
  const auto run = [&]() -> Status {
    CHECKPOINT_RETURN_IF_ERROR(writer.begin(import.fields, true));
    CHECKPOINT_RETURN_IF_ERROR(
        write_frames(*source, import, writer, metas, progress, done, call.cancel()));
    if (done.frames == 0) return {Code::kNotFound, "there is no frame in it"};
    return writer.finish(std::nullopt, std::chrono::hours(24));
  };
  const Status status = run();
  if (!status.is_ok()) writer.stop(std::chrono::seconds(10), "the import was stopped");
  if (const auto known = writer.checkpoint_id()) id = *known;
  return status;
}

}  // namespace

int run_import(Call &call) {
  Import import;
  std::optional<std::string> detections, scenario, codec;
  uint64_t rate = 25;
  Options options;
  options.text("detections", 'd', "FILE",
               "Detections: .jsonl, .csv, .json (COCO), as export writes", &detections);
  options.number("framerate", 'r', "N", "Pictures a second, where nothing tells their times (25)",
                 &rate);
  options.text("codec", 0, "CODEC", "none, lz4 or zstd (none)", &codec);
  options.text("scenario", 0, "LABEL", "Into this scenario", &scenario);
  if (auto code = call.parse(std::move(options), 2, 2)) return *code;
  if (rate < 1 || rate > 1000) return call.usage("--framerate takes 1 to 1000");
  import.frame_time = 1000000000 / rate;
  if (codec && *codec != "none" && *codec != "lz4" && *codec != "zstd")
    return call.usage("--codec is none, lz4 or zstd");
  import.writer.codec = !codec || *codec == "none" ? Codec::kNone
                        : *codec == "lz4"          ? Codec::kLz4
                                                   : Codec::kZstd;
  import.path = call.arguments()[0];
  auto name = parse_checkpoint_name(call.arguments()[1], scenario);
  if (!name.is_ok()) return call.fail(name.status());
  if (name->id || name->version) return call.usage("a new checkpoint is named JOB/STAGE");
  import.fields.job_id = name->job_id;
  import.fields.stage = name->stage;
  import.fields.branch = name->branch;
  import.fields.stage_index = 0;
  import.fields.video_path = std::filesystem::absolute(import.path).string();
  std::error_code error;
  const std::string beside = import.path + "/frames.jsonl";
  if (!detections && std::filesystem::exists(beside, error)) detections = beside;
  if (detections) {
    auto notes = read_notes(*detections);
    if (!notes.is_ok()) return call.fail(notes.status());
    import.notes = std::move(*notes);
  }
  gst_init(nullptr, nullptr);
  Done done;
  Uuid id;
  if (Status status = import_all(call, import, done, id); !status.is_ok()) return call.fail(status);
  if (done.out_of_range > 0)
    call.out().warning(count_text(done.out_of_range, "box was", "boxes were") +
                       " partly outside of what a region of interest can say, and cut");
  if (call.json()) {
    Json json;
    json.begin_object().field("id", id.to_string()).field("frames", done.frames);
    json.field("detections", done.detections).end_object();
    call.out().line(json.text());
  } else {
    call.out().line(printable(call.arguments()[1]) + " " + id.to_string() + ": " +
                    count_text(done.frames, "frame", "frames") + ", " +
                    count_text(done.detections, "detection", "detections"));
  }
  return kFine;
}

}  // namespace checkpoint::tool
