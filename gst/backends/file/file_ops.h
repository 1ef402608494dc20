// SPDX-License-Identifier: LGPL-2.1-or-later
// The system calls that change what is on the disk, or may fail because of it. Tests put a table of
// their own in: to record the order of calls, to cut the power, to fail.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

namespace checkpoint {

// Each is the system call of its name and reports as that does: -1 and errno.
class FileOps {
 public:
  virtual ~FileOps() = default;
  // The real ones.
  static FileOps &system();

  virtual int openat(int folder, const char *path, int flags, mode_t mode);
  virtual int mkdirat(int folder, const char *path, mode_t mode);
  virtual ssize_t pwritev(int fd, const iovec *parts, int count, off_t at);
  virtual ssize_t pread(int fd, void *out, size_t size, off_t at);
  virtual int fsync(int fd);
  virtual int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                        unsigned flags);
  virtual int linkat(int from_folder, const char *from, int to_folder, const char *to);
  virtual int unlinkat(int folder, const char *path, int flags);
  virtual int fallocate(int fd, off_t size);
  // Starts to write that range back, without waiting.
  virtual int start_writeback(int fd, off_t at, off_t size);
};

}  // namespace checkpoint
