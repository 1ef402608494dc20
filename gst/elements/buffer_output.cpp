// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/buffer_output.h"

#include <string>
#include <utility>

#include "elements/identity_meta.h"

namespace checkpoint {

namespace {

void drop_chunk(gpointer data) { delete static_cast<std::shared_ptr<Chunk> *>(data); }

Status check_payload(const ReplayFrame &frame, const StreamCaps &caps) {
  if (frame.size == 0) return Status::ok();
  if (!frame.chunk || frame.offset > frame.chunk->size() ||
      frame.size > frame.chunk->size() - frame.offset)
    return Status(Code::kInternal, "a payload outside of its memory");
  if (caps.is_raw() && frame.size != caps.payload_size())
    return Status(Code::kCorrupt, "frame " + std::to_string(frame.row.index) + " has " +
                                      std::to_string(frame.size) + " bytes where its caps imply " +
                                      std::to_string(caps.payload_size()));
  return Status::ok();
}

Status add_video_meta(GstBuffer *buffer, const StreamCaps &caps) {
  if (!caps.is_raw() || gst_buffer_get_size(buffer) == 0 || gst_buffer_get_video_meta(buffer))
    return Status::ok();
  GstVideoInfo info = caps.info();
  if (!gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE,
                                      GST_VIDEO_INFO_FORMAT(&info), static_cast<guint>(info.width),
                                      static_cast<guint>(info.height),
                                      GST_VIDEO_INFO_N_PLANES(&info), info.offset, info.stride))
    return Status(Code::kInternal, "a video meta could not be made");
  return Status::ok();
}

}  // namespace

Result<BufferPtr> make_buffer(ReplayFrame frame, const StreamCaps &caps,
                              const BufferOptions &options) {
  CHECKPOINT_RETURN_IF_ERROR(check_payload(frame, caps));
  BufferPtr buffer(gst_buffer_new());
  if (frame.size > 0) {
    auto *chunk = new std::shared_ptr<Chunk>(std::move(frame.chunk));
    auto flags =
        chunk->use_count() == 1 ? static_cast<GstMemoryFlags>(0) : GST_MEMORY_FLAG_READONLY;
    gst_buffer_append_memory(
        buffer.get(), gst_memory_new_wrapped(flags, (*chunk)->data() + frame.offset, frame.size, 0,
                                             frame.size, chunk, drop_chunk));
  }
  const FrameRow &row = frame.row;
  GST_BUFFER_PTS(buffer.get()) = row.pts;
  GST_BUFFER_DTS(buffer.get()) = row.dts;
  GST_BUFFER_DURATION(buffer.get()) = row.duration;
  GST_BUFFER_OFFSET(buffer.get()) = row.offset;
  GST_BUFFER_OFFSET_END(buffer.get()) = row.offset_end;
  CHECKPOINT_RETURN_IF_ERROR(deserialize_metas(buffer.get(), caps, frame.metas, options.watch));
  if (options.video_meta) CHECKPOINT_RETURN_IF_ERROR(add_video_meta(buffer.get(), caps));
  // The buffer's own: what it says of its memory and of itself as an object.
  constexpr guint kOwn = (GST_MINI_OBJECT_FLAG_LAST - 1u) | GST_BUFFER_FLAG_TAG_MEMORY;
  GST_BUFFER_FLAGS(buffer.get()) = (GST_BUFFER_FLAGS(buffer.get()) & kOwn) | (row.flags & ~kOwn);
  return buffer;
}

std::string frame_context(const CheckpointRow &checkpoint, uint64_t sequence) {
  return "checkpoint " + checkpoint.id.to_string() + ", sequence " + std::to_string(sequence);
}

Result<BufferPtr> make_replayed_buffer(const CheckpointRow &checkpoint, ReplayFrame frame,
                                       const StreamCaps &caps, const BufferOptions &options) {
  const uint64_t sequence = frame.row.sequence;
  Result<BufferPtr> buffer = make_buffer(std::move(frame), caps, options);
  if (!buffer.is_ok()) return buffer.status().with_context(frame_context(checkpoint, sequence));
  set_frame_identity(buffer->get(), {checkpoint.fields.job_id, sequence,
                                     regions_have_params(buffer->get()).value_or(false)});
  return buffer;
}

}  // namespace checkpoint
