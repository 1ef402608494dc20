// SPDX-License-Identifier: LGPL-2.1-or-later
// The frame store in a folder. Its reading side is in file_store.cpp, its writing side in
// file_put.cpp.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "backends/file/file_ops.h"
#include "backends/file/file_store.h"
#include "backends/file/folders.h"
#include "backends/file/open_files.h"
#include "backends/file/temp_file.h"
#include "backends/file/unique_fd.h"

namespace checkpoint {

class FileFrameStore : public FrameStore {
 public:
  FileFrameStore(std::string root, const FileStoreOptions &options, FileOps &ops);

  Traits traits() const override { return {}; }
  std::string display_uri() const override;
  Status open(Cancellation &cancel) override;
  Result<std::optional<StoreMarker>> read_marker(Cancellation &cancel) override;
  Status write_marker(const StoreMarker &marker, Cancellation &cancel) override;
  Status put(const std::string &name, std::span<const ByteView> parts,
             const std::optional<std::array<uint8_t, 32>> &sha256, Cancellation &cancel) override;
  Status get(const std::string &name, uint64_t offset, MutableByteView out,
             Cancellation &cancel) override;
  Result<ObjectInfo> stat(const std::string &name, Cancellation &cancel) override;
  Status list(const std::string &prefix, const std::function<bool(const ObjectInfo &)> &each,
              Cancellation &cancel) override;
  Status remove(const std::string &name, Cancellation &cancel) override;
  Status examine(Findings &findings, Cancellation &cancel) override {
    findings.push_back(free_space(root_));
    return cancel.check();
  }

 private:
  // How a finished file gets its name without taking one that is there. The better ones are not
  // known to every file system, so each is tried until one works.
  enum class Publish { kRename, kLink, kLockedRename };

  // A marker that was read, and the file it was in.
  struct KnownMarker {
    dev_t device = 0;
    ino_t inode = 0;
    StoreMarker marker;
  };

  std::string path_of(std::string_view name) const { return root_ + "/" + std::string(name); }
  // kUnavailable when it is not there.
  Result<UniqueFd> open_root();
  // The store is there, and is the one that it was. kUnavailable: it is not, so that nothing can be
  // said about what is in it.
  Status check_store(int root_fd);
  Status check_store();
  Result<std::optional<KnownMarker>> load_marker(int root_fd);
  // What it means that there is no such file: kMissing, or that the store is gone.
  Status missing(const std::string &name);
  Result<OpenFiles::File> open_file(const std::string &name);
  Status list_folder(const std::string &folder, const std::string &prefix,
                     const std::function<bool(const ObjectInfo &)> &each,
                     std::vector<std::string> &folders, bool &stop, Cancellation &cancel);

  // --- file_put.cpp
  Status store(int root_fd, const std::string &name, std::span<const ByteView> parts,
               Cancellation &cancel);
  Status write_all(int fd, std::span<const ByteView> parts, Cancellation &cancel);
  Status publish(int root_fd, TempFile &file, int temp_folder, const std::string &name);
  // 0 or an errno; EEXIST: the name is taken. `*unlinked`: the file has lost its old name.
  int give_name(int root_fd, TempFile &file, int temp_folder, int folder, const char *base,
                bool *unlinked);
  int locked_rename(int root_fd, TempFile &file, int temp_folder, int folder, const char *base);

  const std::string root_;
  const FileStoreOptions options_;
  FileOps &ops_;
  Folders folders_;
  OpenFiles files_;
  std::atomic<Publish> publish_{Publish::kRename};
  std::mutex mutex_;
  std::optional<KnownMarker> known_;  // protected by mutex_
};

}  // namespace checkpoint
