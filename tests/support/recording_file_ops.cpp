// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/recording_file_ops.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace checkpoint {

namespace {

// A copy of at most `limit` bytes of the parts.
std::vector<iovec> first_bytes(const iovec *parts, int count, size_t limit) {
  std::vector<iovec> out;
  for (int i = 0; i < count && limit > 0; i++) {
    out.push_back({parts[i].iov_base, std::min(parts[i].iov_len, limit)});
    limit -= out.back().iov_len;
  }
  return out;
}

}  // namespace

void RecordingFileOps::before(Hook hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void RecordingFileOps::chop(size_t bytes) {
  std::lock_guard lock(mutex_);
  chop_ = bytes;
}

void RecordingFileOps::refuse(const std::string &op, int error, unsigned flags) {
  std::lock_guard lock(mutex_);
  refused_[op] = {error, flags};
}

void RecordingFileOps::announce(const std::string &text) {
  std::lock_guard lock(mutex_);
  FileCall call;
  call.op = "announce";
  call.announce = text;
  record_.push_back(call);
}

std::vector<FileCall> RecordingFileOps::record() const {
  std::lock_guard lock(mutex_);
  return record_;
}

size_t RecordingFileOps::count(const std::string &op) const {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(record_.begin(), record_.end(),
                                           [&](const FileCall &call) { return call.op == op; }));
}

void RecordingFileOps::clear() {
  std::lock_guard lock(mutex_);
  record_.clear();
  number_ = 0;
}

FileCall RecordingFileOps::make(const char *op, int fd, const char *path, int to_fd,
                                const char *to_path) {
  FileCall call;
  call.op = op;
  auto resolve = [&](int at, const char *name, int &handle, std::string &given, std::string &full) {
    auto found = open_.find(at);
    if (found != open_.end()) {
      handle = found->second.handle;
      full = found->second.path;
    }
    if (!name) return;
    given = name;
    if (given != ".") full = full.empty() ? given : full + "/" + given;
  };
  resolve(fd, path, call.handle, call.path, call.full);
  if (to_path) resolve(to_fd, to_path, call.to_handle, call.to_path, call.to_full);
  return call;
}

int RecordingFileOps::begin(const FileCall &call) {
  size_t number = number_++;
  auto refused = refused_.find(call.op);
  if (refused != refused_.end() && (static_cast<unsigned>(call.flags) & refused->second.flags) != 0)
    return refused->second.error;
  if (hook_)
    if (int error = hook_(call, number)) return error;
  if (chop_ > 0 && (call.op == "pwritev" || call.op == "pread")) {
    interrupt_ = !interrupt_;
    if (interrupt_) return EINTR;
  }
  return 0;
}

template <typename T>
T RecordingFileOps::end(FileCall &call, int error, T result) {
  if (error == 0 && result < 0) error = errno;
  call.failed = error != 0;
  record_.push_back(std::move(call));
  if (error == 0) return result;
  errno = error;
  return -1;
}

int RecordingFileOps::openat(int folder, const char *path, int flags, mode_t mode) {
  std::lock_guard lock(mutex_);
  FileCall call = make("openat", folder, path);
  call.flags = flags;
  int error = begin(call);
  int fd = error ? -1 : FileOps::openat(folder, path, flags, mode);
  if (fd >= 0) {
    call.opened = next_handle_++;
    open_[fd] = {call.opened, call.full};
  }
  return end(call, error, fd);
}

int RecordingFileOps::mkdirat(int folder, const char *path, mode_t mode) {
  std::lock_guard lock(mutex_);
  FileCall call = make("mkdirat", folder, path);
  call.flags = 1;
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::mkdirat(folder, path, mode));
}

ssize_t RecordingFileOps::pwritev(int fd, const iovec *parts, int count, off_t at) {
  std::lock_guard lock(mutex_);
  FileCall call = make("pwritev", fd, nullptr);
  call.at = at;
  call.flags = 1;
  int error = begin(call);
  std::vector<iovec> some = first_bytes(parts, count, chop_ > 0 ? chop_ : SIZE_MAX);
  ssize_t n = error ? -1 : FileOps::pwritev(fd, some.data(), static_cast<int>(some.size()), at);
  if (n > 0 && keep_data_) {
    for (const iovec &part : first_bytes(parts, count, static_cast<size_t>(n))) {
      auto *begin_of = static_cast<const std::byte *>(part.iov_base);
      call.data.insert(call.data.end(), begin_of, begin_of + part.iov_len);
    }
  }
  return end(call, error, n);
}

ssize_t RecordingFileOps::pread(int fd, void *out, size_t size, off_t at) {
  std::lock_guard lock(mutex_);
  FileCall call = make("pread", fd, nullptr);
  call.at = at;
  call.flags = 1;
  int error = begin(call);
  if (chop_ > 0) size = std::min(size, chop_);
  return end(call, error, error ? -1 : FileOps::pread(fd, out, size, at));
}

int RecordingFileOps::fsync(int fd) {
  std::lock_guard lock(mutex_);
  FileCall call = make("fsync", fd, nullptr);
  call.flags = 1;
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::fsync(fd));
}

int RecordingFileOps::renameat2(int from_folder, const char *from, int to_folder, const char *to,
                                unsigned flags) {
  std::lock_guard lock(mutex_);
  FileCall call = make("renameat2", from_folder, from, to_folder, to);
  call.flags = static_cast<int>(flags);
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::renameat2(from_folder, from, to_folder, to, flags));
}

int RecordingFileOps::linkat(int from_folder, const char *from, int to_folder, const char *to) {
  std::lock_guard lock(mutex_);
  FileCall call = make("linkat", from_folder, from, to_folder, to);
  call.flags = 1;
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::linkat(from_folder, from, to_folder, to));
}

int RecordingFileOps::unlinkat(int folder, const char *path, int flags) {
  std::lock_guard lock(mutex_);
  FileCall call = make("unlinkat", folder, path);
  call.flags = flags;
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::unlinkat(folder, path, flags));
}

int RecordingFileOps::fallocate(int fd, off_t size) {
  std::lock_guard lock(mutex_);
  FileCall call = make("fallocate", fd, nullptr);
  call.flags = 1;
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::fallocate(fd, size));
}

int RecordingFileOps::start_writeback(int fd, off_t at, off_t size) {
  std::lock_guard lock(mutex_);
  FileCall call = make("start_writeback", fd, nullptr);
  call.at = at;
  call.flags = 1;
  int error = begin(call);
  return end(call, error, error ? -1 : FileOps::start_writeback(fd, at, size));
}

}  // namespace checkpoint
