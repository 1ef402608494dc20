// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-checkpoint-1.0 run, as a new user tries it: a film is decoded and searched for faces, the
// process dies in the middle, and another setting is tried from the decoded frames.
#include <signal.h>

#include <string>

#include "made_film.h"
#include "support/check.h"
#include "support/folder_watch.h"
#include "support/home.h"
#include "support/launch.h"

using namespace checkpoint;

namespace {

// The beginning of the film, in small packs, so that there is a middle. The detector posts a
// message with each frame, so the bus is hardly ever empty.
std::string stages(const Home &home) {
  return "filesrc location=\"" + film(home) +
         "\" ! decodebin ! identity eos-after=240 ! videoconvert ! video/x-raw,format=RGB ! "
         "checkpointtap stage=decode "
         "pack-size=2000000 max-size-buffers=4 commit-interval=50 ! facedetect display=false "
         "! checkpointtap stage=detect commit-interval=50 ! fakesink";
}

Launch::Options tool() {
  Launch::Options options;
  options.program = g_getenv("GST_CHECKPOINT_TOOL");
  return options;
}

void must_end(Launch &launch, int code, const std::string &text = "") {
  const int got = launch.wait();
  ck_assert_msg(got == code && launch.tail().find(text) != std::string::npos,
                "%d instead of %d\n%s", got, code, launch.tail().c_str());
}

void must_run(int code, const std::string &arguments, const std::string &text = "") {
  Launch launch("run " + arguments, tool());
  must_end(launch, code, text);
}

// Of a stage, its newest version.
std::string row(const Home &home, const std::string &what, const std::string &stage,
                const std::string &scenario = "") {
  return home.value("SELECT " + what + " FROM stage_checkpoints WHERE stage = '" + stage +
                    "' AND scenario_label = '" + scenario + "' ORDER BY version DESC LIMIT 1");
}

}  // namespace

GST_START_TEST(g06_a_killed_run_goes_on_and_a_setting_is_tried_without_decoding_again) {
  Home home;
  const std::string line = "--job street " + stages(home);
  if (store_pair().frames == "file") {
    g_mkdir_with_parents(home.frames().c_str(), 0700);
    FolderWatch watch(home.frames());
    Launch first("run " + line, tool());
    ck_assert_msg(watch.wait_for_events(25, first.output_fd()), "%s", first.tail().c_str());
    first.kill();
    ck_assert_int_eq(first.wait(), -SIGKILL);
    ck_assert(row(home, "state", "detect") != "complete");
  }
  must_run(0, line, "complete: \"decode\", \"detect\"");
  ck_assert(row(home, "state", "decode") == "complete");
  ck_assert(row(home, "state", "detect") == "complete");
  ck_assert(row(home, "parent_id", "detect") == row(home, "id", "decode"));
  ck_assert(row(home, "stage_index", "detect") == "1");
  // All frames of the film, each once.
  ck_assert(home.value("SELECT count(*) FROM checkpoint WHERE state = 'complete' AND frames = "
                       "(SELECT max(frames) FROM checkpoint)") == "2");
  ck_assert(home.value("SELECT count(*) FROM checkpoint WHERE state <> 'complete'") == "0");

  must_run(0, line, "every stage is complete");

  // Another setting is not mixed with what is there.
  const std::string set = "--set facedetect0.scale-factor=1.6 ";
  must_run(1, set + line, "facedetect.scale-factor: not set, now 1.6");
  const std::string bytes = home.value("SELECT sum(bytes_new) FROM checkpoint");
  must_run(0, "--from decode --scenario loose " + set + line, "starts from street/decode");
  ck_assert(row(home, "state", "detect", "loose") == "complete");
  ck_assert(row(home, "config_overrides", "detect", "loose").find("facedetect0.scale-factor") !=
            std::string::npos);
  ck_assert(row(home, "parent_id", "detect", "loose") == row(home, "id", "decode"));
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints WHERE stage = 'decode' AND "
                       "scenario_label <> ''") == "0");
  // No pixel was stored again, and none was decoded: facedetect leaves the frames as they are.
  ck_assert(home.value("SELECT sum(bytes_new) FROM checkpoint") == bytes);
  // The base is what it was.
  must_run(0, line, "every stage is complete");
}
GST_END_TEST

GST_START_TEST(ctrl_c_leaves_a_job_that_goes_on) {
  if (store_pair().frames != "file") return;
  Home home;
  const std::string line = "--job street " + stages(home);
  g_mkdir_with_parents(home.frames().c_str(), 0700);
  FolderWatch watch(home.frames());
  Launch first("run " + line, tool());
  ck_assert(watch.wait_for_events(25, first.output_fd()));
  first.send(SIGINT);
  must_end(first, -SIGINT, "the same command goes on");
  ck_assert(row(home, "state", "decode") == "partial");
  ck_assert(home.value("SELECT count(*) FROM checkpoint WHERE frames > 0") != "0");
  must_run(0, line, "goes on with street/decode@1 after ");
  ck_assert(row(home, "state", "detect") == "complete");
}
GST_END_TEST

