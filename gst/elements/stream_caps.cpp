// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/stream_caps.h"

#include <algorithm>
#include <cstring>

namespace checkpoint {

namespace {

constexpr const char *kConvertHint =
    "put the converter or download element of that memory (and videoconvert) before it";

// Fields in buffers of their own carry a feature although their memory is the ordinary one.
bool is_plain_feature(std::string_view feature) {
  return feature == GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY ||
         feature == GST_CAPS_FEATURE_FORMAT_INTERLACED;
}

// Empty when they are fine, else the features that can't be taken.
std::string foreign_features(const GstCaps *caps) {
  const GstCapsFeatures *features = gst_caps_get_features(caps, 0);
  if (!features) return {};
  if (gst_caps_features_is_any(features)) return "ANY";
  std::string foreign;
  for (guint i = 0; i < gst_caps_features_get_size(features); i++) {
    const char *feature = gst_caps_features_get_nth(features, i);
    if (is_plain_feature(feature)) continue;
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
    if (layout.tiled) {  // by default some formats get more than their tiles
      size_t tiles = static_cast<size_t>(GST_VIDEO_TILE_X_TILES(info.stride[plane])) *
                     static_cast<size_t>(GST_VIDEO_TILE_Y_TILES(info.stride[plane]));
      layout.row_bytes = std::min(extent, tiles * finfo->tile_info[plane].size);
    }
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

// "(memory:SystemMemory, format:Interlaced)…" with features that from_caps() takes?
bool has_plain_features(std::string_view text) {
  size_t end = text.find(')');
  if (end == text.npos) return false;
  std::string_view list = text.substr(1, end - 1);
  while (true) {
    while (list.starts_with(' ')) list.remove_prefix(1);
    size_t comma = std::min(list.find(','), list.size());
    if (!is_plain_feature(list.substr(0, comma))) return false;
    if (comma == list.size()) return true;
    list.remove_prefix(comma + 1);
  }
}

// A type that gst_caps_to_string() writes and whose values can't nest other caps or structures,
// which GStreamer's parser reads with loud complaints.
bool is_plain_type(std::string_view type) {
  constexpr std::string_view kNames[] = {
      "string",  "int",    "uint",    "gint64",   "guint64",   "double",   "float",   "gfloat",
      "boolean", "guchar", "gchar",   "glong",    "gulong",    "guint",    "gint",    "gdouble",
      "buffer",  "date",   "bitmask", "datetime", "GstBuffer", "fraction", "gboolean"};
  if (std::find(std::begin(kNames), std::end(kNames), type) != std::end(kNames)) return true;
  g_type_ensure(GST_TYPE_VIDEO_MULTIVIEW_FLAGSET);
  GType t = g_type_from_name(std::string(type).c_str());
  return t != G_TYPE_INVALID &&
         (G_TYPE_IS_ENUM(t) || G_TYPE_IS_FLAGS(t) || G_TYPE_FUNDAMENTAL(t) == GST_TYPE_FLAG_SET);
}

// Buffers as gst_caps_to_string() writes them: pairs of hexadecimal digits. GStreamer's own parser
// touches a freed buffer when it meets another character.
bool is_hex_text(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return text.size() % 2 == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) { return g_ascii_isxdigit(c); });
}

// The value, or array of values, that `text` begins with: buffers all of them?
bool begins_with_buffers(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const bool array = text.starts_with('<');
  if (array) text.remove_prefix(1);
  text = text.substr(0, text.find_first_of(array ? ">" : ",>"));
  while (true) {
    std::string_view item = text.substr(0, text.find(','));
    const size_t length = item.size();
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!is_hex_text(item)) return false;
    if (length == text.size()) return true;
    text.remove_prefix(length + 1);
  }
}

// ", name=(type)value…" as gst_caps_to_string() writes it. Each value or array has a plain type in
// front, an array may have one for all that is in it; nothing else nests.
bool has_plain_fields(std::string_view text) {
  bool quoted = false, type_wanted = false;
  std::vector<bool> arrays;  // the arrays that are open: do their elements need types?
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (c == '\\')
      i++;
    else if (c == '"')
      quoted = !quoted;
    if (quoted || c == ' ') continue;
    if (c == '(') {
      size_t end = std::min(text.find(')', i), text.size());
      if (end == text.size()) return false;
      const std::string_view type = text.substr(i + 1, end - i - 1);
      if (!is_plain_type(type)) return false;
      if ((type == "buffer" || type == "GstBuffer") && !begins_with_buffers(text.substr(end + 1)))
        return false;
      i = end;
      type_wanted = false;
    } else if (c == '<') {
      arrays.push_back(type_wanted);
    } else if (c == '>' && !arrays.empty()) {
      arrays.pop_back();
      type_wanted = false;
    } else if (type_wanted || std::strchr(";[]{}>", c)) {
      return false;
    } else if (c == '=' && arrays.empty()) {
      type_wanted = true;
    } else if (c == ',' && !arrays.empty()) {
      type_wanted = arrays.back();
    }
  }
  return !quoted && arrays.empty() && !type_wanted;
}

