// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frame of the job is one that lost its identity? The one of the parent with its PTS.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/metadata_store.h"

namespace checkpoint {

// Holds a page of the parent's frames in the order of their PTS, so that frames that come in that
// order cost one call of the store for many. One thread at a time.
class SequenceFinder {
 public:
  enum class How {
    kFound,
    kAmbiguous,  // several frames of the parent could be it; it counts as the next of them
    kNew,        // none; it got a number that no frame has, in the parent or before it
  };
  struct Found {
    uint64_t sequence = 0;
    How how = How::kFound;
  };

  SequenceFinder(std::shared_ptr<MetadataStore> store, CheckpointRow parent, unsigned page = 256);

  // Frames that were numbered before lie there, and come no more.
  void go_on_after(CheckpointRow own) { own_ = std::move(own); }
  // Of several frames with that PTS those with that stream time come first, then those behind the
  // one found last. After a failure as if it had not been called.
  Result<Found> find(uint64_t pts, uint64_t stream_time, Cancellation &cancel);

 private:
  struct Candidate {
    uint64_t pts = 0, stream_time = 0, index = 0, sequence = 0;
  };

  bool covers(uint64_t pts) const;
  Status read_page(uint64_t pts, Cancellation &cancel);
  Result<uint64_t> new_sequence(Cancellation &cancel);

  const std::shared_ptr<MetadataStore> store_;
  const CheckpointRow parent_;
  std::optional<CheckpointRow> own_;
  const unsigned page_;
  std::vector<Candidate> candidates_;  // by PTS, then index
  uint64_t next_index_ = 0;            // behind the frame found last
  std::optional<uint64_t> next_new_;
};

}  // namespace checkpoint
