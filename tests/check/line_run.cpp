// SPDX-License-Identifier: LGPL-2.1-or-later
// Lines with stages: what is recorded of how they were made, and where they start when they are run
// again. Over a folder and SQLite.
#include "elements/line_run.h"

#include <glib/gstdio.h>

#include <algorithm>
#include <memory>
#include <string>

#include "elements/checkpointsrc.h"
#include "elements/checkpointtap.h"
#include "elements/input_identity.h"
#include "elements/pipeline_config.h"
#include "store/registry.h"
#include "support/check.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

struct Place : SinkPlace {
  Place() {
    GST_ELEMENT_REGISTER(checkpointsrc, nullptr);
    GST_ELEMENT_REGISTER(checkpointtap, nullptr);
    GError *error = nullptr;
    // A film of its own: 12 frames of 16x16.
    GstElement *maker = gst_parse_launch(
        ("videotestsrc num-buffers=12 ! video/x-raw,format=I420,width=16,height=16,framerate=10/1 "
         "! filesink location=" +
         film())
            .c_str(),
        &error);
    ck_assert(!error);
    gst_element_set_state(maker, GST_STATE_PLAYING);
    ck_assert(wait_for_end(maker).eos);
    gst_element_set_state(maker, GST_STATE_NULL);
    gst_object_unref(maker);
  }
  std::string film() const { return file("film.raw"); }
  std::string line(const std::string &between = "") const {
    return "filesrc location=" + film() +
           " ! rawvideoparse format=i420 width=16 height=16 framerate=10/1 ! " + between +
           "checkpointtap stage=decode" + stores() +
           "! video/x-raw,format=I420 ! videobalance brightness=0.25 name=b ! checkpointtap "
           "stage=detect" +
           stores() + "! fakesink";
  }
  std::shared_ptr<MetadataStore> rows() const {
    if (!g_file_test(database().c_str(), G_FILE_TEST_EXISTS)) return nullptr;
    auto store = StoreRegistry::instance().make_metadata_store(database());
    ck_assert(store.is_ok());
    Cancellation cancel;
    ck_assert((*store)->open(cancel).is_ok());
    return *store;
  }
  std::string states() const {
    return value(
        "SELECT group_concat(stage || version || state || COALESCE(scenario_label, ''), "
        "' ') FROM (SELECT * FROM stage_checkpoints ORDER BY created_at, stage_index)");
  }
};

// One call of `run`.
struct Run {
  Run(const Place &place, const std::string &line, const PlanRequest &wanted,
      const std::vector<Override> &overrides = {})
      : request(wanted) {
    auto parsed = LaunchLine::parse({line});
    ck_assert_msg(parsed.is_ok(), "%s", parsed.status().to_string().c_str());
    auto made = LineStages::make(std::move(*parsed), overrides);
    ck_assert_msg(made.is_ok(), "%s", made.status().to_string().c_str());
    stages = std::make_unique<LineStages>(std::move(*made));
    const auto store = place.rows();
    auto planned = plan_stages(*stages, request, store.get(), cancel);
    status = planned.status();
    if (planned.is_ok()) plan = std::move(*planned);
    runner = std::make_unique<LineRun>(*stages, request);
  }
  void play() {
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    outcome = runner->run(plan, cancel);
    ck_assert_msg(outcome.status.is_ok(), "%s", outcome.status.to_string().c_str());
  }
  std::string start() const { return plan.start ? stages->line().stage_of(*plan.start) : ""; }
  std::string stale() const {
    std::string all;
    for (const StaleStage &stage : plan.stale) {
      all += stage.checkpoint.fields.stage + ": ";
      for (const std::string &difference : stage.differences) all += difference + "; ";
    }
    return all;
  }

  std::string resumed() const {
    std::string all;
    for (const auto &[stage, row] : plan.resumed)
      all += row.fields.stage + std::to_string(row.version) + " ";
    return all;
  }

  PlanRequest request;
  Cancellation cancel;
  std::unique_ptr<LineStages> stages;
  std::unique_ptr<LineRun> runner;
  Status status;
  StagePlan plan;
  RunOutcome outcome;
};

