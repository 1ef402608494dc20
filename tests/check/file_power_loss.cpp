// SPDX-License-Identifier: LGPL-2.1-or-later
// The power fails after any call that the frame store in a folder makes. Whatever it had reported
// as stored is there and whole afterwards, and nothing is there that is not whole. (That a killed
// process loses nothing proves nothing about this: the kernel lives on.)
#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <stdio.h>

#include "backends/file/file_store.h"
#include "support/check.h"
#include "support/recording_file_ops.h"
#include "support/simulated_disk.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

// What an object of that name holds.
Bytes content(const std::string &name) {
  Bytes bytes(1000 + name.size() * 700);
  for (size_t i = 0; i < bytes.size(); i++)
    bytes[i] = static_cast<std::byte>(name[i % name.size()] + static_cast<int>(i / 512));
  return bytes;
}

// One run of writers, written down.
struct Run {
  Run() { ops.keep_data(); }

  std::shared_ptr<FrameStore> store() { return make_file_store(dir.file("a/frames"), {}, ops); }
  void mark(FrameStore &store) {
    Status status = store.write_marker(marker, cancel);
    if (status.is_ok()) ops.announce("marker");
  }
  void put(FrameStore &store, const std::string &name) {
    Bytes bytes = content(name);
    std::array<ByteView, 3> parts{ByteView(bytes).first(100), ByteView(bytes).subspan(100, 400),
                                  ByteView(bytes).subspan(500)};
    Status status = store.put(name, parts, std::nullopt, cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    ops.announce("put " + name);
  }
  void remove(FrameStore &store, const std::string &name) {
    ops.announce("remove " + name);
    ck_assert(store.remove(name, cancel).is_ok());
  }

  TempDir dir{TempDir::On::kMemory};
  RecordingFileOps ops;
  StoreMarker marker{Uuid::random(), Uuid::random()};
  Cancellation cancel;
};

// What is wrong with the disk after the power failed at that point; "" when nothing is.
std::string judge(const Run &run, const SimulatedDisk &disk, const std::set<std::string> &told,
                  bool marked, std::mt19937 *random) {
  TempDir after(TempDir::On::kMemory);
  disk.lose_power(after.path(), random);
  Cancellation cancel;
  auto store = make_file_store(after.file("a/frames"));
  if (!store->open(cancel).is_ok()) return "the store does not open";
  auto marker = store->read_marker(cancel);
  if (!marker.is_ok()) return "marker: " + marker.status().to_string();
  if (!*marker) return marked || !told.empty() ? "the marker is lost" : "";
  if ((*marker)->frame_store != run.marker.frame_store) return "the marker is another";
  auto check = [&](const std::string &name) -> std::string {
    Bytes expected = content(name), bytes(expected.size());
    auto info = store->stat(name, cancel);
    if (!info.is_ok()) return info.status().to_string();
    if (info->size != expected.size()) return name + " has another size";
    if (Status s = store->get(name, 0, bytes, cancel); !s.is_ok()) return s.to_string();
    return bytes == expected ? "" : name + " holds other bytes";
  };
  for (const std::string &name : told)
    if (std::string wrong = check(name); !wrong.empty()) return "lost: " + wrong;
  std::string wrong;
  Status status = store->list(
      "",
      [&](const ObjectInfo &info) {
        wrong = check(info.name);
        return wrong.empty();
      },
      cancel);
  if (!status.is_ok()) return status.to_string();
  return wrong.empty() ? "" : "half there: " + wrong;
}

// Cuts the record of a run at every point; the first thing that is wrong.
std::string cut_everywhere(const Run &run, unsigned random_tries) {
  SimulatedDisk disk(run.dir.path());
  std::set<std::string> told;
  bool marked = false;
  std::mt19937 random(1);
  size_t at = 0;
  for (const FileCall &call : run.ops.record()) {
    at++;
    if (call.op == "announce") {
      const std::string &text = call.announce;
      if (text == "marker") marked = true;
      if (text.rfind("put ", 0) == 0) told.insert(text.substr(4));
      if (text.rfind("remove ", 0) == 0) told.erase(text.substr(7));
    } else if (call.op == "pread" || call.op == "start_writeback") {
      continue;
    } else {
      disk.apply(call);
    }
    for (unsigned i = 0; i <= random_tries; i++) {
      std::string wrong = judge(run, disk, told, marked, i == 0 ? nullptr : &random);
      if (!wrong.empty())
        return "after call " + std::to_string(at) + " (" + call.op + " " + call.full +
               "): " + wrong;
    }
  }
  ck_assert(marked && !told.empty());
  return "";
}

void ordinary_work(Run &run) {
  auto store = run.store();
  run.mark(*store);
  run.put(*store, "job/frames/a.pack");
  run.put(*store, "job/frames/b.pack");
  run.put(*store, "other/frames/c.pack");
  run.remove(*store, "other/frames/c.pack");
  run.put(*store, "other/frames/d.pack");
  auto second = run.store();
  run.put(*second, "job/frames/e.pack");
  run.put(*second, "plain");
}

void assert_nothing_wrong(const Run &run, unsigned random_tries = 3) {
  std::string wrong = cut_everywhere(run, random_tries);
  ck_assert_msg(wrong.empty(), "%s", wrong.c_str());
}

}  // namespace

