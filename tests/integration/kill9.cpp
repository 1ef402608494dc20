// SPDX-License-Identifier: LGPL-2.1-or-later
// SIGKILL in the middle of a run of gst-launch-1.0: what it announced is there, all that is shown
// loads, and the same line works again at once.
#include <fcntl.h>
#include <gst/gst.h>

#include <algorithm>
#include <cstdlib>
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
  // Told by the files that it makes.
  if (store_pair().is_default()) tcase_add_test(tc, g02_killed_while_the_stores_are_made);
  return suite;
}
CHECKPOINT_CHECK_MAIN(kill9);