const PlanRequest kJob{"street", std::nullopt, "", false, "", ""};

void must_equal(const std::string &is, const std::string &wanted) {
  ck_assert_msg(is == wanted, "%s\ninstead of\n%s", is.c_str(), wanted.c_str());
}

}  // namespace

GST_START_TEST(g14_a_run_records_what_its_line_declares) {
  Place place;
  const std::string source =
      "videotestsrc num-buffers=2 name=s ! pngenc ! decodebin ! "
      "video/x-raw ! videoconvert n-threads=2 ! video/x-raw,format=I420 ! ";
  for (const std::string &before : {std::string(), source}) {
    std::string text = place.line();
    if (!before.empty()) text = before + text.substr(text.find("checkpointtap"));
    Run run(place, text, {before.empty() ? "a" : "b", std::nullopt, "", false, "", ""});
    run.play();
    const std::string of = " FROM stage_checkpoints JOIN checkpoint USING (id) WHERE job_id = '" +
                           run.request.job_id + "' AND stage_checkpoints.stage = ";
    const auto &stages = run.stages->line().stages();
    must_equal(place.value("SELECT config_declared" + of + "'decode'"),
               run.stages->declared(stages[0], {}));
    must_equal(
        place.value("SELECT config_declared" + of + "'detect'"),
        run.stages->declared(stages[1], {{stages[0], place.value("SELECT id" + of + "'decode'")}}));
  }
  // What was plugged by itself is in the resolved one alone.
  const std::string resolved = place.value(
      "SELECT config_snapshot FROM stage_checkpoints WHERE stage = 'decode' AND job_id "
      "= 'b'");
  const std::string declared = place.value(
      "SELECT config_declared FROM checkpoint WHERE stage = 'decode' ORDER BY key DESC");
  ck_assert(resolved.find("pngdec") != std::string::npos &&
            resolved.find("\"version\"") != std::string::npos);
  ck_assert(declared.find("pngdec") == std::string::npos &&
            declared.find("\"name\"") == std::string::npos);
}
GST_END_TEST

GST_START_TEST(g14_other_pictures_behind_a_pattern_are_another_film) {
  Place place;
  const auto write = [&](const char *name, size_t size) {
    const std::string picture(size, 'x');
    ck_assert(g_file_set_contents(place.file(name).c_str(), picture.data(),
                                  static_cast<gssize>(size), nullptr));
  };
  constexpr size_t kFrame = 16 * 16 * 3 / 2;
  for (const char *name : {"000.raw", "001.raw", "003.raw", "0004.raw"}) write(name, kFrame);
  const std::string source = "multifilesrc name=s location=" + place.file("%03d.raw") +
                             " caps=video/x-raw,format=I420,width=16,height=16,framerate=10/1 ";
  const std::string line = source + "! checkpointtap stage=decode" + place.stores() + "! fakesink";
  Run first(place, line, kJob);
  first.play();
  ck_assert(first.stages->unknown_inputs().empty());
  Run same(place, line, kJob);
  ck_assert_msg(same.plan.nothing_to_do, "%s", same.stale().c_str());

  const auto identity = [&](const std::string &settings) {
    const ElementPtr element(gst_parse_launch((source + settings).c_str(), nullptr));
    return input_of(element.get());
  };
  const std::string before = identity("");
  ck_assert_msg(before.find("\"files\":2") != before.npos, "%s", before.c_str());
  ck_assert(identity("start-index=1").find("\"files\":1") != before.npos);
  ck_assert(identity("stop-index=0").find("\"files\":1") != before.npos);
  // What it would not come to makes no difference.
  write("003.raw", kFrame + 1);
  must_equal(identity(""), before);
  write("001.raw", 2 * kFrame);
  ck_assert(identity("") != before);
  Run changed(place, line, kJob);
  ck_assert_msg(changed.stale().find("inputs") != std::string::npos, "%s", changed.stale().c_str());
  write("002.raw", kFrame);
  ck_assert(identity("").find("\"files\":4") != before.npos);
}
GST_END_TEST