GST_START_TEST(what_can_not_be_run_is_named) {
  Home home;
  const std::string source = "videotestsrc num-buffers=3 ! video/x-raw,width=16,height=16 ! ";
  must_run(2, "--job j " + source + "fakesink", "no checkpointtap");
  must_run(2, source + "checkpointtap stage=a ! fakesink", "--job");
  must_run(2, "--job j " + source + "checkpointtap stage=a job-id=k ! fakesink",
           "stores in the job \"k\"");
  must_run(2, source + "checkpointtap stage=a job-id=j ! checkpointtap stage=b job-id=k ! fakesink",
           "stores in the job \"k\"");
  must_run(2,
           "--job j --set checkpointtap0.job-id=k " + source + "checkpointtap stage=a ! fakesink",
           "stores in the job \"k\"");
  must_run(2, "--job j --set checkpointtap0.stage=b " + source + "checkpointtap stage=a ! fakesink",
           "its other name");
  must_run(2, "--job j " + source + "checkpointtap stage=a scenario=dim ! fakesink",
           "give --scenario");
  const std::string two =
      source + "checkpointtap stage=a ! checkpointtap stage=b metadata-store=" + home.file("x.db");
  must_run(2, "--job j " + two + " ! fakesink", "another metadata-store");
  must_run(0, "--job k --metadata-store " + home.file("x.db") + " --frame-store " + home.file("x") +
                  " " + two + " ! fakesink");
  must_run(2, "--job j x.( " + source + "checkpointtap stage=a ! fakesink )", "parentheses");
  must_run(1, "--job j " + source + "nonsense ! checkpointtap stage=a ! fakesink", "nonsense");
  must_run(1, "--job j --from b " + source + "checkpointtap stage=a ! fakesink", "can start at: a");
  must_run(1, "--job j --from a " + source + "checkpointtap stage=a ! fakesink", "o complete");
  must_run(0, "--job j " + source + "checkpointtap stage=a ! fakesink");
  must_run(1,
           "--job j --from a --set videotestsrc0.pattern=ball " + source +
               "checkpointtap stage=a ! fakesink",
           "before the stage");
  must_run(1,
           "--job j --from a videotestsrc num-buffers=3 ! tee name=t ! queue ! checkpointtap "
           "stage=a ! m. funnel name=m ! fakesink t. ! queue ! m.",
           "t is before");
  must_run(0,
           "--job j --from a --reuse-stale " + source +
               "tee name=t ! queue ! checkpointtap stage=a ! fakesink t. ! queue ! checkpointtap "
               "stage=b ! fakesink",
           "the stage \"b\" is not behind \"a\" and is left out");
  // What a stage was run from has a name.
  const std::string line =
      " --job n " + source + "checkpointtap stage=a ! identity ! checkpointtap stage=b ! fakesink";
  must_run(0, line);
  must_run(0, "--restart --job n " + source + "checkpointtap stage=a ! fakesink");
  must_run(1, line, "inputs.checkpoint: n/a@1, now n/a@2");
  const std::string skips = "--job p " + source + "checkpointtap stage=a on-poison=skip ! ";
  must_run(0, skips + "fakesink");
  must_run(0, skips + "checkpointtap stage=b ! fakesink", "needs a tap with it behind \"a\"");
  const std::string pads = "--job q " + source +
                           "funnel name=f ! checkpointtap stage=a ! fakesink " + source +
                           "f.sink_7";
  must_run(0, pads);
  must_run(0, pads, "whether the same pads of f are linked");
  must_run(0, "--from b" + line, "no stage is behind \"b\"");
  must_run(1, "--job m " + source + "checkpointtab stage=a ! fakesink", "checkpointtab");
  must_run(2, "--job m --set b " + source + "checkpointtap stage=a ! fakesink",
           "ELEMENT.PROPERTY=VALUE");
  must_run(1, "--job m --set b.x=1 " + source + "checkpointtap stage=a ! fakesink",
           "there are: videotestsrc0, checkpointtap0");
  // What was stored is I420 or the like.
  must_run(0, "--job r " + source + "checkpointtap stage=a ! fakesink");
  must_run(1,
           "--job r " + source +
               "checkpointtap stage=a ! video/x-raw,format=RGB ! checkpointtap stage=b ! fakesink",
           "put videoconvert behind the tap");
  must_run(0, "--json --job r " + source + "checkpointtap stage=a ! fakesink",
           "\"completed\" : [\n    \"a\"");
  // What an element adds to its error, and no promise where nothing is stored.
  {
    Launch launch("run --job l filesrc location=/no/film.mp4 ! checkpointtap stage=a ! fakesink",
                  tool());
    must_end(launch, 1, "/no/film.mp4");
    ck_assert(launch.error_output().find("goes on") == std::string::npos);
    ck_assert(launch.error_output().find("film.mp4\", which is not there") != std::string::npos);
  }
  // Nor is a secret shown that an element tells.
  {
    Launch launch(
        "run --job l filesrc location=\"http://h/x?token=abcsecret\" ! checkpointtap stage=a ! "
        "fakesink",
        tool());
    must_end(launch, 1, "http://h/x?token=***");
    ck_assert(launch.error_output().find("abcsecret") == std::string::npos);
  }
  // Of elements of ours nothing is said twice.
  {
    Launch launch(
        "run --job j checkpointsrc job-id=j stage=a select=?? ! checkpointtap stage=c ! fakesink",
        tool());
    must_end(launch, 1, "elect, column 1");
    const std::string text = launch.error_output();
    ck_assert_msg(text.find("column 1") == text.rfind("column 1"), "%s", text.c_str());
  }
  // A sink that has enough.
  must_run(3, "--job k " + source + "checkpointtap stage=a ! fakesink num-buffers=1",
           "not complete: \"a\"");
}
GST_END_TEST

static Suite *run_suite() {
  Suite *suite = suite_create("run");
  TCase *tc = tcase_create("run");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g06_a_killed_run_goes_on_and_a_setting_is_tried_without_decoding_again);
  tcase_add_test(tc, ctrl_c_leaves_a_job_that_goes_on);
  tcase_add_test(tc, what_can_not_be_run_is_named);
  return suite;
}
CHECKPOINT_CHECK_MAIN(run);
