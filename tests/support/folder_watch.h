// SPDX-License-Identifier: LGPL-2.1-or-later
// What happens in a folder while another process works there.
#pragma once

#include <map>
#include <string>

namespace checkpoint {

class FolderWatch {
 public:
  explicit FolderWatch(const std::string &folder);
  ~FolderWatch();
  FolderWatch(const FolderWatch &) = delete;
  FolderWatch &operator=(const FolderWatch &) = delete;

  // Returns after `count` events: files and folders made, written, closed, renamed, removed,
  // anywhere below. false: `other`, the end of a pipe, was hung up before.
  bool wait_for_events(unsigned count, int other);

 private:
  void add(const std::string &folder);

  int fd_;
  std::map<int, std::string> folders_;  // by watch
};

}  // namespace checkpoint
