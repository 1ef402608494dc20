// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/file/file_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <vector>

#include "backends/file/file_error.h"
#include "backends/file/file_store_impl.h"
#include "common/log.h"
#include "store/object_name.h"

namespace checkpoint {

namespace {

constexpr const char *kArea = "file";
constexpr size_t kFilesKept = 32;
constexpr size_t kMaxMarker = 64 << 10;
// Between looks at the Cancellation.
constexpr size_t kReadStep = 8 << 20;
// From that size on it is worth a call to have the disk read all of it at once.
constexpr size_t kReadAhead = 256 << 10;

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

Status truncated(const std::string &path, uint64_t size, uint64_t offset, size_t wanted) {
  return {Code::kTruncated, path + " ends at byte " + std::to_string(size) + ", before the " +
                                std::to_string(wanted) + " bytes from " + std::to_string(offset)};
}

}  // namespace

FileFrameStore::FileFrameStore(std::string root, const FileStoreOptions &options, FileOps &ops)
    : root_(std::move(root)),
      options_(options),
      ops_(ops),
      folders_(ops, root_),
      files_(kFilesKept) {}

std::string FileFrameStore::display_uri() const {
  StoreUri uri;
  uri.scheme = "file";
  uri.path = root_;
  return uri.display();
}

Status FileFrameStore::open(Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  UniqueFd root(ops_.openat(AT_FDCWD, root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (!root) {
    if (errno == ENOENT) return Status::ok();
    return file_error(errno, "can't open the frame store", root_);
  }
  std::string temp = std::string(kReservedPrefix) + "tmp";
  UniqueFd folder(ops_.openat(root.get(), temp.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (!folder) return Status::ok();
  if (unsigned removed = remove_stale_temp_files(ops_, folder.get()))
    log(LogLevel::kInfo, kArea,
        "removed " + std::to_string(removed) + " unfinished files of dead processes in " + root_);
  return Status::ok();
}

Result<UniqueFd> FileFrameStore::open_root() {
  UniqueFd root(ops_.openat(AT_FDCWD, root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (root) return root;
  if (errno == ENOENT || errno == ENOTDIR)
    return Status(Code::kUnavailable, "there is no frame store at " + root_,
                  "the folder may not be mounted");
  return file_error(errno, "can't open the frame store", root_);
}

Result<std::optional<FileFrameStore::KnownMarker>> FileFrameStore::load_marker(int root_fd) {
  std::string name(kMarkerName);
  const std::string path = path_of(name);
  UniqueFd fd(ops_.openat(root_fd, name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0));
  if (!fd) {
    if (errno == ENOENT) return std::optional<KnownMarker>();
    return file_error(errno, "can't open", path);
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return file_error(errno, "can't look at", path);
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > kMaxMarker)
    return Status(Code::kCorrupt, path + " is not the marker of a frame store");
  Bytes json(static_cast<size_t>(info.st_size));
  for (size_t at = 0; at < json.size();) {
    ssize_t n = ops_.pread(fd.get(), json.data() + at, json.size() - at, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(errno, "can't read", path);
    if (n == 0) return Status(Code::kCorrupt, path + " is not the marker of a frame store");
    at += static_cast<size_t>(n);
  }
  CHECKPOINT_ASSIGN_OR_RETURN(StoreMarker marker, marker_from_json(json, path));
  return std::optional<KnownMarker>({info.st_dev, info.st_ino, marker});
}

Result<std::optional<StoreMarker>> FileFrameStore::read_marker(Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  UniqueFd root(ops_.openat(AT_FDCWD, root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (!root) {
    if (errno == ENOENT) return std::optional<StoreMarker>();
    return file_error(errno, "can't open the frame store", root_);
  }
  CHECKPOINT_ASSIGN_OR_RETURN(auto found, load_marker(root.get()));
  std::lock_guard lock(mutex_);
  known_ = found;
  return found ? std::optional<StoreMarker>(found->marker) : std::nullopt;
}

Status FileFrameStore::check_store(int root_fd) {
  std::optional<KnownMarker> known;
  {
    std::lock_guard lock(mutex_);
    known = known_;
  }
  struct stat info;
  if (known && fstatat(root_fd, std::string(kMarkerName).c_str(), &info, 0) == 0 &&
      info.st_dev == known->device && info.st_ino == known->inode)
    return Status::ok();
  CHECKPOINT_ASSIGN_OR_RETURN(auto found, load_marker(root_fd));
  if (!found)
    return Status(Code::kUnavailable, "there is no frame store at " + root_ + " (no marker)",
                  "the folder may not be mounted");
  if (known && known->marker.frame_store != found->marker.frame_store)
    return Status(Code::kUnavailable,
                  "the frame store at " + root_ + " is now " +
                      found->marker.frame_store.to_string() + ", it was " +
                      known->marker.frame_store.to_string(),
                  "another disk may be mounted there");
  std::lock_guard lock(mutex_);
  known_ = found;
  return Status::ok();
}

Status FileFrameStore::check_store() {
  CHECKPOINT_ASSIGN_OR_RETURN(UniqueFd root, open_root());
  return check_store(root.get());
}

Status FileFrameStore::missing(const std::string &name) {
  CHECKPOINT_RETURN_IF_ERROR(check_store());
  return {Code::kMissing, "'" + name + "' is not in the frame store " + root_};
}

Result<OpenFiles::File> FileFrameStore::open_file(const std::string &name) {
  uint64_t ticket;
  if (OpenFiles::File file = files_.find(name, &ticket)) return file;
  const std::string path = path_of(name);
  // Not to hang where somebody has put a pipe.
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd fd(ops_.openat(AT_FDCWD, path.c_str(), kFlags, 0));
  if (!fd && (errno == EMFILE || errno == ENFILE)) {
    files_.drop_all();
    fd = UniqueFd(ops_.openat(AT_FDCWD, path.c_str(), kFlags, 0));
  }
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return missing(name);
    return file_error(errno, "can't open", path);
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return file_error(errno, "can't look at", path);
  if (!S_ISREG(info.st_mode)) return missing(name);
  auto file = std::make_shared<const UniqueFd>(std::move(fd));
  files_.keep(name, file, ticket);
  return file;
}

Status FileFrameStore::get(const std::string &name, uint64_t offset, MutableByteView out,
                           Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_ASSIGN_OR_RETURN(OpenFiles::File file, open_file(name));
  const std::string path = path_of(name);
  struct stat info;
  if (fstat(file->get(), &info) != 0) return file_error(errno, "can't look at", path);
  uint64_t size = static_cast<uint64_t>(info.st_size);
  if (offset > size || out.size() > size - offset) return truncated(path, size, offset, out.size());
  if (out.size() >= kReadAhead)
    posix_fadvise(file->get(), static_cast<off_t>(offset), static_cast<off_t>(out.size()),
                  POSIX_FADV_WILLNEED);
  for (size_t at = 0; at < out.size();) {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    size_t step = std::min(out.size() - at, kReadStep);
    ssize_t n = ops_.pread(file->get(), out.data() + at, step, static_cast<off_t>(offset + at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int error = errno;
      files_.drop(name);
      return file_error(error, "can't read", path);
    }
    if (n == 0) return truncated(path, offset + at, offset, out.size());
    at += static_cast<size_t>(n);
  }
  return Status::ok();
}

Result<ObjectInfo> FileFrameStore::stat(const std::string &name, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  struct stat info;
  if (fstatat(AT_FDCWD, path_of(name).c_str(), &info, 0) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return missing(name);
    return file_error(errno, "can't look at", path_of(name));
  }
  if (!S_ISREG(info.st_mode)) return missing(name);
  return ObjectInfo{name, static_cast<uint64_t>(info.st_size)};
}

Status FileFrameStore::list_folder(const std::string &folder, const std::string &prefix,
                                   const std::function<bool(const ObjectInfo &)> &each,
                                   std::vector<std::string> &folders, bool &stop,
                                   Cancellation &cancel) {
  const std::string path = path_of(folder);
  int fd = ops_.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  UniqueDir dir(fd < 0 ? nullptr : fdopendir(fd));
  if (!dir) {
    int error = errno;
    if (fd >= 0) close(fd);
    // Removed meanwhile, or never there, or an object.
    if (error == ENOENT || error == ENOTDIR) return Status::ok();
    return file_error(error, "can't list", path);
  }
  while (!stop) {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    errno = 0;
    dirent *entry = readdir(dir.get());
    if (!entry && errno != 0) return file_error(errno, "can't list", path);
    if (!entry) break;
    std::string name = folder + entry->d_name;
    struct stat info;
    // What no name of an object leads to is nobody's object.
    if (!check_object_name(name + (entry->d_type == DT_REG ? "" : "/frames/x")).is_ok() ||
        fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (S_ISDIR(info.st_mode)) {
      name += '/';
      if (begins_with(name, prefix) || begins_with(prefix, name)) folders.push_back(name);
    } else if (S_ISREG(info.st_mode) && begins_with(name, prefix)) {
      stop = !each({name, static_cast<uint64_t>(info.st_size)});
    }
  }
  return Status::ok();
}

Status FileFrameStore::list(const std::string &prefix,
                            const std::function<bool(const ObjectInfo &)> &each,
                            Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_object_prefix(prefix));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_RETURN_IF_ERROR(check_store());
  // Each ends with "/", or is the root.
  std::vector<std::string> folders{prefix.substr(0, prefix.rfind('/') + 1)};
  bool stop = false;
  while (!folders.empty() && !stop) {
    std::string folder = std::move(folders.back());
    folders.pop_back();
    CHECKPOINT_RETURN_IF_ERROR(list_folder(folder, prefix, each, folders, stop, cancel));
  }
  return stop ? Status::ok() : check_store();  // a disk that went away hides objects
}

Status FileFrameStore::remove(const std::string &name, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_RETURN_IF_ERROR(check_store());
  const std::string path = path_of(name);
  int error = ops_.unlinkat(AT_FDCWD, path.c_str(), 0) == 0 ? 0 : errno;
  files_.drop(name);
  if (error == ENOENT || error == ENOTDIR || error == EISDIR) return Status::ok();
  if (error != 0) return file_error(error, "can't remove", path);
  // Folders that are empty now go too; others refuse.
  for (size_t slash = name.rfind('/'); slash != std::string::npos && slash > 0;
       slash = name.rfind('/', slash - 1))
    if (ops_.unlinkat(AT_FDCWD, path_of(name.substr(0, slash)).c_str(), AT_REMOVEDIR) != 0) break;
  return Status::ok();
}

std::shared_ptr<FrameStore> make_file_store(const std::string &root,
                                            const FileStoreOptions &options, FileOps &ops) {
  return std::make_shared<FileFrameStore>(root, options, ops);
}

void register_file(StoreRegistry &registry) {
  registry.add_frame_store("file", [](const StoreUri &uri) -> Result<std::shared_ptr<FrameStore>> {
    if ((!uri.authority.empty() && uri.authority != "localhost") || !uri.user_info.empty())
      return Status(Code::kInvalidArgument, uri.display() + " is on another machine",
                    "mount the folder here and write file:///path");
    if (uri.path.empty())
      return Status(Code::kInvalidArgument, "the frame store file:// has no path",
                    "write file:///path");
    FileStoreOptions options;
    for (const auto &[key, value] : uri.query) {
      const char *end = value.data() + value.size();
      if (key == "writeback") {
        auto parsed = std::from_chars(value.data(), end, options.writeback);
        if (parsed.ec != std::errc() || parsed.ptr != end)
          return Status(Code::kInvalidArgument, "writeback of a frame store is a number of bytes");
      } else if (key == "preallocate" && (value == "yes" || value == "no")) {
        options.preallocate = value == "yes";
      } else {
        return Status(Code::kInvalidArgument,
                      "a frame store in a folder has no option '" + key + "' with that value",
                      "it has writeback=BYTES and preallocate=yes or no");
      }
    }
    char *absolute = g_canonicalize_filename(uri.path.c_str(), nullptr);
    std::string root = absolute;
    g_free(absolute);
    return make_file_store(root, options);
  });
}

}  // namespace checkpoint
