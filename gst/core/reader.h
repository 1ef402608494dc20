// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads a checkpoint back, ahead of the one who asks, within a bound of bytes.
//
// Way of a frame: page of rows -> plan of ranged gets -> workers get, verify, decode -> next() in
// order. Nothing looks back, and memory does not grow with the checkpoint.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/chunk.h"
#include "core/playlist.h"
#include "core/record.h"
#include "core/stores.h"

namespace checkpoint {

struct ReaderOptions {
  uint64_t read_ahead = 32 << 20;  // bytes of decoded payloads held ready; one frame always fits
  unsigned workers = 2;
  unsigned page = 64;                            // rows asked for at once
  uint64_t max_frame_bytes = uint64_t{1} << 30;  // a payload that claims more is corrupt
  // The checkpoints are held against a collector while the reader is open; so long after it died.
  std::chrono::milliseconds pin{60'000};
  // Gets why they can't be held (a role that may only read, a standby), once, on a thread of the
  // reader. What was deleted meanwhile is kExpired also then.
  std::function<void(const Status &)> on_warning;
};

// A frame as it comes back.
struct ReplayFrame : PlayedFrame {
  std::shared_ptr<Chunk> chunk;  // holds the payload; frames that lie side by side may share one
  size_t offset = 0;             // of the payload in the chunk; aligned to 64 bytes
  size_t size = 0;               // bytes, as row.payload.raw_length; 0: a frame without bytes
  std::vector<MetaBlob> metas;
};

struct ReplayEvent {
  EventRow row;
};

struct ReplayEnd {};

using ReplayItem = std::variant<ReplayFrame, ReplayEvent, ReplayEnd>;

// In places of the playlist, which are indexes where all of a checkpoint is played.
struct ReplayRange {
  uint64_t first = 0;    // the frame to begin with, inclusive
  uint64_t end = kNone;  // forwards: exclusive upper bound; kNone: to the end
  bool reverse = false;  // from `first` down to 0 (`end` is then the lowest place, inclusive;
                         // kNone: 0); without events
  bool events = true;    // only where all of a checkpoint is played
};

class CheckpointReader {
 public:
  // Does not wait; the row says how many frames there are.
  CheckpointReader(std::shared_ptr<Stores> stores, CheckpointRow checkpoint,
                   const ReaderOptions &options);
  CheckpointReader(std::shared_ptr<Stores> stores, std::shared_ptr<const Playlist> playlist,
                   const ReaderOptions &options);
  // Cancels what is under way and joins the workers.
  ~CheckpointReader();
  CheckpointReader(const CheckpointReader &) = delete;
  CheckpointReader &operator=(const CheckpointReader &) = delete;

  const CheckpointRow &checkpoint() const;
  // Of a layer of the playlist. Read once, then kept: they are few.
  Result<std::vector<CapsRow>> caps(Cancellation &cancel, unsigned layer = 0);

  // Drops what was read ahead and goes on there. Does not wait; one thread at a time with next().
  void seek(const ReplayRange &range);
  // The next item, in order; waits for it, interruptibly. Events come before the frame of their
  // index. After an error every call returns that error, until the next seek() (so that a caller
  // may skip the frame: see failed()). kCorrupt names checkpoint, sequence, pack and offset;
  // kExpired: it was deleted meanwhile, and not held against that.
  // kMissing and kUnavailable are told apart. What a store tried again while it was read ahead is
  // told to `cancel`, here.
  Result<ReplayItem> next(Cancellation &cancel);
  // The frame that the error is about; nullopt: it is about none.
  std::optional<PlayedFrame> failed() const;

  struct Stats {
    uint64_t rows = 0, gets = 0, bytes = 0;  // read from the stores so far
  };
  Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace checkpoint
