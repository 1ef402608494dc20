// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/analytics_segments.h"

#include <gst/video/video.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "elements/gst_handles.h"
#include "elements/meta_codecs.h"

namespace checkpoint {

#if GST_CHECK_VERSION(1, 26, 0)

namespace {

Status bad(const char *what) { return bad_meta(kAnalyticsName, what); }

// The kind of a segmentation can be given and not be asked for. It is the first field of the entry;
// since that is said nowhere, we look once whether it is so.
uint32_t segmentation_type(GstAnalyticsMtd &segments) {
  uint32_t type;
  std::memcpy(&type, gst_analytics_relation_meta_get_mtd_data(segments.meta, segments.id),
              sizeof type);
  return type;
}

BufferPtr new_mask(GstVideoFormat format, guint width, guint height) {
  GstVideoInfo info;
  if (!gst_video_info_set_format(&info, format, width, height)) return nullptr;
  BufferPtr mask(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  if (!mask) return nullptr;
  gst_buffer_memset(mask.get(), 0, 0, info.size);
  gst_buffer_add_video_meta(mask.get(), GST_VIDEO_FRAME_FLAG_NONE, format, width, height);
  return mask;
}

bool segmentation_type_is_known() {
  static const bool known = [] {
    BufferPtr buffer(gst_buffer_new());
    GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta(buffer.get());
    for (auto type : {GST_SEGMENTATION_TYPE_INSTANCE, GST_SEGMENTATION_TYPE_SEMANTIC}) {
      GstAnalyticsMtd made;
      guint region = 77;
      gst_analytics_relation_meta_add_segmentation_mtd(
          meta, new_mask(GST_VIDEO_FORMAT_GRAY8, 4, 4).release(), type, 1, &region, 11, 22, 33, 44,
          &made);
      if (segmentation_type(made) != type) return false;
    }
    return true;
  }();
  return known;
}

constexpr GstVideoFormat kMaskFormats[] = {GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_GRAY16_BE,
                                           GST_VIDEO_FORMAT_GRAY16_LE};

size_t row_bytes(GstVideoFormat format, guint width) {
  return size_t{width} * (format == GST_VIDEO_FORMAT_GRAY8 ? 1 : 2);
}

// The mask's pixels, row by row.
Status write_mask(GstBuffer *mask, MetaWatch &watch, ByteWriter &out) {
  const Status odd(Code::kUnsupported, "a mask that is no picture of gray");
  GstVideoMeta *video = gst_buffer_get_video_meta(mask);
  const auto *format =
      video ? std::find(std::begin(kMaskFormats), std::end(kMaskFormats), video->format)
            : std::end(kMaskFormats);
  if (format == std::end(kMaskFormats)) return odd;
  gpointer state = nullptr;
  while (GstMeta *other = gst_buffer_iterate_meta(mask, &state)) {
    if (other->info->api == GST_VIDEO_META_API_TYPE ||
        other->info->api == GST_PARENT_BUFFER_META_API_TYPE)
      continue;
    CHECKPOINT_RETURN_IF_ERROR(watch.left_out(
        std::string("GstAnalyticsRelationMeta/mask/") + g_type_name(other->info->api), ""));
  }
  for (uint64_t n : {GST_BUFFER_PTS(mask), GST_BUFFER_DTS(mask), GST_BUFFER_DURATION(mask),
                     GST_BUFFER_OFFSET(mask), GST_BUFFER_OFFSET_END(mask)})
    out.u64(n);
  constexpr uint32_t kOwn = (GST_MINI_OBJECT_FLAG_LAST - 1u) | GST_BUFFER_FLAG_TAG_MEMORY;
  out.u32(GST_BUFFER_FLAGS(mask) & ~kOwn);
  out.u8(static_cast<uint8_t>(format - kMaskFormats));
  out.u32(video->width);
  out.u32(video->height);
  const size_t row = row_bytes(*format, video->width);
  GstMapInfo map;
  gpointer data = nullptr;
  gint stride = 0;
  if (!gst_video_meta_map(video, 0, &map, &data, &stride, GST_MAP_READ)) return odd;
  const auto *first = static_cast<const guint8 *>(data);
  const auto held = static_cast<uint64_t>(map.data + map.size - first);
  const bool whole =
      video->height == 0 || (stride >= 0 && uint64_t(stride) * (video->height - 1) + row <= held);
  const bool fits = uint64_t{row} * video->height <= UINT32_MAX;
  if (whole && fits) {
    out.u32(static_cast<uint32_t>(row * video->height));
    for (guint y = 0; y < video->height; y++)
      out.raw({reinterpret_cast<const std::byte *>(first + size_t{y} * size_t(stride)), row});
  }
  gst_video_meta_unmap(video, 0, &map);
  return whole && fits ? Status::ok() : odd;
}

Result<BufferPtr> read_mask(ByteReader &in) {
  uint64_t times[5];
  for (uint64_t &n : times) n = in.u64();
  const uint32_t flags = in.u32();
  const uint8_t format = in.u8();
  const uint32_t width = in.u32(), height = in.u32();
  const ByteView pixels = in.blob();
  if (in.failed() || format >= std::size(kMaskFormats) || width == 0 || height == 0 ||
      width > G_MAXINT / 8 || height > G_MAXINT / 8 ||
      uint64_t{row_bytes(kMaskFormats[format], width)} * height != pixels.size())
    return bad("bad mask");
  BufferPtr mask = new_mask(kMaskFormats[format], width, height);
  if (!mask) return bad("bad mask");
  const size_t row = row_bytes(kMaskFormats[format], width);
  const auto stride = static_cast<size_t>(gst_buffer_get_video_meta(mask.get())->stride[0]);
  for (uint32_t y = 0; y < height; y++)
    gst_buffer_fill(mask.get(), y * stride, pixels.data() + y * row, row);
  GST_BUFFER_PTS(mask.get()) = times[0];
  GST_BUFFER_DTS(mask.get()) = times[1];
  GST_BUFFER_DURATION(mask.get()) = times[2];
  GST_BUFFER_OFFSET(mask.get()) = times[3];
  GST_BUFFER_OFFSET_END(mask.get()) = times[4];
  constexpr uint32_t kOwn = (GST_MINI_OBJECT_FLAG_LAST - 1u) | GST_BUFFER_FLAG_TAG_MEMORY;
  GST_BUFFER_FLAGS(mask.get()) |= flags & ~kOwn;
  return mask;
}

}  // namespace

bool is_segments(GstAnalyticsMtd &entry) {
  return gst_analytics_mtd_get_mtd_type(&entry) == gst_analytics_segmentation_mtd_get_mtd_type();
}

Status write_segments(GstAnalyticsMtd &segments, MetaWatch &watch, ByteWriter &out) {
  if (!segmentation_type_is_known())
    return Status(Code::kUnsupported, "this GStreamer does not tell its kind");
  gint x = 0, y = 0;
  guint width = 0, height = 0;
  BufferPtr mask(gst_analytics_segmentation_mtd_get_mask(&segments, &x, &y, &width, &height));
  if (!mask) return Status(Code::kUnsupported, "a segmentation without a mask");
  out.u8(static_cast<uint8_t>(segmentation_type(segments)));
  for (uint32_t n : {static_cast<uint32_t>(x), static_cast<uint32_t>(y), width, height}) out.u32(n);
  const auto count =
      static_cast<uint32_t>(gst_analytics_segmentation_mtd_get_region_count(&segments));
  out.u32(count);
  for (uint32_t i = 0; i < count; i++)
    out.u32(gst_analytics_segmentation_mtd_get_region_id(&segments, i));
  return write_mask(mask.get(), watch, out);
}

Status read_segments(ByteReader &in, GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made) {
  const uint8_t type = in.u8();
  const auto x = static_cast<gint>(in.u32()), y = static_cast<gint>(in.u32());
  const guint width = in.u32(), height = in.u32();
  const uint32_t count = in.u32();
  if (type > GST_SEGMENTATION_TYPE_INSTANCE || count > in.remaining() / 4)
    return bad("bad segments");
  std::vector<guint> regions(std::max(count, 1u));
  for (uint32_t i = 0; i < count; i++) regions[i] = in.u32();
  CHECKPOINT_ASSIGN_OR_RETURN(BufferPtr mask, read_mask(in));
  const bool added = gst_analytics_relation_meta_add_segmentation_mtd(
      meta, mask.release(), static_cast<GstSegmentationType>(type), count, regions.data(), x, y,
      width, height, made);
  return added ? Status::ok() : bad("segments were refused");
}

#else

namespace {
Status none() { return Status(Code::kUnsupported, "segmentation needs GStreamer 1.26"); }
}  // namespace

bool is_segments(GstAnalyticsMtd &) { return false; }
Status write_segments(GstAnalyticsMtd &, MetaWatch &, ByteWriter &) { return none(); }
Status read_segments(ByteReader &, GstAnalyticsRelationMeta *, GstAnalyticsMtd *) { return none(); }

#endif

}  // namespace checkpoint