GST_START_TEST(a_source_whose_input_is_not_known_is_named) {
  Place place;
  const std::pair<std::string, size_t> cases[] = {
      {"videotestsrc", 0},
      {"filesrc location=" + place.film(), 0},
      {"filesrc location=" + place.file("none"), 0},
      {"multifilesrc location=" + place.file("%d-%d.png"), 1},
      {"multifilesrc location=" + place.file("%s%n.png"), 1},
      {"uridecodebin uri=file://" + place.film(), 0},
      {"uridecodebin uri=http://camera/film?clip=1", 1},
      {"fdsrc", 1}};
  for (const auto &[source, count] : cases) {
    auto line = LaunchLine::parse({source + " name=s ! checkpointtap stage=a ! fakesink"});
    ck_assert(line.is_ok());
    auto stages = LineStages::make(*line, {});
    ck_assert(stages.is_ok());
    ck_assert_msg(stages->unknown_inputs().size() == count, "%s", source.c_str());
    const bool missing = source.ends_with("none");
    ck_assert_msg(stages->missing_inputs().size() == (missing ? 1 : 0), "%s", source.c_str());
  }
}
GST_END_TEST

GST_START_TEST(a_line_that_is_done_has_nothing_to_do) {
  Place place;
  Run first(place, place.line(), kJob);
  ck_assert(!first.plan.start && !first.plan.nothing_to_do);
  first.play();
  ck_assert_uint_eq(first.outcome.completed.size(), 2);
  ck_assert(Run(place, place.line(), kJob).plan.nothing_to_do);
  PlanRequest again = kJob;
  again.restart = true;
  Run second(place, place.line(), again);
  second.play();
  must_equal(place.states(), "decode1complete detect1complete decode2complete detect2complete");
}
GST_END_TEST

GST_START_TEST(a_film_is_the_same_from_whichever_folder_it_is_named) {
  Place place;
  Run(place, place.line(), kJob).play();
  std::string line = place.line();
  line.replace(line.find(place.film()), place.film().size(), "film.raw");
  ck_assert_int_eq(g_chdir(place.path().c_str()), 0);
  Run again(place, line, kJob);
  ck_assert_int_eq(g_chdir("/"), 0);
  ck_assert_msg(again.plan.nothing_to_do, "%s", again.stale().c_str());
}
GST_END_TEST

GST_START_TEST(g14_settings_of_pads_are_recorded) {
  Place place;
  const auto line = [&](const std::string &x) {
    return "videotestsrc num-buffers=2 ! video/x-raw,width=16,height=16,framerate=10/1 ! "
           "compositor "
           "sink_0::xpos=" +
           x + " ! checkpointtap stage=mix" + place.stores() + "! fakesink";
  };
  Run(place, line("5"), kJob).play();
  ck_assert(Run(place, line("5"), kJob).plan.nothing_to_do);
  must_equal(Run(place, line("7"), kJob).stale(), "mix: compositor.sink_0::xpos: 5, now 7; ");
}
GST_END_TEST

GST_START_TEST(the_furthest_stage_that_is_done_is_the_start) {
  Place place;
  Run first(place, place.line(), kJob);
  first.play();
  // Of a scenario nothing is stored yet; the base's first stage fits.
  PlanRequest scenario = kJob;
  scenario.scenario = "loose";
  Run loose(place, place.line(), scenario, {{"b", "brightness", "0.5"}});
  must_equal(loose.start(), "decode");
  ck_assert(loose.plan.stale.empty());
  loose.play();
  must_equal(
      place.value("SELECT group_concat(stage || is_scenario || scenario_label || config_overrides, "
                  "' ') FROM (SELECT * FROM stage_checkpoints WHERE version = 1 AND is_scenario "
                  "ORDER BY stage_index)"),
      "detect1loose{\"b.brightness\":\"0.5\"}");
  ck_assert(place.value("SELECT count(DISTINCT parent_id) FROM stage_checkpoints WHERE stage = "
                        "'detect'") == "1");
  // The base is what it was.
  ck_assert(Run(place, place.line(), kJob).plan.nothing_to_do);
}
GST_END_TEST

