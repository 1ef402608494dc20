// SPDX-License-Identifier: LGPL-2.1-or-later
// What a person reads who runs gst-launch-1.0 when something is wrong: one ERROR of ours, first,
// that names what it is about and what to do, and an exit code that says so.
#include <fcntl.h>
#include <gst/gst.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <initializer_list>
#include <string>

#include "support/check.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/outcome.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

constexpr size_t kFrameBytes = 64 * 48;

std::string film(int frames) {
  return "videotestsrc num-buffers=" + std::to_string(frames) +
         " ! video/x-raw,format=GRAY8,width=64,height=48,framerate=30/1 ! ";
}

uint64_t size_of(const std::string &path) {
  struct stat info;
  ck_assert_msg(stat(path.c_str(), &info) == 0, "%s", path.c_str());
  return static_cast<uint64_t>(info.st_size);
}

const std::string kSink = "checkpointsink job-id=street stage=decode ";
const std::string kPlay = "checkpointsrc job-id=street stage=decode ";

}  // namespace

GST_START_TEST(what_is_not_there_is_named_with_what_is) {
  Home home;
  must_fail("checkpointsrc job-id=street stage=decode ! fakesink", "checkpointsrc0",
            {"No checkpoint for job \"street\", stage \"decode\"", home.frames()});
  // EXISTS
  must_succeed(film(3) + kSink);
  must_succeed(kPlay + "! checkpointsink stage=detect");
  must_fail("checkpointsrc job-id=avenue stage=decode ! fakesink", "checkpointsrc0",
            {"\"avenue\"", "\"decode\"", "there are jobs \"street\""});
  must_fail("checkpointsrc job-id=street stage=track ! fakesink", "checkpointsrc0",
            {"\"street\"", "\"track\"", "\"decode\"", "\"detect\""});
  must_fail(kPlay + "version=7 ! fakesink", "checkpointsrc0",
            {"\"street\"", "\"decode\"", "version 7", "versions 1"});
  must_fail(kPlay + "scenario=night ! fakesink", "checkpointsrc0",
            {"\"street\"", "\"decode\"", "\"night\"", "outside of scenarios"});
  must_fail("checkpointsrc checkpoint-id=00000000-0000-4000-8000-000000000000 ! fakesink",
            "checkpointsrc0", {"00000000-0000-4000-8000-000000000000"});
  Launch uri("uridecodebin uri=checkpoint://street/track ! fakesink");
  const int code = uri.wait();
  ck_assert_msg(
      code > 0 && !uri.errors().empty() && uri.errors()[0].find("\"track\"") != std::string::npos,
      "%d\n%s", code, uri.tail().c_str());
}
GST_END_TEST

GST_START_TEST(settings_that_are_missing_are_named) {
  Home home;
  must_fail(film(3) + "checkpointsink stage=decode", "checkpointsink0",
            {"job-id", "job-id=street"});
  must_fail(film(3) + "checkpointsink job-id=street", "checkpointsink0", {"stage", "stage=decode"});
  must_fail("checkpointsrc stage=decode ! fakesink", "checkpointsrc0", {"job-id"});
  must_fail("checkpointsrc job-id=street ! fakesink", "checkpointsrc0", {"stage"});
  must_fail("checkpointsrc checkpoint-id=street ! fakesink", "checkpointsrc0", {"heckpoint-id"});
  must_fail(kPlay + "start-index=7 stop-index=3 ! fakesink", "checkpointsrc0",
            {"top-index 3", "start-index 7"});
  must_fail(film(3) + kSink + "frame-store=gopher://x", "checkpointsink0", {"gopher", "file"});
}
GST_END_TEST

GST_START_TEST(g03_places_that_can_not_be_written) {
  Home home;
  Launch::Options options;
  options.obeys_modes = true;
  const std::string shut = home.file("shut");
  ck_assert_int_eq(mkdir(shut.c_str(), 0500), 0);
  must_fail(film(3) + kSink + "frame-store=" + shut + "/frames", "checkpointsink0",
            {shut, "ermission denied"}, options);
  must_fail(film(3) + kSink + "metadata-store=" + shut + "/checkpoints.db", "checkpointsink0",
            {shut, "ermission denied"}, options);
  // What was made before, and may be read, but not changed now.
  must_succeed(film(3) + kSink);
  ck_assert_int_eq(chmod(home.database().c_str(), 0400), 0);
  must_fail(film(3) + kSink, "checkpointsink0", {home.database(), "an't write"}, options);
  ck_assert_int_eq(chmod(home.database().c_str(), 0600), 0);
  ck_assert_int_eq(chmod(home.frames().c_str(), 0500), 0);
  must_fail(film(7) + "checkpointsink job-id=other stage=decode", "checkpointsink0",
            {home.frames(), "ermission denied"}, options);
  ck_assert_int_eq(chmod(home.frames().c_str(), 0700), 0);
  must_succeed(film(7) + kSink);
}
GST_END_TEST