// One structure of a type that from_caps() takes?
bool is_one_of_ours(std::string_view text) {
  for (std::string_view type : {"video/x-raw", "image/jpeg", "image/png"}) {
    if (!text.starts_with(type)) continue;
    std::string_view rest = text.substr(type.size());
    if (rest.starts_with('(')) {
      if (!has_plain_features(rest)) return false;
      rest.remove_prefix(rest.find(')') + 1);
    }
    return rest.empty() || (rest[0] == ',' && has_plain_fields(rest));
  }
  return false;
}

// Fields that gst_caps_to_string() can't take.
bool has_null_field(const GstStructure *s) {
  for (gint i = 0; i < gst_structure_n_fields(s); i++) {
    const char *field = gst_structure_nth_field_name(s, static_cast<guint>(i));
    const GValue *v = gst_structure_get_value(s, field);
    if (G_TYPE_IS_BOXED(G_VALUE_TYPE(v)) && !g_value_get_boxed(v)) return true;
  }
  return false;
}

Status unsupported(const GstCaps *caps, const std::string &why, const char *hint) {
  GCharPtr text(gst_caps_to_string(caps));
  return Status(Code::kUnsupported, why + " (caps " + text.get() + ")", hint);
}

}  // namespace

Result<std::shared_ptr<const StreamCaps>> StreamCaps::from_caps(const GstCaps *caps) {
  if (!caps || gst_caps_get_size(caps) != 1)
    return Status(Code::kUnsupported, "the stream's caps are not fixed");
  const GstStructure *structure = gst_caps_get_structure(caps, 0);
  if (has_null_field(structure))
    return Status(Code::kUnsupported, "a field of the stream's caps is empty");
  if (!gst_caps_is_fixed(caps))
    return Status(Code::kUnsupported, "the stream's caps are not fixed");
  if (std::string foreign = foreign_features(caps); !foreign.empty())
    return unsupported(caps, "only video in system memory can be stored, not " + foreign,
                       kConvertHint);

  std::shared_ptr<StreamCaps> out(new StreamCaps);
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
        out->info_.width <= 0 || out->info_.height <= 0 ||
        GST_VIDEO_INFO_FORMAT(&out->info_) <= GST_VIDEO_FORMAT_ENCODED)
      return unsupported(caps, "raw video of this format or size can't be stored",
                         "put videoconvert before it");
    if (GST_VIDEO_INFO_MULTIVIEW_MODE(&out->info_) == GST_VIDEO_MULTIVIEW_MODE_SEPARATED)
      return unsupported(caps, "multiview-mode=separated can't be stored",
                         "put gstviewassemble before it");
    out->lay_out();
  }

  GCharPtr text(gst_caps_to_string(caps));
  CapsPtr again(is_one_of_ours(text.get()) ? gst_caps_from_string(text.get()) : nullptr);
  if (!again || !gst_caps_is_strictly_equal(again.get(), caps))
    return unsupported(caps, "a field of the caps has no text form that reads back as it was",
                       "take the field out with a capssetter");
  out->text_ = text.get();
  out->caps_ = std::move(again);
  return std::shared_ptr<const StreamCaps>(std::move(out));
}

Result<std::shared_ptr<const StreamCaps>> StreamCaps::parse(std::string_view text) {
  // GStreamer's parser complains to its log about what it can't read; what can't be ours does not
  // get that far.
  std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str()) ||
      !g_utf8_validate(terminated.data(), static_cast<gssize>(terminated.size()), nullptr))
    return Status(Code::kCorrupt, "the stored caps are no text");
  if (!is_one_of_ours(terminated))
    return Status(Code::kCorrupt, "the stored caps are not those of a stream that can be stored");
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
