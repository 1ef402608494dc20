// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/location.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/log.h"

namespace checkpoint::sqlite {

namespace {

Status failure_of(int error, const std::string &what) {
  const std::string message = what + ": " + std::strerror(error);
  switch (error) {
    case EACCES:
    case EPERM:
      return {Code::kPermissionDenied, message, "give this user the right to write there"};
    case EROFS:
      return {Code::kPermissionDenied, message, "choose a path on a disk that can be written"};
    case ENOSPC:
    case EDQUOT:
      return {Code::kNoSpace, message, "free some space on that disk"};
    case ENOTDIR:
      return {Code::kInvalidArgument, message, "a part of that path is a file, not a folder"};
    case ENAMETOOLONG:
    case ELOOP:
      return {Code::kInvalidArgument, message, "choose another path"};
    default:
      return {Code::kUnavailable, message};
  }
}

// The entry of a new folder survives a power loss only when its parent was synced.
Status sync_folder(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failure_of(errno, "can't open the folder " + path);
  int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  // Some file systems don't sync folders, and say so.
  if (error != 0 && error != EINVAL) return failure_of(error, "can't sync the folder " + path);
  return Status::ok();
}

std::string folder_of(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

Status make_folder(const std::string &path) {
  if (mkdir(path.c_str(), 0700) == 0) return sync_folder(folder_of(path));
  int error = errno;
  if (error == EEXIST) return Status::ok();
  if (error == ENOENT && path != "/") {
    CHECKPOINT_RETURN_IF_ERROR(make_folder(folder_of(path)));
    if (mkdir(path.c_str(), 0700) == 0) return sync_folder(folder_of(path));
    error = errno;
    if (error == EEXIST) return Status::ok();
  }
  return failure_of(error, "can't make the folder " + path);
}

Status set_option(Location &location, const std::string &name, const std::string &value) {
  if (name == "busy-timeout") {
    int64_t ms = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error != std::errc{} || end != value.data() + value.size() || ms < 0 || ms > 86400000)
      return {Code::kInvalidArgument, "busy-timeout is a number of milliseconds up to a day"};
    location.busy_timeout = std::chrono::milliseconds(ms);
    return Status::ok();
  }
  if (name == "journal") {
    if (value == "auto") {
      location.journal = Journal::kAuto;
    } else if (value == "wal") {
      location.journal = Journal::kWal;
    } else if (value == "delete") {
      location.journal = Journal::kDelete;
    } else {
      return {Code::kInvalidArgument, "journal is auto, wal or delete"};
    }
    return Status::ok();
  }
  return {Code::kInvalidArgument, "a sqlite store has no option " + name,
          "its options are busy-timeout and journal"};
}

}  // namespace

Result<Location> parse_location(const StoreUri &uri) {
  Location location;
  location.memory = uri.scheme == "memory";
  for (const auto &[name, value] : uri.query)
    CHECKPOINT_RETURN_IF_ERROR(set_option(location, name, value));
  if (location.memory) {
    location.path = uri.authority + uri.path;
    return location;
  }
  if (!uri.authority.empty() || !uri.user_info.empty())
    return Status(Code::kInvalidArgument, "a sqlite store is a file on this machine",
                  "write sqlite:///absolute/path, with three slashes, or a plain path");
  if (uri.path.empty() || uri.path == "/" || uri.path.find('\0') != std::string::npos)
    return Status(Code::kInvalidArgument, "a sqlite store needs the path of a file",
                  "for example sqlite:///data/checkpoints.db");
  // Absolute from now on: connections are opened later too, and the folder may change until then.
  char *absolute = g_canonicalize_filename(uri.path.c_str(), nullptr);
  location.path = absolute;
  g_free(absolute);
  return location;
}

Status prepare_file(const Location &location) {
  const std::string folder = folder_of(location.path);
  struct stat info;
  if (stat(location.path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode))
      return {Code::kInvalidArgument, location.path + " is a folder, not a database",
              "give the path of a file in it, such as " + location.path + "/checkpoints.db"};
    if (!S_ISREG(info.st_mode))
      return {Code::kInvalidArgument, location.path + " is not a file", "choose another path"};
    if (access(location.path.c_str(), R_OK | W_OK) != 0)
      return failure_of(errno, "can't write the database " + location.path);
  } else if (errno == ENOENT) {
    CHECKPOINT_RETURN_IF_ERROR(make_folder(folder));
  } else {
    return failure_of(errno, "can't reach the database " + location.path);
  }
  // SQLite keeps its journal beside the file; opening a pipe in its place would never return.
  for (const char *suffix : {"-journal", "-wal", "-shm"}) {
    const std::string beside = location.path + suffix;
    if (stat(beside.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
      return {Code::kInvalidArgument,
              beside + " is not a file, and the database needs that name for its journal",
              "move it away, or choose another path"};
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    return failure_of(errno, "can't write in the folder of the database, " + folder);
  // SQLite would let everybody read a new file; its journals get the mode of the database. Not by
  // open(): to close a database drops all locks that this process has on it.
  if (mknod(location.path.c_str(), S_IFREG | 0600, 0) != 0 && errno != EEXIST)
    return failure_of(errno, "can't make the database " + location.path);
  return Status::ok();
}

Journal choose_journal(const Location &location) {
  if (location.journal != Journal::kAuto) return location.journal;
  struct statfs info;
  if (statfs(folder_of(location.path).c_str(), &info) != 0) return Journal::kWal;
  const char *name = nullptr;
  switch (static_cast<uint32_t>(info.f_type)) {
    case 0x6969:
      name = "NFS";
      break;
    case 0x517b:
    case 0xff534d42:
    case 0xfe534d42:
      name = "SMB";
      break;
    case 0x01021997:
      name = "9p";
      break;
    case 0x65735546:
      name = "FUSE";
      break;
    case 0x00c36400:
      name = "Ceph";
      break;
    case 0x0bd00bd0:
      name = "Lustre";
      break;
    case 0x5346414f:
    case 0x6b414653:
      name = "AFS";
      break;
    default:
      return Journal::kWal;
  }
  log(LogLevel::kWarning, "sqlite",
      location.path + " is on a " + name +
          " file system: journal mode DELETE is used, which is slower, and locks are only as good "
          "as that file system's (PostgreSQL serves several machines better)");
  return Journal::kDelete;
}

}  // namespace checkpoint::sqlite