GST_START_TEST(a_place_that_may_only_be_read_can_be_played_or_says_why_not) {
  Home home;
  must_succeed(film(5) + kSink);
  const std::string folder = home.file("data/gst-checkpoint");
  ck_assert_int_eq(chmod(home.database().c_str(), 0400), 0);
  ck_assert_int_eq(chmod(home.frames().c_str(), 0500), 0);
  ck_assert_int_eq(chmod(folder.c_str(), 0500), 0);
  Launch::Options options;
  options.obeys_modes = true;
  Launch launch(kPlay + "! filesink location=" + home.file("played.raw"), options);
  const int code = launch.wait();
  ck_assert_int_eq(chmod(folder.c_str(), 0700), 0);
  if (code == 0) {
    ck_assert_uint_eq(size_of(home.file("played.raw")), 5 * kFrameBytes);
    return;
  }
  must_fail(launch, "checkpointsrc0", {home.database(), "an't write"});
}
GST_END_TEST

GST_START_TEST(g03_a_file_system_that_is_full) {
  Home home;
  const std::string disk = home.file("disk");
  const std::string store =
      kSink + "pack-size=20000 max-size-buffers=10 frame-store=" + disk + "/frames";
  ck_assert_int_eq(mkdir(disk.c_str(), 0700), 0);
  Launch::Options options;
  const bool mounted = mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=300k") == 0;
  if (!mounted) {
    // Not root: a limit that only the frames reach stands for the disk.
    g_print("no file system can be mounted here: RLIMIT_FSIZE instead\n");
    must_succeed(film(300) + "checkpointsink job-id=other stage=s");
    options.file_size_limit = 18000;
  }
  must_fail(film(300) + store, "checkpointsink0",
            {disk, mounted ? "No space left on device" : "File too large"}, options);
  ck_assert(home.value("SELECT state FROM stage_checkpoints WHERE job_id = 'street'") == "partial");
  // What became durable is played.
  const std::string frames =
      home.value("SELECT frames FROM checkpoint JOIN job ON job.key = job WHERE job_id = 'street'");
  if (mounted) ck_assert_uint_gt(std::strtoul(frames.c_str(), nullptr, 10), 0);
  must_succeed(kPlay + "allow-partial=true frame-store=" + disk +
               "/frames ! filesink location=" + home.file("played.raw"));
  ck_assert_uint_eq(size_of(home.file("played.raw")),
                    std::strtoul(frames.c_str(), nullptr, 10) * kFrameBytes);
  // With space again, all is well.
  if (mounted) ck_assert_int_eq(mount("tmpfs", disk.c_str(), nullptr, MS_REMOUNT, "size=30m"), 0);
  must_succeed(film(300) + store);
  if (mounted) ck_assert_int_eq(umount(disk.c_str()), 0);
}
GST_END_TEST

GST_START_TEST(g03_a_full_disk_under_the_database) {
  Home home;
  must_succeed(film(3) + "checkpointsink job-id=other stage=s");
  Launch::Options options;
  options.file_size_limit = size_of(home.database());
  must_fail(film(3000) + kSink + "pack-size=30000", "checkpointsink0", {home.database()}, options);
  must_succeed(film(3) + kSink);
}
GST_END_TEST

GST_START_TEST(a_database_that_another_program_locks) {
  Home home;
  must_succeed(film(3) + kSink);
  const std::string patience = "metadata-store=sqlite://" + home.database() + "?busy-timeout=200";
  {
    DatabaseLock lock(home.database());
    must_fail(film(3) + kSink + patience, "checkpointsink0",
              {home.database(), "locked by another process", "200 ms"});
    // Readers don't care.
    must_succeed(kPlay + "! fakesink");
  }
  must_succeed(film(3) + kSink + patience);
}
GST_END_TEST

GST_START_TEST(a_stage_that_another_process_writes) {
  Home home;
  Launch::Options options;
  options.input = true;
  Launch writer("fdsrc blocksize=3072 ! rawvideoparse format=gray8 width=64 height=48 ! " + kSink +
                    "pack-size=6000",
                options);
  const std::string frames(4 * kFrameBytes, 'x');
  ck_assert(writer.write_input(frames.data(), frames.size()));
  ck_assert(writer.wait_for("gst-checkpoint-commit"));
  const std::string pid = "process " + std::to_string(writer.pid());
  must_fail(film(3) + kSink, "checkpointsink0", {"'decode'", "'street'", pid});
  must_fail(kPlay + "! fakesink", "checkpointsrc0", {"\"street\"", "\"decode\"", "llow-partial"});
  must_succeed(film(3) + "checkpointsink job-id=street stage=other");
  ck_assert(writer.write_input(frames.data(), frames.size()));
  ck_assert_msg(writer.wait() == 0, "%s", writer.tail().c_str());
  must_succeed(kPlay + "! filesink location=" + home.file("played.raw"));
  ck_assert_uint_eq(size_of(home.file("played.raw")), 8 * kFrameBytes);
}
GST_END_TEST

