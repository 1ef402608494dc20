// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-checkpoint-1.0: the line, list and show.
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "support/check.h"
#include "support/checkpoint_maker.h"
#include "support/home.h"
#include "support/tool.h"

using namespace checkpoint;

namespace {

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

// A home whose stores hold what the test makes.
struct Place : Home {
  std::shared_ptr<Stores> stores = stores_at(frame_store(), metadata_store());

  // Frames of 100 bytes, each with a detection of "car" and the odd ones one of "bus" too.
  CheckpointRow add(const std::string &job, const std::string &stage, const Branch &branch = {},
                    uint64_t frames = 3, const std::optional<Uuid> &parent = {},
                    bool complete = true) {
    CheckpointMaker maker(stores, job, stage, branch, false, parent);
    maker.add_caps("video/x-raw, format=(string)GRAY8");
    for (uint64_t i = 0; i < frames; i++) {
      MadeFrame frame;
      frame.payload = made_payload(made++, 100);
      frame.pts = i * 40000000;
      frame.detections.push_back({0, 0, "car", 0.5, 1, 2, 3, 4, {}, "roi"});
      if (i % 2 == 1) frame.detections.push_back({0, 0, "bus", 0.5, 1, 2, 3, 4, {}, "roi"});
      maker.add_frame(frame);
    }
    return complete ? maker.complete() : maker.leave_partial();
  }
  uint64_t made = 0;
};

}  // namespace

GST_START_TEST(a_line_that_makes_no_sense_is_told_with_the_next_step) {
  Home home;
  for (const std::vector<std::string> &line :
       std::vector<std::vector<std::string>>{{},
                                             {"lsit"},
                                             {"list", "--no-such-option"},
                                             {"list", "a", "b"},
                                             {"list", "--limit", "many"},
                                             {"show"}}) {
    ToolRun run = run_tool(line);
    ck_assert_int_eq(run.code, 2);
    ck_assert_msg(run.error_output.rfind("error: ", 0) == 0 &&
                      contains(run.error_output, "\n  next: gst-checkpoint-1.0 "),
                  "%s", run.error_output.c_str());
    ck_assert(run.output.empty());
  }
  ck_assert(contains(tool_says(0, {"--help"}), "  show "));
  ck_assert(contains(tool_says(0, {"show", "--help"}), "Examples:"));
  EQUAL(tool_says(0, {"help", "show"}), tool_says(0, {"show", "--help"}));
}
GST_END_TEST

// The verbs that the help lists.
std::vector<std::string> verbs() {
  std::vector<std::string> found;
  std::istringstream lines(tool_says(0, {"--help"}));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && line.empty()) break;
    if (inside) found.push_back(line.substr(2, line.find(' ', 2) - 2));
    inside = inside || line == "Verbs:";
  }
  return found;
}

