// SPDX-License-Identifier: LGPL-2.1-or-later
// A frame on which run after run dies: it is named, and left out where the line says so.
#include <signal.h>

#include <string>
#include <vector>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

// Its element `killer` ends the process.
const std::string kFilm = "--gst-plugin-load=" KILLER " " + SmallFilm::line();
const std::string kTap = "checkpointtap job-id=j stage=decode resume=true ";

void dies(const std::string &line, int times = 1) {
  for (int i = 0; i < times; i++) {
    Launch launch(line);
    ck_assert_msg(launch.wait() == -SIGKILL, "%d. %s", i + 1, launch.tail().c_str());
  }
}

// What it warns of.
std::vector<std::string> completes(const std::string &line) {
  Launch launch(line);
  ck_assert_msg(launch.wait() == 0 && launch.errors().empty(), "%s", launch.tail().c_str());
  return launch.warnings();
}

void must_say(const std::vector<std::string> &warnings, const std::string &text) {
  std::string all;
  for (const std::string &warning : warnings) {
    if (warning.find(text) != std::string::npos) return;
    all += warning + "\n";
  }
  ck_abort_msg("not said: %s; but:\n%s", text.c_str(), all.c_str());
}

std::string of_stage(const std::string &stage) {
  return " FROM frame JOIN checkpoint AS c ON c.key = frame.checkpoint WHERE c.stage = '" + stage +
         "' AND c.state = 'complete'";
}

uint64_t frames(const Home &place, const std::string &stage, const std::string &which = "") {
  return std::stoull(place.value("SELECT count(*)" + of_stage(stage) + which));
}

}  // namespace

// The first run tells no more than what it stored; the three that follow know the frame.
constexpr int kDeaths = 4;

GST_START_TEST(g06_a_frame_on_which_three_runs_died_is_named) {
  Home place;
  const std::string tail = " ! checkpointtap stage=detect resume=true ! fakesink";
  const std::string line = kFilm + kTap + "! killer at=45";
  dies(line + tail, kDeaths);
  // The frame is good now, and the runs before it are told of all the same.
  const auto warnings = completes(kFilm + kTap + "! killer" + tail);
  must_say(warnings,
           "checkpointtap0: The pipeline died three times in a row when the frame with "
           "sequence 45 (PTS 1500000000) of stage 'decode' was passed on");
  // The stage behind it can only know that the frame did not come.
  must_say(warnings,
           "checkpointtap1: The pipeline died three times in a row after the frame with "
           "sequence 44 (PTS 1466666666) of stage 'detect' and before the next one came");
  ck_assert_uint_eq(warnings.size(), 2);
  for (const char *stage : {"decode", "detect"}) ck_assert_uint_eq(frames(place, stage), 150);
}
GST_END_TEST

GST_START_TEST(g06_a_frame_on_which_three_runs_died_is_left_out_where_asked) {
  Home place;
  const std::string line = kFilm + kTap +
                           "on-poison=skip ! killer at=45 and-at=46 "
                           "! checkpointtap stage=detect resume=true ! fakesink";
  dies(line, kDeaths);
  // Now the frame is left out, the next one is another, and the one that was left out stays so.
  dies(line, 3);
  must_say(completes(line),
           "when the frame with sequence 46 (PTS 1533333333) of stage 'decode' was passed on; it "
           "is left out of what follows");
  ck_assert_uint_eq(frames(place, "decode"), 150);
  ck_assert_uint_eq(frames(place, "decode", " AND frame.sequence IN (45, 46)"), 2);
  ck_assert_uint_eq(frames(place, "detect"), 148);
  ck_assert_uint_eq(frames(place, "detect", " AND frame.sequence IN (45, 46)"), 0);
  // What the runs noted is nothing that anybody gets to see.
  ck_assert(completes("checkpointsrc job-id=j stage=decode ! fakesink").empty());
}
GST_END_TEST

GST_START_TEST(g06_what_is_left_out_is_counted) {
  Home place;
  const std::string line = SmallFilm::line() + kTap + "on-poison=skip ! killer at=45 ! fakesink";
  dies("--gst-plugin-load=" KILLER " " + line, kDeaths);
  GstPlugin *plugin = gst_plugin_load_file(KILLER, nullptr);
  ck_assert(plugin != nullptr);
  GstElement *pipeline = parse_line(line);
  GstElement *tap = gst_bin_get_by_name(GST_BIN(pipeline), "checkpointtap0");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  ck_assert(wait_for_end(pipeline).eos);
  GstStructure *stats = nullptr;
  g_object_get(tap, "stats", &stats, nullptr);
  guint64 skipped = 0, stored = 0;
  ck_assert(gst_structure_get_uint64(stats, "frames-skipped", &skipped));
  ck_assert(gst_structure_get_uint64(stats, "frames-stored", &stored));
  ck_assert_uint_eq(skipped, 1);
  ck_assert_uint_eq(stored, 150);
  gst_structure_free(stats);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(tap);
  gst_object_unref(pipeline);
  gst_object_unref(plugin);
}
GST_END_TEST