GST_START_TEST(a_stale_stage_is_shown_and_not_taken) {
  Place place;
  Run(place, place.line(), kJob).play();
  // Another setting.
  Run changed(place, place.line(), kJob, {{"b", "brightness", "0.5"}});
  must_equal(changed.stale(), "detect: videobalance.brightness: 0.25, now 0.5; ");
  // One more element.
  Run longer(place, place.line("identity ! "), kJob);
  ck_assert_msg(longer.stale().starts_with("decode: identity: new"), "%s", longer.stale().c_str());
  // Another film of that name.
  ck_assert(g_file_set_contents(place.film().c_str(), "short", -1, nullptr));
  Run other(place, place.line(), kJob);
  ck_assert_msg(other.stale().find("inputs") != std::string::npos, "%s", other.stale().c_str());
  PlanRequest from = kJob;
  from.from = "decode";
  Run from_decode(place, place.line(), from);
  ck_assert_msg(from_decode.stale().starts_with("decode: inputs"), "%s",
                from_decode.stale().c_str());
}
GST_END_TEST

GST_START_TEST(a_run_from_a_stage_makes_none_of_the_elements_before_it) {
  Place place;
  Run(place, place.line(), kJob).play();
  const std::string before = place.value("SELECT sum(bytes_new) FROM checkpoint");
  PlanRequest from = kJob;
  from.from = "decode";
  Run again(place, place.line(), from);
  ck_assert(again.plan.stale.empty());
  again.play();
  must_equal(place.states(), "decode1complete detect1complete detect2complete");
  ck_assert(place.value("SELECT sum(bytes_new) FROM checkpoint") == before);
  for (const char *wrong : {"nothing", "detect "}) {
    from.from = wrong;
    Run run(place, place.line(), from);
    ck_assert(run.status.is(Code::kInvalidArgument));
    ck_assert(run.status.hint().find("decode, detect") != std::string::npos);
  }
}
GST_END_TEST

// What may have left frames out can't be compared with what comes again: it is begun anew.
GST_START_TEST(g06_a_leaky_stage_is_not_resumed) {
  for (const std::string leaky : {"", " leaky=downstream"}) {
    Place place;
    const std::string line = place.line("identity error-after=5 ! checkpointtap stage=first" +
                                        leaky + place.stores() + "! ");
    Run crashed(place, line, kJob);
    ck_assert(!crashed.runner->run(crashed.plan, crashed.cancel).status.is_ok());
    Run again(place, line, kJob);
    ck_assert(again.status.is_ok());
    ck_assert_int_eq(again.plan.resumed.count(again.stages->line().stages()[0]), leaky.empty());
  }
}
GST_END_TEST

GST_START_TEST(g06_what_the_plan_does_not_go_on_with_is_begun_anew) {
  Place place;
  const std::string tap = "checkpointtap stage=first resume=true" + place.stores() + "! ";
  const std::string failing = place.line("identity error-after=5 ! " + tap);
  Run crashed(place, failing, kJob);
  ck_assert(!crashed.runner->run(crashed.plan, crashed.cancel).status.is_ok());
  Run other(place, place.line("identity ! " + tap), kJob);
  ck_assert_uint_ge(other.plan.left.size(), 1);
  other.play();
  EQUAL(place.value("SELECT group_concat(version || state, ' ') FROM (SELECT * FROM "
                    "stage_checkpoints WHERE stage = 'first' ORDER BY version)"),
        "1partial 2complete");
}
GST_END_TEST

