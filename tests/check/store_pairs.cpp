// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames in a folder and metadata in a file, opened as the elements open them.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "core/stores.h"
#include "support/check.h"
#include "support/checkpoint_maker.h"
#include "support/temp_dir.h"

using namespace checkpoint;
namespace fs = std::filesystem;

namespace {

using Access = Stores::Access;
using Opened = Result<std::shared_ptr<Stores>>;

struct Place {
  Place() { register_backends(); }
  Opened open(Access access) { return Stores::open(frames, metadata, access, cancel); }
  // One small checkpoint; the pair is closed again.
  void store_something() {
    auto stores = open(Access::kWrite);
    ck_assert_msg(stores.is_ok(), "%s", stores.status().to_string().c_str());
    CheckpointMaker maker(*stores, "job", "stage");
    maker.add_caps("video/x-raw");
    MadeFrame frame;
    frame.payload = Bytes(100, std::byte{7});
    maker.add_frame(frame);
    maker.complete();
    object = maker.packs().at(0);
  }

  TempDir dir;
  std::string frames = dir.file("data/frames"), metadata = dir.file("data/checkpoints.db");
  std::string object;
  Cancellation cancel;
};

void assert_code(const Status &status, Code code) {
  ck_assert_msg(status.is(code), "wanted %s, got %s", code_name(code), status.to_string().c_str());
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

GST_START_TEST(reading_from_nowhere_makes_nothing_and_names_both_places) {
  Place place;
  Status status = place.open(Access::kRead).status();
  assert_code(status, Code::kNotFound);
  ck_assert(contains(status.message(), place.frames));
  ck_assert(contains(status.message(), place.metadata));
  ck_assert(fs::is_empty(place.dir.path()));
}
GST_END_TEST

GST_START_TEST(what_one_stored_another_finds) {
  Place place;
  place.store_something();
  auto reader = place.open(Access::kRead);
  ck_assert(reader.is_ok());
  ck_assert((*reader)->frame_store != 0);
  ck_assert((*reader)->frames->stat(place.object, place.cancel).is_ok());
  auto writer = place.open(Access::kWrite);
  ck_assert(writer.is_ok() && *writer == *reader);
}
GST_END_TEST

GST_START_TEST(g40_an_unmounted_folder_is_unavailable) {
  Place place;
  place.store_something();
  for (bool mount_point : {true, false}) {
    fs::rename(place.frames, place.frames + "-away");
    if (mount_point) fs::create_directory(place.frames);
    for (Access access : {Access::kRead, Access::kWrite}) {
      Status status = place.open(access).status();
      assert_code(status, Code::kUnavailable);
      ck_assert(contains(status.message(), place.frames));
      ck_assert(contains(status.hint(), "mounted"));
    }
    // Nothing was written to the wrong disk.
    ck_assert(!fs::exists(place.frames) || fs::is_empty(place.frames));
    fs::remove(place.frames);
    fs::rename(place.frames + "-away", place.frames);
    ck_assert(place.open(Access::kRead).is_ok());
  }
}
GST_END_TEST

GST_START_TEST(g40_another_disk_in_its_place_is_unavailable) {
  Place ours, theirs;
  ours.store_something();
  theirs.store_something();
  fs::rename(ours.frames, ours.frames + "-away");
  fs::rename(theirs.frames, ours.frames);
  for (Access access : {Access::kRead, Access::kWrite})
    assert_code(ours.open(access).status(), Code::kUnavailable);
}
GST_END_TEST

GST_START_TEST(a_folder_of_other_metadata_is_refused_with_both_named) {
  Place ours, theirs;
  theirs.store_something();
  ours.frames = theirs.frames;
  Status status = ours.open(Access::kWrite).status();
  assert_code(status, Code::kInvalidArgument);
  ck_assert(contains(status.message(), theirs.frames));
  ck_assert(contains(status.message(), ours.metadata));
  ck_assert(!status.hint().empty());
  ck_assert(theirs.open(Access::kWrite).is_ok());
}
GST_END_TEST

GST_START_TEST(a_folder_may_move) {
  Place place;
  place.store_something();
  fs::rename(place.frames, place.dir.file("moved"));
  place.frames = place.dir.file("moved");
  for (Access access : {Access::kRead, Access::kWrite, Access::kRead}) {
    auto stores = place.open(access);
    ck_assert(stores.is_ok());
    ck_assert((*stores)->frames->stat(place.object, place.cancel).is_ok());
  }
  ck_assert_int_eq((*place.open(Access::kRead))->metadata->frame_stores(place.cancel)->size(), 1);
}
GST_END_TEST

GST_START_TEST(g32_processes_that_begin_at_once_share_one_pair) {
  constexpr int kProcesses = 6;
  Place place;
  int go[2], out[2];
  ck_assert(pipe(go) == 0 && pipe(out) == 0);
  std::vector<pid_t> children;
  for (int c = 0; c < kProcesses; c++) {
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    close(go[1]);
    char byte;
    if (read(go[0], &byte, 1) != 0) _exit(1);  // until the parent closes its end
    auto stores = place.open(Access::kWrite);
    if (!stores.is_ok()) {
      std::string text = stores.status().to_string() + "\n";
      if (write(2, text.data(), text.size()) < 0) _exit(3);
      _exit(2);
    }
    _exit(write(out[1], (*stores)->frame_store_uuid.bytes.data(), 16) == 16 ? 0 : 1);
  }
  close(go[0]);
  close(go[1]);
  for (pid_t child : children) {
    int status = 1;
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
  }
  auto stores = place.open(Access::kRead);
  ck_assert(stores.is_ok());
  for (int c = 0; c < kProcesses; c++) {
    Uuid uuid;
    ck_assert(read(out[0], uuid.bytes.data(), 16) == 16);
    ck_assert(uuid == (*stores)->frame_store_uuid);
  }
  ck_assert_int_eq((*stores)->metadata->frame_stores(place.cancel)->size(), 1);
}
GST_END_TEST

static Suite *store_pairs_suite() {
  Suite *suite = suite_create("store_pairs");
  TCase *tc = tcase_create("store_pairs");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, reading_from_nowhere_makes_nothing_and_names_both_places);
  tcase_add_test(tc, what_one_stored_another_finds);
  tcase_add_test(tc, g40_an_unmounted_folder_is_unavailable);
  tcase_add_test(tc, g40_another_disk_in_its_place_is_unavailable);
  tcase_add_test(tc, a_folder_of_other_metadata_is_refused_with_both_named);
  tcase_add_test(tc, a_folder_may_move);
  tcase_add_test(tc, g32_processes_that_begin_at_once_share_one_pair);
  return suite;
}
GST_CHECK_MAIN(store_pairs);
