// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <map>
#include <tuple>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

// All pages of two, as ids.
std::vector<Uuid> list(Fixture &f, CheckpointQuery query) {
  std::vector<Uuid> ids;
  query.limit = 2;
  for (;;) {
    std::vector<CheckpointRow> page = MUST(f.store->list_checkpoints(query, f.cancel));
    ck_assert(page.size() <= 2);
    for (const CheckpointRow &row : page) {
      ck_assert(query.before == 0 || row.key < query.before);
      query.before = row.key;
      ids.push_back(row.id);
    }
    if (page.size() < 2) return ids;
  }
}

std::vector<uint64_t> indexes(Fixture &f, uint64_t first, bool reverse, unsigned limit) {
  std::vector<uint64_t> found;
  FramePage page{f.checkpoint.key, first, reverse, limit};
  for (const FrameRow &row : MUST(f.store->read_frames(page, f.cancel))) found.push_back(row.index);
  return found;
}

using Indexes = std::vector<uint64_t>;

}  // namespace

GST_START_TEST(g18_lists_hold_what_was_asked_for) {
  Fixture f(__i__);
  const Branch base{}, unnamed{true, ""}, dim{true, "dim"};
  std::map<std::string, Uuid> id;
  auto add = [&](const std::string &name, const std::string &stage, const Branch &branch,
                 bool complete) {
    id[name] = f.add_checkpoint(stage, branch).id;
    if (complete) f.complete();
  };
  add("decode 1", "decode", base, true);
  add("decode 2", "decode", base, true);
  add("decode 3, partial", "decode", base, false);
  add("detect", "detect", base, true);
  add("decode, unnamed", "decode", unnamed, true);
  add("decode, dim", "decode", dim, true);
  add("decode, dim, partial", "decode", dim, false);
  f.job = f.add_job("another");
  add("another decode", "decode", base, true);
  add("another decode, partial", "decode", base, false);

  // Newest first, so in the opposite order of their making.
  auto expect = [&](const CheckpointQuery &query, const std::vector<std::string> &names) {
    std::vector<Uuid> expected;
    for (const std::string &name : names) expected.push_back(id.at(name));
    ck_assert(list(f, query) == expected);
  };
  CheckpointQuery query;
  expect(query,
         {"another decode", "decode, dim", "decode, unnamed", "detect", "decode 2", "decode 1"});
  query.include_partial = true;
  expect(query, {"another decode, partial", "another decode", "decode, dim, partial", "decode, dim",
                 "decode, unnamed", "detect", "decode 3, partial", "decode 2", "decode 1"});
  query.job_id = "street";
  query.stage = "decode";
  query.branch = base;
  expect(query, {"decode 3, partial", "decode 2", "decode 1"});
  query.include_partial = false;
  expect(query, {"decode 2", "decode 1"});
  query.branch = unnamed;
  expect(query, {"decode, unnamed"});
  query.branch = dim;
  expect(query, {"decode, dim"});
  query.branch = Branch{false, "dim"};
  expect(query, {});
  query.branch.reset();
  expect(query, {"decode, dim", "decode, unnamed", "decode 2", "decode 1"});
  query.stage.reset();
  expect(query, {"decode, dim", "decode, unnamed", "detect", "decode 2", "decode 1"});
  query.branch = base;
  expect(query, {"detect", "decode 2", "decode 1"});
  query.job_id.reset();
  expect(query, {"another decode", "detect", "decode 2", "decode 1"});
  query.stage = "decode";
  expect(query, {"another decode", "decode 2", "decode 1"});
  query.branch.reset();
  expect(query, {"another decode", "decode, dim", "decode, unnamed", "decode 2", "decode 1"});
  query.job_id = "nobody";
  expect(query, {});
  // A row of a list is the whole row.
  query.job_id = "another";
  ck_assert(same(MUST(f.store->list_checkpoints(query, f.cancel))[0],
                 MUST(f.store->get_checkpoint(id.at("another decode"), f.cancel))));
}
GST_END_TEST

GST_START_TEST(an_unknown_checkpoint_is_not_found) {
  Fixture f(__i__);
  const Uuid id = Uuid::random();
  Result<CheckpointRow> row = f.store->get_checkpoint(id, f.cancel);
  FAILS_WITH(Code::kNotFound, row);
  ck_assert(row.status().message().find(id.to_string()) != std::string::npos);
}
GST_END_TEST

