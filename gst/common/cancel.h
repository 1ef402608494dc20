// SPDX-License-Identifier: LGPL-2.1-or-later
// A way to end a wait from another thread, and to hear why it takes so long.
//
// Every call that may wait takes a Cancellation&. cancel() makes the waits that hold it return
// Code::kCancelled, at once for our own condition variables and through a hook for waits that sit
// inside a library (sqlite3_interrupt, curl_multi_wakeup). A call that makes an attempt again by
// itself says so with retried(); whoever made the Cancellation counts it or warns.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "common/status.h"

namespace checkpoint {

class Cancellation {
 public:
  // Gets what retried() gets, on the thread that calls it; several at once.
  using RetryListener = std::function<void(const Status &)>;

  explicit Cancellation(RetryListener on_retry = {}) : on_retry_(std::move(on_retry)) {}
  Cancellation(const Cancellation &) = delete;
  Cancellation &operator=(const Cancellation &) = delete;

  // Any thread. Runs the hooks on the calling thread; may be called again.
  void cancel();
  bool cancelled() const;
  // kCancelled when cancelled, else ok.
  Status check() const;
  // Sleeps that long, or until cancel(). False when cancelled.
  bool sleep_for(std::chrono::milliseconds duration);
  // An attempt failed with `why` and is made again. Called with no lock held that the listener
  // could need: none of a store's.
  void retried(const Status &why) const {
    if (on_retry_) on_retry_(why);
  }

  // A hook that cancel() runs, for the lifetime of this object. A hook must not block or touch the
  // Cancellation.
  class Hook {
   public:
    Hook(Cancellation &cancellation, std::function<void()> on_cancel);
    ~Hook();
    Hook(const Hook &) = delete;
    Hook &operator=(const Hook &) = delete;

   private:
    Cancellation &cancellation_;
    uint64_t id_;
  };

 private:
  const RetryListener on_retry_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;                           // protected by mutex_
  uint64_t next_id_ = 0;                             // protected by mutex_
  std::map<uint64_t, std::function<void()>> hooks_;  // protected by mutex_
};

}  // namespace checkpoint
