// SPDX-License-Identifier: LGPL-2.1-or-later
// Makes the metadata again from the frame store alone, into a new and empty metadata store: every
// commit has left its records there (docs/format.md).
//
// What only the database knew does not come back: pins, why a partial checkpoint stopped, when a
// complete one was completed (it gets the date of the repair), deletions whose packs are still
// there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/cancel.h"
#include "common/status.h"
#include "store/frame_store.h"
#include "store/metadata_store.h"

namespace checkpoint {

struct RepairResult {
  uint64_t packs = 0;  // that were read
  uint64_t complete = 0, partial = 0;
  uint64_t frames = 0;
  uint64_t renamed = 0;  // checkpoints whose name another one has
  uint64_t foreign = 0;  // objects with names that are not ours, or of another frame store
  // Losses.
  uint64_t packs_unreadable = 0;  // broken, or contradicting others
  uint64_t packs_missing = 0;     // somebody's payloads should lie in them
  // Of checkpoints that are partial now: later frames are there, what comes before them is not. A
  // writer that was killed may have left such ones, too.
  uint64_t frames_lost = 0;
  uint64_t frames_without_payload = 0;  // their rows are there, their bytes are not

  bool lossless() const {
    return packs_unreadable == 0 && packs_missing == 0 && frames_lost == 0 &&
           frames_without_payload == 0;
  }
};

// Both on the caller's thread.
struct RepairListener {
  std::function<void(uint64_t done, uint64_t total)> progress;  // packs, each read twice
  std::function<void(const Status &)> loss;                     // each one, as it is found
  std::function<void(const std::string &)> renamed;             // what is called how, and why
};

// `metadata` nullptr: a dry run, which tells what would come back. Opens what it needs. Ok also
// with losses; `result` counts. Until it returns ok the frame store does not belong to `metadata`,
// so that nobody takes half of it for all; then the lost metadata store must not be used any more.
// kNotFound: there is no frame store. kInvalidArgument: `metadata` is not empty. kNewerSchema:
// packs of a newer release.
Status repair(FrameStore &frames, MetadataStore *metadata, const RepairListener &listener,
              RepairResult &result, Cancellation &cancel);

}  // namespace checkpoint
