// SPDX-License-Identifier: LGPL-2.1-or-later
// A GstBuffer as the frame that core stores.
#pragma once

#include <gst/gst.h>

#include <memory>

#include "core/frame_input.h"
#include "core/writer.h"
#include "elements/stream_caps.h"

namespace checkpoint {

class MetaWatch;

// Takes a reference to the buffer and copies nothing. `metas` (may be null) sees the buffer now and
// hears of metas that can't be stored later; see meta_codec.h. kCorrupt: the buffer is smaller than
// its caps imply, or its GstVideoMeta contradicts them. A buffer without bytes is a frame without
// bytes.
Result<std::unique_ptr<FrameInput>> make_buffer_input(GstBuffer *buffer,
                                                      std::shared_ptr<const StreamCaps> caps,
                                                      std::shared_ptr<MetaWatch> metas = nullptr);

// Times, offsets and flags of a buffer. The stream time goes through `segment` also where the
// frame lies outside of it; none before the stream's 0 and for segments that are not in TIME.
// Flags of the memory and of the mini object are no property of the frame and left out.
FrameTiming frame_timing(GstBuffer *buffer, const GstSegment &segment);

}  // namespace checkpoint
