// SPDX-License-Identifier: LGPL-2.1-or-later
// When which label was detected: counts in steps over a checkpoint's length.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/metadata_store.h"

namespace checkpoint::tool {

struct Timeline {
  // At most; of few frames fewer, so that each step holds about as many frames.
  static constexpr size_t kMaxSteps = 120;
  static constexpr size_t kMaxLabels = 100;  // those that are met first; the others are counted

  struct Row {
    std::string label;
    uint64_t detections = 0;
    std::vector<uint64_t> steps;
  };
  std::vector<Row> rows;        // most detections first
  uint64_t detections = 0;      // of all labels
  uint64_t other_labels = 0;    // detections whose label has no row
  bool in_time = false;         // the steps are of stream time, else of frames
  uint64_t begin = 0, end = 0;  // nanoseconds, or indexes
};

// Reads pages of rows; memory does not grow with the checkpoint.
Result<Timeline> read_timeline(MetadataStore &store, const CheckpointRow &checkpoint,
                               Cancellation &cancel);

}  // namespace checkpoint::tool
