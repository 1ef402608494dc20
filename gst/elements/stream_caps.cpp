// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/stream_caps.h"

#include <algorithm>
#include <cstring>

namespace checkpoint {

namespace {

constexpr const char *kConvertHint =
    "put the converter or download element of that memory (and videoconvert) before it";

// Empty when they are fine, else the features that can't be taken.
std::string foreign_features(const GstCaps *caps) {
  const GstCapsFeatures *features = gst_caps_get_features(caps, 0);
  if (!features) return {};
  if (gst_caps_features_is_any(features)) return "ANY";
  std::string foreign;
  for (guint i = 0; i < gst_caps_features_get_size(features); i++) {
    const char *feature = gst_caps_features_get_nth(features, i);
    // Fields in buffers of their own carry a feature although their memory is the ordinary one.
    if (std::strcmp(feature, GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY) == 0 ||
        std::strcmp(feature, GST_CAPS_FEATURE_FORMAT_INTERLACED) == 0)
      continue;
    if (!foreign.empty()) foreign += ", ";
    foreign += feature;
  }
  return foreign;
}

// The bytes up to the next plane, or to the end.
size_t plane_extent(const GstVideoInfo &info, guint plane) {
  size_t begin = info.offset[plane], end = info.size;
  for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(&info); i++)
    if (info.offset[i] > begin) end = std::min(end, info.offset[i]);
  return end - begin;
}

PlaneLayout plane_layout(const GstVideoInfo &info, guint plane) {
  const GstVideoFormatInfo *finfo = info.finfo;
  size_t extent = plane_extent(info, plane);
  PlaneLayout layout;
  layout.offset = info.offset[plane];
  layout.palette = GST_VIDEO_FORMAT_INFO_HAS_PALETTE(finfo) && plane == 1;
  layout.tiled = GST_VIDEO_FORMAT_INFO_IS_TILED(finfo);
  if (layout.palette || layout.tiled) {
    layout.stride = layout.row_bytes = extent;
    layout.rows = 1;
    return layout;
  }
  layout.stride = static_cast<size_t>(info.stride[plane]);
  // A row's picture ends with the last pixel cell of the component that reaches furthest: component
  // offsets are no help, several of GStreamer's tables hold 0 where samples share a word.
  for (guint c = 0; c < finfo->n_components; c++) {
    if (finfo->plane[c] != plane) continue;
    size_t cell = static_cast<size_t>(finfo->pixel_stride[c]);
    size_t width = static_cast<size_t>(GST_VIDEO_INFO_COMP_WIDTH(&info, c)) * cell;
    if (cell == 0) width = layout.stride;  // v210 and its kind: no whole bytes per pixel
    size_t rows = static_cast<size_t>(GST_VIDEO_INFO_COMP_HEIGHT(&info, c));
    // Two interleaved fields have chroma rows of their own, so there is an even number of them.
    if (finfo->h_sub[c] > 0 && GST_VIDEO_INFO_IS_INTERLACED(&info) &&
        info.interlace_mode != GST_VIDEO_INTERLACE_MODE_ALTERNATE)
      rows = std::min(GST_ROUND_UP_2(rows), extent / layout.stride);
    layout.row_bytes = std::max(layout.row_bytes, std::min(width, layout.stride));
    layout.rows = std::max(layout.rows, rows);
  }
  return layout;
}

Status unsupported(const GstCaps *caps, const std::string &why, const char *hint) {
  GCharPtr text(gst_caps_to_string(caps));
  return Status(Code::kUnsupported, why + " (caps " + text.get() + ")", hint);
}

}  // namespace

Result<std::shared_ptr<const StreamCaps>> StreamCaps::from_caps(const GstCaps *caps) {
  if (!caps || !gst_caps_is_fixed(caps))
    return Status(Code::kUnsupported, "the stream's caps are not fixed");
  if (std::string foreign = foreign_features(caps); !foreign.empty())
    return unsupported(caps, "only video in system memory can be stored, not " + foreign,
                       kConvertHint);

  std::shared_ptr<StreamCaps> out(new StreamCaps);
  const GstStructure *structure = gst_caps_get_structure(caps, 0);
  if (gst_structure_has_name(structure, "image/jpeg")) {
    out->content_ = Content::kJpeg;
  } else if (gst_structure_has_name(structure, "image/png")) {
    out->content_ = Content::kPng;
  } else if (!gst_structure_has_name(structure, "video/x-raw")) {
    return unsupported(
        caps, std::string("a stream of ") + gst_structure_get_name(structure) + " can't be stored",
        "decode it to video/x-raw, or give image/jpeg or image/png");
  }

  gst_video_info_init(&out->info_);
  if (out->is_raw()) {
    // A caps object that another thread holds is only read here.
    if (!gst_video_info_from_caps(&out->info_, caps) || out->info_.size == 0 ||
        GST_VIDEO_INFO_FORMAT(&out->info_) <= GST_VIDEO_FORMAT_ENCODED)
      return unsupported(caps, "raw video of this format or size can't be stored",
                         "put videoconvert before it");
    if (GST_VIDEO_INFO_MULTIVIEW_MODE(&out->info_) == GST_VIDEO_MULTIVIEW_MODE_SEPARATED)
      return unsupported(caps, "multiview-mode=separated can't be stored",
                         "put gstviewassemble before it");
    out->lay_out();
  }

  GCharPtr text(gst_caps_to_string(caps));
  CapsPtr again(gst_caps_from_string(text.get()));
  if (!again || !gst_caps_is_strictly_equal(again.get(), caps))
    return unsupported(caps, "a field of the caps has no text form that reads back as it was",
                       "take the field out with a capssetter");
  out->text_ = text.get();
  out->caps_ = std::move(again);
  return std::shared_ptr<const StreamCaps>(std::move(out));
}

Result<std::shared_ptr<const StreamCaps>> StreamCaps::parse(std::string_view text) {
  std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str()) ||
      !g_utf8_validate(terminated.data(), static_cast<gssize>(terminated.size()), nullptr))
    return Status(Code::kCorrupt, "the stored caps are no text");
  CapsPtr caps(gst_caps_from_string(terminated.c_str()));
  if (!caps) return Status(Code::kCorrupt, "the stored caps can't be read");
  Result<std::shared_ptr<const StreamCaps>> out = from_caps(caps.get());
  if (!out.is_ok()) return out.status().with_context("stored caps");
  return out;
}

void StreamCaps::lay_out() {
  size_t picture = 0;
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES(&info_); p++) {
    PlaneLayout layout = plane_layout(info_, p);
    picture += layout.rows * layout.row_bytes;
    planes_.push_back(layout);
  }
  has_padding_ = picture != info_.size;
}

void StreamCaps::clear_padding(MutableByteView payload) const {
  if (!has_padding_) return;
  std::vector<PlaneLayout> ordered = planes_;
  std::sort(ordered.begin(), ordered.end(),
            [](const PlaneLayout &a, const PlaneLayout &b) { return a.offset < b.offset; });
  size_t done = 0;  // everything before it is picture or zeroed
  auto clear_to = [&](size_t end) {
    if (end > done) std::memset(payload.data() + done, 0, end - done);
  };
  for (const PlaneLayout &plane : ordered) {
    for (size_t row = 0; row < plane.rows; row++) {
      size_t begin = plane.offset + row * plane.stride;
      clear_to(begin);
      done = begin + plane.row_bytes;
    }
  }
  clear_to(payload.size());
}

}  // namespace checkpoint
