// SPDX-License-Identifier: LGPL-2.1-or-later
// A frame on its way in. The elements implement it over a GstBuffer; core never sees GStreamer.
#pragma once

#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/status.h"
#include "core/record.h"

namespace checkpoint {

// Handed over with nothing copied; a worker calls map() or copy_to() and metas() once, then lets it
// go.
class FrameInput {
 public:
  virtual ~FrameInput() = default;

  // What it keeps alive, for the bound of the queue. Bytes; any thread.
  virtual size_t held_bytes() const = 0;
  // Of the canonical payload; 0: a frame without bytes.
  virtual size_t payload_size() const = 0;
  virtual Content content() const = 0;

  // The canonical payload where it lies, when it lies there in one piece and in canonical layout;
  // valid while this object lives. nullopt: copy_to() it.
  virtual Result<std::optional<ByteView>> map() = 0;
  // Writes the canonical payload; `out` is payload_size() long.
  virtual Status copy_to(MutableByteView out) = 0;
  // The metas and their projection.
  virtual Status metas(std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections) = 0;
};

}  // namespace checkpoint