// What is done of a tee's two branches comes again when the other goes on. It need not be the same
// another time, so it is its next version, and what was run from the last one is begun anew.
GST_START_TEST(g06_a_branch_that_is_done_comes_again_with_the_other) {
  Place place;
  const std::string one = "filesrc location=" + place.film() +
                          " ! rawvideoparse format=i420 width=16 height=16 framerate=10/1 ! "
                          "checkpointtap stage=decode" +
                          place.stores() + "! tee name=t t. ! queue ! checkpointtap stage=a" +
                          place.stores() + "! ";
  const std::string both = one +
                           "videobalance brightness=0.25 ! identity error-after=5 ! "
                           "checkpointtap stage=c" +
                           place.stores() + "! fakesink t. ! queue ! identity error-after=8 ! " +
                           "checkpointtap stage=b" + place.stores() + "! fakesink";
  Run(place, one + "fakesink", kJob).play();
  Run crashed(place, both, kJob);
  must_equal(crashed.start(), "decode");
  must_equal(crashed.resumed(), "");
  ck_assert(!crashed.runner->run(crashed.plan, crashed.cancel).status.is_ok());
  // Its next version was under way: all goes on, and so does what was run from it.
  Run again(place, both, kJob);
  must_equal(again.start(), "decode");
  must_equal(again.resumed().substr(0, 6), "a2 c1 ");
  const std::string died = again.runner->run(again.plan, again.cancel).status.to_string();
  ck_assert_msg(died.find("Failed after iterations") != died.npos, "%s", died.c_str());
  // It had come to its end.
  change_database(
      place.database(),
      "UPDATE checkpoint SET state = 'complete' WHERE stage = 'a' AND state = 'partial'");
  Run third(place, both, kJob);
  must_equal(third.start(), "decode");
  ck_assert_msg(third.resumed().find("b") == 0 || third.resumed().empty(), "%s",
                third.resumed().c_str());
  ck_assert_uint_eq(third.plan.left.size(), 1);
  ck_assert(third.plan.left[0].checkpoint.fields.stage == "c");
  ck_assert(!third.runner->run(third.plan, third.cancel).status.is_ok());
  must_equal(place.value("SELECT group_concat(stage || version, ' ') FROM (SELECT * FROM "
                         "stage_checkpoints WHERE stage IN ('a', 'c') ORDER BY stage, version)"),
             "a1 a2 a3 c1 c2");
}
GST_END_TEST

// What is dropped by a leaky tap came to the stages behind it, and does not come from what is
// stored.
GST_START_TEST(g06_what_was_run_behind_a_leaky_stage_is_begun_anew) {
  for (const std::string leaky : {"", " leaky=downstream"}) {
    Place place;
    std::string line = place.line();
    line.replace(line.find("stage=decode"), 12, "stage=decode" + leaky);
    line.replace(line.find("videobalance"), 0, "identity error-after=5 ! ");
    Run crashed(place, line, kJob);
    ck_assert(!crashed.runner->run(crashed.plan, crashed.cancel).status.is_ok());
    change_database(
        place.database(),
        "UPDATE checkpoint SET state = 'complete' WHERE stage = 'decode' AND state = 'partial'");
    Run again(place, line, kJob);
    must_equal(again.start(), leaky.empty() ? "decode" : "");
    must_equal(again.resumed(), leaky.empty() ? "detect1 " : "");
    PlanRequest from = kJob;
    from.from = "decode";
    Run chosen(place, line, from);
    must_equal(chosen.start(), "decode");
    must_equal(chosen.resumed(), leaky.empty() ? "detect1 " : "");
    ck_assert_uint_eq(chosen.plan.left.size(), leaky.empty() ? 0 : 1);
  }
}
GST_END_TEST

