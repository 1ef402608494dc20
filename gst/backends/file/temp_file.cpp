// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/file/temp_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/file/file_error.h"
#include "store/process.h"
#include "store/uri.h"

namespace checkpoint {

namespace {

constexpr time_t kForeignAge = 24 * 60 * 60;

// This process in a file name: "<boot and pid namespace>@<pid>@<start time>@".
std::string process_prefix() {
  // Never destroyed: a thread that was left behind may need them while the process exits.
  static auto *mutex = new std::mutex;
  static pid_t known_pid;                 // protected by mutex
  static auto *prefix = new std::string;  // protected by mutex
  std::lock_guard lock(*mutex);
  if (known_pid != getpid()) {  // the first time, and after a fork
    LeaseOwner self = this_process();
    *prefix = percent_encode(self.boot) + "@" + std::to_string(self.pid) + "@" +
              std::to_string(self.start_time) + "@";
    known_pid = getpid();
  }
  return *prefix;
}

template <typename T>
bool parse_number(std::string_view text, T &out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// Who writes the file of that name; nullopt when that is not one of our names.
std::optional<LeaseOwner> writer_of(std::string_view name) {
  std::vector<std::string_view> fields;
  for (size_t at = name.find('@'); at != std::string_view::npos; at = name.find('@')) {
    fields.push_back(name.substr(0, at));
    name.remove_prefix(at + 1);
  }
  if (fields.size() != 3) return std::nullopt;
  auto boot = percent_decode(fields[0]);
  LeaseOwner owner;
  if (!boot.is_ok() || !parse_number(fields[1], owner.pid) ||
      !parse_number(fields[2], owner.start_time))
    return std::nullopt;
  owner.boot = *boot;
  return owner;
}

}  // namespace

Result<TempFile> TempFile::create(FileOps &ops, int folder, const std::string &folder_path) {
  std::string name = process_prefix() + Uuid::random().to_string();
  int fd = ops.openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return file_error(errno, "can't make a file in", folder_path);
  return TempFile(ops, folder, std::move(name), UniqueFd(fd));
}

TempFile::~TempFile() {
  if (folder_ >= 0) ops_->unlinkat(folder_, name_.c_str(), 0);
}

TempFile::TempFile(TempFile &&other) noexcept
    : ops_(other.ops_),
      folder_(std::exchange(other.folder_, -1)),
      name_(std::move(other.name_)),
      fd_(std::move(other.fd_)) {}

TempFile &TempFile::operator=(TempFile &&other) noexcept {
  std::swap(ops_, other.ops_);
  std::swap(folder_, other.folder_);
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  return *this;
}

unsigned remove_stale_temp_files(FileOps &ops, int folder) {
  int copy = ops.openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (copy < 0) return 0;
  UniqueDir dir(fdopendir(copy));
  if (!dir) {
    close(copy);
    return 0;
  }
  const LeaseOwner self = this_process();
  const time_t now = time(nullptr);
  unsigned removed = 0;
  while (dirent *entry = readdir(dir.get())) {
    struct stat info;
    if (fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode))
      continue;
    std::optional<LeaseOwner> writer = writer_of(entry->d_name);
    bool stale;
    if (writer && writer->boot == self.boot) {
      writer->host = self.host;  // one boot id is one machine, whatever it calls itself
      stale = is_gone(*writer);
    } else {
      // Of an earlier boot, another container or another machine: nobody here can ask.
      stale = now - info.st_mtime > kForeignAge;
    }
    if (stale && ops.unlinkat(folder, entry->d_name, 0) == 0) removed++;
  }
  return removed;
}

}  // namespace checkpoint
