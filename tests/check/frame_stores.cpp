// SPDX-License-Identifier: LGPL-2.1-or-later
// The frame stores that need no service, against what all of them promise.
#include <stdio.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/file/file_store.h"
#include "backends/memory/memory_store.h"
#include "conformance/frame_store_suite.h"
#include "support/check.h"
#include "support/recording_file_ops.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

class FolderPlace : public FrameStorePlace {
 public:
  // How the file system below behaves.
  using Prepare = std::function<void(RecordingFileOps &)>;
  explicit FolderPlace(const Prepare &prepare = nullptr) {
    if (!prepare) return;
    ops_ = std::make_unique<RecordingFileOps>();
    prepare(*ops_);
  }
  std::shared_ptr<FrameStore> make() override {
    return make_file_store(root_, {}, ops_ ? *ops_ : FileOps::system());
  }
  bool shared_by_processes() const override { return true; }
  // A disk that is not mounted leaves an empty folder.
  bool hide() override {
    std::filesystem::rename(root_, root_ + "-hidden");
    return std::filesystem::create_directory(root_);
  }
  void show() override {
    std::filesystem::remove(root_);
    std::filesystem::rename(root_ + "-hidden", root_);
  }
  bool replace_by(FrameStorePlace &other) override {
    std::filesystem::rename(root_, root_ + "-hidden");
    std::filesystem::rename(dynamic_cast<FolderPlace &>(other).root_, root_);
    return true;
  }

 private:
  std::unique_ptr<RecordingFileOps> ops_;
  TempDir dir_;
  const std::string root_ = dir_.file("new/frames");
};

class MemoryPlace : public FrameStorePlace {
 public:
  MemoryPlace() {
    static std::atomic<int> number{0};
    name_ = "conformance-" + std::to_string(number++);
  }
  std::shared_ptr<FrameStore> make() override { return memory_frame_store(name_); }
  bool shared_by_processes() const override { return false; }

 private:
  std::string name_;
};

}  // namespace

const std::vector<FrameStoreCase> &checkpoint::frame_store_cases() {
  static const std::vector<FrameStoreCase> cases = {
      {"file", [] { return std::make_unique<FolderPlace>(); }},
      {"file, only links",
       [] {
         return std::make_unique<FolderPlace>(
             [](RecordingFileOps &ops) { ops.refuse("renameat2", EINVAL, RENAME_NOREPLACE); });
       }},
      {"file, no links either",
       [] {
         return std::make_unique<FolderPlace>([](RecordingFileOps &ops) {
           ops.refuse("renameat2", EINVAL, RENAME_NOREPLACE);
           ops.refuse("linkat", EPERM);
         });
       }},
      {"file, interrupted",
       [] {
         return std::make_unique<FolderPlace>([](RecordingFileOps &ops) { ops.chop(300007); });
       }},
      {"memory", [] { return std::make_unique<MemoryPlace>(); }},
  };
  return cases;
}

static Suite *frame_stores_suite() {
  Suite *suite = suite_create("frame_stores");
  TCase *tc = tcase_create("frame_stores");
  suite_add_tcase(suite, tc);
  add_frame_store_suite(tc);
  return suite;
}
GST_CHECK_MAIN(frame_stores);