GST_START_TEST(frames_are_read_in_pages_both_ways) {
  Fixture f(__i__);
  f.add_checkpoint("other");
  f.commit(f.next_commit(3));
  f.add_checkpoint("decode");
  f.commit(f.next_commit(4));
  f.commit(f.next_commit(6));
  ck_assert(indexes(f, 0, false, 4) == (Indexes{0, 1, 2, 3}));
  ck_assert(indexes(f, 3, false, 3) == (Indexes{3, 4, 5}));
  ck_assert(indexes(f, 8, false, 4) == (Indexes{8, 9}));
  ck_assert(indexes(f, 10, false, 4).empty());
  ck_assert(indexes(f, kNone, false, 4).empty());
  ck_assert(indexes(f, 9, true, 3) == (Indexes{9, 8, 7}));
  ck_assert(indexes(f, 1, true, 3) == (Indexes{1, 0}));
  ck_assert(indexes(f, 100, true, 2) == (Indexes{9, 8}));
  ck_assert(indexes(f, kNone, true, 2) == (Indexes{9, 8}));
  ck_assert(indexes(f, 0, false, 0).empty());
}
GST_END_TEST

GST_START_TEST(g27_frames_are_found_by_pts_and_by_sequence) {
  Fixture f(__i__);
  f.add_checkpoint("other");
  f.commit(f.next_commit(3));
  f.add_checkpoint("decode");
  // Without a PTS, the same twice, beyond int64.
  const std::vector<uint64_t> times{300, kNone, 100, 200, 200, uint64_t{1} << 63};
  const std::vector<uint64_t> sequences{7, 2, 7, 9, uint64_t{1} << 63, 4};
  CommitBatch batch = f.next_commit(times.size());
  for (size_t i = 0; i < times.size(); i++) {
    batch.frames[i].pts = times[i];
    batch.frames[i].sequence = sequences[i];
  }
  f.commit(batch);
  const auto in_order = [&](FramePage::Order order, uint64_t first, bool reverse, unsigned limit) {
    Indexes found;
    const FramePage page{f.checkpoint.key, first, reverse, limit, order};
    for (const FrameRow &row : MUST(f.store->read_frames(page, f.cancel)))
      found.push_back(row.index);
    return found;
  };
  using Order = FramePage::Order;
  ck_assert(in_order(Order::kPts, 0, false, 9) == (Indexes{2, 3, 4, 0}));
  ck_assert(in_order(Order::kPts, 200, false, 2) == (Indexes{3, 4}));
  ck_assert(in_order(Order::kPts, 201, false, 9) == (Indexes{0}));
  ck_assert(in_order(Order::kPts, 301, false, 9).empty());
  ck_assert(in_order(Order::kPts, uint64_t{1} << 63, false, 2) == (Indexes{5, 2}));
  ck_assert(in_order(Order::kPts, 250, true, 3) == (Indexes{4, 3, 2}));
  ck_assert(in_order(Order::kSequence, 0, false, 9) == (Indexes{1, 5, 0, 2, 3}));
  ck_assert(in_order(Order::kSequence, 7, false, 2) == (Indexes{0, 2}));
  ck_assert(in_order(Order::kSequence, 8, false, 2) == (Indexes{3}));
  ck_assert(in_order(Order::kSequence, INT64_MAX, true, 1) == (Indexes{3}));
  ck_assert(in_order(Order::kSequence, 7, true, 2) == (Indexes{2, 0}));
}
GST_END_TEST

GST_START_TEST(events_come_in_their_order) {
  Fixture f(__i__);
  f.add_checkpoint("other");
  CommitBatch other = f.next_commit(1);
  other.events.push_back({0, 0, "other", {}});
  f.commit(other);
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(3);
  batch.events = {{2, 1, "d", {}}, {0, 1, "b", {}}, {2, 0, "c", {}}, {0, 0, "a", {}}};
  f.commit(batch);
  CommitBatch last = f.next_commit(0);
  last.events = {{3, 0, "after the last frame", {}}};
  last.end = CommitBatch::End::kComplete;
  f.commit(last);
  auto types = [&](uint64_t first, uint64_t end, unsigned limit) {
    std::string text;
    for (const EventRow &row :
         MUST(f.store->read_events(f.checkpoint.key, first, end, limit, f.cancel)))
      text += row.type + ",";
    return text;
  };
  ck_assert(types(0, kNone, 100) == "a,b,c,d,after the last frame,");
  ck_assert(types(0, 2, 100) == "a,b,");
  ck_assert(types(1, 3, 100) == "c,d,");
  ck_assert(types(0, kNone, 3) == "a,b,c,");
  ck_assert(types(2, kNone, 1) == "c,");
  ck_assert(types(3, 4, 100) == "after the last frame,");
  ck_assert(types(4, kNone, 100).empty());
  ck_assert(types(2, 2, 100).empty());
}
GST_END_TEST

