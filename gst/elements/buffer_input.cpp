// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/buffer_input.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "elements/meta_codec.h"

namespace checkpoint {

namespace {

std::string size_text(const StreamCaps &caps) {
  const GstVideoInfo &info = caps.info();
  return std::string(GST_VIDEO_INFO_NAME(&info)) + " " +
         std::to_string(GST_VIDEO_INFO_WIDTH(&info)) + "x" +
         std::to_string(GST_VIDEO_INFO_HEIGHT(&info));
}

Status too_small(size_t have, const StreamCaps &caps) {
  return Status(Code::kCorrupt, "a buffer holds " + std::to_string(have) + " bytes where " +
                                    size_text(caps) + " needs " +
                                    std::to_string(caps.payload_size()));
}

Status not_readable() { return Status(Code::kUnsupported, "a buffer can't be mapped for reading"); }

// The mapped planes of a buffer with a GstVideoMeta.
class MappedPlanes {
 public:
  struct Plane {
    const uint8_t *data = nullptr;
    const uint8_t *begin = nullptr, *end = nullptr;  // what may be read
    gint stride = 0;
  };

  MappedPlanes() = default;
  MappedPlanes(const MappedPlanes &) = delete;
  MappedPlanes &operator=(const MappedPlanes &) = delete;
  ~MappedPlanes() { unmap(); }

  // Plane by plane, as the meta says, which may have a mapping of its own.
  bool map(GstVideoMeta *meta) {
    meta_ = meta;
    for (guint p = 0; p < meta->n_planes; p++, mapped_++) {
      gpointer data = nullptr;
      if (!gst_video_meta_map(meta, p, &maps_[p], &data, &planes[p].stride, GST_MAP_READ))
        return false;
      planes[p].data = static_cast<const uint8_t *>(data);
      planes[p].begin = maps_[p].data;
      planes[p].end = maps_[p].data + maps_[p].size;
    }
    return true;
  }

  // All memories as one: for planes that are spread over several.
  bool map_merged(GstBuffer *buffer, GstVideoMeta *meta) {
    unmap();
    if (!gst_buffer_map(buffer, &maps_[0], GST_MAP_READ)) return false;
    buffer_ = buffer;
    for (guint p = 0; p < meta->n_planes; p++) {
      if (meta->offset[p] > maps_[0].size) return false;
      planes[p] = {maps_[0].data + meta->offset[p], maps_[0].data, maps_[0].data + maps_[0].size,
                   meta->stride[p]};
    }
    return true;
  }

  // Can `rows` rows of `bytes` bytes be read? Strides may be negative.
  bool holds(guint p, size_t rows, size_t bytes) const {
    const Plane &plane = planes[p];
    if (rows == 0 || bytes == 0) return true;
    int64_t first = plane.data - plane.begin, size = plane.end - plane.begin;
    int64_t last = first + int64_t{plane.stride} * static_cast<int64_t>(rows - 1);
    return std::min(first, last) >= 0 &&
           std::max(first, last) + static_cast<int64_t>(bytes) <= size;
  }

  std::array<Plane, GST_VIDEO_MAX_PLANES> planes;

 private:
  void unmap() {
    for (guint p = 0; p < mapped_; p++) gst_video_meta_unmap(meta_, p, &maps_[p]);
    mapped_ = 0;
    if (buffer_) gst_buffer_unmap(buffer_, &maps_[0]);
    buffer_ = nullptr;
  }
  GstVideoMeta *meta_ = nullptr;
  guint mapped_ = 0;
  GstBuffer *buffer_ = nullptr;
  std::array<GstMapInfo, GST_VIDEO_MAX_PLANES> maps_;
};

// From a plane with another number of tiles; those that only one side has stay zero.
void copy_tiles(const GstVideoInfo &info, guint p, std::byte *to, const uint8_t *from,
                size_t x_tiles, size_t y_tiles) {
  GstVideoTileMode mode = GST_VIDEO_FORMAT_INFO_TILE_MODE(info.finfo);
  size_t tile = info.finfo->tile_info[p].size;
  auto own_x = static_cast<gint>(GST_VIDEO_TILE_X_TILES(info.stride[p]));
  auto own_y = static_cast<gint>(GST_VIDEO_TILE_Y_TILES(info.stride[p]));
  auto from_x = static_cast<gint>(x_tiles), from_y = static_cast<gint>(y_tiles);
  for (gint y = 0; y < std::min(own_y, from_y); y++)
    for (gint x = 0; x < std::min(own_x, from_x); x++)
      std::memcpy(to + gst_video_tile_get_index(mode, x, y, own_x, own_y) * tile,
                  from + gst_video_tile_get_index(mode, x, y, from_x, from_y) * tile, tile);
}

class BufferInput final : public FrameInput {
 public:
  BufferInput(GstBuffer *buffer, std::shared_ptr<const StreamCaps> caps,
              std::shared_ptr<MetaWatch> metas)
      : buffer_(gst_buffer_ref(buffer)), caps_(std::move(caps)), watch_(std::move(metas)) {
    gsize size = gst_buffer_get_sizes(buffer, nullptr, &held_);
    payload_ = caps_->is_raw() && size > 0 ? caps_->payload_size() : size;
  }
  ~BufferInput() override {
    if (mapped_) gst_buffer_unmap(buffer_.get(), &map_);
  }

