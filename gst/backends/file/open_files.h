// SPDX-License-Identifier: LGPL-2.1-or-later
// Files that were read a moment ago and stay open, since a pack is read in many pieces.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "backends/file/unique_fd.h"

namespace checkpoint {

// Any thread.
class OpenFiles {
 public:
  using File = std::shared_ptr<const UniqueFd>;

  explicit OpenFiles(size_t limit) : limit_(limit) {}

  // nullptr: not open. `ticket` is for keep().
  File find(const std::string &name, uint64_t *ticket);
  // Keeps a file that was opened after the find() that gave the ticket; not when any was dropped in
  // between, for it may have been that one.
  void keep(const std::string &name, File file, uint64_t ticket);
  void drop(const std::string &name);
  void drop_all();

 private:
  using Item = std::pair<std::string, File>;
  const size_t limit_;
  std::mutex mutex_;
  std::list<Item> items_;                                // protected by mutex_; last used first
  std::map<std::string, std::list<Item>::iterator> at_;  // protected by mutex_
  uint64_t drops_ = 0;                                   // protected by mutex_
};

}  // namespace checkpoint
