// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/spool_entry.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/fail_point.h"
#include "store/uri.h"

namespace checkpoint {

namespace fs = std::filesystem;

namespace {

constexpr const char *kNoteName = "spooled.ini";
constexpr const char *kLockName = "lock";
constexpr const char *kFramesName = "frames";
constexpr const char *kGroup = "spooled";

Status failed(const std::string &what, const std::string &path, int error) {
  const Code code = error == ENOSPC || error == EDQUOT                    ? Code::kNoSpace
                    : error == EACCES || error == EPERM || error == EROFS ? Code::kPermissionDenied
                                                                          : Code::kInvalidArgument;
  return {code, "the spool: " + what + " " + path + ": " + std::strerror(error),
          "set spool to a folder on a local disk that can be written"};
}

Status sync_folder(const std::string &path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("can't open", path, errno);
  const int result = ::fsync(fd), error = errno;
  ::close(fd);
  return result == 0 ? Status::ok() : failed("can't sync", path, error);
}

// With those above it. Frames are nobody else's business.
Status make_folder(const fs::path &path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return Status::ok();
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  CHECKPOINT_RETURN_IF_ERROR(make_folder(parent));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("can't make", path.string(), errno);
  return sync_folder(parent.string());
}

struct KeyFile {
  KeyFile() : file(g_key_file_new()) {}
  ~KeyFile() { g_key_file_unref(file); }
  KeyFile(const KeyFile &) = delete;
  KeyFile &operator=(const KeyFile &) = delete;
  std::string text(const char *key) const {
    gchar *found = g_key_file_get_string(file, kGroup, key, nullptr);
    std::string value = found ? found : "";
    g_free(found);
    return value;
  }
  GKeyFile *const file;
};

Result<std::vector<Uuid>> entries_in(const std::string &spool) {
  std::vector<Uuid> ids;
  std::error_code error;
  for (fs::directory_iterator found(spool, error), end; !error && found != end;
       found.increment(error))
    if (auto id = Uuid::parse(found->path().filename().string())) ids.push_back(*id);
  if (error) return failed("can't list", spool, error.value());
  return ids;
}

}  // namespace

Result<std::unique_ptr<FileLock>> FileLock::take(const std::string &path, bool make) {
  const int fd = ::open(path.c_str(), O_RDWR | (make ? O_CREAT : 0) | O_CLOEXEC, 0600);
  if (fd < 0 && errno == ENOENT && !make) return std::unique_ptr<FileLock>();
  if (fd < 0) return failed("can't open", path, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::unique_ptr<FileLock>(new FileLock(fd));
  const int error = errno;
  ::close(fd);
  if (error == EWOULDBLOCK) return std::unique_ptr<FileLock>();
  return failed("can't lock", path, error);
}

FileLock::~FileLock() { ::close(fd_); }

SpoolEntry::SpoolEntry(std::string spool, const Uuid &id, std::unique_ptr<FileLock> lock)
    : spool_(std::move(spool)), id_(id), lock_(std::move(lock)) {}

std::string SpoolEntry::path() const { return spool_ + "/" + id_.to_string(); }

Result<std::unique_ptr<SpoolEntry>> SpoolEntry::create(const std::string &spool) {
  const Uuid id = Uuid::random();
  // Nobody knows it by this name before it is locked.
  const std::string path = spool + "/" + id.to_string(), made = spool + "/.new-" + id.to_string();
  CHECKPOINT_RETURN_IF_ERROR(make_folder(made));
  CHECKPOINT_ASSIGN_OR_RETURN(auto lock, FileLock::take(made + "/" + kLockName, true));
  if (::rename(made.c_str(), path.c_str()) != 0) return failed("can't make", path, errno);
  CHECKPOINT_RETURN_IF_ERROR(sync_folder(spool));
  fail_point(FailPoint::kSpoolMade);
  return std::unique_ptr<SpoolEntry>(new SpoolEntry(spool, id, std::move(lock)));
}

Result<std::vector<std::unique_ptr<SpoolEntry>>> SpoolEntry::claim_all(const std::string &spool) {
  std::vector<std::unique_ptr<SpoolEntry>> entries;
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<Uuid> ids, entries_in(spool));
  for (const Uuid &id : ids) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        auto lock, FileLock::take(spool + "/" + id.to_string() + "/" + kLockName, false));
    if (!lock) continue;
    std::unique_ptr<SpoolEntry> entry(new SpoolEntry(spool, id, std::move(lock)));
    CHECKPOINT_RETURN_IF_ERROR(entry->read_note());
    if (entry->note())
      entries.push_back(std::move(entry));
    else
      CHECKPOINT_RETURN_IF_ERROR(entry->remove());
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto &a, const auto &b) { return a->note()->order < b->note()->order; });
  return entries;
}

