// SPDX-License-Identifier: LGPL-2.1-or-later
// Holds a reader's checkpoints, so that their rows and packs stay where they are deleted meanwhile.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/metadata_store.h"

namespace checkpoint {

// A lease by the database's clock, renewed by a thread of its own, which makes every call: whoever
// waits for the pin can be interrupted. Any thread.
//
// It is a help and never a reason to fail: where it can't be had, or is lost, reading goes on
// without, and MetadataStore::check_readable() says whether rows were deleted meanwhile.
class ReaderPin {
 public:
  // Gets why there is no pin, once, on the pin's thread.
  using WarningListener = std::function<void(const Status &)>;

  ReaderPin(std::shared_ptr<MetadataStore> store, std::vector<CheckpointKey> checkpoints,
            std::chrono::milliseconds ttl, WarningListener on_warning);
  // Gives it back; where the store does not answer soon, it runs out by itself.
  ~ReaderPin();
  ReaderPin(const ReaderPin &) = delete;
  ReaderPin &operator=(const ReaderPin &) = delete;

  // Takes it the first time, and waits for that. kCancelled; else ok, also without a pin.
  Status hold(Cancellation &cancel);
  // Ok when all that was read from the checkpoints so far was there; kExpired.
  Status check(Cancellation &cancel) const;

 private:
  void run();
  Status take();

  const std::shared_ptr<MetadataStore> store_;
  const std::vector<CheckpointKey> checkpoints_;
  const std::chrono::milliseconds ttl_;
  const WarningListener on_warning_;

  Cancellation cancel_;       // of all calls but check()'s
  mutable std::mutex mutex_;  // not held while the store is called
  std::condition_variable changed_;
  Uuid id_;               // nil: there is none; protected by mutex_
  bool settled_ = false;  // it was taken, or could not be; protected by mutex_
  bool ending_ = false;   // protected by mutex_
  bool ended_ = false;    // the thread is done; protected by mutex_
  std::thread thread_;    // begun and joined by hold() and the destructor; protected by mutex_
};

}  // namespace checkpoint
