// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/video_file.h"

#include <gst/app/gstappsrc.h>

#include <optional>
#include <variant>

#include "core/reader.h"
#include "elements/buffer_output.h"
#include "elements/gst_handles.h"

namespace checkpoint::tool {

namespace {

constexpr uint64_t kQueuedBytes = 32 << 20;  // before the encoder

struct Pipeline {
  ~Pipeline() {
    if (bin) gst_element_set_state(bin, GST_STATE_NULL);
    if (source) gst_object_unref(source);
    if (bin) gst_object_unref(bin);
  }
  // What went wrong; ok when nothing did within `patience`.
  Status failure(GstClockTime patience = 0) const {
    GstBus *bus = gst_element_get_bus(bin);
    GstMessage *message = gst_bus_timed_pop_filtered(bus, patience, GST_MESSAGE_ERROR);
    gst_object_unref(bus);
    if (!message) return Status::ok();
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    Status status(Code::kUnsupported, std::string("the video can't be written: ") + error->message,
                  "--encoder takes another encoder and muxer");
    g_error_free(error);
    gst_message_unref(message);
    return status;
  }
  GstElement *bin = nullptr, *source = nullptr;
};

Status start(Pipeline &pipeline, const std::string &encoder, const std::string &path) {
  const std::string line =
      "appsrc name=in format=time max-bytes=0 ! videoconvert ! " + encoder + " ! filesink name=out";
  GError *error = nullptr;
  pipeline.bin = gst_parse_launch(line.c_str(), &error);
  if (error) {
    Status status(Code::kInvalidArgument,
                  std::string("the encoder can't be made: ") + error->message,
                  "--encoder takes another encoder and muxer");
    g_error_free(error);
    return status;
  }
  pipeline.source = gst_bin_get_by_name(GST_BIN(pipeline.bin), "in");
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline.bin), "out");
  g_object_set(sink, "location", path.c_str(), nullptr);
  gst_object_unref(sink);
  if (gst_element_set_state(pipeline.bin, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
    CHECKPOINT_RETURN_IF_ERROR(pipeline.failure());
    return {Code::kUnsupported, "the encoder can't be started"};
  }
  return Status::ok();
}

Status wait_for_end(Pipeline &pipeline, Cancellation &cancel) {
  GstBus *bus = gst_element_get_bus(pipeline.bin);
  Status status;
  for (bool done = false; !done && status.is_ok();) {
    GstMessage *message = gst_bus_timed_pop_filtered(bus, 100 * GST_MSECOND, GST_MESSAGE_EOS);
    done = message != nullptr;
    if (message) gst_message_unref(message);
    status = cancel.check();
    if (status.is_ok()) status = pipeline.failure();
  }
  gst_object_unref(bus);
  return status;
}

}  // namespace

const char *video_encoder(const std::string &extension) {
  struct Choice {
    const char *extension, *encoder, *line;
  };
  // The first one that is installed; the last one of an extension anyway, so that the error names
  // it.
  static constexpr Choice kChoices[] = {
      {"mkv", "avenc_ffv1", "avenc_ffv1 ! matroskamux"},
      {"webm", "vp8enc", "vp8enc deadline=1 cpu-used=4 target-bitrate=8000000 ! webmmux"},
      {"mp4", "x264enc", "x264enc speed-preset=veryfast ! mp4mux"},
      {"mp4", "openh264enc", "openh264enc bitrate=8000000 ! h264parse ! mp4mux"},
      {"mp4", "avenc_mpeg4", "avenc_mpeg4 bitrate=8000000 ! mp4mux"},
  };
  const char *line = nullptr;
  for (const Choice &choice : kChoices) {
    if (extension != choice.extension) continue;
    line = choice.line;
    GstElementFactory *factory = gst_element_factory_find(choice.encoder);
    if (!factory) continue;
    gst_object_unref(factory);
    break;
  }
  return line;
}

Status write_video(const std::shared_ptr<Stores> &stores,
                   const std::shared_ptr<const Playlist> &playlist, const std::string &encoder,
                   const std::string &path, const std::function<void(uint64_t)> &progress,
                   Cancellation &cancel) {
  Pipeline pipeline;
  CHECKPOINT_RETURN_IF_ERROR(start(pipeline, encoder, path));
  CheckpointReader reader(stores, playlist, ReaderOptions{});
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<CapsRow> all, reader.caps(cancel));
  ReplayRange range;
  range.events = false;
  reader.seek(range);
  std::shared_ptr<const StreamCaps> caps;
  std::optional<uint32_t> number;
  uint64_t frames = 0, first = kNone;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(ReplayItem item, reader.next(cancel));
    auto *frame = std::get_if<ReplayFrame>(&item);
    if (!frame) break;
    if (frame->size == 0) continue;
    const uint64_t time = frame->row.stream_time != kNone ? frame->row.stream_time : frame->row.pts;
    if (time == kNone)
      return {
          Code::kUnsupported,
          "frame " + std::to_string(frame->row.index) + " has no time, so it can't be in a video",
          "export to a folder instead"};
    if (number != frame->row.caps) {
      for (const CapsRow &row : all) {
        if (row.number != frame->row.caps) continue;
        CHECKPOINT_ASSIGN_OR_RETURN(caps, StreamCaps::parse(row.caps));
      }
      if (!caps) return {Code::kCorrupt, "a frame has no caps"};
      number = frame->row.caps;
      if (!caps->is_raw())
        return {Code::kUnsupported, "encoded images can't be in a video",
                "export to a folder instead"};
      gst_app_src_set_caps(GST_APP_SRC(pipeline.source), caps->caps());
    }
    first = first == kNone ? time : first;
    frame->metas.clear();
    CHECKPOINT_ASSIGN_OR_RETURN(BufferPtr buffer, make_buffer(std::move(*frame), *caps));
    GST_BUFFER_PTS(buffer.get()) = time - std::min(first, time);
    GST_BUFFER_DTS(buffer.get()) = GST_CLOCK_TIME_NONE;
    const GstFlowReturn flow =
        gst_app_src_push_buffer(GST_APP_SRC(pipeline.source), buffer.release());
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    CHECKPOINT_RETURN_IF_ERROR(pipeline.failure());
    // Not appsrc's own way to wait, which an encoder that failed would never end.
    while (gst_app_src_get_current_level_bytes(GST_APP_SRC(pipeline.source)) > kQueuedBytes) {
      CHECKPOINT_RETURN_IF_ERROR(pipeline.failure(5 * GST_MSECOND));
      CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    }
    if (flow != GST_FLOW_OK) return {Code::kUnsupported, "the encoder takes no more frames"};
    progress(++frames);
  }
  if (frames == 0) return {Code::kNotFound, "there is no frame to export"};
  gst_app_src_end_of_stream(GST_APP_SRC(pipeline.source));
  return wait_for_end(pipeline, cancel);
}

}  // namespace checkpoint::tool