GST_START_TEST(the_page_of_the_tool_says_what_its_help_says) {
  Home home;
  std::ifstream file(DOCS_DIR "/cli.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  ck_assert(verbs().size() >= 3);
  ck_assert_msg(contains(page, tool_says(0, {"--help"})), "docs/make_cli.sh writes docs/cli.md");
  for (const std::string &verb : verbs())
    ck_assert_msg(
        contains(page, "\n## " + verb + "\n\n```text\n" + tool_says(0, {verb, "--help"}) + "```\n"),
        "%s: docs/make_cli.sh writes docs/cli.md", verb.c_str());
}
GST_END_TEST

// What a program prints.
std::string output_of(std::vector<const char *> argv, std::string *errors = nullptr) {
  argv.push_back(nullptr);
  gchar *output = nullptr, *error_output = nullptr;
  gint code = -1;
  ck_assert(g_spawn_sync(nullptr, const_cast<gchar **>(argv.data()), nullptr, G_SPAWN_SEARCH_PATH,
                         nullptr, nullptr, &output, &error_output, &code, nullptr));
  const std::string text = output;
  if (errors) *errors = error_output;
  g_free(output);
  g_free(error_output);
  ck_assert_int_eq(code, 0);
  return text;
}

GST_START_TEST(the_manual_page_says_what_the_help_says) {
  Home home;
  const char *page = DOCS_DIR "/gst-checkpoint-1.0.1";
  std::ifstream file(page);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const char *tool = g_getenv("GST_CHECKPOINT_TOOL");
  ck_assert_msg(output_of({"sh", DOCS_DIR "/make_man.sh", tool}) == text,
                "docs/make_man.sh writes docs/gst-checkpoint-1.0.1");
  ck_assert(contains(text, ".SH \"DOCTOR\"\n"));
  gchar *groff = g_find_program_in_path("groff");
  if (!groff) return;
  std::string warnings;
  ck_assert(!output_of({groff, "-man", "-ww", "-Tascii", page}, &warnings).empty());
  EQUAL(warnings, "");
  g_free(groff);
}
GST_END_TEST

GST_START_TEST(bash_completes_verbs_and_options) {
  Home home;
  const auto completed = [](const std::string &line) {
    const std::string script = ". " COMPLETION "; COMP_WORDS=(" + line +
                               "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _gst_checkpoint "
                               "2>/dev/null; echo ${COMPREPLY[@]}";
    return output_of({"bash", "-c", script.c_str()});
  };
  const std::string tool = g_getenv("GST_CHECKPOINT_TOOL");
  EQUAL(completed(tool + " ver"), "verify\n");
  EQUAL(completed(tool + " list --sc"), "--scenarios --scenario=\n");
}
GST_END_TEST

GST_START_TEST(nothing_stored_is_no_empty_list) {
  Home home;
  ToolRun run = run_tool({"list"});
  ck_assert_int_eq(run.code, 1);
  ck_assert(contains(run.error_output, "nothing is stored") || !home.has_rows());
}
GST_END_TEST

GST_START_TEST(list_shows_jobs_and_their_checkpoints) {
  Place place;
  place.add("street", "decode");
  place.add("street", "decode");
  place.add("street", "detect", {}, 2, {}, false);
  place.add("street", "detect", {true, "dim"});
  place.add("zoo", "decode");

  JsonTree jobs = tool_json(0, {"list"});
  EQUAL(at(jobs, "[0].job_id"), "street");
  EQUAL(at(jobs, "[0].newest.checkpoint"), "street/decode@2");
  EQUAL(at(jobs, "[1].job_id"), "zoo");
  EQUAL(at(jobs, "[2]"), "(none)");

  JsonTree rows = tool_json(0, {"list", "street"});
  EQUAL(at(rows, "[0].checkpoint"), "street/decode@2");
  EQUAL(at(rows, "[1].checkpoint"), "street/decode@1");
  EQUAL(at(rows, "[2]"), "(none)");
  rows = tool_json(0, {"list", "street", "--partial", "--scenarios"});
  EQUAL(at(rows, "[0].scenario_label"), "dim");
  EQUAL(at(rows, "[1].state"), "partial");
  rows = tool_json(0, {"list", "street", "--scenario", "dim"});
  EQUAL(at(rows, "[0].is_scenario"), "true");
  EQUAL(at(rows, "[1]"), "(none)");
  rows = tool_json(0, {"list", "street/decode", "--limit", "1"});
  EQUAL(at(rows, "[0].version"), "2");
  rows = tool_json(0, {"list", "street/decode", "--after", at(rows, "[0].id")});
  EQUAL(at(rows, "[0].version"), "1");
  EQUAL(at(rows, "[1]"), "(none)");
  ck_assert(contains(tool_says(0, {"list", "street"}), "STAGE"));
  tool_says(1, {"list", "stret"});
}
GST_END_TEST

GST_START_TEST(show_tells_all_about_a_checkpoint) {
  Place place;
  CheckpointRow parent = place.add("street", "decode");
  CheckpointRow row = place.add("street", "detect", {}, 3, parent.id);
  for (const std::string &name :
       {std::string("street/detect"), std::string("street/detect@1"), row.id.to_string(),
        std::string("checkpoint://street/detect?version=1")}) {
    JsonTree shown = tool_json(0, {"show", name, "--frames"});
    EQUAL(at(shown, "id"), row.id.to_string());
    EQUAL(at(shown, "frames"), "3");
    EQUAL(at(shown, "parents[0].id"), parent.id.to_string());
    EQUAL(at(shown, "frames_meta[2].pts"), "80000000");
    ck_assert(contains(at(shown, "frames_meta[2].key"), ".pack#"));
    EQUAL(at(shown, "frames_meta[3]"), "(none)");
  }
  const std::string text = tool_says(0, {"show", "street/detect", "--frames"});
  for (const char *part : {"street/decode@1", "0:00:00.080", "GRAY8"})
    ck_assert_msg(contains(text, part), "no %s in\n%s", part, text.c_str());

  CheckpointRow partial = place.add("street", "detect", {}, 1, {}, false);
  EQUAL(at(tool_json(0, {"show", "street/detect"}), "version"), "1");
  EQUAL(at(tool_json(0, {"show", "street/detect", "-p"}), "version"), "2");
  EQUAL(at(tool_json(0, {"show", "street/detect@2"}), "state"), "partial");
  ToolRun run = run_tool({"show", "street/track"});
  ck_assert_int_eq(run.code, 1);
  ck_assert(contains(run.error_output, "\"street\"") && contains(run.error_output, "\"track\""));
}
GST_END_TEST

GST_START_TEST(g18_a_scenario_is_shown_only_when_it_is_asked_for) {
  Place place;
  CheckpointRow dim = place.add("street", "detect", {true, "dim"});
  tool_says(1, {"show", "street/detect"});
  EQUAL(at(tool_json(0, {"show", "street/detect", "--scenario", "dim"}), "id"), dim.id.to_string());
  tool_says(1, {"show", "street/detect", "--scenario", ""});
}
GST_END_TEST

// "a/b" of job "c" and "b" of job "c/a" are told apart, and each is found by what is shown.
GST_START_TEST(g35_names_with_a_slash_are_shown_so_that_they_are_found) {
  Place place;
  const CheckpointRow rows[] = {place.add("c/a", "b"), place.add("c", "a/b"),
                                place.add("c", "a/b", {true, "dim"})};
  std::set<std::string> names;
  for (const CheckpointRow &row : rows) {
    JsonTree plan = tool_json(0, {"rm", "--dry-run", row.id.to_string()});
    const std::string name = at(plan, "checkpoints[0].checkpoint");
    names.insert(name);
    EQUAL(at(tool_json(0, {"show", name}), "id"), row.id.to_string());
  }
  ck_assert_int_eq(names.size(), std::size(rows));
  ck_assert(names.count("c/a/b@1") == 1);
}
GST_END_TEST

// A typo in a nightly job is no "all is well".
GST_START_TEST(a_job_that_is_not_there_is_an_error) {
  Place place;
  place.add("street", "decode");
  for (const std::vector<std::string> &line :
       std::vector<std::vector<std::string>>{{"verify", "--job", "streeet"},
                                             {"rm", "--job", "streeet", "--keep-last", "1", "-y"},
                                             {"list", "streeet"}}) {
    const ToolRun run = run_tool(line);
    ck_assert_int_eq(run.code, 1);
    ck_assert_msg(
        contains(run.error_output, "there is no job") && contains(run.error_output, "list"), "%s",
        run.error_output.c_str());
  }
  // The elements' property for it is no option here.
  place.add("street", "track", {}, 3, {}, false);
  const ToolRun partial = run_tool({"show", "street/track"});
  ck_assert_msg(contains(partial.error_output, "--partial"), "%s", partial.error_output.c_str());
  // Nothing to ask about.
  ck_assert(contains(tool_says(0, {"gc"}), "nothing to collect"));
}
GST_END_TEST

GST_START_TEST(g20_rm_names_the_children_whose_filtered_list_needs_what_goes) {
  Place place;
  const CheckpointRow decode = place.add("street", "decode", {}, 6);
  const auto child = [&](const char *stage, const Uuid &parent, uint64_t frames,
                         std::vector<uint64_t> list) {
    CheckpointMaker maker(place.stores, "street", stage, {}, false, parent, std::move(list));
    maker.add_caps("video/x-raw, format=(string)GRAY8");
    for (uint64_t i = 0; i < frames; i++) {
      MadeFrame frame;
      frame.payload = made_payload(i, 100);
      maker.add_frame(frame);
    }
    return maker.complete();
  };
  const CheckpointRow whole = child("whole", decode.id, 6, {1, 3});
  const CheckpointRow list = child("list", decode.id, 0, {1, 3});
  const CheckpointRow grandchild = child("grandchild", whole.id, 1, {0, 5});
  const std::string line = "frames of its filtered list";

  JsonTree plan = tool_json(0, {"rm", "--dry-run", "street/decode"});
  EQUAL(at(plan, "bereaved[0]"), grandchild.id.to_string());
  EQUAL(at(plan, "bereaved[1]"), list.id.to_string());
  EQUAL(at(plan, "bereaved[2]"), "(none)");
  ToolRun run = run_tool({"rm", "--dry-run", "street/decode"});
  ck_assert(contains(run.error_output, "street/list@1 stays, and " + line));
  // Whoever goes along, or needs nothing, is not named.
  plan = tool_json(0, {"rm", "-n", "street/decode", "street/list", "street/grandchild"});
  EQUAL(at(plan, "bereaved[0]"), "(none)");
  plan = tool_json(0, {"rm", "-n", "street/list"});
  EQUAL(at(plan, "bereaved[0]"), "(none)");
}
GST_END_TEST

GST_START_TEST(g35_hostile_names_come_out_as_they_are_and_harmless) {
  Place place;
  for (const std::string &job : {std::string("../../etc"), std::string("'; drop table job; --"),
                                 std::string("\"quoted\" $(id) `id`"), std::string("зебра 斑马"),
                                 std::string("-rf"), std::string("turned \u202earound\u2066")}) {
    CheckpointRow row = place.add(job, "decode");
    JsonTree rows = tool_json(0, {"list", "--", job});
    EQUAL(at(rows, "[0].job_id"), job);
    EQUAL(at(tool_json(0, {"show", "--", job + "/decode"}), "id"), row.id.to_string());
    EQUAL(at(tool_json(0, {"show", at(rows, "[0].uri")}), "id"), row.id.to_string());
  }
  const std::string text = tool_says(0, {"list"});
  ck_assert(contains(text, "../../etc") && contains(text, "turned \\u202earound\\u2066"));
  ck_assert(!contains(text, "\u202e"));
  ToolRun run = run_tool({"show", "a\x1b]0;title\x07/decode"});
  ck_assert_int_eq(run.code, 1);
  ck_assert(!contains(run.error_output, "\x1b") && !contains(run.error_output, "\x07"));
  run = run_tool({"show", "\xff\xfe"});
  ck_assert_int_eq(run.code, 1);
  ck_assert(contains(run.error_output, "\\xff\\xfe"));
}
GST_END_TEST

GST_START_TEST(g09_verify_lists_exactly_the_broken_frames) {
  Place place;
  CheckpointRow row = place.add("street", "decode", {}, 5);
  place.add("street", "detect", {}, 2);
  EQUAL(at(tool_json(0, {"verify"}), "[0]"), "(none)");
  EQUAL(at(tool_json(0, {"verify", "--data"}), "[0]"), "(none)");
  if (!store_pair().is_default()) return;

  Cancellation cancel;
  auto frames = place.stores->metadata->read_frames({row.key, 0, false, 10}, cancel);
  ck_assert(frames.is_ok() && frames->size() == 5);
  auto packs = place.stores->metadata->get_packs(std::array{(*frames)[3].payload.pack}, cancel);
  ck_assert(packs.is_ok());
  const std::string object = place.frames() + "/" + packs->front().object;
  std::filesystem::permissions(object, std::filesystem::perms::owner_all);
  const auto flip = [&](uint64_t offset) {
    std::fstream file(object, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 1));
    ck_assert(file.good());
  };
  const uint64_t payload = (*frames)[3].payload.offset + 7;
  flip(payload);
  // Sizes don't tell.
  tool_json(0, {"verify"});
  JsonTree broken = tool_json(3, {"verify", "--data"});
  EQUAL(at(broken, "[0].checkpoint_id"), row.id.to_string());
  EQUAL(at(broken, "[0].sequence"), "3");
  EQUAL(at(broken, "[0].code"), "corrupt");
  ck_assert(
      contains(at(broken, "[0].message"), packs->front().object) &&
      contains(at(broken, "[0].message"), "offset " + std::to_string((*frames)[3].payload.offset)));
  EQUAL(at(broken, "[1]"), "(none)");
  tool_json(0, {"verify", "street/detect", "--data"});
  flip(payload);
  tool_json(0, {"verify", "--data"});

  // Beside the payloads: the pack is named, and no frame.
  flip(packs->front().size - 20);
  broken = tool_json(3, {"verify", "--data"});
  EQUAL(at(broken, "[0].sequence"), "null");
  EQUAL(at(broken, "[1]"), "(none)");
  flip(packs->front().size - 20);

  std::filesystem::resize_file(object, packs->front().size - 1);
  broken = tool_json(3, {"verify"});
  EQUAL(at(broken, "[4].sequence"), "4");
  EQUAL(at(broken, "[5]"), "(none)");
  std::filesystem::remove(object);
  broken = tool_json(3, {"verify", "street/decode"});
  EQUAL(at(broken, "[4].code"), "missing");
  tool_says(1, {"verify", "street/decode", "--frame-store", place.file("elsewhere")});
}
GST_END_TEST