GST_START_TEST(g38_what_was_stored_survives_a_power_loss) {
  Run run;
  ordinary_work(run);
  assert_nothing_wrong(run);
}
GST_END_TEST

GST_START_TEST(g38_also_where_names_are_given_otherwise) {
  for (bool links : {true, false}) {
    Run run;
    run.ops.refuse("renameat2", EINVAL, RENAME_NOREPLACE);
    if (!links) run.ops.refuse("linkat", EPERM);
    ordinary_work(run);
    assert_nothing_wrong(run, 1);
  }
}
GST_END_TEST

GST_START_TEST(g38_also_what_relies_on_folders_of_others) {
  // One process has made the folder above the root, then folders of jobs, and died before it synced
  // them.
  Run run;
  auto slow = run.store();
  run.ops.before([](const FileCall &call, size_t) { return call.op == "fsync" ? EIO : 0; });
  ck_assert(!slow->write_marker(run.marker, run.cancel).is_ok());
  run.ops.before(nullptr);
  auto hasty = run.store();
  run.mark(*hasty);
  auto other = run.store();
  ck_assert(run.ops.mkdirat(-100, run.dir.file("a/frames/job").c_str(), 0700) == 0);
  ck_assert(run.ops.mkdirat(-100, run.dir.file("a/frames/job/frames").c_str(), 0700) == 0);
  run.put(*other, "job/frames/a.pack");
  assert_nothing_wrong(run);
}
GST_END_TEST

GST_START_TEST(g38_the_marker_of_a_stalled_process_lasts_before_others_build_on_it) {
  Run run;
  auto stalled = run.store(), other = run.store();
  // Once the marker has its name, the process that gave it stands still, and the other goes on.
  bool named = false;
  run.ops.before([&](const FileCall &call, size_t) {
    if (named && call.op == "fsync" && call.full.find("/.gst-checkpoint") != std::string::npos) {
      named = false;
      run.put(*other, "job/frames/a.pack");
      run.put(*other, "job/frames/b.pack");
    }
    named = named || call.to_full.find("marker.json") != std::string::npos;
    return 0;
  });
  run.mark(*stalled);
  assert_nothing_wrong(run);
}
GST_END_TEST

GST_START_TEST(the_model_finds_what_is_not_synced) {
  // Writers who leave a sync out lose something at some point, each in its way.
  using Skips = std::function<bool(const FileCall &)>;
  auto ends_with = [](const std::string &text, const std::string &end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
  };
  const Skips skips[] = {
      [](const FileCall &call) { return call.full.find("/tmp/") != std::string::npos; },
      [&](const FileCall &call) { return ends_with(call.full, "/job/frames"); },
      [&](const FileCall &call) { return ends_with(call.full, "/job"); },
      [&](const FileCall &call) { return ends_with(call.full, "/a/frames"); },
      [&](const FileCall &call) { return ends_with(call.full, "/a"); },
      [&](const FileCall &call) { return ends_with(call.full, "/.gst-checkpoint"); },
  };
  for (const Skips &skip : skips) {
    Run run;
    ordinary_work(run);
    SimulatedDisk disk(run.dir.path());
    std::set<std::string> told;
    std::mt19937 random(2);
    std::string wrong;
    for (const FileCall &call : run.ops.record()) {
      if (call.op == "announce" && call.announce.rfind("put ", 0) == 0)
        told.insert(call.announce.substr(4));
      if (call.op == "announce" && call.announce.rfind("remove ", 0) == 0)
        told.erase(call.announce.substr(7));
      if (call.op != "announce" && !(call.op == "fsync" && skip(call))) disk.apply(call);
      if (wrong.empty()) wrong = judge(run, disk, told, false, nullptr);
      if (wrong.empty()) wrong = judge(run, disk, told, false, &random);
    }
    ck_assert(!wrong.empty());
  }
}
GST_END_TEST

static Suite *file_power_loss_suite() {
  Suite *suite = suite_create("file_power_loss");
  TCase *tc = tcase_create("file_power_loss");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g38_what_was_stored_survives_a_power_loss);
  tcase_add_test(tc, g38_also_where_names_are_given_otherwise);
  tcase_add_test(tc, g38_also_what_relies_on_folders_of_others);
  tcase_add_test(tc, g38_the_marker_of_a_stalled_process_lasts_before_others_build_on_it);
  tcase_add_test(tc, the_model_finds_what_is_not_synced);
  return suite;
}
GST_CHECK_MAIN(file_power_loss);