GST_START_TEST(a_line_that_begins_with_a_checkpoint_knows_which) {
  Place place;
  Run(place, place.line(), kJob).play();
  const auto line = [&](const std::string &source, const std::string &places) {
    return "checkpointsrc " + source + places + " ! videobalance brightness=0.5 ! " +
           "checkpointtap stage=more" + places + " ! fakesink";
  };
  const std::string newest = line("job-id=street stage=decode", place.stores());
  Run(place, newest, kJob).play();
  Run again(place, newest, kJob);
  must_equal(again.stale(), "");
  ck_assert(again.plan.nothing_to_do);
  // By its id it is the same one; a part of it is not.
  const std::string id = place.value("SELECT id FROM stage_checkpoints WHERE stage = 'decode'");
  ck_assert(Run(place, line("checkpoint-id=" + id, place.stores()), kJob).plan.nothing_to_do);
  const auto part_of = [&](const std::string &part) {
    return line("job-id=street stage=decode " + part, place.stores());
  };
  size_t parts = 0;
  for (const char *part :
       {"start-index=2", "stop-index=5", "select=\"index < 4\"",
        "select=\"index < 4\" select-before=1", "select=\"index < 4\" select-after=1",
        "filtered=true", "on-missing=skip", "num-buffers=5", "do-timestamp=true"}) {
    ck_assert_msg(Run(place, part_of(part), kJob).stale().starts_with("more: inputs"), "%s", part);
    // As the element declares it.
    PlanRequest other = kJob;
    other.job_id = "part " + std::to_string(parts++);
    Run(place, part_of(part), other).play();
    Run same(place, part_of(part), other);
    ck_assert_msg(same.plan.nothing_to_do, "%s: %s", part, same.stale().c_str());
    // Nor is another part the same.
    const std::string more = std::string(part) + " select-before=2 select-after=2";
    ck_assert_msg(Run(place, part_of(more), other).stale().starts_with("more: inputs"), "%s", part);
  }
  // What is partial may have grown since.
  ck_assert(Run(place, part_of("allow-partial=true"), kJob).stale().starts_with("more: inputs"));
  // The stores of the run are the source's too.
  PlanRequest with_stores{"elsewhere", std::nullopt,         "",
                          false,       place.file("frames"), place.database()};
  Run(place, line("job-id=street stage=decode", ""), with_stores).play();
  ck_assert(Run(place, line("job-id=street stage=decode", ""), with_stores).plan.nothing_to_do);
  PlanRequest behind_it = with_stores;
  behind_it.from = "more";
  must_equal(Run(place, line("job-id=street stage=decode", ""), behind_it).stale(), "");
  // A newer one is another.
  PlanRequest anew = kJob;
  anew.restart = true;
  Run(place, place.line(), anew).play();
  ck_assert(Run(place, newest, kJob).stale().starts_with("more: inputs"));
  // The run can start behind the other all the same, and when all are gone.
  PlanRequest from = kJob;
  from.from = "more";
  std::string longer = newest;
  longer.replace(longer.find("fakesink"), 0,
                 "videobalance ! checkpointtap stage=last" + place.stores() + "! ");
  must_equal(Run(place, longer, from).stale(), "");
  // But not where the line names another one.
  for (const char *other : {"stage=detect", "stage=decode version=2", "stage=nothing"}) {
    std::string named = longer;
    named.replace(named.find("stage=decode"), 12, other);
    ck_assert_msg(Run(place, named, from).stale().starts_with("more: inputs"), "%s", other);
  }
  change_database(place.database(),
                  "UPDATE checkpoint SET state = 'deleted' WHERE stage = 'decode'");
  Run behind(place, longer, from);
  ck_assert_msg(behind.status.is_ok(), "%s", behind.status.to_string().c_str());
  must_equal(behind.stale(), "");
  PlanRequest elsewhere = from;
  elsewhere.job_id = "elsewhere";
  ck_assert(Run(place, newest, elsewhere).stale().starts_with("more: inputs"));  // it is gone
  // What is run from a scenario is of the scenario.
  PlanRequest scenario{"loose", "wide", "", false, "", ""};
  Run(place, place.line(), scenario).play();
  std::string of_scenario = newest;
  of_scenario.replace(of_scenario.find("street"), 6, "loose scenario=wide");
  Run mixed(place, of_scenario, {"loose", std::nullopt, "", false, "", ""});
  ck_assert(mixed.status.is(Code::kInvalidArgument));
  ck_assert(mixed.status.hint().find("--scenario") != std::string::npos);
  of_scenario.insert(of_scenario.find('!'), "allow-partial=true ");
  ck_assert(Run(place, of_scenario, mixed.request).status.is(Code::kInvalidArgument));
  ck_assert(Run(place, of_scenario, scenario).status.is_ok());
}
GST_END_TEST

