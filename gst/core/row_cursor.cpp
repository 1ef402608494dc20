// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/row_cursor.h"

#include <algorithm>
#include <string>

#include "core/marks.h"

namespace checkpoint {

namespace {

SelectedPlaces places_of(const std::shared_ptr<const Playlist> &playlist,
                         const ReplayRange &range) {
  if (!range.reverse) return {playlist, range.first, range.end, false};
  const uint64_t lowest = range.end == kNone ? 0 : range.end;
  const uint64_t above = range.first == kNone ? kNone : range.first + 1;
  return {playlist, lowest, above, true};
}

}  // namespace

RowCursor::RowCursor(std::shared_ptr<MetadataStore> store, std::shared_ptr<const Playlist> playlist,
                     const ReaderPin &pin, const ReplayRange &range, unsigned page)
    : store_(std::move(store)),
      playlist_(std::move(playlist)),
      pin_(pin),
      reverse_(range.reverse),
      page_(std::max(page, 1u)),
      places_(places_of(playlist_, range)),
      event_limit_(std::max(page, 1u)) {
  const uint64_t places = playlist_->places();
  if (reverse_) {
    next_ = places == 0 ? 0 : std::min(range.first, places - 1);
    return;
  }
  const uint64_t end = std::min(range.end, places);
  next_ = std::min(range.first, end);
  // They belong between frames that are not all there otherwise.
  if (!range.events || !playlist_->is_whole()) return;
  events_done_ = false;
  event_index_ = next_;
  // What came after the last frame goes with it.
  event_end_ = end == places ? places + 1 : end;
}

PlayedFrame RowCursor::take() {
  PlayedFrame frame = std::move(rows_.front());
  rows_.pop_front();
  next_ = reverse_ ? frame.place - 1 : frame.place + 1;
  return frame;
}

Status RowCursor::fill(Cancellation &cancel) {
  if (!rows_.empty()) return Status::ok();
  if (pending_.empty()) {
    CHECKPOINT_ASSIGN_OR_RETURN(pending_, places_.next(page_, cancel));
    // Rows that go meanwhile match nothing, and so would end it early.
    if (pending_.empty()) return check_readable(cancel);
  }
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PlayedFrame> frames, playlist_->frames(pending_, cancel));
  for (PlayedFrame &frame : frames) {
    // A list may name what is nowhere; a checkpoint's own rows are all there.
    if (!frame.found && !playlist_->is_filtered()) break;
    if (frame.found) rows_read_++;
    rows_.push_back(std::move(frame));
  }
  if (rows_.empty()) {
    const Uuid &id = playlist_->checkpoint().id;
    return deleted_or(*store_, id,
                      {Code::kCorrupt, "checkpoint " + id.to_string() + ": the row of frame " +
                                           std::to_string(pending_.front()) + " is not there"},
                      cancel);
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(rows_.size()));
  return check_readable(cancel);
}

Result<std::vector<EventRow>> RowCursor::take_events(uint64_t index, Cancellation &cancel) {
  while (!events_done_ && (events_.empty() || events_.back().index <= index)) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<EventRow> page,
                                store_->read_events(playlist_->checkpoint().key, event_index_,
                                                    event_end_, event_limit_, cancel));
    CHECKPOINT_RETURN_IF_ERROR(check_readable(cancel));
    rows_read_ += page.size();
    if (page.size() < event_limit_) events_done_ = true;
    bool news = false;
    for (EventRow &event : page) {
      if (event.index == event_index_ && event.ordinal < event_ordinal_) continue;
      event_index_ = event.index;
      event_ordinal_ = event.ordinal + 1;
      news = true;
      if (!is_mark(event.type)) events_.push_back(std::move(event));
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

Status RowCursor::check_readable(Cancellation &cancel) const {
  const Status status = pin_.check(cancel);
  if (!status.is(Code::kExpired)) return status;
  return status.with_context("checkpoint " + playlist_->checkpoint().id.to_string());
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