GST_START_TEST(g06_deaths_on_different_frames_are_no_poison) {
  Home place;
  const auto line = [](const std::string &killer) {
    return kFilm + kTap + "on-poison=skip ! killer " + killer +
           " ! checkpointsink stage=detect resume=true";
  };
  dies(line("at=45"), kDeaths - 1);
  dies(line("at=46"));
  dies(line("at=60"), 2);
  ck_assert(completes(line("")).empty());
  for (const char *stage : {"decode", "detect"}) ck_assert_uint_eq(frames(place, stage), 150);
}
GST_END_TEST

GST_START_TEST(g06_what_dies_in_front_of_a_tap_leaves_no_frame_out) {
  Home place;
  const std::string tail = " ! " + kTap + "on-poison=skip ! checkpointsink stage=detect";
  dies(kFilm + "killer at=45" + tail, kDeaths);
  const auto warnings = completes(kFilm + "killer" + tail);
  must_say(warnings,
           "checkpointtap0: The pipeline died three times in a row after the frame with "
           "sequence 44");
  ck_assert_uint_eq(warnings.size(), 1);
  for (const char *stage : {"decode", "detect"}) ck_assert_uint_eq(frames(place, stage), 150);
}
GST_END_TEST

GST_START_TEST(g06_of_two_taps_the_last_one_leaves_the_frame_out) {
  Home place;
  const std::string line = kFilm + kTap +
                           "on-poison=skip ! checkpointtap stage=detect resume=true "
                           "on-poison=skip ! killer at=45 ! checkpointsink stage=track resume=true";
  dies(line, kDeaths);
  const auto warnings = completes(line);
  must_say(warnings,
           "checkpointtap1: The pipeline died three times in a row when the frame with "
           "sequence 45 (PTS 1500000000) of stage 'detect' was passed on; it is left out");
  for (const std::string &warning : warnings)
    ck_assert(warning.find("checkpointtap0") == std::string::npos ||
              warning.find("left out") == std::string::npos);
  for (const char *stage : {"decode", "detect"}) ck_assert_uint_eq(frames(place, stage), 150);
  ck_assert_uint_eq(frames(place, "track"), 149);
}
GST_END_TEST

GST_START_TEST(g06_a_sink_names_the_frame_in_front_of_the_one_that_never_came) {
  Home place;
  completes(kFilm + "checkpointsink job-id=j stage=decode");
  const std::string line =
      "--gst-plugin-load=" KILLER " checkpointsrc job-id=j stage=decode ! killer";
  const std::string sink = " ! checkpointsink stage=detect resume=true";
  dies(line + " at=45" + sink, kDeaths);
  const auto warnings = completes(line + sink);
  ck_assert_uint_eq(warnings.size(), 1);
  must_say(warnings,
           "checkpointsink0: The pipeline died three times in a row after the frame with "
           "sequence 44 (PTS 1466666666) of stage 'detect' and before the next one came");
  ck_assert_uint_eq(frames(place, "detect"), 150);
}
GST_END_TEST

GST_START_TEST(g06_a_run_that_ends_by_itself_has_not_died) {
  Home place;
  const std::string line = kFilm + kTap + "on-poison=skip ! ";
  for (int i = 0; i < 4; i++) {
    Launch launch(line + "identity error-after=46 ! fakesink");
    launch.wait();
    ck_assert(!launch.errors().empty());
    ck_assert(launch.warnings().empty());
  }
  dies(line + "killer at=0 ! fakesink", 2);
  ck_assert(completes(line + "fakesink").empty());
  ck_assert_uint_eq(frames(place, "decode"), 150);
}
GST_END_TEST

static Suite *poison_suite() {
  Suite *suite = suite_create("poison");
  TCase *tc = tcase_create("poison");
  tcase_set_timeout(tc, 180);
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g06_a_frame_on_which_three_runs_died_is_named);
  tcase_add_test(tc, g06_a_frame_on_which_three_runs_died_is_left_out_where_asked);
  tcase_add_test(tc, g06_what_is_left_out_is_counted);
  tcase_add_test(tc, g06_deaths_on_different_frames_are_no_poison);
  tcase_add_test(tc, g06_what_dies_in_front_of_a_tap_leaves_no_frame_out);
  tcase_add_test(tc, g06_of_two_taps_the_last_one_leaves_the_frame_out);
  tcase_add_test(tc, g06_a_sink_names_the_frame_in_front_of_the_one_that_never_came);
  tcase_add_test(tc, g06_a_run_that_ends_by_itself_has_not_died);
  return suite;
}
CHECKPOINT_CHECK_MAIN(poison);