Status SpoolEntry::read_note() {
  const std::string path = this->path() + "/" + kNoteName;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Status::ok();
  const Status broken(Code::kCorrupt, "the spool: " + path + " can't be read",
                      "it says what the frames beside it belong to; look at it, or put its folder "
                      "elsewhere");
  KeyFile file;
  if (!g_key_file_load_from_file(file.file, path.c_str(), G_KEY_FILE_NONE, nullptr)) return broken;
  SpoolNote note;
  auto id = Uuid::parse(file.text("checkpoint"));
  if (!id) return broken;
  note.checkpoint = *id;
  note.parent = Uuid::parse(file.text("parent"));
  note.instance = Uuid::parse(file.text("instance")).value_or(Uuid::random());
  note.order = g_key_file_get_uint64(file.file, kGroup, "order", nullptr);
  note.parent_is_hint = g_key_file_get_boolean(file.file, kGroup, "parent-is-hint", nullptr);
  note.resume = g_key_file_get_boolean(file.file, kGroup, "resume", nullptr);
  note.stage_index = g_key_file_get_integer(file.file, kGroup, "stage-index", nullptr);
  note.drained = g_key_file_get_uint64(file.file, kGroup, "drained", nullptr);
  note.frame_store = file.text("frame-store");
  note.metadata_store = file.text("metadata-store");
  note_ = std::move(note);
  return Status::ok();
}

Status SpoolEntry::write_note(SpoolNote note) {
  if (note.order == 0) {
    note.order = 1;
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<Uuid> ids, entries_in(spool_));
    for (const Uuid &id : ids) {
      SpoolEntry other(spool_, id, nullptr);
      if (other.read_note().is_ok() && other.note())
        note.order = std::max(note.order, other.note()->order + 1);
    }
  }
  KeyFile file;
  g_key_file_set_uint64(file.file, kGroup, "order", note.order);
  g_key_file_set_string(file.file, kGroup, "checkpoint", note.checkpoint.to_string().c_str());
  g_key_file_set_string(file.file, kGroup, "instance", note.instance.to_string().c_str());
  if (note.parent)
    g_key_file_set_string(file.file, kGroup, "parent", note.parent->to_string().c_str());
  g_key_file_set_boolean(file.file, kGroup, "parent-is-hint", note.parent_is_hint);
  g_key_file_set_boolean(file.file, kGroup, "resume", note.resume);
  g_key_file_set_integer(file.file, kGroup, "stage-index", note.stage_index);
  g_key_file_set_uint64(file.file, kGroup, "drained", note.drained);
  g_key_file_set_string(file.file, kGroup, "frame-store", note.frame_store.c_str());
  g_key_file_set_string(file.file, kGroup, "metadata-store", note.metadata_store.c_str());
  gsize length = 0;
  gchar *text = g_key_file_to_data(file.file, &length, nullptr);
  GError *error = nullptr;
  const bool written = g_file_set_contents_full(
      (path() + "/" + kNoteName).c_str(), text, static_cast<gssize>(length),
      static_cast<GFileSetContentsFlags>(G_FILE_SET_CONTENTS_CONSISTENT |
                                         G_FILE_SET_CONTENTS_DURABLE),
      0600, &error);
  g_free(text);
  if (!written) {
    Status status(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC)
                      ? Code::kNoSpace
                      : Code::kPermissionDenied,
                  std::string("the spool: ") + error->message, "look at the disk of the spool");
    g_error_free(error);
    return status;
  }
  CHECKPOINT_RETURN_IF_ERROR(sync_folder(path()));
  if (!note_) fail_point(FailPoint::kSpoolNoted);
  note_ = std::move(note);
  return Status::ok();
}

Result<std::shared_ptr<Stores>> SpoolEntry::open(Cancellation &cancel) const {
  const auto uri = [&](const char *scheme, const char *name) {
    return scheme + percent_encode(path() + "/" + name, "/");
  };
  auto stores = Stores::open(uri("file://", kFramesName), uri("sqlite://", "checkpoints.db"),
                             Stores::Access::kWrite, cancel);
  if (!stores.is_ok()) return stores.status().with_context("the spool");
  return stores;
}

// The note first: what is left then is nothing that anybody drains.
Status SpoolEntry::remove() {
  std::error_code error;
  fs::remove(path() + "/" + kNoteName, error);
  fail_point(FailPoint::kSpoolForgotten);
  if (!error) fs::remove_all(path(), error);
  if (error) return failed("can't remove", path(), error.value());
  note_.reset();
  return Status::ok();
}

Status make_spool(const std::string &folder) { return make_folder(folder); }

uint64_t spool_bytes(const std::string &folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), last; !error && entry != last;
       entry.increment(error)) {
    std::error_code gone;  // files may go meanwhile
    for (fs::recursive_directory_iterator at(entry->path() / kFramesName, gone), end;
         !gone && at != end; at.increment(gone)) {
      std::error_code none;
      const auto size = at->is_regular_file(none) ? at->file_size(none) : 0;
      if (!none) bytes += size;
    }
  }
  return bytes;
}

}  // namespace checkpoint