GST_START_TEST(a_pinned_checkpoint_is_not_deleted) {
  Place place;
  CheckpointRow row = place.add("street", "decode");
  EQUAL(at(tool_json(0, {"pin", "street/decode"}), "[0].pinned"), "true");
  tool_says(0, {"pin", "street/decode@1"});
  EQUAL(at(tool_json(1, {"rm", "street/decode", "--yes"}), "done.kept"), "1");
  EQUAL(at(tool_json(0, {"list", "street"}), "[0].id"), row.id.to_string());
  tool_says(1, {"pin", "street/decode", "street/nothing"});
  tool_says(0, {"unpin", "street/decode"});
  EQUAL(at(tool_json(0, {"rm", "street/decode", "--yes"}), "done.deleted"), "1");
  EQUAL(at(tool_json(0, {"list", "street"}), "[0]"), "(none)");
  tool_says(1, {"rm", "street/decode", "--yes"});
}
GST_END_TEST

GST_START_TEST(rm_shows_what_goes_and_does_nothing_without_a_yes) {
  Place place;
  for (int i = 0; i < 3; i++) place.add("street", "decode");
  place.add("street", "detect", {true, "dim"});
  place.add("street", "detect", {}, 1, {}, false);
  for (const std::vector<std::string> &line :
       std::vector<std::vector<std::string>>{{"rm"},
                                             {"rm", "street/decode", "--keep-last", "1"},
                                             {"rm", "--job", "street"},
                                             {"rm", "--older-than", "soon"},
                                             {"rm", "--older-than", "9000000000000000000d"},
                                             {"rm", "street/decode", "--json"}})
    tool_says(2, line);

  JsonTree plan = tool_json(0, {"rm", "--job", "street", "--keep-last", "1", "--dry-run"});
  EQUAL(at(plan, "checkpoints[0].checkpoint"), "street/decode@2");
  EQUAL(at(plan, "checkpoints[1].checkpoint"), "street/decode@1");
  EQUAL(at(plan, "checkpoints[2]"), "(none)");
  EQUAL(at(plan, "packs_freed"), "2");
  EQUAL(at(plan, "done"), "null");
  // Nobody to ask.
  ToolRun run = run_tool({"rm", "--job", "street", "--keep-last", "1"});
  ck_assert_int_eq(run.code, 1);
  ck_assert(contains(run.output, "street/decode@2") && contains(run.output, "frees 2 packs"));
  ck_assert(contains(run.error_output, "\n  next: --yes"));
  EQUAL(at(tool_json(0, {"list", "street"}), "[2].version"), "1");

  const char *rule[] = {"--older-than", "--partial-older-than"};
  EQUAL(at(tool_json(0, {"rm", rule[0], "1d", rule[1], "1d", "-n"}), "checkpoints[0]"), "(none)");
  EQUAL(at(tool_json(0, {"rm", rule[1], "0", "-n"}), "checkpoints[0].state"), "partial");
  EQUAL(at(tool_json(0, {"rm", rule[0], "0s", "--scenario", "dim", "-n"}),
           "checkpoints[0].scenario_label"),
        "dim");
  EQUAL(at(tool_json(0, {"rm", "--job", "street", "--keep-last", "1", "-y"}), "done.purged"), "2");
  EQUAL(at(tool_json(0, {"list", "street"}), "[0].version"), "3");
  EQUAL(at(tool_json(0, {"list", "street"}), "[1]"), "(none)");
}
GST_END_TEST

