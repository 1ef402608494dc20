// SPDX-License-Identifier: LGPL-2.1-or-later
// The detections of one frame after another.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/reader_pin.h"
#include "store/metadata_store.h"

namespace checkpoint {

// Reads in pages where frames are asked for in their order; any order works. Holds the checkpoint
// while it is there, as a reader does. One thread at a time.
class DetectionCursor {
 public:
  DetectionCursor(std::shared_ptr<MetadataStore> store, CheckpointKey checkpoint,
                  unsigned page = 256);

  // Those of frame `index`, by ordinal. kExpired: the checkpoint was deleted, and not held against
  // that.
  Result<std::vector<DetectionRow>> of_frame(uint64_t index, Cancellation &cancel);

 private:
  const std::shared_ptr<MetadataStore> store_;
  ReaderPin pin_;
  DetectionPage next_;             // what is read next
  uint64_t from_ = 0;              // rows_ has all of the frames from here to next_
  std::deque<DetectionRow> rows_;  // read, not asked for yet
  bool done_ = false;              // next_ would be empty
};

}  // namespace checkpoint
