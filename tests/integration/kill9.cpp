// SPDX-License-Identifier: LGPL-2.1-or-later
// SIGKILL in the middle of a run of gst-launch-1.0, over a folder and SQLite: what it announced is
// there, all that is shown loads, and the same line works again at once.
#include <fcntl.h>
#include <gst/gst.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <string>

#include "support/check.h"
#include "support/folder_watch.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

constexpr int kFrames = 150;
constexpr size_t kFrameBytes = 64 * 48;

// Packs of three frames, and little on its way: a kill finds each of them somewhere else.
const std::string kSink =
    "checkpointsink job-id=j stage=s pack-size=9216 max-size-buffers=4 commit-interval=100";
const std::string kFilm = "videotestsrc num-buffers=" + std::to_string(kFrames) +
                          " ! video/x-raw,format=GRAY8,width=64,height=48,framerate=30/1 ! ";
const std::string kFed =
    "fdsrc blocksize=3072 ! rawvideoparse format=gray8 width=64 height=48 framerate=30/1 ! ";

std::string contents(const std::string &path) {
  gchar *bytes = nullptr;
  gsize size = 0;
  ck_assert_msg(g_file_get_contents(path.c_str(), &bytes, &size, nullptr), "%s", path.c_str());
  std::string text(bytes, size);
  g_free(bytes);
  return text;
}

struct Film : TempDir {
  Film() {
    ck_assert(run_line(kFilm + "filesink location=" + file("film.raw")).eos);
    bytes = contents(file("film.raw"));
    ck_assert_uint_eq(bytes.size(), kFrames * kFrameBytes);
  }
  std::string bytes;
};

// A home that processes are killed in.
struct Place : Home {
  explicit Place(const Film &the_film) : film(the_film) {}

  bool has_rows() const {
    return g_file_test(database().c_str(), G_FILE_TEST_EXISTS) &&
           value("SELECT count(*) FROM sqlite_master WHERE name = 'stage_checkpoints'") == "1";
  }
  uint64_t number(const std::string &sql) const {
    return std::strtoull(value(sql).c_str(), nullptr, 10);
  }
  uint64_t last_version() const {
    return has_rows() ? number("SELECT coalesce(max(version), 0) FROM stage_checkpoints") : 0;
  }

  // Every checkpoint that is shown, and was not looked at before, loads up to its last frame.
  void must_load() {
    if (!has_rows() || last_version() == 0) {
      // Not a word about what is half made.
      BusLog log = run_line("checkpointsrc job-id=j stage=s allow-partial=true ! fakesink");
      ck_assert_msg(
          !log.eos && log.errors.size() == 1 &&
              log.errors[0].find("o checkpoint for job \"j\", stage \"s\"") != std::string::npos,
          "%s", log.errors[0].c_str());
      return;
    }
    ck_assert(value("PRAGMA integrity_check") == "ok");
    const uint64_t last = last_version();
    for (uint64_t version = checked + 1; version <= last; version++) {
      const std::string of_it = " WHERE version = " + std::to_string(version);
      const std::string id = value("SELECT id FROM stage_checkpoints" + of_it);
      const uint64_t frames = number("SELECT frames FROM checkpoint" + of_it);
      const std::string state = value("SELECT state FROM stage_checkpoints" + of_it);
      ck_assert(state == "partial" || (state == "complete" && frames == kFrames));
      ck_assert(number("SELECT count(*) FROM stage_checkpoints, json_each(frames_manifest)" +
                       of_it) == frames);
      BusLog log = run_line("checkpointsrc allow-partial=true checkpoint-id=" + id +
                            " ! filesink location=" + file("played.raw"));
      ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "version %d: %s",
                    static_cast<int>(version), log.errors.empty() ? "" : log.errors[0].c_str());
      const std::string played = contents(file("played.raw"));
      ck_assert_uint_eq(played.size(), frames * kFrameBytes);
      ck_assert(film.bytes.compare(0, played.size(), played) == 0);
    }
    checked = last;
  }

  // What the killed process had said by then.
  void must_hold_what_was_announced(const Launch &launch) {
    const std::string &said = launch.output();
    // A line that was cut off was not read by anybody.
    const size_t at = said.rfind("gst-checkpoint-commit", said.rfind('\n'));
    if (at == std::string::npos) return;
    const std::string line = said.substr(at, said.find('\n', at) - at);
    const uint64_t frames = *printed_number(line, "frames");
    const uint64_t version = *printed_number(line, "version");
    ck_assert_uint_eq(version, last_version());
    ck_assert_uint_ge(
        number("SELECT frames FROM checkpoint WHERE version = " + std::to_string(version)), frames);
  }

  // The same line again is not kept waiting by the one that is gone.
  void must_work_again() {
    const uint64_t before = last_version();
    Launch again(kFilm + kSink);
    ck_assert_msg(again.wait() == 0, "%s", again.tail().c_str());
    ck_assert_msg(again.errors().empty() && again.warnings().empty() &&
                      again.output().find("(lease)") == std::string::npos,
                  "%s", again.tail().c_str());
    ck_assert_uint_eq(last_version(), before + 1);
    ck_assert(value("SELECT state FROM stage_checkpoints ORDER BY version DESC LIMIT 1") ==
              "complete");
    must_load();
  }

  const Film &film;
  uint64_t checked = 0;
};

