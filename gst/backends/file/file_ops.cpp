// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/file/file_ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace checkpoint {

FileOps &FileOps::system() {
  // Never destroyed: a thread that was left behind may need it while the process exits.
  static auto *ops = new FileOps;
  return *ops;
}

int FileOps::openat(int folder, const char *path, int flags, mode_t mode) {
  return ::openat(folder, path, flags, mode);
}
int FileOps::mkdirat(int folder, const char *path, mode_t mode) {
  return ::mkdirat(folder, path, mode);
}
ssize_t FileOps::pwritev(int fd, const iovec *parts, int count, off_t at) {
  return ::pwritev(fd, parts, count, at);
}
ssize_t FileOps::pread(int fd, void *out, size_t size, off_t at) {
  return ::pread(fd, out, size, at);
}
int FileOps::fsync(int fd) { return ::fsync(fd); }
int FileOps::renameat2(int from_folder, const char *from, int to_folder, const char *to,
                       unsigned flags) {
  return ::renameat2(from_folder, from, to_folder, to, flags);
}
int FileOps::linkat(int from_folder, const char *from, int to_folder, const char *to) {
  return ::linkat(from_folder, from, to_folder, to, 0);
}
int FileOps::unlinkat(int folder, const char *path, int flags) {
  return ::unlinkat(folder, path, flags);
}
int FileOps::fallocate(int fd, off_t size) { return ::fallocate(fd, 0, 0, size); }
int FileOps::start_writeback(int fd, off_t at, off_t size) {
  return ::sync_file_range(fd, at, size, SYNC_FILE_RANGE_WRITE);
}

}  // namespace checkpoint