  Status check();

  size_t held_bytes() const override { return held_; }
  size_t payload_size() const override { return payload_; }
  Content content() const override { return caps_->content(); }
  Result<std::optional<ByteView>> map() override;
  Status copy_to(MutableByteView out) override;
  Status metas(std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections) override;

 private:
  GstVideoMeta *video_meta() const {
    return caps_->is_raw() ? gst_buffer_get_video_meta(buffer_.get()) : nullptr;
  }
  Status check_crop();
  // Does the payload stand at the start of the buffer as it is to be stored (padding apart)?
  bool in_default_layout(const GstVideoMeta *meta) const;
  bool in_one_piece() const;
  void move_to_crop(MappedPlanes &source) const;
  Status copy_planes(GstVideoMeta *meta, MutableByteView out) const;

  BufferPtr buffer_;
  std::shared_ptr<const StreamCaps> caps_;
  std::shared_ptr<MetaWatch> watch_;
  size_t held_ = 0;
  size_t payload_ = 0;
  bool crop_applied_ = false;
  guint crop_x_ = 0, crop_y_ = 0;  // where the payload begins in the buffer's picture
  bool mapped_ = false;
  GstMapInfo map_;
};

Status BufferInput::check() {
  if (payload_ == 0 || !caps_->is_raw()) return Status::ok();
  const GstVideoInfo &info = caps_->info();
  if (const GstVideoMeta *meta = video_meta()) {
    if (meta->format != GST_VIDEO_INFO_FORMAT(&info) ||
        meta->n_planes != GST_VIDEO_INFO_N_PLANES(&info) ||
        meta->width < static_cast<guint>(info.width) ||
        meta->height < static_cast<guint>(info.height))
      return Status(Code::kCorrupt, std::string("a buffer's video meta says ") +
                                        gst_video_format_to_string(meta->format) + " " +
                                        std::to_string(meta->width) + "x" +
                                        std::to_string(meta->height) + " where its caps say " +
                                        size_text(*caps_));
  }
  CHECKPOINT_RETURN_IF_ERROR(check_crop());
  if (!in_default_layout(video_meta())) return Status::ok();  // copy_planes() looks at each plane
  size_t size = gst_buffer_get_size(buffer_.get());
  if (size < payload_) return too_small(size, *caps_);
  return Status::ok();
}

// There are two habits: caps that give the size of the whole picture, with the crop inside of it,
// which is stored with the frame; and caps that give the size of the crop, with a video meta that
// gives the larger whole. The second is stored as its cropped picture.
Status BufferInput::check_crop() {
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta(buffer_.get());
  if (!crop) return Status::ok();
  const GstVideoInfo &info = caps_->info();
  const GstVideoFormatInfo *finfo = info.finfo;
  auto width = static_cast<guint>(info.width), height = static_cast<guint>(info.height);
  const GstVideoMeta *meta = video_meta();
  guint whole_width = meta ? meta->width : width, whole_height = meta ? meta->height : height;
  std::string place = std::to_string(crop->width) + "x" + std::to_string(crop->height) + " at " +
                      std::to_string(crop->x) + "," + std::to_string(crop->y);
  auto inside = [&](guint w, guint h) {
    return uint64_t{crop->x} + crop->width <= w && uint64_t{crop->y} + crop->height <= h;
  };
  if (!inside(whole_width, whole_height))
    return Status(Code::kCorrupt, "a buffer's crop meta says " + place + " where the picture is " +
                                      std::to_string(whole_width) + "x" +
                                      std::to_string(whole_height));
  bool caps_are_whole = whole_width == width && whole_height == height;
  if (caps_are_whole ||
      (inside(width, height) && !(crop->width == width && crop->height == height)))
    return Status::ok();
  guint x_step = 1, y_step = 1;
  bool cells = !GST_VIDEO_FORMAT_INFO_IS_TILED(finfo);
  for (guint c = 0; c < finfo->n_components; c++) {
    x_step = std::max(x_step, 1u << finfo->w_sub[c]);
    y_step = std::max(y_step, 1u << finfo->h_sub[c]);
    cells = cells && finfo->pixel_stride[c] > 0;
  }
  if (GST_VIDEO_INFO_IS_INTERLACED(&info)) y_step *= 2;
  bool moved = crop->x != 0 || crop->y != 0;
  if (crop->width != width || crop->height != height ||
      (moved && (!cells || crop->x % x_step != 0 || crop->y % y_step != 0)))
    return Status(Code::kUnsupported,
                  "a crop of " + place + " in " + size_text(*caps_) + " can't be stored",
                  "put videoconvert before it");
  crop_applied_ = true;
  crop_x_ = crop->x;
  crop_y_ = crop->y;
  return Status::ok();
}

bool BufferInput::in_default_layout(const GstVideoMeta *meta) const {
  if (!meta) return true;
  if (crop_x_ != 0 || crop_y_ != 0) return false;
  const GstVideoInfo &info = caps_->info();
  for (guint p = 0; p < meta->n_planes; p++)
    if (meta->offset[p] != info.offset[p] || meta->stride[p] != info.stride[p]) return false;
  return true;
}

bool BufferInput::in_one_piece() const {
  guint n = gst_buffer_n_memory(buffer_.get());
  for (guint i = 0; i + 1 < n; i++) {
    gsize offset;
    if (!gst_memory_is_span(gst_buffer_peek_memory(buffer_.get(), i),
                            gst_buffer_peek_memory(buffer_.get(), i + 1), &offset))
      return false;
  }
  return true;
}

Result<std::optional<ByteView>> BufferInput::map() {
  if (payload_ == 0) return std::optional<ByteView>(ByteView());
  if (!mapped_) {
    if (caps_->has_padding() || !in_default_layout(video_meta()) || !in_one_piece())
      return std::optional<ByteView>();
    if (!gst_buffer_map(buffer_.get(), &map_, GST_MAP_READ)) return not_readable();
    mapped_ = true;
  }
  if (map_.size < payload_) return too_small(map_.size, *caps_);
  return std::optional<ByteView>(
      ByteView(reinterpret_cast<const std::byte *>(map_.data), payload_));
}

Status BufferInput::copy_to(MutableByteView out) {
  if (out.size() != payload_) return Status(Code::kInternal, "copy_to() with a wrong size");
  GstVideoMeta *meta = video_meta();
  if (payload_ == 0) return Status::ok();
  if (!in_default_layout(meta)) return copy_planes(meta, out);
  size_t copied = gst_buffer_extract(buffer_.get(), 0, out.data(), out.size());
  if (copied < payload_) return copied == 0 ? not_readable() : too_small(copied, *caps_);
  if (caps_->is_raw()) caps_->clear_padding(out);
  return Status::ok();
}

// Planes from where the crop begins; check_crop() saw to it that it begins between pixels.
void BufferInput::move_to_crop(MappedPlanes &source) const {
  const GstVideoFormatInfo *finfo = caps_->info().finfo;
  if (crop_x_ == 0 && crop_y_ == 0) return;
  for (guint p = 0; p < finfo->n_planes; p++) {
    for (guint c = 0; c < finfo->n_components; c++) {
      if (finfo->plane[c] != p || caps_->planes()[p].palette) continue;
      source.planes[p].data += ptrdiff_t{crop_x_ >> finfo->w_sub[c]} * finfo->pixel_stride[c] +
                               ptrdiff_t{crop_y_ >> finfo->h_sub[c]} * source.planes[p].stride;
      break;
    }
  }
}

Status BufferInput::copy_planes(GstVideoMeta *meta, MutableByteView out) const {
  const GstVideoInfo &info = caps_->info();
  MappedPlanes source;
  if (!source.map(meta)) return not_readable();

  // What is read of each plane in the source.
  struct Part {
    size_t rows = 1, bytes = 0;  // rows of bytes, or one run
    size_t x_tiles = 0, y_tiles = 0;
  };
  std::array<Part, GST_VIDEO_MAX_PLANES> parts;
  for (guint p = 0; p < meta->n_planes; p++) {
    const PlaneLayout &plane = caps_->planes()[p];
    Part &part = parts[p];
    if (plane.tiled) {
      part.x_tiles = GST_VIDEO_TILE_X_TILES(meta->stride[p]);
      part.y_tiles = GST_VIDEO_TILE_Y_TILES(meta->stride[p]);
      part.bytes = part.x_tiles * part.y_tiles * info.finfo->tile_info[p].size;
    } else {
      part.rows = plane.rows;
      part.bytes = plane.row_bytes;
      // Formats without whole bytes per pixel are taken with all of their stride, which may be
      // smaller here than by default and still hold the row.
      if (!plane.palette && plane.row_bytes == plane.stride && source.planes[p].stride > 0)
        part.bytes = std::min(part.bytes, static_cast<size_t>(source.planes[p].stride));
    }
  }
  auto fits = [&] {
    move_to_crop(source);
    for (guint p = 0; p < meta->n_planes; p++)
      if (!source.holds(p, parts[p].rows, parts[p].bytes)) return false;
    return true;
  };
  if (!fits() && (!source.map_merged(buffer_.get(), meta) || !fits()))
    return too_small(gst_buffer_get_size(buffer_.get()), *caps_)
        .with_context("with the strides of its video meta");

  std::memset(out.data(), 0, out.size());
  for (guint p = 0; p < meta->n_planes; p++) {
    const PlaneLayout &plane = caps_->planes()[p];
    const MappedPlanes::Plane &from = source.planes[p];
    const Part &part = parts[p];
    std::byte *to = out.data() + plane.offset;
    if (plane.tiled) {
      copy_tiles(info, p, to, from.data, part.x_tiles, part.y_tiles);
      continue;
    }
    for (size_t row = 0; row < part.rows; row++)
      std::memcpy(to + row * plane.stride, from.data + static_cast<ptrdiff_t>(row) * from.stride,
                  part.bytes);
  }
  return Status::ok();
}

Status BufferInput::metas(std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections) {
  return serialize_metas(buffer_.get(), watch_.get(), {.crop_applied = crop_applied_}, metas,
                         detections);
}

}  // namespace

Result<std::unique_ptr<FrameInput>> make_buffer_input(GstBuffer *buffer,
                                                      std::shared_ptr<const StreamCaps> caps,
                                                      std::shared_ptr<MetaWatch> metas) {
  if (metas) metas->saw(buffer);
  auto input = std::make_unique<BufferInput>(buffer, std::move(caps), std::move(metas));
  CHECKPOINT_RETURN_IF_ERROR(input->check());
  return std::unique_ptr<FrameInput>(std::move(input));
}

FrameTiming frame_timing(GstBuffer *buffer, const GstSegment &segment) {
  FrameTiming timing;
  timing.pts = GST_BUFFER_PTS(buffer);
  timing.dts = GST_BUFFER_DTS(buffer);
  timing.duration = GST_BUFFER_DURATION(buffer);
  timing.offset = GST_BUFFER_OFFSET(buffer);
  timing.offset_end = GST_BUFFER_OFFSET_END(buffer);
  constexpr uint32_t kMiniObject = GST_MINI_OBJECT_FLAG_LAST - 1;
  timing.flags = GST_BUFFER_FLAGS(buffer) & ~(kMiniObject | GST_BUFFER_FLAG_TAG_MEMORY);
  guint64 stream_time = 0;
  if (segment.format == GST_FORMAT_TIME && timing.pts != kNone &&
      gst_segment_to_stream_time_full(&segment, GST_FORMAT_TIME, timing.pts, &stream_time) > 0)
    timing.stream_time = stream_time;
  return timing;
}

}  // namespace checkpoint
