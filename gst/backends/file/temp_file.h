// SPDX-License-Identifier: LGPL-2.1-or-later
// Files that are being written and have no name in the store yet.
#pragma once

#include <string>

#include "backends/file/file_ops.h"
#include "backends/file/unique_fd.h"
#include "common/status.h"

namespace checkpoint {

// A new, empty file in the store's folder for such files. It is gone with this object, unless
// published().
class TempFile {
 public:
  // `folder` stays open while this object lives; `folder_path` is for messages.
  static Result<TempFile> create(FileOps &ops, int folder, const std::string &folder_path);
  ~TempFile();
  TempFile(TempFile &&other) noexcept;
  TempFile &operator=(TempFile &&other) noexcept;

  int fd() const { return fd_.get(); }
  const std::string &name() const { return name_; }
  // It has another name now, and this one is gone.
  void published() { folder_ = -1; }

 private:
  TempFile(FileOps &ops, int folder, std::string name, UniqueFd fd)
      : ops_(&ops), folder_(folder), name_(std::move(name)), fd_(std::move(fd)) {}
  FileOps *ops_;
  int folder_;
  std::string name_;
  UniqueFd fd_;
};

// Removes what writers left behind that are no more: those of this boot and pid namespace of whom
// it is certain, others' files when nobody wrote to them for a day. Returns how many.
unsigned remove_stale_temp_files(FileOps &ops, int folder);

}  // namespace checkpoint
