// SPDX-License-Identifier: LGPL-2.1-or-later
// The system calls of the file store, done, written down, and failed or cut short on demand.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "backends/file/file_ops.h"
#include "common/bytes.h"

namespace checkpoint {

// A call that was made. A handle stands for an open file or folder and is never used again; 0 is
// "the current folder" of absolute paths.
struct FileCall {
  std::string op;  // as the system call: "openat", "fsync"…
  int handle = 0;  // what it is about: the file, or the folder that `path` is in
  std::string path;
  int to_handle = 0;  // of renameat2 and linkat
  std::string to_path;
  int opened = 0;  // the handle that openat gave
  int flags = 0;
  off_t at = 0;
  Bytes data;            // what pwritev wrote
  std::string full;      // the path, from the root of the file system, as far as it was given
  std::string to_full;   //
  bool failed = false;   //
  std::string announce;  // op "announce": not a call, but what a test says at that point
};

class RecordingFileOps : public FileOps {
 public:
  // An errno instead of the call, or 0. Called with the number of the call, from 0.
  using Hook = std::function<int(const FileCall &call, size_t number)>;

  void before(Hook hook);
  // Calls move at most so many bytes, and every second one is interrupted by a signal.
  void chop(size_t bytes);
  // Calls of that name fail with the errno, always: what a file system does not know.
  void refuse(const std::string &op, int error, unsigned flags = ~0U);
  // Keeps what pwritev wrote in the record.
  void keep_data() { keep_data_ = true; }
  void announce(const std::string &text);
  std::vector<FileCall> record() const;
  size_t count(const std::string &op) const;
  void clear();

  int openat(int folder, const char *path, int flags, mode_t mode) override;
  int mkdirat(int folder, const char *path, mode_t mode) override;
  ssize_t pwritev(int fd, const iovec *parts, int count, off_t at) override;
  ssize_t pread(int fd, void *out, size_t size, off_t at) override;
  int fsync(int fd) override;
  int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                unsigned flags) override;
  int linkat(int from_folder, const char *from, int to_folder, const char *to) override;
  int unlinkat(int folder, const char *path, int flags) override;
  int fallocate(int fd, off_t size) override;
  int start_writeback(int fd, off_t at, off_t size) override;

 private:
  struct Open {
    int handle = 0;
    std::string path;
  };
  FileCall make(const char *op, int fd, const char *path, int to_fd = -1,
                const char *to_path = nullptr);
  // With mutex_ held. An errno instead of the call, or 0.
  int begin(const FileCall &call);
  // Sets errno and returns -1 where there was an error.
  template <typename T>
  T end(FileCall &call, int error, T result);

  mutable std::recursive_mutex mutex_;  // held during calls: the record is in the order of the disk
  Hook hook_;
  size_t chop_ = 0;
  bool interrupt_ = false;
  bool keep_data_ = false;
  struct Refusal {
    int error;
    unsigned flags;
  };
  std::map<std::string, Refusal> refused_;
  std::map<int, Open> open_;  // by fd
  int next_handle_ = 1;
  size_t number_ = 0;
  std::vector<FileCall> record_;
};

}  // namespace checkpoint
