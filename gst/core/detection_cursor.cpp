// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/detection_cursor.h"

#include <algorithm>
#include <utility>

namespace checkpoint {

namespace {
constexpr std::chrono::seconds kPinTime{60};  // so long after whoever reads has died
}

DetectionCursor::DetectionCursor(std::shared_ptr<MetadataStore> store, CheckpointKey checkpoint,
                                 unsigned page)
    : store_(std::move(store)), pin_(store_, {checkpoint}, kPinTime, {}) {
  next_.checkpoint = checkpoint;
  next_.limit = std::max(page, 1u);
}

Result<std::vector<DetectionRow>> DetectionCursor::of_frame(uint64_t index, Cancellation &cancel) {
  const bool far_ahead = !done_ && index > next_.first;
  if (index < from_ || far_ahead) {
    rows_.clear();
    done_ = false;
    next_.first = index;
    next_.ordinal = 0;
  }
  from_ = index;
  while (!rows_.empty() && rows_.front().index < index) rows_.pop_front();
  while (!done_ && next_.first <= index) {
    CHECKPOINT_RETURN_IF_ERROR(pin_.hold(cancel));
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<DetectionRow> page,
                                store_->read_detections(next_, cancel));
    // Rows that were deleted meanwhile would look like frames without detections.
    CHECKPOINT_RETURN_IF_ERROR(pin_.check(cancel));
    done_ = page.size() < next_.limit;
    if (page.empty()) break;
    next_.first = page.back().index;
    next_.ordinal = page.back().ordinal + 1;
    rows_.insert(rows_.end(), std::make_move_iterator(page.begin()),
                 std::make_move_iterator(page.end()));
  }
  std::vector<DetectionRow> found;
  for (; !rows_.empty() && rows_.front().index == index; rows_.pop_front())
    found.push_back(std::move(rows_.front()));
  from_ = index + 1;
  return found;
}

}  // namespace checkpoint
