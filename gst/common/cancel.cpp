// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/cancel.h"

namespace checkpoint {

void Cancellation::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  // Under the lock, so that a hook that was destroyed is never run.
  for (auto &[id, hook] : hooks_) hook();
  changed_.notify_all();
}

bool Cancellation::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

Status Cancellation::check() const {
  return cancelled() ? Status(Code::kCancelled, "cancelled") : Status::ok();
}

bool Cancellation::sleep_for(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, duration, [this] { return cancelled_; });
}

Cancellation::Hook::Hook(Cancellation &cancellation, std::function<void()> on_cancel)
    : cancellation_(cancellation) {
  std::lock_guard lock(cancellation_.mutex_);
  id_ = cancellation_.next_id_++;
  if (cancellation_.cancelled_) on_cancel();
  cancellation_.hooks_.emplace(id_, std::move(on_cancel));
}

Cancellation::Hook::~Hook() {
  std::lock_guard lock(cancellation_.mutex_);
  cancellation_.hooks_.erase(id_);
}

}  // namespace checkpoint
