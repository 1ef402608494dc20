// SPDX-License-Identifier: LGPL-2.1-or-later
// What checkpointsrc plays: the stores, the checkpoint and the part of it that was asked for.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint_uri.h"
#include "core/playlist.h"
#include "core/reader.h"
#include "core/stores.h"
#include "elements/s3_properties.h"
#include "elements/stream_caps.h"

namespace checkpoint {

// The properties, as they were when the element started.
struct SourceSettings {
  CheckpointUri what;
  uint64_t read_ahead = ReaderOptions().read_ahead;  // bytes
  bool skip_missing = false;
  std::string frame_store, metadata_store;  // URIs
  S3Properties s3;
};

// Immutable but for the reader, which belongs to the streaming thread; the rest may be used by any
// thread.
class SourceConnection {
 public:
  // Waits for stores. `on_warning`: see ReaderOptions.
  static Result<std::shared_ptr<SourceConnection>> open(
      const SourceSettings &settings, std::function<void(const Status &)> on_warning,
      Cancellation &cancel);

  const CheckpointRow &row() const { return playlist_->checkpoint(); }
  CheckpointReader &reader() { return *reader_; }
  // By their numbers, of the layers of the playlist. Null: there are none with that number.
  std::shared_ptr<const StreamCaps> caps(unsigned layer, uint32_t number) const;
  // All of them, those of the checkpoint first.
  const std::vector<std::vector<std::shared_ptr<const StreamCaps>>> &all_caps() const {
    return caps_;
  }

  bool is_filtered() const { return playlist_->is_filtered(); }
  // Places count frames: indexes of the checkpoint, or of its filtered list.
  uint64_t places() const { return playlist_->places(); }
  // The frames to play, of what is selected the first to behind the last: places [first, end).
  uint64_t first() const { return first_; }
  uint64_t end() const { return end_; }
  // Every frame of the checkpoint, from first to end?
  bool whole() const { return playlist_->is_whole() && first_ == 0 && end_ == places(); }
  // Stream times of the first frame to play and of the end of the last; kNone where not known.
  uint64_t first_time() const { return first_time_; }
  uint64_t end_time() const { return end_time_; }

  // nullopt: there is none at that place.
  Result<std::optional<FrameRow>> frame(uint64_t place, Cancellation &cancel) const;
  // The place of the frame that is shown at this stream time; nullopt: none is so early.
  Result<std::optional<uint64_t>> place_at(uint64_t time, Cancellation &cancel) const;
  // The first frame to play from a place on, upwards or, when `down`, downwards; nullopt: there is
  // none.
  Result<std::optional<uint64_t>> played_from(uint64_t place, bool down,
                                              Cancellation &cancel) const;
  // The stream time at which the frame at a place begins, or the last one ends; nullopt: it has
  // none.
  Result<std::optional<uint64_t>> time_of(uint64_t place, Cancellation &cancel) const;

 private:
  SourceConnection() = default;
  Status read_caps(unsigned layer, Cancellation &cancel);
  Status find_range(const CheckpointUri &what, Cancellation &cancel);

  std::shared_ptr<Stores> stores_;
  std::shared_ptr<const Playlist> playlist_;
  std::unique_ptr<CheckpointReader> reader_;
  std::vector<std::vector<std::shared_ptr<const StreamCaps>>> caps_;  // by layer
  uint64_t first_ = 0, end_ = 0;
  uint64_t first_time_ = kNone, end_time_ = kNone;
};

}  // namespace checkpoint