GST_START_TEST(detections_come_back_in_pages) {
  Fixture f(__i__);
  const auto text = [](const std::vector<DetectionRow> &rows) {
    std::string all;
    for (const DetectionRow &row : rows) {
      for (int64_t number : {static_cast<int64_t>(row.index), int64_t{row.ordinal}, row.x, row.y,
                             row.width, row.height, row.track.value_or(-1)})
        all += std::to_string(number) + " ";
      all += row.label + " " + row.source + " " +
             (row.confidence ? std::to_string(*row.confidence) : "none") + "\n";
    }
    return all;
  };
  const auto detection = [](uint64_t index, uint32_t ordinal) {
    DetectionRow row;
    row.index = index;
    row.ordinal = ordinal;
    row.label = "gesicht \u00e4 " + std::to_string(index);
    row.confidence = 0.1 + static_cast<double>(ordinal);
    row.x = -3;
    row.y = INT64_MAX;
    row.width = 40;
    row.height = 30 + ordinal;
    row.track = INT64_MIN;
    row.source = "roi";
    return row;
  };
  f.add_checkpoint("other");
  CommitBatch other = f.next_commit(2);
  other.detections = {detection(0, 0), detection(1, 7)};
  f.commit(other);
  f.add_checkpoint("detect");
  CommitBatch batch = f.next_commit(9);
  batch.detections = {detection(2, 1), detection(0, 0), detection(2, 0),
                      detection(5, 0), detection(2, 2), detection(8, 4)};
  batch.detections[3].confidence.reset();
  batch.detections[3].track.reset();
  batch.detections[5].label.clear();
  f.commit(batch);
  std::vector<DetectionRow> all = batch.detections;
  std::sort(all.begin(), all.end(), [](const DetectionRow &a, const DetectionRow &b) {
    return std::tie(a.index, a.ordinal) < std::tie(b.index, b.ordinal);
  });
  DetectionPage page;
  page.checkpoint = f.checkpoint.key;
  EQUAL(text(MUST(f.store->read_detections(page, f.cancel))), text(all));
  // Page by page, whatever their size: a page may end within a frame.
  for (page.limit = 1; page.limit <= 7; page.limit++) {
    std::vector<DetectionRow> found;
    page.first = page.ordinal = 0;
    for (;;) {
      const std::vector<DetectionRow> rows = MUST(f.store->read_detections(page, f.cancel));
      ck_assert(rows.size() <= page.limit);
      if (rows.empty()) break;
      found.insert(found.end(), rows.begin(), rows.end());
      page.first = rows.back().index;
      page.ordinal = rows.back().ordinal + 1;
    }
    EQUAL(text(found), text(all));
  }
  const auto numbers = [&](uint64_t first, uint32_t ordinal, uint64_t end) {
    Indexes found;
    for (const DetectionRow &row :
         MUST(f.store->read_detections({f.checkpoint.key, first, ordinal, end}, f.cancel)))
      found.push_back(row.index * 10 + row.ordinal);
    return found;
  };
  ck_assert(numbers(2, 1, 8) == (Indexes{21, 22, 50}));
  ck_assert(numbers(3, 0, 5).empty());
  ck_assert(numbers(8, 5, kNone).empty());
  ck_assert(numbers(kNone, 0, kNone).empty());
  ck_assert(numbers(2, UINT32_MAX, 6) == (Indexes{50}));
}
GST_END_TEST

