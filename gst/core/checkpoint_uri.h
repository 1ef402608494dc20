// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpoint://JOB/STAGE?scenario=&version=&checkpoint-id=&start-index=&stop-index=&select=
//     &select-before=&select-after=&filtered=&loop=&allow-partial=
//
// Job and stage are percent-encoded texts whose case is kept; every other key is refused, so that a
// URI from a playlist can't name a store or an endpoint. With a checkpoint-id job and stage may be
// left out: checkpoint:///?checkpoint-id=UUID. No GStreamer here: the parser is fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/uuid.h"

namespace checkpoint {

inline constexpr const char *kCheckpointScheme = "checkpoint";

struct CheckpointUri {
  std::string job_id, stage;            // both, or neither
  std::optional<std::string> scenario;  // nullopt: the base; '' is a scenario without a label
  uint32_t version = 0;                 // 0: the newest complete one
  std::optional<Uuid> checkpoint_id;
  int64_t start_index = 0;
  int64_t stop_index = -1;  // exclusive; -1: the end
  std::string select;       // '': all; else a text that core/condition_parser.h takes
  uint32_t select_before = 0, select_after = 0;  // frames around each match
  bool filtered = false;
  bool loop = false;
  bool allow_partial = false;
  bool operator==(const CheckpointUri &) const = default;
};

// kInvalidArgument says what is wrong and how it would be right.
Result<CheckpointUri> parse_checkpoint_uri(std::string_view text);
// The one text for it; without the keys that have their default. '' when it names no checkpoint.
std::string format_checkpoint_uri(const CheckpointUri &uri);

}  // namespace checkpoint
