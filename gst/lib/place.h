// SPDX-License-Identifier: LGPL-2.1-or-later
// The pair of stores that a GstCheckpointStore stands for. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/stores.h"

namespace checkpoint {

class StorePlace {
 public:
  // URIs; '' stands for the default place.
  StorePlace(std::string frames, std::string metadata)
      : frames_(std::move(frames)), metadata_(std::move(metadata)) {}

  // They may hold secrets.
  const std::string &frames() const { return frames_; }
  const std::string &metadata() const { return metadata_; }

  // Opened once, then kept; a pair that was only read is opened again to write.
  Result<std::shared_ptr<Stores>> open(Stores::Access access, Cancellation &cancel) {
    {
      std::lock_guard lock(mutex_);
      if (pair_ && (access == Stores::Access::kRead || pair_->frame_store != 0)) return pair_;
    }
    CHECKPOINT_ASSIGN_OR_RETURN(auto pair, Stores::open(frames_, metadata_, access, cancel));
    std::lock_guard lock(mutex_);
    pair_ = pair;
    return pair;
  }

 private:
  const std::string frames_, metadata_;
  std::mutex mutex_;
  std::shared_ptr<Stores> pair_;  // protected by mutex_
};

}  // namespace checkpoint
