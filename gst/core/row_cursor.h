// SPDX-License-Identifier: LGPL-2.1-or-later
// Walks over the frame rows of a playlist, and over the events between them, a page at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/playlist.h"
#include "core/reader.h"
#include "core/reader_pin.h"
#include "store/metadata_store.h"

namespace checkpoint {

// One thread at a time.
class RowCursor {
 public:
  // `pin` outlives it.
  RowCursor(std::shared_ptr<MetadataStore> store, std::shared_ptr<const Playlist> playlist,
            const ReaderPin &pin, const ReplayRange &range, unsigned page);

  // Is the range used up? (Its trailing events may still be there.) Known after fill() at the
  // latest.
  bool at_end() const { return rows_.empty() && pending_.empty() && places_.at_end(); }
  bool has_front() const { return !rows_.empty(); }
  const PlayedFrame &front() const { return rows_.front(); }
  PlayedFrame take();
  // The place of the next frame; behind the last one, where its trailing events are.
  uint64_t next_place() const { return rows_.empty() ? next_ : rows_.front().place; }

  // Reads the next page unless a row is there already, or the range is used up. kExpired: the
  // checkpoint was deleted meanwhile; kCorrupt: rows that should be there are not.
  Status fill(Cancellation &cancel);
  // The events that belong before frame `index` and were not taken yet.
  Result<std::vector<EventRow>> take_events(uint64_t index, Cancellation &cancel);

  // Rows read so far.
  uint64_t rows_read() const { return rows_read_; }

 private:
  // kExpired: what was read just now may be without rows that were deleted meanwhile.
  Status check_readable(Cancellation &cancel) const;

  const std::shared_ptr<MetadataStore> store_;
  const std::shared_ptr<const Playlist> playlist_;
  const ReaderPin &pin_;
  const bool reverse_;
  const unsigned page_;

  SelectedPlaces places_;
  std::vector<uint64_t> pending_;  // places whose rows are not read yet
  std::deque<PlayedFrame> rows_;
  uint64_t next_ = 0;  // behind the last row taken

  std::deque<EventRow> events_;
  uint64_t event_index_ = 0;  // where the next page of events begins
  uint32_t event_ordinal_ = 0;
  uint64_t event_end_ = 0;
  unsigned event_limit_;
  bool events_done_ = true;

  uint64_t rows_read_ = 0;
};

// kExpired when the checkpoint with this id was deleted, else `status`.
Status deleted_or(MetadataStore &store, const Uuid &checkpoint, const Status &status,
                  Cancellation &cancel);

}  // namespace checkpoint
