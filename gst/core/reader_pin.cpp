// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/reader_pin.h"

#include <string>
#include <system_error>
#include <utility>

#include "common/log.h"
#include "common/thread_name.h"

namespace checkpoint {

namespace {

// A reader that is closed does not wait longer for a store that is slow.
constexpr std::chrono::milliseconds kPatienceAtTheEnd{250};

}  // namespace

ReaderPin::ReaderPin(std::shared_ptr<MetadataStore> store, std::vector<CheckpointKey> checkpoints,
                     std::chrono::milliseconds ttl, WarningListener on_warning)
    : store_(std::move(store)),
      checkpoints_(std::move(checkpoints)),
      ttl_(ttl),
      on_warning_(std::move(on_warning)) {}

ReaderPin::~ReaderPin() {
  {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) return;
    ending_ = true;
    changed_.notify_all();
    if (settled_) changed_.wait_for(lock, kPatienceAtTheEnd, [&] { return ended_; });
  }
  cancel_.cancel();
  thread_.join();
}

Status ReaderPin::hold(Cancellation &cancel) {
  bool interrupted = false;  // protected by mutex_
  Cancellation::Hook hook(cancel, [&] {
    std::lock_guard lock(mutex_);
    interrupted = true;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  if (!settled_ && !thread_.joinable()) {
    try {
      thread_ = std::thread([this] {
        name_thread("ckpt:pin");
        run();
      });
    } catch (const std::system_error &error) {
      log(LogLevel::kWarning, "reader", std::string("no pin: no thread: ") + error.what());
      settled_ = true;
    }
  }
  changed_.wait(lock, [&] { return interrupted || settled_; });
  return interrupted ? Status(Code::kCancelled, "cancelled") : Status::ok();
}

Status ReaderPin::check(Cancellation &cancel) const {
  Uuid id;
  {
    std::lock_guard lock(mutex_);
    id = id_;
  }
  return store_->check_readable(checkpoints_, id, cancel);
}

// A pin that ended can't be had back, but another one can while nothing is deleted.
Status ReaderPin::take() {
  const Uuid id = Uuid::random();
  const Status status = store_->pin_for_reading(id, checkpoints_, ttl_, cancel_);
  std::lock_guard lock(mutex_);
  id_ = status.is_ok() ? id : Uuid();
  return status;
}

void ReaderPin::run() {
  const Status taken = take();
  // What was deleted before it is told by whoever reads.
  if (!taken.is_ok() && !taken.is(Code::kExpired) && !taken.is(Code::kCancelled)) {
    log(LogLevel::kWarning, "reader", "no pin: " + taken.to_string());
    if (on_warning_)
      on_warning_({taken.code(),
                   "what is read is not held against a deletion meanwhile: " + taken.message(),
                   taken.hint()});
  }
  std::unique_lock lock(mutex_);
  settled_ = true;
  changed_.notify_all();
  const auto interval = ttl_ / 3;
  auto wait = interval;
  bool held = taken.is_ok();
  while (held && !changed_.wait_for(lock, wait, [&] { return ending_; })) {
    const Uuid id = id_;
    lock.unlock();
    Status renewed = store_->renew_reader_pin(id, ttl_, cancel_);
    if (renewed.is(Code::kExpired)) {
      renewed = take();
      held = renewed.is_ok();
    }
    lock.lock();
    wait = renewed.is_ok() ? interval : interval / 10;
  }
  changed_.wait(lock, [&] { return ending_; });
  const Uuid id = id_;
  lock.unlock();
  if (id != Uuid()) {
    const Status released = store_->release_reader_pin(id, cancel_);
    if (!released.is_ok())
      log(LogLevel::kInfo, "reader", "the pin will run out by itself: " + released.to_string());
  }
  lock.lock();
  ended_ = true;
  changed_.notify_all();
}

}  // namespace checkpoint
