// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/row_cursor.h"

#include <algorithm>
#include <string>

namespace checkpoint {

RowCursor::RowCursor(std::shared_ptr<MetadataStore> store, const CheckpointRow &checkpoint,
                     const ReplayRange &range, unsigned page)
    : store_(std::move(store)),
      checkpoint_(checkpoint.key),
      id_(checkpoint.id),
      reverse_(range.reverse),
      page_(std::max(page, 1u)),
      event_limit_(std::max(page, 1u)) {
  const uint64_t frames = checkpoint.frames;
  if (reverse_) {
    const uint64_t lowest = range.end == kNone ? 0 : range.end;
    next_ = frames == 0 ? 0 : std::min(range.first, frames - 1);
    left_ = frames == 0 || lowest > next_ ? 0 : next_ - lowest + 1;
    return;
  }
  const uint64_t end = std::min(range.end, frames);
  next_ = std::min(range.first, end);
  left_ = end - next_;
  if (!range.events) return;
  events_done_ = false;
  event_index_ = next_;
  // What came after the last frame goes with it.
  event_end_ = end == frames ? frames + 1 : end;
}

FrameRow RowCursor::take() {
  FrameRow row = std::move(rows_.front());
  rows_.pop_front();
  left_--;
  next_ = reverse_ ? next_ - 1 : next_ + 1;
  return row;
}

Status RowCursor::fill(Cancellation &cancel) {
  if (!rows_.empty() || left_ == 0) return Status::ok();
  FramePage page;
  page.checkpoint = checkpoint_;
  page.first = next_;
  page.reverse = reverse_;
  page.limit = static_cast<unsigned>(std::min<uint64_t>(page_, left_));
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> rows, store_->read_frames(page, cancel));
  rows_read_ += rows.size();
  uint64_t expected = next_;
  for (const FrameRow &row : rows) {
    if (row.index != expected) break;
    expected = reverse_ ? expected - 1 : expected + 1;
  }
  const uint64_t good = reverse_ ? next_ - expected : expected - next_;
  if (good == 0)
    return deleted_or(*store_, id_,
                      {Code::kCorrupt, "checkpoint " + id_.to_string() + ": the row of frame " +
                                           std::to_string(next_) + " is not there"},
                      cancel);
  for (uint64_t i = 0; i < good; i++) rows_.push_back(std::move(rows[i]));
  return Status::ok();
}

Result<std::vector<EventRow>> RowCursor::take_events(uint64_t index, Cancellation &cancel) {
  while (!events_done_ && (events_.empty() || events_.back().index <= index)) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        std::vector<EventRow> page,
        store_->read_events(checkpoint_, event_index_, event_end_, event_limit_, cancel));
    rows_read_ += page.size();
    if (page.size() < event_limit_) events_done_ = true;
    bool news = false;
    for (EventRow &event : page) {
      if (event.index == event_index_ && event.ordinal < event_ordinal_) continue;
      event_index_ = event.index;
      event_ordinal_ = event.ordinal + 1;
      events_.push_back(std::move(event));
      news = true;
    }
    // A page begins with an index, so one that is full of one index's events has to be larger.
    if (!news && !events_done_) event_limit_ *= 2;
  }
  std::vector<EventRow> taken;
  while (!events_.empty() && events_.front().index <= index) {
    taken.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  return taken;
}

Status deleted_or(MetadataStore &store, const Uuid &checkpoint, const Status &status,
                  Cancellation &cancel) {
  Result<CheckpointRow> row = store.get_checkpoint(checkpoint, cancel);
  const bool gone =
      row.is_ok() ? row->state == CheckpointState::kDeleted : row.status().is(Code::kNotFound);
  if (!gone) return status;
  return {Code::kExpired,
          "checkpoint " + checkpoint.to_string() + " was deleted while it was being read"};
}

}  // namespace checkpoint