GST_START_TEST(g29_a_dry_run_of_gc_predicts_what_the_run_does) {
  Place place;
  CheckpointRow gone = place.add("street", "decode", {}, 4);
  CheckpointRow kept = place.add("street", "detect", {}, 3, gone.id);
  tool_says(0, {"rm", "street/decode", "--yes"});
  const uint64_t before = place.stored_bytes();

  JsonTree soon = tool_json(0, {"gc", "--dry-run"});
  EQUAL(at(soon, "packs_condemned"), "1");
  EQUAL(at(soon, "packs_deleted"), "0");
  JsonTree now = tool_json(0, {"gc", "--dry-run", "--grace", "0"});
  ToolRun unanswered = run_tool({"gc"});
  ck_assert_int_eq(unanswered.code, 1);
  ck_assert(contains(unanswered.output, "1 packs condemned"));
  ck_assert_uint_eq(place.stored_bytes(), before);
  tool_says(2, {"gc", "--json"});
  tool_says(2, {"gc", "--strangers", "eat"});

  // With its grace nothing goes so far.
  EQUAL(at(tool_json(0, {"gc", "--yes", "--grace", "1h"}), "packs_condemned"), "1");
  ck_assert_uint_eq(place.stored_bytes(), before);
  EQUAL(at(tool_json(0, {"gc", "--yes", "--grace", "1h"}), "packs_condemned"), "0");
  JsonTree done = tool_json(0, {"gc", "--yes", "--grace", "0"});
  for (const char *count : {"packs_deleted", "bytes_deleted"})
    EQUAL(at(done, count), at(now, count));
  ck_assert_uint_eq(place.stored_bytes(), before - std::stoull(at(done, "bytes_deleted")));
  // A second run does nothing.
  done = tool_json(0, {"gc", "--yes", "--grace", "0", "--strangers", "report"});
  for (const char *count : {"packs_condemned", "packs_deleted", "strangers"})
    EQUAL(at(done, count), "0");
  tool_json(0, {"verify", kept.id.to_string(), "--data"});
}
GST_END_TEST

