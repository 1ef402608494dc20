// SPDX-License-Identifier: LGPL-2.1-or-later
// What of the Recorder is for an element that passes on what it records.
#include "elements/identity_meta.h"
#include "elements/meta_codec.h"
#include "elements/recorder.h"

namespace checkpoint {

BufferPtr Recorder::identified(BufferPtr buffer) {
  auto identity = frame_identity(buffer.get());
  if (identity && identity->job_id != job_id_) identity.reset();
  FrameIdentity wanted = identity.value_or(FrameIdentity{job_id_, 0, false});
  if (!identity) {
    auto current = writer();
    const std::optional<uint64_t> next = current ? current->next_sequence() : std::nullopt;
    if (!next) return buffer;
    wanted.sequence = *next;
  }
  wanted.regions_had_params |= regions_have_params(buffer.get()).value_or(false);
  if (wanted == identity) return buffer;
  BufferPtr writable(gst_buffer_make_writable(buffer.release()));
  set_frame_identity(writable.get(), wanted);
  return writable;
}

void Recorder::doubt(const std::string &reason) {
  if (auto current = writer()) current->doubt(reason);
}

}  // namespace checkpoint