void kill_after_commits(unsigned commits, Launch *launch) {
  while (commits-- > 0 && launch->wait_for("gst-checkpoint-commit")) {
  }
  launch->kill();
  launch->wait();
}

}  // namespace

GST_START_TEST(g01_what_was_announced_survives_a_kill) {
  Film film;
  for (unsigned commits : {1, 2, 9}) {
    Place place(film);
    Launch launch(kFilm + kSink);
    kill_after_commits(commits, &launch);
    ck_assert(place.last_version() == 1);
    place.must_hold_what_was_announced(launch);
    place.must_load();
    place.must_work_again();
  }
}
GST_END_TEST

GST_START_TEST(g02_killed_at_any_moment_everything_shown_loads) {
  Film film;
  const char *given = g_getenv("KILL9_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::atoi(given)) : std::random_device()();
  g_print("KILL9_SEED=%u\n", seed);
  std::mt19937 random(seed);
  const auto up_to = [&](unsigned n) { return static_cast<unsigned>(random() % (n + 1)); };
  signal(SIGPIPE, SIG_IGN);
  Place place(film);
  unsigned in_the_middle = 0;
  for (int round = 0; round < 24; round++) {
    if (round % 2 == 0) {
      Launch launch(kFilm + kSink);
      kill_after_commits(1 + up_to(12), &launch);
      place.must_hold_what_was_announced(launch);
    } else {
      Launch::Options options;
      options.input = true;
      Launch launch(kFed + kSink, options);
      fcntl(launch.input(), F_SETPIPE_SZ, 4096);  // so that what is written is soon read
      launch.write_input(film.bytes.data(), 4096 + up_to(40 * kFrameBytes));
      launch.kill();
      launch.wait();
      place.must_hold_what_was_announced(launch);
    }
    place.must_load();
  }
  in_the_middle = place.number("SELECT count(*) FROM checkpoint WHERE state = 'partial'");
  ck_assert_msg(in_the_middle >= 12, "only %u runs were killed at work", in_the_middle);
  place.must_work_again();
  // All of them again, now that others have reused their packs.
  place.checked = 0;
  place.must_load();
}
GST_END_TEST

GST_START_TEST(g02_killed_while_the_stores_are_made) {
  Film film;
  for (unsigned events = 1; events < 40; events += 2) {
    Place place(film);
    FolderWatch watch(place.path());
    Launch launch(kFilm + kSink);
    ck_assert(watch.wait_for_events(events, launch.output_fd()));
    launch.kill();
    launch.wait();
    place.must_hold_what_was_announced(launch);
    place.must_load();
    if (events % 3 == 1) place.must_work_again();
  }
}
GST_END_TEST

static Suite *kill9_suite() {
  Suite *suite = suite_create("kill9");
  TCase *tc = tcase_create("kill9");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g01_what_was_announced_survives_a_kill);
  tcase_add_test(tc, g02_killed_at_any_moment_everything_shown_loads);
  tcase_add_test(tc, g02_killed_while_the_stores_are_made);
  return suite;
}
GST_CHECK_MAIN(kill9);
