// SPDX-License-Identifier: LGPL-2.1-or-later
// What only the frame store in a folder has to do: the order of its calls, the faults of a disk,
// the rights of a folder. What it shares with the others is in frame_stores.cpp.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "backends/file/file_store.h"
#include "backends/file/temp_file.h"
#include "store/object_name.h"
#include "store/process.h"
#include "support/check.h"
#include "support/recording_file_ops.h"
#include "support/temp_dir.h"

using namespace checkpoint;
namespace fs = std::filesystem;

namespace {

const char *kName = "job/frames/a.pack";

struct Fixture {
  Fixture() : store(make_file_store(root, {}, ops)) {
    ck_assert(store->open(cancel).is_ok());
    ck_assert(store->write_marker(marker, cancel).is_ok());
  }
  Status put(const std::string &name, size_t size = 10000) { return put(*store, name, size); }
  Status put(FrameStore &into, const std::string &name, size_t size) {
    Bytes bytes(size, std::byte{'x'});
    std::array<ByteView, 2> parts{ByteView(bytes).first(size / 2),
                                  ByteView(bytes).subspan(size / 2)};
    return into.put(name, parts, std::nullopt, cancel);
  }
  Status get(const std::string &name, size_t size = 1) {
    Bytes out(size);
    return store->get(name, 0, out, cancel);
  }
  std::string path(const std::string &name) const { return root + "/" + name; }
  size_t temp_files() const {
    size_t n = 0;
    for (const auto &entry : fs::directory_iterator(path(".gst-checkpoint/tmp")))
      n += entry.exists();
    return n;
  }

