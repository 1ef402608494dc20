// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-checkpoint-1.0: what it draws, writes, reads back and copies, on every pair of stores.
#include <glib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/catalog.h"
#include "core/copy.h"
#include "core/diff.h"
#include "support/check.h"
#include "support/checkpoint_maker.h"
#include "support/home.h"
#include "support/tool.h"

using namespace checkpoint;
namespace fs = std::filesystem;

namespace {

constexpr int kWidth = 32, kHeight = 16;

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

std::string contents(const std::string &path) {
  gchar *bytes = nullptr;
  gsize size = 0;
  ck_assert_msg(g_file_get_contents(path.c_str(), &bytes, &size, nullptr), "%s", path.c_str());
  std::string text(bytes, size);
  g_free(bytes);
  return text;
}

void write_file(const std::string &path, const std::string &text) {
  ck_assert(
      g_file_set_contents(path.c_str(), text.data(), static_cast<gssize>(text.size()), nullptr));
}

// Labels as somebody would choose them who wants to be run, and some that are only unusual.
const std::vector<std::string> kLabels{"face",
                                       "<script>alert(1)</script>",
                                       "\"onload=alert(1) x=\"",
                                       "'onerror=alert(1)//",
                                       "=1+1",
                                       "@SUM(A1)",
                                       "a,b\"c\nd",
                                       "größer als 😀",
                                       "]]>&amp;",
                                       "\xe2\x80\xae"
                                       "gnp"};

struct Place : Home {
  int64_t first_track = 0;
  std::shared_ptr<Stores> stores = stores_at(frame_store(), metadata_store());