// A store that can't be read stops it; here a pack seems to lie in another one.
GST_START_TEST(a_verification_that_was_stopped_goes_on) {
  Place place;
  place.add("street", "decode");
  const CheckpointRow second = place.add("street", "detect"), third = place.add("street", "track");
  Cancellation cancel;
  const auto frames_of = [&](const CheckpointRow &row) {
    auto rows = place.stores->metadata->read_frames({row.key, 0, false, 10}, cancel);
    ck_assert(rows.is_ok());
    return *rows;
  };
  const auto put_into = [&](FrameStoreKey store) {
    const std::string key = std::to_string(frames_of(second)[0].payload.pack);
    EQUAL(place.value("UPDATE pack SET frame_store = " + std::to_string(store) +
                      " WHERE key = " + key + " RETURNING key"),
          key);
  };
  const std::string state = place.file("state");
  const auto run = [&](int code) {
    ToolRun result = run_tool({"verify", "--data", "--state", state});
    ck_assert_msg(result.code == code, "%d %s", result.code, result.error_output.c_str());
    return result.error_output;
  };
  put_into(place.stores->metadata->ensure_frame_store(Uuid::random(), "file:///x", cancel)->key);
  run(1);
  ck_assert(std::filesystem::exists(state));
  tool_says(1, {"verify", "--state", state});  // not of this one
  put_into(place.stores->frame_store);
  // The newest one was looked at, and is not looked at again.
  const PackKey pack = frames_of(third)[0].payload.pack;
  auto packs = place.stores->metadata->get_packs({&pack, 1}, cancel);
  ck_assert(packs.is_ok());
  ck_assert(place.stores->frames->remove(packs->front().object, cancel).is_ok());
  ck_assert(contains(run(0), "3 checkpoints, 9 frames: all is well"));
  ck_assert(!std::filesystem::exists(state));
  ck_assert(contains(run(3), "3 broken frames"));
}
GST_END_TEST