  TempDir dir{TempDir::On::kMemory};
  const std::string root = dir.file("frames");
  RecordingFileOps ops;
  Cancellation cancel;
  StoreMarker marker{Uuid::random(), Uuid::random()};
  std::shared_ptr<FrameStore> store;
};

void assert_code(const Status &status, Code code) {
  ck_assert_msg(status.is(code), "wanted %s, got %s", code_name(code), status.to_string().c_str());
}

// Runs `body` as a user without rights, in a process of its own; its exit code.
template <typename Body>
int as_nobody(Body body) {
  pid_t child = fork();
  ck_assert(child >= 0);
  if (child == 0) {
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
    _exit(body());
  }
  int status = 0;
  ck_assert(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

// Index of the first call of that kind whose path ends so, from `from` on.
size_t find_call(const std::vector<FileCall> &record, const std::string &op, const std::string &end,
                 size_t from = 0) {
  for (size_t i = from; i < record.size(); i++) {
    const std::string &full = record[i].to_full.empty() ? record[i].full : record[i].to_full;
    if (record[i].op == op && full.size() >= end.size() &&
        full.compare(full.size() - end.size(), end.size(), end) == 0)
      return i;
  }
  ck_abort_msg("no %s of …%s", op.c_str(), end.c_str());
  return 0;
}

}  // namespace

GST_START_TEST(g38_a_name_comes_after_the_bytes_and_its_folders_after_it) {
  Fixture f;
  auto record = f.ops.record();
  // The root was made here, so its own name has to last, and the marker's.
  size_t made = find_call(record, "mkdirat", "/frames");
  find_call(record, "fsync", f.dir.path(), made);
  size_t marked = find_call(record, "renameat2", "marker.json");
  find_call(record, "fsync", "/.gst-checkpoint", marked);

  f.ops.clear();
  ck_assert(f.put(kName).is_ok());
  record = f.ops.record();
  size_t written = find_call(record, "pwritev", "");
  size_t synced = find_call(record, "fsync", record[written].full);
  size_t named = find_call(record, "renameat2", kName);
  ck_assert(written < synced && synced < named);
  ck_assert(record[synced].handle == record[written].handle);
  size_t folder_synced = find_call(record, "fsync", "/frames/job/frames", named);
  ck_assert(folder_synced == record.size() - 1);
  // Each folder that was made lasts before anybody is told of the object.
  find_call(record, "fsync", "/frames", find_call(record, "mkdirat", "/frames/job"));
  find_call(record, "fsync", "/frames/job", find_call(record, "mkdirat", "/frames/job/frames"));

  // The next one into the same folder is three calls that wait for the disk no more.
  f.ops.clear();
  ck_assert(f.put("job/frames/b.pack").is_ok());
  ck_assert_int_eq(f.ops.count("fsync"), 2);
  ck_assert_int_eq(f.ops.count("mkdirat"), 0);
}
GST_END_TEST

GST_START_TEST(g38_folders_that_others_made_are_synced_too) {
  Fixture f;
  fs::create_directories(f.path("job/frames"));
  f.ops.clear();
  ck_assert(f.put(kName).is_ok());
  auto record = f.ops.record();
  find_call(record, "fsync", "/frames");
  find_call(record, "fsync", "/frames/job");
}
GST_END_TEST

GST_START_TEST(g03_each_call_that_fails_fails_the_put_and_leaves_nothing) {
  for (int error : {EIO, ENOSPC, EACCES}) {
    size_t faults = 0;
    for (size_t at = 0;; at++) {
      Fixture f;
      std::string failed;
      f.ops.clear();
      f.ops.before([&](const FileCall &call, size_t number) {
        if (number != at) return 0;
        failed = call.op;
        return error;
      });
      Status status = f.put(kName, 9 << 20);
      f.ops.before(nullptr);
      if (failed.empty()) break;
      faults++;
      if (status.is_ok()) {  // only what is a hint may fail unseen
        ck_assert_msg(failed == "start_writeback" || failed == "openat" || failed == "fsync", "%s",
                      failed.c_str());
        ck_assert(f.get(kName, 9 << 20).is_ok());
        continue;
      }
      Code expected = error == EIO      ? Code::kUnavailable
                      : error == ENOSPC ? Code::kNoSpace
                                        : Code::kPermissionDenied;
      assert_code(status, expected);
      ck_assert(!status.hint().empty());
      assert_code(f.get(kName), Code::kMissing);
      ck_assert_int_eq(f.temp_files(), 0);
      ck_assert(f.put(kName).is_ok());
      ck_assert(f.get(kName, 10000).is_ok());
    }
    ck_assert_int_gt(faults, 12);
  }
}
GST_END_TEST

GST_START_TEST(g38_after_a_failed_sync_the_file_is_never_synced_again) {
  Fixture f;
  f.ops.clear();
  int failures = 0;
  f.ops.before([&](const FileCall &call, size_t) {
    return call.op == "fsync" && call.full.find("/tmp/") != std::string::npos && failures++ == 0
               ? EIO
               : 0;
  });
  assert_code(f.put(kName), Code::kUnavailable);
  int first = 0;
  for (const FileCall &call : f.ops.record())
    if (call.op == "fsync" && call.failed) first = call.handle;
  ck_assert(f.put(kName).is_ok());
  for (const FileCall &call : f.ops.record())
    if (call.op == "fsync" && !call.failed) ck_assert_int_ne(call.handle, first);
}
GST_END_TEST

GST_START_TEST(g02_killed_before_each_call_nothing_half_is_there) {
  bool whole = false;
  for (size_t at = 0; !whole; at++) {
    Fixture f;
    f.ops.clear();
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
      f.ops.before([&](const FileCall &, size_t number) {
        if (number == at) kill(getpid(), SIGKILL);
        return 0;
      });
      _exit(f.put(kName, 9 << 20).is_ok() ? 0 : 1);
    }
    int status;
    ck_assert(waitpid(child, &status, 0) == child);
    whole = WIFEXITED(status);
    if (whole) ck_assert_int_eq(WEXITSTATUS(status), 0);
    Status got = f.get(kName, 9 << 20);
    if (whole || got.is_ok())
      ck_assert(got.is_ok());
    else
      assert_code(got, Code::kMissing);
    // The next one who opens the store tidies up after the dead.
    ck_assert(make_file_store(f.root)->open(f.cancel).is_ok());
    ck_assert_int_eq(f.temp_files(), 0);
    if (!got.is_ok()) ck_assert(f.put(kName).is_ok());
    ck_assert_int_lt(at, 100);
  }
}
GST_END_TEST

GST_START_TEST(unfinished_files_of_the_living_stay) {
  Fixture f;
  const std::string folder = f.path(".gst-checkpoint/tmp");
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY));
  auto mine = TempFile::create(FileOps::system(), fd.get(), folder);
  ck_assert(mine.is_ok());
  auto touch = [&](const std::string &name, time_t age) {
    std::ofstream(folder + "/" + name) << "x";
    timespec times[2] = {{0, 0}, {0, 0}};
    times[0].tv_sec = times[1].tv_sec = time(nullptr) - age;
    ck_assert(utimensat(AT_FDCWD, (folder + "/" + name).c_str(), times, 0) == 0);
  };
  const std::string tail = mine->name().substr(mine->name().rfind('@'));
  const std::string boot = mine->name().substr(0, mine->name().find('@'));
  std::vector<std::string> stay = {mine->name(), "other-boot@1@2" + tail, "strange"};
  std::vector<std::string> go = {boot + "@1@1" + tail, "other-boot@1@3" + tail, "stranger"};
  touch(stay[1], 23 * 3600);
  touch(stay[2], 60);
  touch(go[0], 0);  // a process of that number lives, but began at another time
  touch(go[1], 25 * 3600);
  touch(go[2], 25 * 3600);
  ck_assert(make_file_store(f.root)->open(f.cancel).is_ok());
  for (const std::string &name : stay)
    ck_assert_msg(fs::exists(folder + "/" + name), "%s", name.c_str());
  for (const std::string &name : go)
    ck_assert_msg(!fs::exists(folder + "/" + name), "%s", name.c_str());
}
GST_END_TEST

