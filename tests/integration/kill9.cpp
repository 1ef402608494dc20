// SPDX-License-Identifier: LGPL-2.1-or-later
// SIGKILL in the middle of a run of gst-launch-1.0: what it announced is there, all that is shown
// loads, and the same line works again at once.
#include <fcntl.h>
#include <gst/gst.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/folder_watch.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

constexpr size_t kFrameBytes = SmallFilm::kFrameBytes;
const std::string kFilm = SmallFilm::line();
const std::string kSink = DurablePlace::sink();
const std::string kFed =
    "fdsrc blocksize=3072 ! rawvideoparse format=gray8 width=64 height=48 framerate=30/1 ! ";

void kill_after_commits(unsigned commits, Launch *launch) {
  while (commits-- > 0 && launch->wait_for("gst-checkpoint-commit")) {
  }
  launch->kill();
  launch->wait();
}

}  // namespace

GST_START_TEST(g01_what_was_announced_survives_a_kill) {
  SmallFilm film;
  for (unsigned commits : {1, 2, 9}) {
    DurablePlace place(film);
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
  SmallFilm film;
  const char *given = g_getenv("KILL9_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::atoi(given)) : std::random_device()();
  g_print("KILL9_SEED=%u\n", seed);
  std::mt19937 random(seed);
  const auto up_to = [&](unsigned n) { return static_cast<unsigned>(random() % (n + 1)); };
  signal(SIGPIPE, SIG_IGN);
  DurablePlace place(film);
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
  place.look_at_all_again();
  place.must_load();
}
GST_END_TEST

namespace {

// At most as many as were on their way, and one.
void must_have_sent_few_twice(const DurablePlace &place, uint64_t kills) {
  constexpr uint64_t kPutsInFlight = 8;
  const uint64_t unfinished = place.number("SELECT count(*) FROM pack WHERE state = 'uploading'");
  ck_assert_uint_le(unfinished, kills * (kPutsInFlight + 1));
}

// One checkpoint, as one run would have made it.
void must_be_whole(DurablePlace &place, const std::string &line) {
  place.look_at_last_again();
  place.must_load();
  place.must_be_consistent();
  const std::string newest = " ORDER BY version DESC LIMIT 1";
  ck_assert(place.value("SELECT state FROM checkpoint" + newest) == "complete");
  ck_assert_uint_eq(place.number("SELECT frames FROM checkpoint" + newest), SmallFilm::kFrames);
  const auto rows = [&](const std::string &table) {
    return place.number("SELECT count(*) FROM " + table +
                        " WHERE checkpoint = (SELECT key FROM checkpoint" + newest + ")");
  };
  // What runs noted of themselves aside.
  const std::string real_events = "(SELECT * FROM event WHERE type NOT LIKE 'mark:%') AS event";
  const uint64_t events = rows(real_events), caps = rows("caps");
  Launch whole(line + kSink);
  ck_assert_msg(whole.wait() == 0, "%s", whole.tail().c_str());
  ck_assert_uint_eq(rows(real_events), events);
  ck_assert_uint_eq(rows("caps"), caps);
}

}  // namespace

GST_START_TEST(g06_the_same_line_again_finishes_what_was_killed) {
  SmallFilm film;
  // At 60 % of 50 packs.
  for (const std::string &input : {kFilm, std::string("checkpointsrc job-id=j stage=first ! ")}) {
    DurablePlace place(film);
    if (input != kFilm) {
      Launch first(kFilm + "checkpointsink job-id=j stage=first pack-size=10000");
      ck_assert_msg(first.wait() == 0, "%s", first.tail().c_str());
    }
    const std::string of_it = " FROM checkpoint WHERE stage = 's'";
    Launch launch(input + kSink);
    kill_after_commits(input == kFilm ? 30 : 1, &launch);
    const bool over = place.value("SELECT state" + of_it) == "complete";
    const std::string id = place.value("SELECT id" + of_it);
    const uint64_t before = place.number("SELECT frames" + of_it);
    Launch again(input + kSink + " resume=true");
    ck_assert_msg(again.wait() == 0 && again.errors().empty() && again.warnings().empty(), "%s",
                  again.tail().c_str());
    const auto resumed = again.output().find("gst-checkpoint-resume");
    ck_assert(resumed != std::string::npos);
    ck_assert_uint_eq(*printed_number(again.output().substr(resumed), "frames"), before);
    ck_assert(over || before < SmallFilm::kFrames);
    ck_assert(place.value("SELECT id" + of_it) == id);
    ck_assert(place.value("SELECT state" + of_it) == "complete");
    must_have_sent_few_twice(place, 1);
    if (input != kFilm) {
      ck_assert_uint_eq(place.number("SELECT frames" + of_it), SmallFilm::kFrames);
      place.must_be_consistent();
      continue;
    }
    // And once more: nothing changes, and it is named.
    const uint64_t packs = place.number("SELECT count(*) FROM pack");
    Launch once_more(input + kSink + " resume=true");
    ck_assert_msg(once_more.wait() == 0 && once_more.errors().empty(), "%s",
                  once_more.tail().c_str());
    const auto complete = once_more.output().find("gst-checkpoint-complete");
    ck_assert(complete != std::string::npos &&
              once_more.output().find(id, complete) != std::string::npos);
    ck_assert_uint_eq(place.number("SELECT count(*) FROM pack"), packs);
    ck_assert_uint_eq(place.last_version(), 1);
    must_be_whole(place, input);
  }
}
GST_END_TEST

// A tap has to know its checkpoint before the line plays, and gst-launch-1.0 does not let it play
// while something is said to be under way.
GST_START_TEST(g06_a_tap_goes_on) {
  SmallFilm film;
  DurablePlace place(film);
  std::string line = kFilm + kSink + " resume=true ! fakesink";
  line.replace(line.find("checkpointsink"), std::strlen("checkpointsink"), "checkpointtap");
  Launch launch(line);
  kill_after_commits(10, &launch);
  Launch again(line);
  ck_assert_msg(again.wait() == 0 && again.errors().empty(), "%s", again.tail().c_str());
  ck_assert(again.output().find("gst-checkpoint-resume") != std::string::npos);
  ck_assert_uint_eq(place.last_version(), 1);
  must_be_whole(place, kFilm);
}
GST_END_TEST

GST_START_TEST(g06_killed_over_and_over_and_resumed) {
  SmallFilm film;
  const char *given = g_getenv("KILL9_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::atoi(given)) : std::random_device()();
  const char *cycles = g_getenv("KILL9_CYCLES");
  g_print("KILL9_SEED=%u\n", seed);
  std::mt19937 random(seed);
  unsigned kills = 0, resumed = 0, checkpoints = 0;
  const unsigned wanted = cycles ? static_cast<unsigned>(std::atoi(cycles)) : 50;
  while (kills < wanted) {
    // All frames are new here, so that a run has many commits.
    DurablePlace place(film);
    const std::string line = kFilm + kSink + " resume=true";
    unsigned kills_here = 0;
    const auto complete = [&] {
      return place.last_version() > 0 && place.value("SELECT state FROM checkpoint") == "complete";
    };
    while (kills < wanted && !complete()) {
      resumed += place.last_version() > 0;
      Launch launch(line);
      const unsigned commits = static_cast<unsigned>(random() % 12);
      if (commits == 0) launch.wait_for("(resume)");  // while frames are compared, if there are any
      kill_after_commits(commits, &launch);
      kills++;
      kills_here++;
      place.must_hold_what_was_announced(launch);
      place.look_at_last_again();
      place.must_load();
      place.must_be_consistent();
    }
    if (place.last_version() > 0) must_have_sent_few_twice(place, kills_here);
    if (!complete()) {
      Launch last(line);
      ck_assert_msg(last.wait() == 0 && last.errors().empty(), "%s", last.tail().c_str());
    }
    ck_assert_uint_eq(place.last_version(), 1);
    must_be_whole(place, kFilm);
    checkpoints++;
  }
  g_print("%u kills, %u of them of resumed runs; %u checkpoints were finished\n", kills, resumed,
          checkpoints);
}
GST_END_TEST

GST_START_TEST(g02_killed_while_the_stores_are_made) {
  SmallFilm film;
  for (unsigned events = 1; events < 40; events += 2) {
    DurablePlace place(film);
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
  tcase_add_test(tc, g06_the_same_line_again_finishes_what_was_killed);
  tcase_add_test(tc, g06_a_tap_goes_on);
  tcase_add_test(tc, g06_killed_over_and_over_and_resumed);
  const char *cycles = g_getenv("KILL9_CYCLES");
  tcase_set_timeout(tc, 180 + (cycles ? 5 * std::atoi(cycles) : 0));
  // Told by the files that it makes.
  if (store_pair().is_default()) tcase_add_test(tc, g02_killed_while_the_stores_are_made);
  return suite;
}
CHECKPOINT_CHECK_MAIN(kill9);
