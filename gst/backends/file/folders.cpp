// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/file/folders.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "backends/file/file_error.h"
#include "store/object_name.h"

namespace checkpoint {

namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr size_t kKept = 16;

// "/a/b" -> "/a", "/a" -> "/".
std::string parent_of(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

Status Folders::sync(int fd, const std::string &path) {
  if (ops_.fsync(fd) == 0) return Status::ok();
  // A file system that can't sync a folder keeps folders safe by itself or not at all.
  if (errno == EINVAL || errno == ENOTSUP) return Status::ok();
  return file_error(errno, "can't sync the folder", path);
}

Status Folders::make_root() {
  for (size_t end = 1; end != std::string::npos;) {
    end = root_.find('/', end + 1);
    std::string path = root_.substr(0, end);
    struct stat info;
    if (fstatat(AT_FDCWD, path.c_str(), &info, 0) == 0 && S_ISDIR(info.st_mode)) continue;
    if (ops_.mkdirat(AT_FDCWD, path.c_str(), 0700) != 0 && errno != EEXIST)
      return file_error(errno, "can't make the folder", path);
    std::string parent = parent_of(path);
    UniqueFd fd(ops_.openat(AT_FDCWD, parent.c_str(), kFolderFlags, 0));
    if (!fd) return file_error(errno, "can't open the folder", parent);
    CHECKPOINT_RETURN_IF_ERROR(sync(fd.get(), parent));
  }
  return Status::ok();
}

Status Folders::settle_root(int root_fd) {
  CHECKPOINT_RETURN_IF_ERROR(sync(root_fd, root_));
  struct stat below;
  if (fstat(root_fd, &below) != 0) return file_error(errno, "can't look at", root_);
  for (std::string path = root_; path != "/";) {
    path = parent_of(path);
    UniqueFd fd(ops_.openat(AT_FDCWD, path.c_str(), kFolderFlags, 0));
    struct stat info;
    // What is mounted here was not made by anybody a moment ago; what we may not read neither.
    if (!fd || fstat(fd.get(), &info) != 0 || info.st_dev != below.st_dev) break;
    if (ops_.fsync(fd.get()) != 0 && errno == EIO)
      return file_error(errno, "can't sync the folder", path);
  }
  settled_ = true;
  return Status::ok();
}

Result<Folders::Folder> Folders::get(int root_fd, const std::string &name) {
  struct stat info;
  if (fstat(root_fd, &info) != 0) return file_error(errno, "can't look at", root_);
  // Held while folders are made: others want the same ones, and it is rare.
  std::lock_guard lock(mutex_);
  if (info.st_dev != device_ || info.st_ino != inode_) {  // another disk was mounted there
    kept_.clear();
    settled_ = false;
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
  if (!settled_) CHECKPOINT_RETURN_IF_ERROR(settle_root(root_fd));
  auto found = std::find_if(kept_.begin(), kept_.end(),
                            [&](const auto &item) { return item.first == name; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return kept_.front().second;
  }
  CHECKPOINT_ASSIGN_OR_RETURN(Folder folder, make(root_fd, name));
  kept_.emplace_front(name, folder);
  if (kept_.size() > kKept) kept_.pop_back();
  return folder;
}

Result<Folders::Folder> Folders::make(int root_fd, const std::string &name) {
  // Somebody may remove an empty folder between our making and our opening it.
  for (int attempt = 0; attempt < 16; attempt++) {
    UniqueFd folder(ops_.openat(root_fd, ".", kFolderFlags, 0));
    if (!folder) return file_error(errno, "can't open the folder", root_);
    std::string path = root_;
    bool vanished = false;
    for (size_t at = 0; at < name.size() && !vanished;) {
      size_t end = std::min(name.find('/', at), name.size());
      std::string component = name.substr(at, end - at);
      at = end + 1;
      bool made = ops_.mkdirat(folder.get(), component.c_str(), 0700) == 0;
      if (!made && errno != EEXIST) {
        vanished = errno == ENOENT;
        if (!vanished) return file_error(errno, "can't make a folder in", path);
        break;
      }
      UniqueFd next(ops_.openat(folder.get(), component.c_str(), kFolderFlags, 0));
      if (!next) {
        vanished = errno == ENOENT;
        if (!vanished) return file_error(errno, "can't open the folder", path + "/" + component);
        break;
      }
      CHECKPOINT_RETURN_IF_ERROR(sync(folder.get(), path));
      path += "/" + component;
      folder = std::move(next);
    }
    if (!vanished) return std::make_shared<const UniqueFd>(std::move(folder));
  }
  return Status(Code::kUnavailable, "the folder " + root_ + "/" + name + " comes and goes",
                "look whether another program removes folders there")
      .set_retryable();
}

void Folders::drop(const std::string &name) {
  std::lock_guard lock(mutex_);
  kept_.remove_if([&](const auto &item) { return item.first == name; });
}

}  // namespace checkpoint