GST_START_TEST(a_put_that_is_cancelled_under_way_leaves_nothing) {
  Fixture f;
  f.ops.clear();
  for (const char *op : {"pwritev", "fsync"}) {
    Cancellation cancel;
    f.ops.before([&](const FileCall &call, size_t) {
      if (call.op == op) cancel.cancel();
      return 0;
    });
    Bytes bytes(9 << 20);
    std::array<ByteView, 1> parts{bytes};
    assert_code(f.store->put(kName, parts, std::nullopt, cancel), Code::kCancelled);
    f.ops.before(nullptr);
    assert_code(f.get(kName), Code::kMissing);
    ck_assert_int_eq(f.temp_files(), 0);
  }
}
GST_END_TEST

GST_START_TEST(a_folder_that_is_removed_meanwhile_is_made_again) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  ck_assert(f.store->remove(kName, f.cancel).is_ok());
  ck_assert(!fs::exists(f.path("job")));
  ck_assert(f.put(kName).is_ok());
  // Between making it and publishing into it, again and again.
  int times = 0;
  f.ops.before([&](const FileCall &call, size_t) {
    if (call.op == "renameat2" && times++ < 5) {
      fs::remove(f.path("new/frames"));
      fs::remove(f.path("new"));
    }
    return 0;
  });
  ck_assert(f.put("new/frames/b").is_ok());
  ck_assert_int_eq(times, 6);
  ck_assert(f.get("new/frames/b", 10000).is_ok());
  // And the one for unfinished files.
  fs::remove(f.path(".gst-checkpoint/tmp"));
  ck_assert(f.put("new/frames/c").is_ok());
}
GST_END_TEST

GST_START_TEST(an_object_is_where_readers_look_or_the_put_fails) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  f.ops.before([&](const FileCall &call, size_t) {
    if (call.op == "renameat2") fs::rename(f.path("job"), f.path("moved"));
    return 0;
  });
  assert_code(f.put("job/frames/b"), Code::kUnavailable);
  f.ops.before(nullptr);
  assert_code(f.get("moved/frames/b"), Code::kMissing);
  ck_assert(f.put("job/frames/b").is_ok());
}
GST_END_TEST

