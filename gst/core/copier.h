// SPDX-License-Identifier: LGPL-2.1-or-later
// Hands the content of a stored checkpoint to a writer, in pieces where it still grows. One thread
// at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/stores.h"
#include "core/writer.h"

namespace checkpoint {

class Copier {
 public:
  // `first`: the first frame that is handed on.
  Copier(std::shared_ptr<Stores> from, CheckpointWriter &to, uint64_t first = 0)
      : from_(std::move(from)), to_(to), next_(first), event_index_(first) {}

  // The next frame.
  uint64_t next() const { return next_; }
  // A frame whose number is kNone gets it from the writer. Frames up to row.frames, and what events
  // there are before and behind them; `each` is called after a frame.
  Status copy(const CheckpointRow &row, const std::function<void(const FrameRow &)> &each,
              Cancellation &cancel);
  // Caps that no frame had.
  Status copy_rest(const CheckpointRow &row, Cancellation &cancel);
  // Did the writer fail, or what is read?
  bool writer_failed() const { return writer_failed_; }

 private:
  Status set_caps(size_t count);
  Status told(Status status);

  const std::shared_ptr<Stores> from_;
  CheckpointWriter &to_;
  std::vector<CapsRow> caps_;
  size_t caps_told_ = 0;
  uint64_t next_;
  // Behind the last event that was handed on.
  uint64_t event_index_;
  uint32_t event_ordinal_ = 0;
  bool writer_failed_ = false;
};

}  // namespace checkpoint