GST_START_TEST(g06_what_may_have_left_frames_out_is_not_taken_for_all_of_them) {
  Place place;
  std::string leaky = place.line();
  leaky.replace(leaky.find("stage=detect"), 12, "stage=detect leaky=downstream");
  Run(place, leaky, kJob).play();
  Run again(place, leaky, kJob);
  ck_assert_msg(again.plan.nothing_to_do, "%s", again.stale().c_str());
  Run strict(place, place.line(), kJob);
  must_equal(strict.stale(), "detect: leaky: \"downstream\", now not set; ");
}
GST_END_TEST

GST_START_TEST(g06_what_this_line_has_begun_is_not_stale) {
  Place place;
  Run(place, place.line(), kJob).play();
  std::string failing = place.line();
  failing.replace(failing.find("videobalance"), 0, "identity error-after=5 ! ");
  ck_assert(Run(place, failing, kJob).stale().find("detect") != std::string::npos);
  PlanRequest from_decode = kJob;
  from_decode.from = "decode";
  Run crashed(place, failing, from_decode);
  ck_assert(!crashed.runner->run(crashed.plan, crashed.cancel).status.is_ok());
  Run again(place, failing, kJob);
  must_equal(again.stale(), "");
  must_equal(again.start(), "decode");
  ck_assert_int_eq(again.plan.resumed.count(again.stages->line().stages()[1]), 1);
}
GST_END_TEST

GST_START_TEST(what_is_set_for_a_tap_counts_as_if_the_line_said_it) {
  Place place;
  const auto override = parse_override("checkpointtap0.stop_timeout=60000");
  ck_assert(override.is_ok());
  std::string line = place.line();
  line.replace(line.find("stage=detect"), 12, "stage=detect commit_timeout=5000");
  Run run(place, line, kJob, {*override});
  const auto &stages = run.stages->line().stages();
  ck_assert(run.stages->setting(stages[0], "stop-timeout") == "60000");
  ck_assert(!run.stages->setting(stages[1], "stop-timeout"));
  ck_assert(run.stages->setting(stages[1], "commit-timeout") == "5000");
}
GST_END_TEST

static Suite *line_run_suite() {
  Suite *suite = suite_create("line_run");
  TCase *tc = tcase_create("line_run");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g14_a_run_records_what_its_line_declares);
  tcase_add_test(tc, g14_other_pictures_behind_a_pattern_are_another_film);
  tcase_add_test(tc, a_source_whose_input_is_not_known_is_named);
  tcase_add_test(tc, a_line_that_is_done_has_nothing_to_do);
  tcase_add_test(tc, a_film_is_the_same_from_whichever_folder_it_is_named);
  tcase_add_test(tc, g14_settings_of_pads_are_recorded);
  tcase_add_test(tc, the_furthest_stage_that_is_done_is_the_start);
  tcase_add_test(tc, a_stale_stage_is_shown_and_not_taken);
  tcase_add_test(tc, a_run_from_a_stage_makes_none_of_the_elements_before_it);
  tcase_add_test(tc, g06_a_leaky_stage_is_not_resumed);
  tcase_add_test(tc, g06_what_the_plan_does_not_go_on_with_is_begun_anew);
  tcase_add_test(tc, g06_a_branch_that_is_done_comes_again_with_the_other);
  tcase_add_test(tc, g06_what_was_run_behind_a_leaky_stage_is_begun_anew);
  tcase_add_test(tc, a_line_that_begins_with_a_checkpoint_knows_which);
  tcase_add_test(tc, g06_what_may_have_left_frames_out_is_not_taken_for_all_of_them);
  tcase_add_test(tc, g06_what_this_line_has_begun_is_not_stale);
  tcase_add_test(tc, what_is_set_for_a_tap_counts_as_if_the_line_said_it);
  return suite;
}
GST_CHECK_MAIN(line_run);
