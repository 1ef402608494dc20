// SPDX-License-Identifier: LGPL-2.1-or-later
// How far a verification got, in a file: one that was stopped goes on there.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/status.h"
#include "store/model.h"

namespace checkpoint::tool {

struct VerifyState {
  std::string scope;             // what is verified where: another scope is another verification
  CheckpointKey checkpoint = 0;  // the one under way, or last; newer ones are done. 0: none so far
  std::string id;                // its id
  uint64_t next = 0;             // of its frames
  bool done = false;             // with that one
  // Of all so far, told in whatever run.
  uint64_t checkpoints = 0, frames = 0, broken_frames = 0, broken_packs = 0;
};

class VerifyStateFile {
 public:
  // '': none is kept.
  explicit VerifyStateFile(std::string path) : path_(std::move(path)) {}

  // Fills `state` but for the scope when the file is there. kInvalidArgument: it is of another
  // scope, or of something else.
  Status load(VerifyState &state);
  Status save(const VerifyState &state);
  // Where the last time is a while ago.
  Status save_now_and_then(const VerifyState &state);
  // The verification is done.
  void remove();

 private:
  const std::string path_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace checkpoint::tool
