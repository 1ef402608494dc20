// SPDX-License-Identifier: LGPL-2.1-or-later
// A folder that goes away with the test.
#pragma once

#include <string>

namespace checkpoint {

class TempDir {
 public:
  // kMemory: where files cost no disk, if the system has such a place; for small things that are
  // made again and again.
  enum class On { kDisk, kMemory };
  explicit TempDir(On on = On::kDisk);
  // Removes all that is in it, whatever its mode; does not follow links.
  ~TempDir();
  TempDir(const TempDir &) = delete;
  TempDir &operator=(const TempDir &) = delete;

  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace checkpoint