GST_START_TEST(an_answer_that_a_network_lost_is_no_failure) {
  Fixture f;
  f.ops.refuse("renameat2", EINVAL, RENAME_NOREPLACE);
  f.ops.before([&](const FileCall &call, size_t) {
    if (call.op != "linkat") return 0;
    fs::create_hard_link(call.full, call.to_full);  // done, and then asked once more
    return EEXIST;
  });
  // The folder has to be there for it.
  fs::create_directories(f.path("job/frames"));
  ck_assert(f.put(kName).is_ok());
  ck_assert(f.get(kName, 10000).is_ok());
  ck_assert_int_eq(f.temp_files(), 0);
}
GST_END_TEST

GST_START_TEST(folders_and_files_are_the_owners_alone) {
  umask(0);
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  for (const auto &entry : fs::recursive_directory_iterator(f.dir.path())) {
    struct stat info;
    ck_assert(stat(entry.path().c_str(), &info) == 0);
    ck_assert_int_eq(info.st_mode & 0777, S_ISDIR(info.st_mode) ? 0700 : 0600);
  }
}
GST_END_TEST

GST_START_TEST(a_folder_without_rights_is_named) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  ck_assert(chmod(f.dir.path().c_str(), 0755) == 0);
  auto tried = [&](int mode, const char *call) {
    for (const auto &entry : fs::recursive_directory_iterator(f.root))
      fs::permissions(entry.path(),
                      static_cast<fs::perms>(entry.is_directory() ? mode : mode & 0666));
    fs::permissions(f.root, static_cast<fs::perms>(mode));
    return as_nobody([&] {
      auto store = make_file_store(f.root);
      Status status = store->open(f.cancel);
      Bytes out(10);
      if (status.is_ok() && std::string(call) == "get")
        status = store->get(kName, 0, out, f.cancel);
      if (status.is_ok() && std::string(call) == "put") status = f.put(*store, "job/frames/b", 10);
      if (status.is_ok() && std::string(call) == "remove") status = store->remove(kName, f.cancel);
      if (status.is_ok() && std::string(call) == "list")
        status = store->list(
            "", [](const ObjectInfo &) { return true; }, f.cancel);
      if (status.is_ok()) return 0;
      bool clear = status.is(Code::kPermissionDenied) && !status.hint().empty() &&
                   status.message().find(f.root) != std::string::npos;
      return clear ? 1 : 2;
    });
  };
  ck_assert_int_eq(tried(0555, "get"), 0);
  ck_assert_int_eq(tried(0555, "list"), 0);
  ck_assert_int_eq(tried(0555, "put"), 1);
  ck_assert_int_eq(tried(0555, "remove"), 1);
  for (const char *call : {"get", "put", "list"}) ck_assert_int_eq(tried(0700 & ~0700, call), 1);
  // Nowhere to make the root itself.
  int code = as_nobody([&] {
    auto store = make_file_store("/proc/1/nowhere/frames");
    Status status = store->write_marker(f.marker, f.cancel);
    return status.is_ok() || status.is(Code::kInternal) ? 2 : 1;
  });
  ck_assert_int_eq(code, 1);
}
GST_END_TEST

GST_START_TEST(g03_a_full_disk_is_no_space) {
  Fixture outside;
  pid_t child = fork();
  ck_assert(child >= 0);
  if (child == 0) {
    const std::string disk = outside.dir.file("disk");
    fs::create_directory(disk);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0)
      _exit(77);
    auto store = make_file_store(disk + "/frames");
    Cancellation cancel;
    if (!store->write_marker(outside.marker, cancel).is_ok()) _exit(1);
    if (!outside.put(*store, "job/frames/a", 1 << 20).is_ok()) _exit(2);
    Status status = outside.put(*store, "job/frames/b", 4 << 20);
    if (!status.is(Code::kNoSpace) || status.hint().empty()) _exit(3);
    // Nothing of it takes space now, and what was there is.
    if (!outside.put(*store, "job/frames/c", 512 << 10).is_ok()) _exit(4);
    Bytes out(1 << 20);
    if (!store->get("job/frames/a", 0, out, cancel).is_ok()) _exit(5);
    if (!store->stat("job/frames/b", cancel).status().is(Code::kMissing)) _exit(6);
    _exit(0);
  }
  int status = 0;
  ck_assert(waitpid(child, &status, 0) == child);
  ck_assert(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) return;  // may not mount: the limit below is the other way
  ck_assert_int_eq(WEXITSTATUS(status), 0);
}
GST_END_TEST

