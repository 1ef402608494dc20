// SPDX-License-Identifier: LGPL-2.1-or-later
// How an object gets into the folder: written under a name that nobody looks for, synced, given its
// own name, that name synced.
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "backends/file/file_error.h"
#include "backends/file/file_store_impl.h"
#include "store/object_name.h"

namespace checkpoint {

namespace {

constexpr size_t kPartsAtOnce = 1024;  // IOV_MAX
// Between looks at the Cancellation.
constexpr size_t kWriteStep = 8 << 20;

Status taken(const struct stat &by, const std::string &path) {
  if (S_ISDIR(by.st_mode)) return {Code::kInvalidArgument, path + " is a folder"};
  return {Code::kAlreadyExists, path + " is already there"};
}

bool no_such_call(int error) {
  return error == EINVAL || error == ENOSYS || error == ENOTSUP || error == EPERM;
}

}  // namespace

Status FileFrameStore::write_marker(const StoreMarker &marker, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_RETURN_IF_ERROR(folders_.make_root());
  CHECKPOINT_ASSIGN_OR_RETURN(UniqueFd root, open_root());
  std::string json = marker_to_json(marker);
  std::array<ByteView, 1> parts{as_bytes(json)};
  return store(root.get(), std::string(kMarkerName), parts, cancel);
}

Status FileFrameStore::put(const std::string &name, std::span<const ByteView> parts,
                           const std::optional<std::array<uint8_t, 32>> &, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_ASSIGN_OR_RETURN(UniqueFd root, open_root());
  CHECKPOINT_RETURN_IF_ERROR(check_store(root.get()));
  return store(root.get(), name, parts, cancel);
}

Status FileFrameStore::store(int root_fd, const std::string &name, std::span<const ByteView> parts,
                             Cancellation &cancel) {
  struct stat info;
  if (fstatat(root_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
    return taken(info, path_of(name));
  std::string temp_name = std::string(kReservedPrefix) + "tmp";
  CHECKPOINT_ASSIGN_OR_RETURN(Folders::Folder temp, folders_.get(root_fd, temp_name));
  auto file = TempFile::create(ops_, temp->get(), path_of(temp_name));
  if (!file.is_ok() && fstat(temp->get(), &info) == 0 && info.st_nlink == 0) {
    folders_.drop(temp_name);  // somebody tidied up
    CHECKPOINT_ASSIGN_OR_RETURN(temp, folders_.get(root_fd, temp_name));
    file = TempFile::create(ops_, temp->get(), path_of(temp_name));
  }
  if (!file.is_ok()) return file.status();
  CHECKPOINT_RETURN_IF_ERROR(write_all(file->fd(), parts, cancel));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  // After a sync that failed nobody knows which pages are on the disk, and a second one would say
  // that all are: the file is thrown away.
  if (ops_.fsync(file->fd()) != 0) return file_error(errno, "can't sync", path_of(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  return publish(root_fd, *file, temp->get(), name);
}

Status FileFrameStore::write_all(int fd, std::span<const ByteView> parts, Cancellation &cancel) {
  uint64_t size = 0;
  for (ByteView part : parts) size += part.size();
  if (options_.preallocate && size > 0 && ops_.fallocate(fd, static_cast<off_t>(size)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    return file_error(errno, "can't get " + std::to_string(size) + " bytes in", root_);
  std::array<iovec, kPartsAtOnce> batch;
  size_t part = 0, part_at = 0;  // where we are
  uint64_t written = 0, started = 0;
  while (written < size) {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    size_t count = 0, bytes = 0;
    for (size_t p = part, at = part_at;
         p < parts.size() && count < batch.size() && bytes < kWriteStep; p++, at = 0) {
      size_t length = std::min(parts[p].size() - at, kWriteStep - bytes);
      if (length == 0) continue;
      // The kernel only reads it.
      batch[count++] = {const_cast<std::byte *>(parts[p].data()) + at, length};
      bytes += length;
    }
    ssize_t n =
        ops_.pwritev(fd, batch.data(), static_cast<int>(count), static_cast<off_t>(written));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return file_error(n < 0 ? errno : EIO, "can't write " + std::to_string(size) + " bytes in",
                        root_);
    written += static_cast<uint64_t>(n);
    for (size_t left = static_cast<size_t>(n); left > 0;) {
      size_t step = std::min(left, parts[part].size() - part_at);
      part_at += step;
      left -= step;
      if (part_at == parts[part].size()) {
        part++;
        part_at = 0;
      }
    }
    if (options_.writeback > 0 && written < size && written - started >= options_.writeback) {
      // Only a hint: what it can't do the sync does.
      ops_.start_writeback(fd, static_cast<off_t>(started), static_cast<off_t>(written - started));
      started = written;
    }
  }
  return Status::ok();
}

Status FileFrameStore::publish(int root_fd, TempFile &file, int temp_folder,
                               const std::string &name) {
  const size_t slash = name.rfind('/');
  const std::string folder_name = slash == std::string::npos ? "" : name.substr(0, slash);
  const std::string base = slash == std::string::npos ? name : name.substr(slash + 1);
  const std::string path = path_of(name);
  struct stat mine, there;
  if (fstat(file.fd(), &mine) != 0) return file_error(errno, "can't look at the file for", path);
  auto is_mine = [&](const struct stat &info) {
    return info.st_dev == mine.st_dev && info.st_ino == mine.st_ino;
  };
  // A collector may remove the empty folder just now.
  for (int attempt = 0; attempt < 16; attempt++) {
    CHECKPOINT_ASSIGN_OR_RETURN(Folders::Folder folder, folders_.get(root_fd, folder_name));
    bool unlinked = false;
    int error = give_name(root_fd, file, temp_folder, folder->get(), base.c_str(), &unlinked);
    // A network file system may have done it and lost the answer, and fail the repeated call.
    if (error != 0 && fstatat(folder->get(), base.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_mine(there)) {
      error = 0;
      unlinked = false;
    }
    if (error == EEXIST) {
      if (fstatat(folder->get(), base.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) there = mine;
      return taken(there, path);
    }
    struct stat folder_info;
    if (error == ENOENT && fstat(folder->get(), &folder_info) == 0 && folder_info.st_nlink == 0) {
      folders_.drop(folder_name);
      continue;
    }
    if (error != 0) return file_error(error, "can't publish", path);
    if (unlinked) file.published();
    int synced = ops_.fsync(folder->get()) == 0 ? 0 : errno;
    if (synced == EINVAL || synced == ENOTSUP) synced = 0;  // see Folders::sync
    bool visible = fstatat(root_fd, name.c_str(), &there, 0) == 0 && is_mine(there);
    if (synced == 0 && visible) return Status::ok();
    ops_.unlinkat(folder->get(), base.c_str(), 0);  // nobody was told of it
    folders_.drop(folder_name);
    if (synced != 0) return file_error(synced, "can't sync the folder of", path);
    break;
  }
  return Status(Code::kUnavailable, "the folder of " + path + " was moved away meanwhile",
                "look whether another program works in the frame store")
      .set_retryable();
}

int FileFrameStore::give_name(int root_fd, TempFile &file, int temp_folder, int folder,
                              const char *base, bool *unlinked) {
  const char *temp = file.name().c_str();
  // An answer like EPERM may also be about this one folder, so only what worked is remembered.
  switch (publish_.load()) {
    case Publish::kRename:
      if (ops_.renameat2(temp_folder, temp, folder, base, RENAME_NOREPLACE) == 0) {
        *unlinked = true;
        return 0;
      }
      if (!no_such_call(errno)) return errno;
      [[fallthrough]];
    case Publish::kLink:
      if (ops_.linkat(temp_folder, temp, folder, base) == 0) {
        publish_ = Publish::kLink;
        return 0;
      }
      if (!no_such_call(errno)) return errno;
      [[fallthrough]];
    case Publish::kLockedRename:
      break;
  }
  int error = locked_rename(root_fd, file, temp_folder, folder, base);
  if (error == 0) publish_ = Publish::kLockedRename;
  *unlinked = error == 0;
  return error;
}

// For file systems that have neither: nobody who works in this store through this program takes a
// name at the same time.
int FileFrameStore::locked_rename(int root_fd, TempFile &file, int temp_folder, int folder,
                                  const char *base) {
  std::string lock_name = std::string(kReservedPrefix) + "lock";
  UniqueFd lock(ops_.openat(root_fd, lock_name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno;
  while (flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno;
  struct stat info;
  if (fstatat(folder, base, &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  if (errno != ENOENT) return errno;
  return ops_.renameat2(temp_folder, file.name().c_str(), folder, base, 0) == 0 ? 0 : errno;
}

}  // namespace checkpoint
