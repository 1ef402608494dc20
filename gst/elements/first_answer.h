// SPDX-License-Identifier: LGPL-2.1-or-later
// Stores are opened on a thread of ours, so that no state change waits for a network. What is wrong
// with them is often known within milliseconds though, and then the state change itself should
// fail: gst-launch-1.0 (1.20 to 1.26 at least) waits forever when an error is posted after its
// state change and before its main loop. docs/decisions/0008 tells more.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace checkpoint {

// As long as a state change waits for the stores at most.
inline constexpr std::chrono::milliseconds kFirstAnswerPatience{200};

// Given by the thread that opens the stores, when it knows. Only the first one counts.
class FirstAnswer {
 public:
  void give(bool good) {
    std::lock_guard lock(mutex_);
    if (!good_) good_ = good;
    given_.notify_all();
  }
  // True also for an answer that is not there yet.
  bool wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    given_.wait_for(lock, patience, [this] { return good_.has_value(); });
    return good_.value_or(true);
  }
  void wait_for_ever() {
    std::unique_lock lock(mutex_);
    given_.wait(lock, [this] { return good_.has_value(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<bool> good_;  // protected by mutex_
};

}  // namespace checkpoint