GST_START_TEST(g03_a_limit_of_file_size_is_no_space) {
  Fixture f;
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{1 << 20, 1 << 20};
  ck_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  assert_code(f.put(kName, 4 << 20), Code::kNoSpace);
  ck_assert_int_eq(f.temp_files(), 0);
  ck_assert(f.put(kName, 1 << 20).is_ok());
  FileStoreOptions options;
  options.preallocate = true;
  auto store = make_file_store(f.root, options);
  assert_code(f.put(*store, "job/frames/b", 4 << 20), Code::kNoSpace);
  ck_assert(f.put(*store, "job/frames/b", 1 << 20).is_ok());
}
GST_END_TEST

GST_START_TEST(a_pack_is_opened_once_for_many_gets) {
  Fixture f;
  for (int i = 0; i < 40; i++) ck_assert(f.put("job/frames/" + std::to_string(i)).is_ok());
  f.ops.clear();
  for (int i = 0; i < 100; i++) ck_assert(f.get("job/frames/7").is_ok());
  ck_assert_int_eq(f.ops.count("openat"), 1);
  // But not all of them for ever.
  for (int i = 0; i < 40; i++) ck_assert(f.get("job/frames/" + std::to_string(i)).is_ok());
  size_t open_now = 0;
  for (const auto &entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    open_now += fs::read_symlink(entry.path(), gone).string().rfind(f.path("job/frames/"), 0) == 0;
  }
  ck_assert_int_eq(open_now, 32);
  // Out of descriptors: those are given up before the get is.
  int refused = 0;
  f.ops.before([&](const FileCall &call, size_t) {
    return call.op == "openat" && refused++ == 0 ? EMFILE : 0;
  });
  ck_assert(f.get("job/frames/0").is_ok());
  ck_assert_int_eq(refused, 2);
}
GST_END_TEST

GST_START_TEST(g11_an_error_of_the_disk_is_not_missing) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  f.ops.refuse("pread", EIO);
  Status status = f.get(kName);
  assert_code(status, Code::kUnavailable);
  ck_assert(status.retryable());
  ck_assert(status.message().find(f.path(kName)) != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g10_a_file_that_was_cut_is_truncated) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  ck_assert(f.get(kName, 10000).is_ok());
  ck_assert(truncate(f.path(kName).c_str(), 9999) == 0);
  assert_code(f.get(kName, 10000), Code::kTruncated);
  ck_assert(f.get(kName, 9999).is_ok());
}
GST_END_TEST

GST_START_TEST(what_is_no_file_is_no_object) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  ck_assert(mkfifo(f.path("pipe").c_str(), 0600) == 0);
  ck_assert(symlink(f.root.c_str(), f.path("loop").c_str()) == 0);
  std::ofstream(f.path("stranger\n")) << "x";
  assert_code(f.get("pipe"), Code::kMissing);  // and does not hang
  assert_code(f.get("job"), Code::kMissing);
  assert_code(f.put("job/frames"), Code::kInvalidArgument);
  assert_code(f.put(std::string(kName) + "/below"), Code::kInvalidArgument);
  ck_assert_int_eq(f.temp_files(), 0);
  std::vector<std::string> names;
  ck_assert(f.store
                ->list(
                    "",
                    [&](const ObjectInfo &info) {
                      names.push_back(info.name);
                      return true;
                    },
                    f.cancel)
                .is_ok());
  ck_assert(names == std::vector<std::string>{kName});
}
GST_END_TEST

GST_START_TEST(looking_makes_nothing) {
  TempDir dir;
  Cancellation cancel;
  auto store = make_file_store(dir.file("a/b"));
  ck_assert(store->open(cancel).is_ok());
  auto marker = store->read_marker(cancel);
  ck_assert(marker.is_ok() && !*marker);
  Bytes out(1);
  assert_code(store->get("x", 0, out, cancel), Code::kUnavailable);
  assert_code(store->put("x", {}, std::nullopt, cancel), Code::kUnavailable);
  ck_assert(fs::is_empty(dir.path()));
  // A folder of somebody else's is not ours before it has our marker.
  auto theirs = make_file_store(dir.path());
  assert_code(theirs->put("x", {}, std::nullopt, cancel), Code::kUnavailable);
  ck_assert(fs::is_empty(dir.path()));
  std::ofstream(dir.file("file")) << "x";
  assert_code(make_file_store(dir.file("file"))->open(cancel), Code::kInvalidArgument);
}
GST_END_TEST