GST_START_TEST(g25_a_time_finds_the_frame_shown_then) {
  Fixture f(__i__);
  f.add_checkpoint("other");
  f.commit(f.next_commit(50));
  f.add_checkpoint("decode");
  // Two segments that overlap, two frames of one time, one without time, one beyond int64.
  const std::vector<uint64_t> times{100, 200, 300, 150, 200, kNone, 250, 250, uint64_t{1} << 63};
  CommitBatch batch = f.next_commit(times.size());
  for (size_t i = 0; i < times.size(); i++) batch.frames[i].stream_time = times[i];
  f.commit(batch);
  auto at = [&](uint64_t time) {
    return MUST(f.store->find_frame_at(f.checkpoint.key, time, f.cancel));
  };
  ck_assert(!at(0).has_value());
  ck_assert(!at(99).has_value());
  ck_assert(at(100) == uint64_t{0});
  ck_assert(at(149) == uint64_t{0});
  ck_assert(at(150) == uint64_t{3});
  ck_assert(at(199) == uint64_t{3});
  ck_assert(at(200) == uint64_t{1});  // the first of the two
  ck_assert(at(249) == uint64_t{1});
  ck_assert(at(250) == uint64_t{6});
  ck_assert(at(299) == uint64_t{6});
  ck_assert(at(300) == uint64_t{2});
  ck_assert(at(INT64_MAX) == uint64_t{2});
  ck_assert(at(uint64_t{1} << 63) == uint64_t{8});
  ck_assert(at(kNone) == uint64_t{8});
}
GST_END_TEST

GST_START_TEST(packs_come_in_the_order_asked_for) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  const PackKey a = f.add_pack(), b = f.add_pack(true);
  std::vector<PackKey> keys{b, a, b};
  std::vector<PackRow> rows = MUST(f.store->get_packs(keys, f.cancel));
  ck_assert_int_eq(static_cast<int>(rows.size()), 3);
  for (size_t i = 0; i < 3; i++) ck_assert(rows[i].key == keys[i]);
  ck_assert(rows[0].plain && !rows[1].plain);
  keys.push_back(b + 1000);
  FAILS_WITH(Code::kNotFound, f.store->get_packs(keys, f.cancel));
  keys.clear();
  ck_assert(MUST(f.store->get_packs(keys, f.cancel)).empty());
}
GST_END_TEST

GST_START_TEST(g26_a_page_costs_the_same_in_a_long_checkpoint) {
  Fixture f(__i__);
  if (!f.place->work_done()) return;
  f.add_checkpoint("short");
  f.commit(f.next_commit(100));
  const CheckpointKey small = f.checkpoint.key;
  f.add_checkpoint("long");
  for (int i = 0; i < 10; i++) f.commit(f.next_commit(10000));
  const CheckpointKey large = f.checkpoint.key;
  // The middle of each, forwards, backwards, by time, and events.
  auto cost = [&](CheckpointKey key, uint64_t middle) {
    const uint64_t before = *f.place->work_done();
    ck_assert(MUST(f.store->read_frames({key, middle, false, 32}, f.cancel)).size() == 32);
    ck_assert(MUST(f.store->read_frames({key, middle, true, 32}, f.cancel)).size() == 32);
    ck_assert(MUST(f.store->find_frame_at(key, middle * 40000000 + 5, f.cancel)) == middle);
    MUST(f.store->read_events(key, middle, middle + 32, 32, f.cancel));
    for (auto order : {FramePage::Order::kPts, FramePage::Order::kSequence}) {
      const uint64_t first = order == FramePage::Order::kPts ? middle * 40000000 : middle;
      for (bool reverse : {false, true}) {
        const FramePage page{key, first, reverse, 32, order};
        ck_assert(MUST(f.store->read_frames(page, f.cancel)).at(0).index == middle);
      }
    }
    return *f.place->work_done() - before;
  };
  f.place->gather_statistics();
  const uint64_t short_cost = cost(small, 50), long_cost = cost(large, 50000);
  // An index of more rows may be a level deeper.
  ck_assert_msg(short_cost > 0 && long_cost <= short_cost + short_cost / 5, "%d steps became %d",
                static_cast<int>(short_cost), static_cast<int>(long_cost));
}
GST_END_TEST

