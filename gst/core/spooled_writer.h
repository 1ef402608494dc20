// SPDX-License-Identifier: LGPL-2.1-or-later
// A writer whose checkpoint goes to a spool on a local disk first, and from there to the stores: so
// it does not matter to who writes whether they are there. docs/decisions/0013 says why all frames
// go that way.
#pragma once

#include <memory>
#include <string>

#include "core/spool_drain.h"
#include "core/writer.h"

namespace checkpoint {

struct SpoolSettings {
  std::string folder;                       // an absolute path; made where it is not there
  uint64_t max_bytes = uint64_t{10} << 30;  // of packs; 0: no limit
  std::string frame_store, metadata_store;  // of the target: for messages and to be compared
};

// As a CheckpointWriter, and: what is in the spool is told by on_spooled(), what reached the stores
// by on_commit(). What an earlier one left in the spool goes first. finish() waits for the stores,
// and succeeds when they don't come within its time while all is in the spool: a warning then says
// how much stays there, and so it does after stop().
class SpooledWriter : public CheckpointWriter {
 public:
  SpooledWriter(StoreOpener open, const WriterOptions &options, const SpoolSettings &spool,
                std::shared_ptr<WriterObserver> observer);
  ~SpooledWriter() override;

  // `id` and `first` are the spool's own here.
  Status begin(const CheckpointFields &fields, bool parent_is_hint, bool resume = false,
               std::optional<Uuid> id = {}, uint64_t first = 0) override;
  Status push(std::unique_ptr<FrameInput> &frame, const FrameTiming &timing,
              std::optional<uint64_t> sequence) override;
  std::optional<uint64_t> next_sequence() const override;
  Result<Uuid> await_id() override;
  // Not with a spool: it would tell of frames that nobody knows to be stored.
  Result<bool> before_passing() override { return false; }
  Status after_passing() override { return Status::ok(); }
  Status finish(std::optional<std::string> partial_reason, std::chrono::milliseconds timeout,
                std::optional<std::string> stats = {}) override;
  void interrupt() override;
  void resume() override;
  void doubt(const std::string &reason) override;
  std::optional<std::string> partial_reason() const override;
  void abandon(const std::string &reason) override;
  uint64_t stop(std::chrono::milliseconds timeout,
                const std::string &reason = "stopped before the end of the stream") override;
  WriterStats stats() const override;
  std::optional<Uuid> checkpoint_id() const override;

 private:
  class State;
  class Observer;
  SpooledWriter(const std::shared_ptr<State> &state, const WriterOptions &options);

  const std::shared_ptr<State> state_;
  bool has_parent_ = false;  // the streaming thread's
};

// Brings what earlier runs left in the spool to the stores, in its order, and waits while another
// process does; entries that somebody is writing are left alone. Ends with the first failure.
Status drain_spool(const SpoolSettings &spool, const SpoolTarget &target, Cancellation &cancel);

}  // namespace checkpoint