GST_START_TEST(a_broken_marker_is_corrupt) {
  Fixture f;
  ck_assert(f.put(kName).is_ok());
  std::ofstream(f.path(std::string(kMarkerName))) << "{}";
  auto store = make_file_store(f.root);
  Status status = store->read_marker(f.cancel).status();
  assert_code(status, Code::kCorrupt);
  ck_assert(status.message().find(f.path(std::string(kMarkerName))) != std::string::npos);
}
GST_END_TEST

GST_START_TEST(uris_of_folders) {
  StoreRegistry registry;
  register_file(registry);
  TempDir dir;
  ck_assert(chdir(dir.path().c_str()) == 0);
  const std::pair<std::string, std::string> good[] = {
      {"/data/frames", "file:///data/frames"},
      {"/data//x/./frames/", "file:///data/x/frames"},
      {"file:///data/a%20b", "file:///data/a%20b"},
      {"/data/a b%", "file:///data/a%20b%25"},
      {"file://localhost/data", "file:///data"},
      {"relative/frames", "file://" + dir.path() + "/relative/frames"},
      {"file:///data?writeback=0&preallocate=yes", "file:///data"},
  };
  for (const auto &[uri, shown] : good) {
    auto store = registry.make_frame_store(uri);
    ck_assert_msg(store.is_ok(), "%s", uri.c_str());
    ck_assert_msg((*store)->display_uri() == shown, "%s", (*store)->display_uri().c_str());
  }
  for (const char *uri :
       {"file://server/data", "file://", "file:///d?fast=yes", "file:///d?writeback=8M",
        "file:///d?preallocate=1", "file://me@localhost/d"})
    assert_code(registry.make_frame_store(uri).status(), Code::kInvalidArgument);
  ck_assert(fs::is_empty(dir.path()));
}
GST_END_TEST

static Suite *file_store_suite() {
  Suite *suite = suite_create("file_store");
  TCase *tc = tcase_create("file_store");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g38_a_name_comes_after_the_bytes_and_its_folders_after_it);
  tcase_add_test(tc, g38_folders_that_others_made_are_synced_too);
  tcase_add_test(tc, g03_each_call_that_fails_fails_the_put_and_leaves_nothing);
  tcase_add_test(tc, g38_after_a_failed_sync_the_file_is_never_synced_again);
  tcase_add_test(tc, g02_killed_before_each_call_nothing_half_is_there);
  tcase_add_test(tc, unfinished_files_of_the_living_stay);
  tcase_add_test(tc, a_put_that_is_cancelled_under_way_leaves_nothing);
  tcase_add_test(tc, a_folder_that_is_removed_meanwhile_is_made_again);
  tcase_add_test(tc, an_object_is_where_readers_look_or_the_put_fails);
  tcase_add_test(tc, an_answer_that_a_network_lost_is_no_failure);
  tcase_add_test(tc, folders_and_files_are_the_owners_alone);
  tcase_add_test(tc, a_folder_without_rights_is_named);
  tcase_add_test(tc, g03_a_full_disk_is_no_space);
  tcase_add_test(tc, g03_a_limit_of_file_size_is_no_space);
  tcase_add_test(tc, a_pack_is_opened_once_for_many_gets);
  tcase_add_test(tc, g11_an_error_of_the_disk_is_not_missing);
  tcase_add_test(tc, g10_a_file_that_was_cut_is_truncated);
  tcase_add_test(tc, what_is_no_file_is_no_object);
  tcase_add_test(tc, looking_makes_nothing);
  tcase_add_test(tc, a_broken_marker_is_corrupt);
  tcase_add_test(tc, uris_of_folders);
  return suite;
}
GST_CHECK_MAIN(file_store);