static Suite *tool_suite() {
  Suite *suite = suite_create("tool");
  TCase *tc = tcase_create("tool");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_line_that_makes_no_sense_is_told_with_the_next_step);
  tcase_add_test(tc, the_page_of_the_tool_says_what_its_help_says);
  tcase_add_test(tc, the_manual_page_says_what_the_help_says);
  tcase_add_test(tc, bash_completes_verbs_and_options);
  tcase_add_test(tc, nothing_stored_is_no_empty_list);
  tcase_add_test(tc, list_shows_jobs_and_their_checkpoints);
  tcase_add_test(tc, show_tells_all_about_a_checkpoint);
  tcase_add_test(tc, g18_a_scenario_is_shown_only_when_it_is_asked_for);
  tcase_add_test(tc, g35_names_with_a_slash_are_shown_so_that_they_are_found);
  tcase_add_test(tc, a_job_that_is_not_there_is_an_error);
  tcase_add_test(tc, g20_rm_names_the_children_whose_filtered_list_needs_what_goes);
  tcase_add_test(tc, g35_hostile_names_come_out_as_they_are_and_harmless);
  tcase_add_test(tc, a_verification_that_was_stopped_goes_on);
  tcase_add_test(tc, g09_verify_lists_exactly_the_broken_frames);
  tcase_add_test(tc, a_pinned_checkpoint_is_not_deleted);
  tcase_add_test(tc, rm_shows_what_goes_and_does_nothing_without_a_yes);
  tcase_add_test(tc, g29_a_dry_run_of_gc_predicts_what_the_run_does);
  return suite;
}
CHECKPOINT_CHECK_MAIN(tool);