  // RGB frames with a detection each, the last ones without.
  CheckpointRow add(const std::string &stage, const Branch &branch = {},
                    const std::optional<Uuid> &parent = {}, int64_t shift = 0,
                    const CheckpointFields &fields = {}, size_t detections = kLabels.size()) {
    CheckpointMaker maker(stores, "street", stage, branch, false, parent, {}, fields);
    maker.add_caps(
        "video/x-raw, format=(string)RGB, width=(int)32, height=(int)16, "
        "framerate=(fraction)25/1");
    for (uint64_t i = 0; i < kLabels.size(); i++) {
      MadeFrame frame;
      frame.payload = made_payload(i + 1, size_t{3} * kWidth * kHeight);
      frame.sequence = 3 * i + 1;
      frame.pts = frame.stream_time = i * 40000000;
      frame.duration = 40000000;
      DetectionRow row{0, 0, kLabels[i], 0.5, 4 + shift, 3, 10, 8, {}, "roi"};
      if (i % 2 == 1) row.track = first_track + static_cast<int64_t>(i);
      if (i % 3 == 2) row.confidence.reset();
      if (i < detections) frame.detections.push_back(row);
      maker.add_frame(frame);
    }
    return maker.complete();
  }
  DiffTotals compare(const DiffSide &a, const DiffSide &b) {
    auto totals = diff_checkpoints(a, b, {}, {}, cancel);
    ck_assert_msg(totals.is_ok(), "%s", totals.status().to_string().c_str());
    return *totals;
  }
  CheckpointRow newest(const std::string &stage) {
    CheckpointSelector selector;
    selector.job_id = "street";
    selector.stage = stage;
    auto row = find_checkpoint(*stores->metadata, selector, cancel);
    ck_assert_msg(row.is_ok(), "%s", row.status().to_string().c_str());
    return *row;
  }
  Cancellation cancel;
};

// Nothing but what has its name in `expected` is in the home's folder of results.
void must_hold(const std::string &folder, std::vector<std::string> expected) {
  std::vector<std::string> names;
  for (const auto &entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  std::sort(expected.begin(), expected.end());
  ck_assert(names == expected);
}

}  // namespace

GST_START_TEST(g33_diff_prints_what_differs) {
  Place place;
  CheckpointFields fields;
  fields.config_snapshot = R"({"detector": {"scale": 1.1}})";
  place.add("detect", {}, {}, 0, fields);
  ck_assert(contains(tool_says(0, {"diff", "street/detect", "street/detect"}), "no difference"));
  fields.config_snapshot = R"({"detector": {"scale": 1.2}})";
  place.add("detect", {true, "dim"}, {}, 2, fields);
  const std::string text = tool_says(0, {"diff", "street/detect", "--scenario", "dim", "--frames"});
  ck_assert_msg(contains(text, "config_snapshot.detector.scale  1.1  1.2"), "%s", text.c_str());
  ck_assert(contains(text, "moved face 4,3 10x8 > 6,3 10x8"));
  ck_assert(!contains(text, "\xe2\x80\xae"));  // a terminal would turn around
  ck_assert(!contains(text, "OTHER TRACK"));
  JsonTree tree = tool_json(0, {"diff", "street/detect", "--scenario", "dim"});
  EQUAL(at(tree, "same"), "false");
  EQUAL(at(tree, "detections.moved"), "10");
  EQUAL(at(tree, "frames.changed"), "0");
  EQUAL(at(tree, "fields[0].b"), "1.2");
  tree = tool_json(0, {"diff", "street/detect", "--scenario", "dim", "--frames"});
  EQUAL(at(tree, "[9].sequence"), "28");
  EQUAL(at(tree, "[9].change"), "detections");  // "frames.changed" counts none
  ToolRun some =
      run_tool({"diff", "street/detect", "--scenario", "dim", "--frames", "--limit", "3"});
  ck_assert_msg(contains(some.error_output, "7 more; --limit 0 shows all"), "%s",
                some.error_output.c_str());
  tree = tool_json(0, {"diff", "street/detect", "--scenario", "dim", "--frames", "--limit", "3"});
  EQUAL(at(tree, "[2].sequence"), "7");
  EQUAL(at(tree, "[3].sequence"), "(none)");
  ck_assert_int_eq(run_tool({"diff", "street/detect"}).code, 2);
  ck_assert_int_eq(run_tool({"diff", "street/detect", "street/detect", "--overlap", "2"}).code, 2);
}
GST_END_TEST

GST_START_TEST(g33_other_tracks_have_a_column) {
  Place place;
  place.add("detect");
  place.first_track = 100;
  place.add("detect", Branch{true, "dim"});
  const std::string text = tool_says(0, {"diff", "street/detect", "--scenario", "dim"});
  ck_assert_msg(contains(text, "OTHER TRACK") && contains(text, "(all)"), "%s", text.c_str());
  EQUAL(at(tool_json(0, {"diff", "street/detect", "--scenario", "dim"}),
           "detections.tracked_otherwise"),
        std::to_string(kLabels.size() / 2));
  const std::string path = place.file("report.html");
  tool_says(0, {"report", "street", path, "--scenario", "dim"});
  ck_assert(contains(contents(path), "Other track"));
}
GST_END_TEST

GST_START_TEST(g33_a_report_shows_the_frames_that_lost_a_detection) {
  Place place;
  place.add("detect");
  place.add("detect", Branch{true, "dim"}, {}, 1, {}, kLabels.size() - 1);
  const std::string path = place.file("report.html");
  tool_says(0, {"report", "street", path, "--scenario", "dim"});
  const std::string page = contents(path);
  ck_assert(contains(page, "<h4>Frame " + std::to_string(3 * kLabels.size() - 2)));
  ck_assert(contains(page, "class=\"lost\""));
}
GST_END_TEST

GST_START_TEST(g35_a_report_runs_nothing_that_a_label_says) {
  Place place;
  CheckpointFields fields;
  fields.config_snapshot = R"({"<b>": "<img src=x onerror=alert(1)>"})";
  fields.video_path = "/films/<i>.mp4";
  const CheckpointRow base = place.add("decode", {}, {}, 0, fields);
  place.add("<h1>", {}, base.id, 1, fields);
  place.add("decode", {true, "<dim>"}, {}, 2, fields);
  const std::string path = place.file("street.html");
  tool_says(0, {"report", "street", path, "--scenario", "<dim>"});
  const std::string page = contents(path);
  for (const char *bad : {"<script", "<img src=x", "<b>", "<i>", "<dim>", "\"onload", "'onerror",
                          "http:", "https:", "url(", "\xe2\x80\xae"})
    ck_assert_msg(!contains(page, bad), "%s", bad);
  // It is there all the same.
  for (const char *good :
       {"&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;dim&gt;", "&lt;h1&gt;", "größer als 😀",
        "default-src 'none'", "data:image/jpeg;base64,", "Beside the scenario"})
    ck_assert_msg(contains(page, good), "%s", good);
  // Not over a file that is there, and nothing else is left.
  ck_assert(contains(run_tool({"report", "street", path}).error_output, "is there already"));
  tool_says(0, {"report", "street", path, "--force"});
  ck_assert_int_eq(run_tool({"report", "street", place.file("no/such/folder.html")}).code, 1);
  ck_assert(contains(run_tool({"report", "avenue", place.file("b.html")}).error_output, "avenue"));
  ck_assert(!fs::exists(place.file("b.html")));
}
GST_END_TEST

GST_START_TEST(a_sheet_is_drawn) {
  Place place;
  place.add("detect");
  fs::create_directory(place.file("out"));
  const std::string path = place.file("out/sheet.png");
  ToolRun run = run_tool({"sheet", "street/detect", path, "--tiles", "6", "--columns", "3"});
  if (contains(run.error_output, "there is no verb")) return;  // built without pango
  ck_assert_msg(run.code == 0 && contains(run.output, "6 frames with 6 detections"), "%s%s",
                run.output.c_str(), run.error_output.c_str());
  ck_assert(contents(path).rfind("\x89PNG", 0) == 0);
  run = run_tool({"sheet", "street/detect", path});
  ck_assert(run.code == 1 && contains(run.error_output, "is there already"));
  tool_says(0, {"sheet", "street/detect", path, "--force", "--select", "label = 'face'"});
  run = run_tool({"sheet", "street/detect", path, "--force", "--select", "label = 'nobody'"});
  ck_assert(run.code == 1 && contains(run.error_output, "no frame matches"));
  must_hold(place.file("out"), {"sheet.png"});
}
GST_END_TEST

GST_START_TEST(g35_csv_is_no_program) {
  Place place;
  place.add("detect");
  const std::string path = place.file("a.csv");
  tool_says(0, {"export", "street/detect", path});
  const std::string csv = contents(path);
  ck_assert_msg(contains(csv, ",'=1+1,") && contains(csv, ",'@SUM(A1),") &&
                    contains(csv, ",\"a,b\"\"c\nd\","),
                "%s", csv.c_str());
}
GST_END_TEST

GST_START_TEST(what_is_exported_can_be_imported) {
  Place place;
  const CheckpointRow row = place.add("detect");
  const DiffSide first{place.stores, row};
  // A folder holds it all: pictures without loss, times, sequences, detections.
  const std::string folder = place.file("frames");
  tool_says(0, {"export", "street/detect", folder});
  ck_assert(fs::exists(folder + "/00000009.png") && fs::exists(folder + "/frames.jsonl"));
  ck_assert_int_eq(run_tool({"export", "street/detect", folder}).code, 1);
  tool_says(0, {"import", folder, "street/again"});
  DiffTotals totals = place.compare(first, {place.stores, place.newest("again")});
  ck_assert_uint_eq(totals.frames_b, kLabels.size());
  ck_assert(totals.added + totals.removed + totals.changed == 0);
  ck_assert(totals.detections.gained + totals.detections.lost + totals.detections.moved +
                totals.detections.shifted + totals.detections.tracked_otherwise ==
            0);
  // The other forms hold the detections; pictures stay as they are without frames.jsonl.
  for (const char *form : {"a.csv", "a.json"}) {
    const std::string path = place.file(form), stage = std::string("from ") + form;
    tool_says(0, {"export", "street/detect", path});
    tool_says(0, {"import", folder, "street/" + stage, "--detections", path});
    totals = place.compare(first, {place.stores, place.newest(stage)});
    ck_assert_msg(totals.detections.a == totals.detections.b &&
                      totals.detections.gained + totals.detections.lost + totals.detections.moved +
                              totals.detections.shifted + totals.detections.tracked_otherwise ==
                          0,
                  "%s", form);
  }
}
GST_END_TEST

GST_START_TEST(what_can_not_be_imported_is_told) {
  Place place;
  fs::create_directory(place.file("empty"));
  ck_assert_int_eq(run_tool({"import", place.file("empty"), "street/x"}).code, 1);
  ck_assert_int_eq(run_tool({"import", place.file("nowhere"), "street/x"}).code, 1);
  place.add("detect");
  tool_says(0, {"export", "street/detect", place.file("frames"), "--image", "jpeg"});
  write_file(place.file("bad.jsonl"), "{\"index\":0,\"detections\":[]}\n{\"index\":1,\n");
  ToolRun run =
      run_tool({"import", place.file("frames"), "street/x", "-d", place.file("bad.jsonl")});
  ck_assert_msg(run.code == 1 && contains(run.error_output, "line 2"), "%s",
                run.error_output.c_str());
  // Nested so deep that reading it would take more stack than there is.
  const std::string deep(200000, '[');
  write_file(place.file("deep.jsonl"), "{\"index\":0,\"x\":" + deep + "\n");
  write_file(place.file("deep.json"), "{\"images\":" + deep);
  for (const char *name : {"deep.jsonl", "deep.json"}) {
    run = run_tool({"import", place.file("frames"), "street/x", "-d", place.file(name)});
    ck_assert_msg(run.code == 1 && contains(run.error_output, "nested too deep"), "%s",
                  run.error_output.c_str());
  }
  write_file(place.file("frames/00000003.jpg"), "no picture");
  run = run_tool({"import", place.file("frames"), "street/x"});
  ck_assert_msg(run.code == 1 && contains(run.error_output, "00000003.jpg"), "%s",
                run.error_output.c_str());
  // Nothing that looks complete.
  ck_assert_int_eq(run_tool({"show", "street/x"}).code, 1);
}
GST_END_TEST

GST_START_TEST(g33_a_copy_is_the_same) {
  Place place;
  CheckpointFields fields;
  fields.config_snapshot = R"({"scale": 1.5})";
  fields.stats = R"({"faces": 10})";
  const CheckpointRow base = place.add("decode", {}, {}, 0, fields);
  const CheckpointRow child = place.add("detect", {}, base.id, 1, fields);
  const CheckpointRow other = place.add("detect", {true, "dim"}, base.id, 2, fields);
  const std::string frames = place.file("other/frames"), rows = place.file("other/rows.db");
  std::vector<std::string> line{"copy", "street", "--to-frame-store", frames, "--to-metadata-store",
                                rows};
  tool_says(0, line);
  const std::string again = tool_says(0, line);
  ck_assert_msg(contains(again, "is there already") && !contains(again, " new"), "%s",
                again.c_str());
  auto there = Stores::open(frames, rows, Stores::Access::kRead, place.cancel);
  ck_assert(there.is_ok());
  for (const CheckpointRow &row : {base, child, other}) {
    auto copy = (*there)->metadata->get_checkpoint(row.id, place.cancel);
    ck_assert_msg(copy.is_ok(), "%s", copy.status().to_string().c_str());
    ck_assert(copy->state == CheckpointState::kComplete &&
              copy->fields.parent == row.fields.parent && copy->fields.branch == row.fields.branch);
    ck_assert(place.compare({place.stores, row}, {*there, *copy}).empty());
  }
  // What is there has its frames elsewhere.
  line[3] = place.file("elsewhere");
  const ToolRun wrong = run_tool(line);
  ck_assert_msg(wrong.code == 1 && contains(wrong.error_output, "with its frames elsewhere"), "%s",
                wrong.error_output.c_str());
  auto job = place.stores->metadata->find_job("street", place.cancel);
  auto job_there = (*there)->metadata->find_job("street", place.cancel);
  ck_assert((*job)->identity_key == (*job_there)->identity_key);
}
GST_END_TEST

GST_START_TEST(a_copy_that_was_stopped_goes_on) {
  Place place;
  const CheckpointRow row = place.add("decode");
  auto there = Stores::open(place.file("other/frames"), place.file("other/rows.db"),
                            Stores::Access::kWrite, place.cancel);
  ck_assert(there.is_ok());
  WriterOptions options;
  options.pack_size = 4000;  // two frames
  Cancellation stopping;
  CopyListener listener;
  listener.progress = [&](uint64_t done, uint64_t) {
    if (done == 6) stopping.cancel();
  };
  Status status = copy_checkpoint(place.stores, row, *there, options, listener, stopping).status();
  ck_assert_msg(status.is(Code::kCancelled), "%s", status.to_string().c_str());
  auto partial = (*there)->metadata->get_checkpoint(row.id, place.cancel);
  ck_assert_msg(
      partial.is_ok() && partial->state == CheckpointState::kPartial && partial->frames == 6, "%s",
      partial.status().to_string().c_str());
  auto result = copy_checkpoint(place.stores, row, *there, options, {}, place.cancel);
  ck_assert_msg(result.is_ok() && !result->was_there, "%s", result.status().to_string().c_str());
  auto whole = (*there)->metadata->get_checkpoint(row.id, place.cancel);
  ck_assert(whole->state == CheckpointState::kComplete && whole->version == 1);
  ck_assert(place.compare({place.stores, row}, {*there, *whole}).empty());
  ck_assert(copy_checkpoint(place.stores, row, *there, options, {}, place.cancel)->was_there);
  ck_assert(copy_checkpoint(place.stores, row, place.stores, options, {}, place.cancel)
                .status()
                .is(Code::kInvalidArgument));
  // Its rows are still to go.
  ck_assert((*there)->metadata->delete_checkpoint(row.id, place.cancel).is_ok());
  status = copy_checkpoint(place.stores, row, *there, options, {}, place.cancel).status();
  ck_assert_msg(status.is(Code::kAlreadyExists) && contains(status.to_string(), "gc"), "%s",
                status.to_string().c_str());
}
GST_END_TEST

static Suite *pictures_suite() {
  Suite *suite = suite_create("pictures");
  TCase *tc = tcase_create("pictures");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g33_diff_prints_what_differs);
  tcase_add_test(tc, g33_other_tracks_have_a_column);
  tcase_add_test(tc, g33_a_report_shows_the_frames_that_lost_a_detection);
  tcase_add_test(tc, g35_a_report_runs_nothing_that_a_label_says);
  tcase_add_test(tc, a_sheet_is_drawn);
  tcase_add_test(tc, g35_csv_is_no_program);
  tcase_add_test(tc, what_is_exported_can_be_imported);
  tcase_add_test(tc, what_can_not_be_imported_is_told);
  tcase_add_test(tc, g33_a_copy_is_the_same);
  tcase_add_test(tc, a_copy_that_was_stopped_goes_on);
  return suite;
}
CHECKPOINT_CHECK_MAIN(pictures);
