// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frames are played, and in which order: those of a checkpoint, or of its
// filtered_frame_sequences; all of them, or the selected ones.
//
// A frame that may be played has a place: its index or, in a filtered list, its position there.
// What is selected depends on neither the range that is played nor the direction.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/metadata_store.h"

namespace checkpoint {

struct PlayedFrame {
  uint64_t place = 0;
  unsigned layer = 0;  // whose it is, see Playlist::layers()
  bool found = true;   // false: there is no such row; a filtered one's sequence is known
  FrameRow row;
};

struct PlaylistOptions {
  std::optional<Condition> select;  // nullopt: all
  uint64_t before = 0, after = 0;   // places around each match that are selected too
  bool filtered = false;
};

// Immutable but for what it remembers; any thread.
class Playlist {
 public:
  // Waits for the store only where `filtered` finds a list.
  static Result<std::shared_ptr<const Playlist>> open(std::shared_ptr<MetadataStore> store,
                                                      CheckpointRow checkpoint,
                                                      PlaylistOptions options,
                                                      Cancellation &cancel);

  // All frames of the checkpoint.
  static std::shared_ptr<const Playlist> all_of(std::shared_ptr<MetadataStore> store,
                                                CheckpointRow checkpoint);

  const CheckpointRow &checkpoint() const { return layers_.front(); }
  // The checkpoint, and where frames may come from them, those that it was run from.
  const std::vector<CheckpointRow> &layers() const { return layers_; }
  // Every frame of the checkpoint in its order?
  bool is_whole() const { return !list_ && !options_.select; }
  bool is_filtered() const { return list_ != nullptr; }
  uint64_t places() const { return list_ ? list_->size() : checkpoint().frames; }

  // The frames at these places, in their order.
  Result<std::vector<PlayedFrame>> frames(std::span<const uint64_t> places,
                                          Cancellation &cancel) const;
  // The place of the frame that is shown at this stream time, selected or not, as
  // MetadataStore::find_frame_at. In a filtered list, whose frames may be far apart, one that is
  // over by then makes room for the next one in time; there is none: places(). nullopt: none is so
  // early.
  Result<std::optional<uint64_t>> place_at(uint64_t time, Cancellation &cancel) const;
  // When the frames [first, end) begin and end, in stream time; kNone: they have no times. Reads
  // two rows, unless a filtered list is not in order.
  struct TimeRange {
    uint64_t begin = kNone, end = kNone;
  };
  Result<TimeRange> time_range(uint64_t first, uint64_t end, Cancellation &cancel) const;

 private:
  friend class SelectedPlaces;

  Playlist(std::shared_ptr<MetadataStore> store, PlaylistOptions options);
  Result<std::vector<PlayedFrame>> own_frames(std::span<const uint64_t> places,
                                              Cancellation &cancel) const;
  Result<std::vector<PlayedFrame>> listed_frames(std::span<const uint64_t> places,
                                                 Cancellation &cancel) const;
  // Those of [first, end) that match, ascending.
  Result<std::vector<uint64_t>> listed_matches(uint64_t first, uint64_t end,
                                               Cancellation &cancel) const;
  Status index_times(Cancellation &cancel) const;

  const std::shared_ptr<MetadataStore> store_;
  const PlaylistOptions options_;
  std::vector<CheckpointRow> layers_;
  const std::vector<uint64_t> *list_ = nullptr;  // of sequences; in the checkpoint's row

  struct Time {
    uint64_t begin = 0, place = 0, end = 0;
    auto operator<=>(const Time &) const = default;
  };
  mutable std::mutex mutex_;
  mutable std::optional<std::vector<Time>> times_;  // of a filtered list; protected by mutex_
};

// Walks over the selected places of a range, a page of matches at a time. One thread at a time.
class SelectedPlaces {
 public:
  // [first, end), from its end downwards when reverse.
  SelectedPlaces(std::shared_ptr<const Playlist> playlist, uint64_t first, uint64_t end,
                 bool reverse);

  // The next ones, `limit` at most; none: there are no more. After a failure as if it had not been
  // called.
  Result<std::vector<uint64_t>> next(unsigned limit, Cancellation &cancel);
  bool at_end() const { return next_ >= end_; }

 private:
  Status find_more(Cancellation &cancel);

  // Steps are counted in the direction of the walk: from place 0 upwards, or from the last one
  // downwards.
  uint64_t place_of(uint64_t step) const { return reverse_ ? size_ - 1 - step : step; }

  const std::shared_ptr<const Playlist> playlist_;
  const bool reverse_;
  const uint64_t size_;
  uint64_t next_ = 0, end_ = 0;
  uint64_t ahead_ = 0, behind_ = 0;  // steps that a match adds ahead of it, and behind
  std::deque<uint64_t> matches_;
  uint64_t searched_ = 0;  // matches before it are known
  unsigned page_;
};

}  // namespace checkpoint
