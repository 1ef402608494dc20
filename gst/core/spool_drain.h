// SPDX-License-Identifier: LGPL-2.1-or-later
// Brings a checkpoint from a spool to the stores that it is for, while it is still being written to
// the spool or later. It goes on where it was whenever they were away.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/spool_entry.h"
#include "core/writer.h"

namespace checkpoint {

// Where to.
struct SpoolTarget {
  CheckpointWriter::StoreOpener open;
  WriterOptions options;
  std::shared_ptr<WriterObserver> observer;
};

// May it help to wait, since the store is just not there?
bool store_is_down(const Status &status);

class SpoolDrain {
 public:
  SpoolDrain(std::shared_ptr<SpoolEntry> entry, const CheckpointFields &fields,
             const SpoolTarget &target);
  ~SpoolDrain();
  SpoolDrain(const SpoolDrain &) = delete;
  SpoolDrain &operator=(const SpoolDrain &) = delete;

  // --- any thread
  // So many frames are in the spool, and what CheckpointWriter::flush() was given.
  void grew(uint64_t frames, uint64_t token);
  // The spool has all that will come.
  void ended();
  // As these of CheckpointWriter.
  void doubt(const std::string &reason);
  std::optional<std::string> partial_reason() const;
  // Of what reached the stores.
  WriterStats stats() const;
  // Nullopt: only the stores know.
  std::optional<Uuid> id() const;
  // Waits for it; kCancelled when `give_up` says so, see look_again().
  Result<Uuid> await_id(const std::function<bool()> &give_up);
  void look_again();
  // What the stores failed with last, unless they are there now.
  std::optional<Status> down() const;

  // Until all of the pair `spool` is durable there; then the entry is gone. Waits for stores that
  // are down. A failure of another kind is not told to the observer.
  Status run(std::shared_ptr<Stores> spool, Cancellation &cancel);

 private:
  struct Shared;
  class Observer;
  Status attempt(Cancellation &cancel);
  Status feed(CheckpointWriter &writer, Cancellation &cancel, bool &spool_failed);
  // `all`: every frame of the last pack was handed on too.
  void release(CheckpointWriter &writer, bool all, Cancellation &cancel);

  const std::shared_ptr<SpoolEntry> entry_;
  std::shared_ptr<Stores> spool_;
  const CheckpointFields fields_;
  SpoolTarget target_;
  const std::shared_ptr<Shared> shared_;
  uint64_t drained_ = 0;                             // when the attempt began
  std::vector<std::pair<PackKey, uint64_t>> packs_;  // handed on: the last frame of each
};

}  // namespace checkpoint
