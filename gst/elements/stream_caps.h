// SPDX-License-Identifier: LGPL-2.1-or-later
// The caps of a stream of frames, and what they say about the bytes of one frame.
//
// A raw frame is stored in its canonical layout: the planes as GstVideoInfo lays them out by
// default for that format and size (a field's height for interlace-mode=alternate), everything
// that is not picture zeroed. Equal pictures then are equal bytes, whatever pool they came from.
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/status.h"
#include "elements/gst_handles.h"
#include "store/model.h"

namespace checkpoint {

// Where the picture lies in one plane of the canonical layout. Tiled planes and palettes are one
// row that is all picture.
struct PlaneLayout {
  size_t offset = 0;     // of the plane in the payload
  size_t stride = 0;     // bytes from row to row
  size_t rows = 0;       // rows that are picture
  size_t row_bytes = 0;  // bytes of picture at the start of each row; <= stride
  bool tiled = false;    // GstVideoInfo's stride is a count of tiles, not of bytes
  bool palette = false;
};

// Immutable; any thread.
class StreamCaps {
 public:
  // Fixed caps of raw video in system memory, image/jpeg or image/png. Anything else: kUnsupported,
  // naming what is in the way. Caps whose text would not read back as the same caps are refused
  // too.
  static Result<std::shared_ptr<const StreamCaps>> from_caps(const GstCaps *caps);
  // The same from a CapsRow's text. kCorrupt for a text that is no caps.
  static Result<std::shared_ptr<const StreamCaps>> parse(std::string_view text);

  // Borrowed.
  GstCaps *caps() const { return caps_.get(); }
  // For CapsRow::caps.
  const std::string &text() const { return text_; }
  Content content() const { return content_; }
  bool is_raw() const { return content_ == Content::kRaw; }

  // Bytes of a raw frame in canonical layout; 0 for encoded images, whose size varies.
  size_t payload_size() const { return is_raw() ? info_.size : 0; }
  // --- raw video only
  // Strides, offsets and size are those of the canonical layout.
  const GstVideoInfo &info() const { return info_; }
  const std::vector<PlaneLayout> &planes() const { return planes_; }
  // Does the canonical layout hold bytes that are not picture?
  bool has_padding() const { return has_padding_; }
  // Zeroes the bytes of a canonical payload that are not picture.
  void clear_padding(MutableByteView payload) const;

 private:
  StreamCaps() = default;
  void lay_out();

  CapsPtr caps_;
  std::string text_;
  Content content_ = Content::kRaw;
  GstVideoInfo info_;
  std::vector<PlaneLayout> planes_;
  bool has_padding_ = false;
};

}  // namespace checkpoint
