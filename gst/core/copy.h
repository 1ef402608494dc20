// SPDX-License-Identifier: LGPL-2.1-or-later
// A checkpoint from one pair of stores into another, with its id: so a copy that was stopped is
// known again and goes on, and lineage holds there as well.
#pragma once

#include <functional>
#include <memory>

#include "common/cancel.h"
#include "common/status.h"
#include "core/stores.h"
#include "core/writer.h"

namespace checkpoint {

struct CopyListener {
  std::function<void(uint64_t, uint64_t)> progress = [](uint64_t, uint64_t) {
  };  // frames, of how many
  std::function<void(const Status &)> warning = [](const Status &) {};
};

struct CopyResult {
  bool was_there = false;  // complete already: nothing was done
  uint64_t bytes_new = 0, bytes_reused = 0;
};

// Frames, events, metas, detections and fields of a complete checkpoint; the version is the next
// one there. A job that is new there gets the identity key that it has here, so that the same
// frames are known again. Waits on the stores. When it fails or is cancelled, what is durable so
// far stays as a partial checkpoint, and the next call goes on with it.
Result<CopyResult> copy_checkpoint(const std::shared_ptr<Stores> &from, const CheckpointRow &row,
                                   const std::shared_ptr<Stores> &to, const WriterOptions &options,
                                   const CopyListener &listener, Cancellation &cancel);

}  // namespace checkpoint