GST_START_TEST(g11_a_lost_pack_is_missing_and_a_lost_folder_is_not_there) {
  Home home;
  must_succeed(film(20) + kSink + "pack-size=10000");
  const std::string object =
      home.value("SELECT object FROM frame JOIN pack ON pack.key = frame.pack WHERE idx = 8");
  const std::string id = home.value("SELECT id FROM stage_checkpoints");
  const std::string path = home.frames() + "/" + object;
  ck_assert_int_eq(rename(path.c_str(), home.file("kept").c_str()), 0);
  must_fail(kPlay + "! fakesink", "checkpointsrc0", {id, object, "gone"});
  ck_assert_int_eq(rename(home.file("kept").c_str(), path.c_str()), 0);
  must_succeed(kPlay + "! fakesink");

  // As if the disk were not mounted: first nothing, then an empty folder.
  const std::string away = home.file("away");
  ck_assert_int_eq(rename(home.frames().c_str(), away.c_str()), 0);
  for (bool empty : {false, true}) {
    if (empty) ck_assert_int_eq(mkdir(home.frames().c_str(), 0700), 0);
    must_fail(kPlay + "! fakesink", "checkpointsrc0", {home.frames(), "mounted"});
    must_fail(film(3) + kSink, "checkpointsink0", {home.frames(), "mounted"});
    ck_assert_uint_eq(bytes_below(home.frames()), 0);  // nor was anything put there
  }
  ck_assert_int_eq(rmdir(home.frames().c_str()), 0);
  ck_assert_int_eq(rename(away.c_str(), home.frames().c_str()), 0);
  must_succeed(kPlay + "! fakesink");
  must_succeed(film(3) + kSink);
}
GST_END_TEST

GST_START_TEST(g40_a_store_of_others_is_refused) {
  Home home;
  must_succeed(film(3) + kSink);
  const std::string other = "metadata-store=" + home.file("other.db");
  must_fail(film(3) + kSink + other, "checkpointsink0", {home.frames(), "belongs to"});
  must_succeed(film(3) + kSink + other + " frame-store=" + home.file("other"));
  must_fail(kPlay + other + " ! fakesink", "checkpointsrc0", {home.frames(), "belongs to"});
  must_fail(kPlay + "frame-store=" + home.file("other") + " ! fakesink", "checkpointsrc0",
            {home.file("other"), "belongs to"});
}
GST_END_TEST

GST_START_TEST(g32_a_newer_schema_is_refused) {
  Home home;
  must_succeed(film(3) + kSink);
  change_database(home.database(), "PRAGMA user_version = 1000");
  must_fail(film(3) + kSink, "checkpointsink0", {home.database(), "1000", "pdate gst-checkpoint"});
  must_fail(kPlay + "! fakesink", "checkpointsrc0",
            {home.database(), "1000", "pdate gst-checkpoint"});
}
GST_END_TEST

GST_START_TEST(files_of_other_programs_are_left_alone) {
  Home home;
  const std::string letter = home.file("letter");
  const std::string text(5000, 'a');
  ck_assert(g_file_set_contents(letter.c_str(), text.c_str(), -1, nullptr));
  must_fail(film(3) + kSink + "metadata-store=" + letter, "checkpointsink0",
            {letter, "not a SQLite database"});
  must_fail(kPlay + "metadata-store=" + letter + " ! fakesink", "checkpointsrc0",
            {letter, "not a SQLite database"});
  must_fail(film(3) + kSink + "frame-store=" + letter, "checkpointsink0", {letter});
  ck_assert_uint_eq(size_of(letter), text.size());
}
GST_END_TEST

static Suite *errors_suite() {
  Suite *suite = suite_create("errors");
  TCase *tc = tcase_create("errors");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, what_is_not_there_is_named_with_what_is);
  tcase_add_test(tc, settings_that_are_missing_are_named);
  tcase_add_test(tc, g03_places_that_can_not_be_written);
  tcase_add_test(tc, a_place_that_may_only_be_read_can_be_played_or_says_why_not);
  tcase_add_test(tc, g03_a_file_system_that_is_full);
  tcase_add_test(tc, g03_a_full_disk_under_the_database);
  tcase_add_test(tc, a_database_that_another_program_locks);
  tcase_add_test(tc, a_stage_that_another_process_writes);
  tcase_add_test(tc, g11_a_lost_pack_is_missing_and_a_lost_folder_is_not_there);
  tcase_add_test(tc, g40_a_store_of_others_is_refused);
  tcase_add_test(tc, g32_a_newer_schema_is_refused);
  tcase_add_test(tc, files_of_other_programs_are_left_alone);
  return suite;
}
GST_CHECK_MAIN(errors);
