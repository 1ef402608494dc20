// SPDX-License-Identifier: LGPL-2.1-or-later
// The folders of a file store, made and known to be on the disk.
//
// A file that was synced is lost all the same when the entry of a folder above it was not. Somebody
// else may have made that folder a moment ago, in this process or in another, and not be done with
// syncing it. So each store syncs the whole way to a folder once, whoever made it, and keeps the
// folder open: a folder that was removed and made again is another one, and to publish into the
// removed one fails.
#pragma once

#include <sys/stat.h>

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "backends/file/file_ops.h"
#include "backends/file/unique_fd.h"
#include "common/status.h"

namespace checkpoint {

// Any thread.
class Folders {
 public:
  using Folder = std::shared_ptr<const UniqueFd>;

  Folders(FileOps &ops, std::string root) : ops_(ops), root_(std::move(root)) {}

  // Makes the root and what is missing above it; all of it is on the disk after that.
  Status make_root();
  // The folder of that name below the root ("": the root itself), which `root_fd` is; made where it
  // is missing.
  Result<Folder> get(int root_fd, const std::string &name);
  // It turned out not to be there any more.
  void drop(const std::string &name);

 private:
  // Syncs the entries above and of the root, once.
  Status settle_root(int root_fd);
  Status sync(int fd, const std::string &path);
  Result<Folder> make(int root_fd, const std::string &name);

  FileOps &ops_;
  const std::string root_;
  std::mutex mutex_;                                // protects all below
  dev_t device_ = 0;                                // which root the rest is about
  ino_t inode_ = 0;                                 //
  bool settled_ = false;                            //
  std::list<std::pair<std::string, Folder>> kept_;  // last used first
};

}  // namespace checkpoint
