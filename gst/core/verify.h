// SPDX-License-Identifier: LGPL-2.1-or-later
// Is what the rows of a checkpoint refer to there, and is it what was stored?
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/cancel.h"
#include "common/status.h"
#include "core/stores.h"

namespace checkpoint {

struct VerifyOptions {
  // Reads and checks every byte that has a meaning; else rows are looked at, and whether the packs
  // are there in their size.
  bool data = false;
  unsigned workers = 2;  // that read at once
};

// Something that is broken: a frame, or a pack of the checkpoint beside its payloads, which only a
// repair reads.
struct VerifyFinding {
  Uuid checkpoint;
  std::optional<uint64_t> index, sequence;  // of the frame
  Status why;                               // names checkpoint, sequence, pack and offset
};

// One thread at a time. Remembers the packs that it has looked at: later checkpoints that share
// them cost less.
class Verifier {
 public:
  using OnFinding = std::function<void(const VerifyFinding &)>;
  // Behind each frame: all of its checkpoint's before `next` were looked at, and told.
  using OnFrame = std::function<void(uint64_t next)>;

  Verifier(std::shared_ptr<Stores> stores, const VerifyOptions &options, OnFinding on_finding,
           OnFrame on_frame);

  // Ok also where something is broken: then there was a finding. An error is what kept it from
  // looking (kUnavailable, kCancelled). With `first`, what an earlier one told as `next`, it goes
  // on there.
  Status check(const CheckpointRow &checkpoint, Cancellation &cancel, uint64_t first = 0);

  uint64_t frames() const { return frames_; }
  uint64_t broken_frames() const { return broken_frames_; }
  uint64_t broken_packs() const { return broken_packs_; }

 private:
  Status check_rows(const CheckpointRow &checkpoint, uint64_t first, Cancellation &cancel);
  Status check_payloads(const CheckpointRow &checkpoint, uint64_t first, Cancellation &cancel);
  // What is wrong with the pack, which is looked at once; or what kept us from looking.
  Status look_at(const PackRow &pack, Cancellation &cancel);
  Status check_parts(const PackRow &pack, Cancellation &cancel);
  // `why` is ok, or what is wrong with it.
  void looked_at(const CheckpointRow &checkpoint, const FrameRow &frame, const Status &why);

  const std::shared_ptr<Stores> stores_;
  const VerifyOptions options_;
  const OnFinding on_finding_;
  const OnFrame on_frame_;
  std::unordered_map<PackKey, Status> packs_;
  uint64_t frames_ = 0, broken_frames_ = 0, broken_packs_ = 0;
};

}  // namespace checkpoint
