// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/running.h"

namespace checkpoint {

RunningCheckpoints &RunningCheckpoints::instance() {
  // Never destroyed: a thread that was left behind may need it while the process exits.
  static auto *running = new RunningCheckpoints;
  return *running;
}

void RunningCheckpoints::add(const Uuid &id) {
  std::lock_guard lock(mutex_);
  without_row_.insert(id);
}

void RunningCheckpoints::settle(const Uuid &id) {
  std::lock_guard lock(mutex_);
  auto found = without_row_.find(id);
  if (found == without_row_.end()) return;
  without_row_.erase(found);
  settled_.notify_all();
}

void RunningCheckpoints::wait(const Uuid &id, Cancellation &cancel) {
  bool cancelled = false;  // protected by mutex_
  Cancellation::Hook hook(cancel, [&] {
    std::lock_guard lock(mutex_);
    cancelled = true;
    settled_.notify_all();
  });
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return cancelled || !without_row_.contains(id); });
}

}  // namespace checkpoint