GST_START_TEST(g31_a_page_of_a_long_list_costs_what_a_short_one_does) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql || !f.place->work_done()) return;
  f.add_checkpoint("decode");
  // Branches and stages take turns; every seventh is partial.
  const auto fill = [&](int from, int to) {
    std::string rows;
    for (int i = from; i < to; i++)
      rows += (i == from ? "('00000000-0000-4000-8000-" : ", ('00000000-0000-4000-8000-") +
              std::to_string(100000000000 + i) + "', " + std::to_string(f.job.key) +
              (i % 5 == 0 ? ", 1 = 1, 'dim', 'stage " : ", 1 = 0, '', 'stage ") +
              std::to_string(i % 3) + "', 0, " + std::to_string(i) +
              (i % 7 == 0 ? ", 'partial'" : ", 'complete'") + ", '', '', '', '', '', '', '', '')";
    MUST(sql->execute(
        "INSERT INTO checkpoint (id, job, is_scenario, scenario_label, stage, stage_index, "
        "version, state, frames_prefix, stage_output_key, stats, config_snapshot, "
        "config_overrides, config_declared, video_path, profile_name) VALUES " +
        rows));
  };
  const auto costs = [&] {
    f.place->gather_statistics();
    std::vector<uint64_t> steps;
    for (int choice = 0; choice < 16; choice++) {
      CheckpointQuery query;
      query.limit = 50;
      if (choice & 1) query.job_id = "street";
      if (choice & 2) query.stage = "stage 1";
      if (choice & 4) query.branch = Branch{};
      query.include_partial = (choice & 8) != 0;
      query.before = f.checkpoint.key + 999;
      const uint64_t before = *f.place->work_done();
      ck_assert_int_eq(static_cast<int>(MUST(f.store->list_checkpoints(query, f.cancel)).size()),
                       50);
      steps.push_back(*f.place->work_done() - before);
    }
    return steps;
  };
  fill(1, 1000);
  const std::vector<uint64_t> few = costs();
  for (int from = 1000; from < 100000; from += 9900) fill(from, from + 9900);
  const std::vector<uint64_t> many = costs();
  for (size_t i = 0; i < few.size(); i++)
    ck_assert_msg(few[i] > 0 && many[i] <= 2 * few[i], "list %d: %d steps became %d",
                  static_cast<int>(i), static_cast<int>(few[i]), static_cast<int>(many[i]));
}
GST_END_TEST

GST_START_TEST(g31_what_other_jobs_hold_costs_nothing) {
  Fixture f(__i__);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql || !f.place->work_done()) return;
  f.add_checkpoint("decode");
  f.complete();
  const auto cost = [&] {
    f.place->gather_statistics();
    CheckpointQuery query;
    query.job_id = "street";
    query.stage = "decode";
    query.branch = Branch{};
    query.limit = 1;
    const uint64_t before = *f.place->work_done();
    ck_assert_uint_eq(MUST(f.store->list_checkpoints(query, f.cancel)).size(), 1);
    return *f.place->work_done() - before;
  };
  const uint64_t alone = cost();
  std::vector<JobRow> others;
  for (int i = 0; i < 200; i++) others.push_back(f.add_job("another " + std::to_string(i)));
  std::string rows;
  for (int i = 1; i <= 20000; i++)
    rows += (i == 1 ? "('00000000-0000-4000-8000-" : ", ('00000000-0000-4000-8000-") +
            std::to_string(100000000000 + i) + "', " + std::to_string(others[i % 200].key) +
            ", 1 = 0, '', 'decode', 0, " + std::to_string(i) +
            ", 'complete', '', '', '', '', '', '', '', '')";
  MUST(sql->execute(
      "INSERT INTO checkpoint (id, job, is_scenario, scenario_label, stage, stage_index, version, "
      "state, frames_prefix, stage_output_key, stats, config_snapshot, config_overrides, "
      "config_declared, video_path, profile_name) VALUES " +
      rows));
  const uint64_t among_many = cost();
  ck_assert_msg(among_many <= 2 * alone + 10, "%d steps became %d", static_cast<int>(alone),
                static_cast<int>(among_many));
}
GST_END_TEST

void checkpoint::conformance::add_reading_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, g18_lists_hold_what_was_asked_for, 0, stores);
  tcase_add_loop_test(tc, an_unknown_checkpoint_is_not_found, 0, stores);
  tcase_add_loop_test(tc, frames_are_read_in_pages_both_ways, 0, stores);
  tcase_add_loop_test(tc, g27_frames_are_found_by_pts_and_by_sequence, 0, stores);
  tcase_add_loop_test(tc, events_come_in_their_order, 0, stores);
  tcase_add_loop_test(tc, detections_come_back_in_pages, 0, stores);
  tcase_add_loop_test(tc, g25_a_time_finds_the_frame_shown_then, 0, stores);
  tcase_add_loop_test(tc, packs_come_in_the_order_asked_for, 0, stores);
  tcase_add_loop_test(tc, g26_a_page_costs_the_same_in_a_long_checkpoint, 0, stores);
  tcase_add_loop_test(tc, g31_what_other_jobs_hold_costs_nothing, 0, stores);
  tcase_add_loop_test(tc, g31_a_page_of_a_long_list_costs_what_a_short_one_does, 0, stores);
}
