// SPDX-License-Identifier: LGPL-2.1-or-later
// SIGKILL at every named step of the commit protocol: what was announced is there, all that is
// shown loads, and the same line with resume=true finishes it.
#include "common/fail_point.h"

#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/launch.h"

using namespace checkpoint;

namespace {

#define CHECKPOINT_FAIL_POINT_NAME(value, name, what) name,
const char *const kNames[] = {CHECKPOINT_FAIL_POINTS(CHECKPOINT_FAIL_POINT_NAME)};

// Lines of which each step of the protocol is on the way of one at least.
struct Way {
  const char *what;
  std::string before;  // the line that is run first; '': none
  // The first ones may be of packs whose frames are not yet in order.
  unsigned kill_before_at = 0;  // commits after which that is killed; 0: it comes to its end
  std::string line;
  bool spool = false;  // the line goes through one, and so does the one that finishes it
};

const std::string kFilm = SmallFilm::line();
const std::string kSink = DurablePlace::sink();
const Way kWays[] = {
    {"new frames", "", 0, kFilm + kSink},
    {"frames that are stored already", kFilm + kSink, 0, kFilm + kSink},
    {"an object for each frame", "", 0, kFilm + kSink + "pack-size=0 "},
    {"a resumed run", kFilm + kSink, 12, kFilm + kSink + "resume=true "},
    {"a stream that fails", "", 0, kFilm + "identity error-after=20 ! " + kSink},
    {"frames that go through a spool", "", 0, kFilm + kSink, true},
};

// True when the line was killed at the step.
bool killed_at(const std::string &step, const Way &way, const SmallFilm &film) {
  DurablePlace place(film);
  if (!way.before.empty()) {
    Launch before(way.before);
    for (unsigned i = 0; i < way.kill_before_at; i++) before.wait_for("gst-checkpoint-commit");
    if (way.kill_before_at > 0) before.kill();
    before.wait();
  }
  Launch::Options options;
  options.environment = {"GST_CHECKPOINT_FAIL_POINT=" + step};
  const std::string spool = way.spool ? " spool=" + place.file("spool") : "";
  Launch launch(way.line + spool, options);
  if (launch.wait() != -SIGKILL) return false;
  place.must_hold_what_was_announced(launch);
  place.must_load();
  place.must_be_consistent();
  // It may have been the last thing that was to be done.
  Launch again(kFilm + kSink + "resume=true" + spool);
  ck_assert_msg(again.wait() == 0 && again.errors().empty(), "%s, %s: %s", step.c_str(), way.what,
                again.tail().c_str());
  place.look_at_all_again();
  place.must_load();
  place.must_be_consistent();
  ck_assert_msg(
      place.value("SELECT state FROM checkpoint ORDER BY version DESC LIMIT 1") == "complete",
      "%s, %s", step.c_str(), way.what);
  if (way.spool)
    for (const auto &found : std::filesystem::directory_iterator(place.file("spool")))
      ck_assert_msg(!found.is_directory(), "%s: %s is left", step.c_str(), found.path().c_str());
  return true;
}

}  // namespace

GST_START_TEST(g02_killed_at_every_named_step) {
  const std::string step = kNames[__i__];
  SmallFilm film;
  for (const Way &way : kWays) {
    if (!killed_at(step, way, film)) continue;
    killed_at(step + "@4", way, film);  // where it is gone through as often
    return;
  }
  ck_abort_msg("no line of this test comes to the step '%s'", step.c_str());
}
GST_END_TEST

static Suite *fail_points_suite() {
  Suite *suite = suite_create("fail_points");
  TCase *tc = tcase_create("fail_points");
  suite_add_tcase(suite, tc);
  tcase_add_loop_test(tc, g02_killed_at_every_named_step, 0, G_N_ELEMENTS(kNames));
  return suite;
}
CHECKPOINT_CHECK_MAIN(fail_points);
