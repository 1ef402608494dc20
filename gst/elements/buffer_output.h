// SPDX-License-Identifier: LGPL-2.1-or-later
// A stored frame as the GstBuffer that it was.
#pragma once

#include <gst/gst.h>

#include <string>

#include "core/reader.h"
#include "elements/gst_handles.h"
#include "elements/meta_codec.h"
#include "elements/stream_caps.h"

namespace checkpoint {

struct BufferOptions {
  // Downstream's allocation query wants GstVideoMeta. Without it a buffer has one only where the
  // stored meta said something that caps do not.
  bool video_meta = false;
  // Hears of metas that this process can't make; without one they are an error.
  MetaWatch *watch = nullptr;
};

// The payload is not copied: the buffer's memory holds the chunk. Moved in with its only reference
// the chunk's memory may be written by who owns the buffer; otherwise it is read-only, since
// another frame may share it, and in-place filters copy. kCorrupt: the payload is not what the caps
// imply, or a meta can't be read.
Result<BufferPtr> make_buffer(ReplayFrame frame, const StreamCaps &caps,
                              const BufferOptions &options = {});

// "checkpoint <id>, sequence 7", for what fails about a frame.
std::string frame_context(const CheckpointRow &checkpoint, uint64_t sequence);
// make_buffer() of a frame of this checkpoint, with the identity that the next stages know it by.
// What fails names the frame.
Result<BufferPtr> make_replayed_buffer(const CheckpointRow &checkpoint, ReplayFrame frame,
                                       const StreamCaps &caps, const BufferOptions &options = {});

}  // namespace checkpoint
