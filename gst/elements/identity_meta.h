// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frame of the job a buffer is: the custom meta "GstCheckpointIdentityMeta", which converters
// and copies keep. It is never stored as content.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <optional>
#include <string>

namespace checkpoint {

inline constexpr const char *kIdentityMetaName = "GstCheckpointIdentityMeta";

struct FrameIdentity {
  std::string job_id;
  uint64_t sequence = 0;
  bool regions_had_params = false;  // as they were stored; a filter may have lost them since
  bool operator==(const FrameIdentity &) const = default;
};

// Registers the meta's type; may be called again. Any thread.
void register_identity_meta();
// `buffer` is writable; replaces the one that it has.
void set_frame_identity(GstBuffer *buffer, const FrameIdentity &identity);
// nullopt: none, or one that is not as we write it.
std::optional<FrameIdentity> frame_identity(GstBuffer *buffer);

}  // namespace checkpoint
