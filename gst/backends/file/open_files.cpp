// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/file/open_files.h"

namespace checkpoint {

OpenFiles::File OpenFiles::find(const std::string &name, uint64_t *ticket) {
  std::lock_guard lock(mutex_);
  *ticket = drops_;
  auto found = at_.find(name);
  if (found == at_.end()) return nullptr;
  items_.splice(items_.begin(), items_, found->second);
  return items_.front().second;
}

void OpenFiles::keep(const std::string &name, File file, uint64_t ticket) {
  File closed_without_lock;
  std::lock_guard lock(mutex_);
  if (ticket != drops_ || at_.count(name) != 0) return;
  items_.emplace_front(name, std::move(file));
  at_[name] = items_.begin();
  if (items_.size() <= limit_) return;
  closed_without_lock = std::move(items_.back().second);
  at_.erase(items_.back().first);
  items_.pop_back();
}

void OpenFiles::drop(const std::string &name) {
  std::lock_guard lock(mutex_);
  drops_++;
  auto found = at_.find(name);
  if (found == at_.end()) return;
  items_.erase(found->second);
  at_.erase(found);
}

void OpenFiles::drop_all() {
  std::lock_guard lock(mutex_);
  drops_++;
  at_.clear();
  items_.clear();
}

}  // namespace checkpoint
