// SPDX-License-Identifier: LGPL-2.1-or-later
// What a checkpoint holds already, for a writer that goes on with it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/record.h"
#include "core/stores.h"

namespace checkpoint {

class EarlierFrames {
 public:
  // `first`: the first frame that is taken; `page`: rows that are read at once.
  EarlierFrames(std::shared_ptr<Stores> stores, CheckpointRow row, uint64_t first = 0,
                unsigned page = 128);

  // Reads what there is besides frames. Before anything else.
  Status open(Cancellation &cancel);
  const CheckpointRow &row() const { return row_; }
  bool complete() const { return row_.state == CheckpointState::kComplete; }
  const std::vector<CapsRow> &caps() const { return caps_; }
  // Events that belong behind the last frame, before the next one.
  uint32_t last_events() const { return last_events_; }
  // Of earlier runs, behind the last frame, in their order.
  const std::vector<std::string> &marks() const { return marks_; }
  // The frames that were left out of what was passed on, by index.
  Result<std::set<uint64_t>> left_out(Cancellation &cancel) const;

  // The record of frame `index`, from the frame store. Each index once, and about in their order:
  // only what was read and not taken is kept. Any thread; after a failure as if it had not been
  // called.
  Result<FrameRecord> take(uint64_t index, Cancellation &cancel);

 private:
  Status read_page(Cancellation &cancel);
  // Records that lie side by side in one pack.
  Status read_records(std::span<const FrameRow> rows, const PackRow &pack,
                      std::map<uint64_t, FrameRecord> &records, Cancellation &cancel);

  const std::shared_ptr<Stores> stores_;
  const CheckpointRow row_;
  const unsigned page_;
  std::vector<CapsRow> caps_;
  uint32_t last_events_ = 0;
  std::vector<std::string> marks_;

  std::mutex mutex_;                         // held while a page is read
  uint64_t next_;                            // of the next page; protected by mutex_
  std::map<uint64_t, FrameRecord> records_;  // protected by mutex_
};

}  // namespace checkpoint
