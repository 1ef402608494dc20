// SPDX-License-Identifier: LGPL-2.1-or-later
// A store that goes away, or says nothing any more, under a run: on every pair of stores.
#include <signal.h>

#include <filesystem>
#include <optional>
#include <string>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/half_run.h"
#include "support/outcome.h"
#include "support/pipeline.h"
#include "support/wires.h"

using namespace checkpoint;

namespace {

// So that the end of the stream waits for the store, and no frame before it.
const char *const kTakesAll = "max-size-buffers=0 max-size-bytes=0 commit-timeout=1500";

// A run of which half is announced, through wires of its own.
struct Cut {
  explicit Cut(const std::string &properties = "")
      : run(film, {.environment = wires.environment(), .input = true}, properties) {}

  // The database does not answer: its server is silent, or another program holds the file.
  void silence_rows() {
    if (!wires.silence_rows()) lock.emplace(place.database());
  }
  std::string newest(const std::string &column) const {
    return place.value("SELECT " + column + " FROM checkpoint ORDER BY version DESC LIMIT 1");
  }
  // What was announced is there, and it is not called complete.
  void must_have_the_half() {
    place.must_hold_what_was_announced(run);
    EQUAL(newest("state"), "partial");
    ck_assert_uint_ge(place.number("SELECT frames FROM checkpoint"), SmallFilm::kFrames / 2);
    ck_assert_uint_lt(place.number("SELECT frames FROM checkpoint"), SmallFilm::kFrames);
    place.must_load();
    place.must_be_consistent();
  }

  SmallFilm film;
  DurablePlace place{film};
  Wires wires{place};
  std::optional<DatabaseLock> lock;
  HalfRun run;
};

}  // namespace

GST_START_TEST(g03_a_frame_store_that_goes_shows_none_of_its_frames) {
  Cut cut(kTakesAll);
  cut.wires.cut_frames(true);
  cut.run.feed_the_rest();
  ck_assert_int_gt(cut.run.wait(), 0);
  ck_assert_msg(!cut.run.errors().empty(), "%s", cut.run.tail().c_str());
  cut.wires.cut_frames(false);
  ck_assert_uint_eq(cut.place.number("SELECT frames FROM checkpoint"), SmallFilm::kFrames / 2);
  cut.must_have_the_half();
  cut.place.must_work_again();
}
GST_END_TEST

GST_START_TEST(g05_a_database_that_does_not_answer_is_an_error_in_time) {
  Cut cut(kTakesAll);
  cut.silence_rows();
  cut.run.feed_the_rest();
  must_fail(cut.run, "checkpointsink0", {"not durable within 1500 ms"});
  cut.lock.reset();
  cut.must_have_the_half();
  cut.place.must_work_again();
}
GST_END_TEST

GST_START_TEST(g28_a_run_is_interrupted_while_the_database_does_not_answer) {
  Cut cut;
  cut.silence_rows();
  cut.run.feed_some_more();
  cut.run.send(SIGINT);
  ck_assert_int_ge(cut.run.wait(), 0);
  cut.lock.reset();
  cut.must_have_the_half();
}
GST_END_TEST

// As a disk that is unmounted: what is there now is not the store.
GST_START_TEST(g40_a_folder_that_is_unmounted_under_a_run_gets_nothing) {
  Cut cut(kTakesAll);
  const std::string folder = cut.place.frames();
  cut.wires.cut_frames(true);
  ck_assert(std::filesystem::create_directory(folder));
  cut.run.feed_the_rest();
  ck_assert_int_gt(cut.run.wait(), 0);
  ck_assert(std::filesystem::is_empty(folder));
  ck_assert(std::filesystem::remove(folder));
  cut.wires.cut_frames(false);
  cut.must_have_the_half();
  cut.place.must_work_again();
}
GST_END_TEST

// Whatever can't be opened, a run ends by itself, and what it announced is there.
GST_START_TEST(g03_a_process_that_runs_out_of_descriptors) {
  SmallFilm film;
  DurablePlace place(film);
  unsigned failed = 0;
  for (uint64_t limit = 10; limit <= 70; limit += 4) {
    // GStreamer, too, has criticals to say of what it could not open.
    Launch run(SmallFilm::line() + DurablePlace::sink(),
               {.environment = {"G_DEBUG="}, .descriptor_limit = limit});
    const int code = run.wait();
    // GLib, which needs one for each main loop, ends the process itself.
    const bool glib = run.error_output().find("GWakeup") != std::string::npos;
    ck_assert_msg(code >= 0 || glib, "%d with %d descriptors: %s", code, static_cast<int>(limit),
                  run.tail().c_str());
    failed += code > 0;
    place.must_hold_what_was_announced(run);
    place.must_load();
    place.must_be_consistent();
  }
  ck_assert_uint_ge(failed, 1);
  place.must_work_again();
}
GST_END_TEST

static Suite *away_suite() {
  Suite *suite = suite_create("away");
  TCase *tc = tcase_create("away");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g03_a_frame_store_that_goes_shows_none_of_its_frames);
  tcase_add_test(tc, g05_a_database_that_does_not_answer_is_an_error_in_time);
  tcase_add_test(tc, g03_a_process_that_runs_out_of_descriptors);
  if (store_pair().frames == "file")
    tcase_add_test(tc, g40_a_folder_that_is_unmounted_under_a_run_gets_nothing);
  tcase_add_test(tc, g28_a_run_is_interrupted_while_the_database_does_not_answer);
  return suite;
}
CHECKPOINT_CHECK_MAIN(away);
