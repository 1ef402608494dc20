// SPDX-License-Identifier: LGPL-2.1-or-later
// A gate that a test puts in a store's way: whoever comes to it waits until the test opens it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "common/cancel.h"
#include "common/status.h"

namespace checkpoint {

class Gate {
 public:
  // Waits until open(); kCancelled when cancelled first.
  Status pass(Cancellation &cancel) {
    bool cancelled = false;  // protected by mutex_
    Cancellation::Hook hook(cancel, [&] {
      std::lock_guard lock(mutex_);
      cancelled = true;
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    arrived_++;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_ || cancelled; });
    return open_ ? Status::ok() : Status(Code::kCancelled, "cancelled");
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // For the ones who come from now on.
  void close() {
    std::lock_guard lock(mutex_);
    open_ = false;
  }
  // Waits until that many have come to the gate, open or not.
  void wait_for_arrivals(uint64_t n = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;     // protected by mutex_
  uint64_t arrived_ = 0;  // protected by mutex_
};

}  // namespace checkpoint
