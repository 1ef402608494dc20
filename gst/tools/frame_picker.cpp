// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/frame_picker.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "elements/buffer_output.h"

namespace checkpoint::tool {

namespace {

ReaderOptions one_at_a_time() {
  ReaderOptions options;
  options.read_ahead = 1;  // one frame always fits; its neighbours are not asked for
  options.workers = 1;
  options.page = 1;
  return options;
}

struct StopAndUnref {
  void operator()(GstElement *pipeline) const {
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
  }
};
struct ObjectUnref {
  void operator()(gpointer object) const { gst_object_unref(object); }
};

// gst_video_convert_sample() takes raw frames only.
Result<SamplePtr> decode(GstSample *sample, const char *decoder) {
  const std::string line =
      std::string("appsrc name=in ! ") + decoder + " ! appsink name=out sync=false";
  const Status failed(Code::kUnsupported, std::string(decoder) + " can't decode a frame",
                      "is it a whole picture, and is gst-plugins-good installed?");
  std::unique_ptr<GstElement, StopAndUnref> pipeline(gst_parse_launch(line.c_str(), nullptr));
  if (!pipeline) return failed;
  std::unique_ptr<GstElement, ObjectUnref> in(gst_bin_get_by_name(GST_BIN(pipeline.get()), "in"));
  std::unique_ptr<GstElement, ObjectUnref> out(gst_bin_get_by_name(GST_BIN(pipeline.get()), "out"));
  if (!in || !out) return failed;
  gst_app_src_set_caps(GST_APP_SRC(in.get()), gst_sample_get_caps(sample));
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
  gst_app_src_push_buffer(GST_APP_SRC(in.get()), gst_buffer_ref(gst_sample_get_buffer(sample)));
  gst_app_src_end_of_stream(GST_APP_SRC(in.get()));
  // A decoder that fails ends the stream too.
  SamplePtr raw(gst_app_sink_try_pull_sample(GST_APP_SINK(out.get()), 30 * GST_SECOND));
  if (!raw) return failed;
  return raw;
}

void set_size(const StreamCaps &caps, PickedFrame &picked) {
  const GstStructure *structure = gst_caps_get_structure(caps.caps(), 0);
  gst_structure_get_int(structure, "width", &picked.width);
  gst_structure_get_int(structure, "height", &picked.height);
  int par_n = 1, par_d = 1;
  gst_structure_get_fraction(structure, "pixel-aspect-ratio", &par_n, &par_d);
  if (picked.width > 0 && par_n > 0)
    picked.aspect =
        static_cast<double>(picked.height) * par_d / (static_cast<double>(picked.width) * par_n);
}

}  // namespace

FramePicker::FramePicker(std::shared_ptr<Stores> stores, std::shared_ptr<const Playlist> playlist)
    : stores_(std::move(stores)),
      playlist_(std::move(playlist)),
      reader_(stores_, playlist_, one_at_a_time()),
      detections_(stores_->metadata, playlist_->checkpoint().key) {}

Result<std::shared_ptr<const StreamCaps>> FramePicker::caps_of(const ReplayFrame &frame,
                                                               Cancellation &cancel) {
  if (number_ == frame.row.caps) return caps_;
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<CapsRow> all, reader_.caps(cancel, frame.layer));
  for (const CapsRow &row : all) {
    if (row.number != frame.row.caps) continue;
    CHECKPOINT_ASSIGN_OR_RETURN(caps_, StreamCaps::parse(row.caps));
    number_ = row.number;
    return caps_;
  }
  return Status(Code::kCorrupt, "frame " + std::to_string(frame.row.index) + " has no caps");
}

Result<PickedFrame> FramePicker::at(uint64_t place, Cancellation &cancel) {
  ReplayRange range;
  range.first = place;
  range.end = place + 1;
  range.events = false;
  reader_.seek(range);
  CHECKPOINT_ASSIGN_OR_RETURN(ReplayItem item, reader_.next(cancel));
  auto *frame = std::get_if<ReplayFrame>(&item);
  if (!frame) return Status(Code::kInternal, "there is no frame " + std::to_string(place));
  PickedFrame picked;
  picked.row = frame->row;
  CHECKPOINT_ASSIGN_OR_RETURN(picked.detections, detections_.of_frame(picked.row.index, cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(const std::shared_ptr<const StreamCaps> caps,
                              caps_of(*frame, cancel));
  set_size(*caps, picked);
  if (frame->size == 0) return picked;
  frame->metas.clear();
  CHECKPOINT_ASSIGN_OR_RETURN(BufferPtr buffer, make_buffer(std::move(*frame), *caps));
  picked.sample.reset(gst_sample_new(buffer.get(), caps->caps(), nullptr, nullptr));
  return picked;
}

Result<std::vector<uint64_t>> sample_places(std::shared_ptr<const Playlist> playlist,
                                            uint64_t wanted, Cancellation &cancel) {
  const uint64_t all = playlist->places();
  SelectedPlaces selected(std::move(playlist), 0, all, false);
  // Every step-th; when there are too many, every second of them goes. So nobody has to know how
  // many there are.
  std::vector<uint64_t> kept;
  uint64_t step = 1, number = 0;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<uint64_t> page, selected.next(1024, cancel));
    if (page.empty()) break;
    for (uint64_t place : page) {
      if (number++ % step != 0) continue;
      kept.push_back(place);
      if (kept.size() < 8 * wanted) continue;
      for (size_t i = 0; i * 2 < kept.size(); i++) kept[i] = kept[i * 2];
      kept.resize((kept.size() + 1) / 2);
      step *= 2;
    }
  }
  if (kept.size() <= wanted) return kept;
  std::vector<uint64_t> places;
  for (uint64_t i = 0; i < wanted; i++)
    places.push_back(kept[wanted == 1 ? 0 : i * (kept.size() - 1) / (wanted - 1)]);
  return places;
}

Result<SamplePtr> convert(GstSample *sample, GstCaps *caps) {
  SamplePtr raw;
  const GstStructure *type = gst_caps_get_structure(gst_sample_get_caps(sample), 0);
  for (const auto &[name, decoder] :
       {std::pair{"image/png", "pngdec"}, {"image/jpeg", "jpegdec"}}) {
    if (!gst_structure_has_name(type, name)) continue;
    CHECKPOINT_ASSIGN_OR_RETURN(raw, decode(sample, decoder));
    sample = raw.get();
  }
  GError *error = nullptr;
  SamplePtr converted(gst_video_convert_sample(sample, caps, 30 * GST_SECOND, &error));
  if (converted) return converted;
  const std::string why = error ? error->message : "GStreamer gives no reason";
  g_clear_error(&error);
  return Status(Code::kUnsupported, "a frame can't be converted: " + why,
                "are the converters and encoders of gst-plugins-base and -good installed?");
}

}  // namespace checkpoint::tool
