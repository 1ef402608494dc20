// SPDX-License-Identifier: LGPL-2.1-or-later
// The pixels of a raw frame as GStreamer itself unpacks them, whatever the strides.
#pragma once

#include <gst/video/video.h>

#include <vector>

namespace checkpoint {

// Mapped as long as this lives.
class MappedFrame {
 public:
  MappedFrame(GstBuffer *buffer, const GstCaps *caps) {
    GstVideoInfo info;
    mapped_ = gst_video_info_from_caps(&info, caps) &&
              gst_video_frame_map(&frame_, &info, buffer, GST_MAP_READ);
  }
  ~MappedFrame() {
    if (mapped_) gst_video_frame_unmap(&frame_);
  }
  MappedFrame(const MappedFrame &) = delete;
  MappedFrame &operator=(const MappedFrame &) = delete;

  bool is_mapped() const { return mapped_; }
  gint width() const { return GST_VIDEO_FRAME_WIDTH(&frame_); }
  gint rows() const { return GST_VIDEO_INFO_FIELD_HEIGHT(&frame_.info); }
  // One row in the format's unpacked form.
  void unpack(gint row, std::vector<guint8> &pixels) const {
    const GstVideoFormatInfo *format = frame_.info.finfo;
    const bool interleaved =
        GST_VIDEO_INFO_INTERLACE_MODE(&frame_.info) == GST_VIDEO_INTERLACE_MODE_INTERLEAVED;
    pixels.assign(static_cast<size_t>(width() + 64) * 8, 0);
    format->unpack_func(format,
                        interleaved ? GST_VIDEO_PACK_FLAG_INTERLACED : GST_VIDEO_PACK_FLAG_NONE,
                        pixels.data(), frame_.data, frame_.info.stride, 0, row, width());
    // What lies behind the last pixel may come from the padding.
    const auto *unpacked = gst_video_format_get_info(format->unpack_format);
    pixels.resize(static_cast<size_t>(width() * GST_VIDEO_FORMAT_INFO_PSTRIDE(unpacked, 0)));
  }

 private:
  bool mapped_ = false;
  GstVideoFrame frame_;
};

}  // namespace checkpoint
