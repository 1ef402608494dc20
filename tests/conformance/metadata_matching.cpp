// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frames match a condition: SQL against a judge of our own.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <random>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

using Indexes = std::vector<uint64_t>;
using Kind = Condition::Kind;
using Operator = Condition::Operator;

// --- conditions

Condition compare(Field field, Operator op, FieldValue value) {
  Condition condition;
  condition.kind = Kind::kCompare;
  condition.field = field;
  condition.op = op;
  condition.values.push_back(std::move(value));
  return condition;
}

Condition is(Field field, FieldValue value) {
  return compare(field, Operator::kEqual, std::move(value));
}

Condition in(Field field, std::vector<FieldValue> values) {
  Condition condition;
  condition.kind = Kind::kIn;
  condition.field = field;
  condition.values = std::move(values);
  return condition;
}

Condition all(Kind kind, std::vector<Condition> parts) {
  Condition condition;
  condition.kind = kind;
  condition.parts = std::move(parts);
  return condition;
}

Condition negated(Condition part) {
  Condition condition;
  condition.kind = Kind::kNot;
  condition.parts.push_back(std::move(part));
  return condition;
}

// --- the judge

using Truth = std::optional<bool>;  // nullopt: neither true nor false

template <typename T>
bool holds(const T &a, Operator op, const T &b) {
  switch (op) {
    case Operator::kEqual:
      return a == b;
    case Operator::kNotEqual:
      return a != b;
    case Operator::kLess:
      return a < b;
    case Operator::kLessOrEqual:
      return a <= b;
    case Operator::kGreater:
      return a > b;
    case Operator::kGreaterOrEqual:
      break;
  }
  return a >= b;
}

std::optional<FieldValue> value_of(Field field, const FrameRow &frame, const DetectionRow *d) {
  if (field == Field::kIndex) return static_cast<int64_t>(frame.index);
  if (field == Field::kTime && frame.stream_time == kNone) return std::nullopt;
  if (field == Field::kTime) return static_cast<int64_t>(frame.stream_time);
  if (!d) return std::nullopt;
  if (field == Field::kLabel) return d->label;
  if (field == Field::kArea) return static_cast<double>(d->width) * static_cast<double>(d->height);
  if (field == Field::kConfidence)
    return d->confidence ? std::optional<FieldValue>(*d->confidence) : std::nullopt;
  return d->track ? std::optional<FieldValue>(*d->track) : std::nullopt;
}

Truth truth(const Condition &condition, const FrameRow &frame, const DetectionRow *detection) {
  if (condition.kind == Kind::kNot) {
    const Truth part = truth(condition.parts[0], frame, detection);
    return part ? Truth(!*part) : part;
  }
  if (!condition.parts.empty()) {
    const bool decides = condition.kind == Kind::kOr;
    bool unknown = false;
    for (const Condition &part : condition.parts) {
      const Truth one = truth(part, frame, detection);
      if (one == Truth(decides)) return decides;
      unknown = unknown || !one;
    }
    return unknown ? std::nullopt : Truth(!decides);
  }
  const auto value = value_of(condition.field, frame, detection);
  if (!value) return std::nullopt;
  if (condition.kind == Kind::kCompare) return holds(*value, condition.op, condition.values[0]);
  return std::find(condition.values.begin(), condition.values.end(), *value) !=
         condition.values.end();
}

Indexes expected(const CommitBatch &batch, const Condition &condition) {
  Indexes found;
  for (const FrameRow &frame : batch.frames) {
    bool some = false, match = false;
    for (const DetectionRow &detection : batch.detections) {
      if (detection.index != frame.index) continue;
      some = true;
      match = match || truth(condition, frame, &detection) == Truth(true);
    }
    if (!some) match = truth(condition, frame, nullptr) == Truth(true);
    if (match) found.push_back(frame.index);
  }
  return found;
}

// --- the store

Indexes matches(Fixture &f, const Condition &condition, uint64_t first = 0, uint64_t end = kNone,
                bool reverse = false, unsigned limit = 100000) {
  const MatchQuery query{f.checkpoint.key, first, end, reverse, limit};
  return MUST(f.store->find_matches(query, condition, f.cancel));
}

DetectionRow detection(uint64_t index, uint32_t ordinal, const std::string &label,
                       std::optional<double> confidence = {}, std::optional<int64_t> track = {}) {
  DetectionRow row;
  row.index = index;
  row.ordinal = ordinal;
  row.label = label;
  row.confidence = confidence;
  row.width = 10;
  row.height = 5;
  row.track = track;
  row.source = "roi";
  return row;
}

// --- at random

const std::vector<std::string> kLabels{"face", "car", "it's \"1\"; --", "", "gr\xc3\xbcn", "Face"};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  uint64_t below(uint64_t n) { return engine_() % n; }
  bool one_in(uint64_t n) { return below(n) == 0; }

  CommitBatch fill(CommitBatch batch) {
    for (FrameRow &frame : batch.frames) {
      if (one_in(10)) frame.stream_time = kNone;
      for (uint32_t i = 0, n = static_cast<uint32_t>(below(4)); i < n; i++) {
        DetectionRow row = detection(frame.index, i, kLabels[below(kLabels.size())]);
        if (!one_in(4)) row.confidence = static_cast<double>(below(11)) / 10;
        if (!one_in(2)) row.track = static_cast<int64_t>(below(5)) - 1;
        row.width = static_cast<int64_t>(below(20));
        row.height = one_in(50) ? INT64_MAX : static_cast<int64_t>(below(20));
        batch.detections.push_back(row);
      }
    }
    return batch;
  }
  Condition condition(int depth) {
    if (depth > 0 && !one_in(3)) {
      if (one_in(4)) return negated(condition(depth - 1));
      std::vector<Condition> parts;
      for (uint64_t i = 0, n = 2 + below(2); i < n; i++) parts.push_back(condition(depth - 1));
      return all(one_in(2) ? Kind::kAnd : Kind::kOr, std::move(parts));
    }
    const auto field = static_cast<Field>(below(6));
    if (!one_in(3)) return compare(field, static_cast<Operator>(below(6)), value(field));
    std::vector<FieldValue> values;
    for (uint64_t i = 0, n = 1 + below(3); i < n; i++) values.push_back(value(field));
    return in(field, std::move(values));
  }

 private:
  FieldValue value(Field field) {
    switch (field) {
      case Field::kLabel:
        return kLabels[below(kLabels.size())];
      case Field::kConfidence:
        return static_cast<double>(below(11)) / 10;
      case Field::kArea:
        return static_cast<double>(below(300)) - 1;
      case Field::kTrack:
        return static_cast<int64_t>(below(5)) - 1;
      case Field::kTime:
        return static_cast<int64_t>(below(80)) * 40000000 - static_cast<int64_t>(below(2));
      case Field::kIndex:
        break;
    }
    return one_in(20) ? INT64_MIN : static_cast<int64_t>(below(80));
  }
  std::mt19937 engine_;
};

}  // namespace

GST_START_TEST(g27_frames_are_found_by_their_detections) {
  Fixture f(__i__);
  f.add_checkpoint("other");
  CommitBatch other = f.next_commit(3);
  other.detections = {detection(1, 0, "face", 0.9, 3)};
  f.commit(other);
  f.add_checkpoint("detect");
  CommitBatch batch = f.next_commit(10);
  batch.detections = {detection(1, 0, "face", 0.9, 1), detection(1, 1, "car", 0.3),
                      detection(2, 0, "face", 0.4, 2), detection(2, 1, "face", 0.8, 3),
                      detection(5, 0, "car", 0.9, 3),  detection(7, 0, "face"),
                      detection(9, 0, "face", 0.9, 1)};
  f.commit(batch);
  const auto face = is(Field::kLabel, std::string("face"));
  const auto sure = compare(Field::kConfidence, Operator::kGreater, 0.5);
  ck_assert(matches(f, face) == (Indexes{1, 2, 7, 9}));
  // Of one detection, not of any two.
  ck_assert(matches(f, all(Kind::kAnd, {face, sure})) == (Indexes{1, 2, 9}));
  ck_assert(matches(f, all(Kind::kAnd, {is(Field::kLabel, std::string("car")),
                                        compare(Field::kConfidence, Operator::kLess, 0.5)})) ==
            (Indexes{1}));
  ck_assert(matches(f, all(Kind::kOr, {all(Kind::kAnd, {face, sure}),
                                       is(Field::kTrack, int64_t{3})})) == (Indexes{1, 2, 5, 9}));
  // One without a confidence is neither above nor not above; a frame without detections likewise.
  ck_assert(matches(f, negated(sure)) == (Indexes{1, 2}));
  ck_assert(matches(f, negated(face)) == (Indexes{1, 5}));
  // Frames of their own accord.
  ck_assert(matches(f, compare(Field::kIndex, Operator::kLess, int64_t{3})) == (Indexes{0, 1, 2}));
  ck_assert(matches(f, in(Field::kTime, {int64_t{120000000}, int64_t{40000000}})) ==
            (Indexes{1, 3}));
  ck_assert(matches(f, all(Kind::kOr, {face, is(Field::kIndex, int64_t{4})})) ==
            (Indexes{1, 2, 4, 7, 9}));
  ck_assert(matches(f, all(Kind::kAnd, {face, compare(Field::kTime, Operator::kGreaterOrEqual,
                                                      int64_t{280000000})})) == (Indexes{7, 9}));
  ck_assert(matches(f, is(Field::kLabel, std::string("' OR 1=1 --"))).empty());
  // Pages, both ways, within bounds.
  ck_assert(matches(f, face, 0, kNone, false, 2) == (Indexes{1, 2}));
  ck_assert(matches(f, face, 3, kNone, false, 2) == (Indexes{7, 9}));
  ck_assert(matches(f, face, 2, 9) == (Indexes{2, 7}));
  ck_assert(matches(f, face, 0, kNone, true, 2) == (Indexes{9, 7}));
  ck_assert(matches(f, face, 0, 7, true, 2) == (Indexes{2, 1}));
  ck_assert(matches(f, face, 0, 0).empty());
}
GST_END_TEST

GST_START_TEST(g27_any_condition_finds_what_it_says) {
  Fixture f(__i__);
  f.add_checkpoint("detect");
  Random random(27);
  const CommitBatch batch = random.fill(f.next_commit(80));
  f.commit(batch);
  for (int i = 0; i < 400; i++) {
    const Condition condition = random.condition(3);
    Indexes right = expected(batch, condition);
    ck_assert_msg(matches(f, condition) == right, "condition %d", i);
    const uint64_t first = random.below(80), end = first + random.below(80);
    std::erase_if(right, [&](uint64_t index) { return index < first || index >= end; });
    std::reverse(right.begin(), right.end());
    if (right.size() > 7) right.resize(7);
    ck_assert_msg(matches(f, condition, first, end, true, 7) == right, "condition %d, back", i);
  }
}
GST_END_TEST

// The deepest and the longest that a text can give.
GST_START_TEST(g34_no_condition_is_too_much) {
  Fixture f(__i__);
  f.add_checkpoint("detect");
  f.commit(f.next_commit(3));
  Condition deep = is(Field::kIndex, int64_t{1}), negative = deep;
  for (int i = 0; i < 12; i++) {
    deep = all(Kind::kAnd, {is(Field::kTime, int64_t{40000000}), std::move(deep)});
    deep = all(Kind::kOr, {is(Field::kLabel, std::string("face")), std::move(deep)});
    negative = negated(std::move(negative));
  }
  ck_assert(matches(f, deep) == (Indexes{1}));
  ck_assert(matches(f, negative) == (Indexes{1}));
  std::vector<Condition> parts;
  std::vector<FieldValue> values;
  for (int64_t i = 0; i < 200; i++) {
    parts.push_back(is(Field::kTrack, i));
    values.emplace_back(i + 2);
  }
  ck_assert(matches(f, all(Kind::kOr, parts)).empty());
  ck_assert(matches(f, in(Field::kIndex, values)) == (Indexes{2}));
}
GST_END_TEST

GST_START_TEST(g27_frames_are_found_by_their_numbers) {
  Fixture f(__i__);
  f.add_checkpoint("other");
  f.commit(f.next_commit(3));
  f.add_checkpoint("detect");
  CommitBatch batch = f.next_commit(6);
  const std::vector<uint64_t> sequences{9, 4, 9, uint64_t{1} << 63, 7, 4};
  for (size_t i = 0; i < sequences.size(); i++) batch.frames[i].sequence = sequences[i];
  f.commit(batch);
  const std::vector<uint64_t> wanted{4, 5, 9, 4, uint64_t{1} << 63, 7};
  auto rows =
      MUST(f.store->find_frames(f.checkpoint.key, FramePage::Order::kSequence, wanted, f.cancel));
  ck_assert_uint_eq(rows.size(), wanted.size());
  const std::vector<std::optional<uint64_t>> indexes{1, {}, 0, 1, 3, 4};
  const auto all_rows = MUST(f.store->read_frames({f.checkpoint.key, 0, false, 9}, f.cancel));
  for (size_t i = 0; i < rows.size(); i++) {
    ck_assert(rows[i].has_value() == indexes[i].has_value());
    if (rows[i]) ck_assert(same(*rows[i], all_rows[*indexes[i]]));
  }
  const std::vector<uint64_t> places{5, 77, 0};
  rows = MUST(f.store->find_frames(f.checkpoint.key, FramePage::Order::kIndex, places, f.cancel));
  ck_assert(rows[0] && rows[0]->index == 5 && !rows[1] && rows[2] && rows[2]->index == 0);
  ck_assert(
      MUST(f.store->find_frames(f.checkpoint.key, FramePage::Order::kIndex, {}, f.cancel)).empty());
}
GST_END_TEST

GST_START_TEST(g26_a_rare_match_costs_the_same_in_a_long_checkpoint) {
  Fixture f(__i__);
  if (!f.place->work_done()) return;
  const auto fill = [&](const std::string &stage, int commits, uint64_t frames) {
    f.add_checkpoint(stage);
    for (int i = 0; i < commits; i++) {
      CommitBatch batch = f.next_commit(frames);
      for (const FrameRow &frame : batch.frames) {
        const bool rare = frame.index % (static_cast<uint64_t>(commits) * frames / 10) == 7;
        batch.detections.push_back(detection(frame.index, 0, rare ? "rare" : "common", 0.5,
                                             rare ? std::optional<int64_t>(5) : std::nullopt));
      }
      f.commit(batch);
    }
    return f.checkpoint.key;
  };
  const CheckpointKey small = fill("short", 1, 100), large = fill("long", 5, 10000);
  f.place->gather_statistics();
  const std::vector<Condition> conditions{
      is(Field::kLabel, std::string("rare")), is(Field::kTrack, int64_t{5}),
      all(Kind::kAnd, {is(Field::kLabel, std::string("rare")),
                       compare(Field::kConfidence, Operator::kGreater, 0.4)}),
      all(Kind::kAnd,
          {compare(Field::kArea, Operator::kGreater, 40.0), is(Field::kLabel, std::string("rare")),
           compare(Field::kTime, Operator::kGreaterOrEqual, int64_t{0})})};
  for (const Condition &condition : conditions) {
    const auto cost = [&](CheckpointKey key) {
      const uint64_t before = *f.place->work_done();
      for (bool reverse : {false, true})
        ck_assert_uint_eq(
            MUST(f.store->find_matches({key, 0, kNone, reverse, 64}, condition, f.cancel)).size(),
            10);
      return *f.place->work_done() - before;
    };
    const uint64_t short_cost = cost(small), long_cost = cost(large);
    // Each of the twenty rows may lie in a block of its own.
    ck_assert_msg(short_cost > 0 && long_cost <= 2 * short_cost + 20, "%d steps became %d",
                  static_cast<int>(short_cost), static_cast<int>(long_cost));
  }
  // What is common costs what a page of it costs, and so do the detections themselves.
  const auto page = [&](CheckpointKey key, uint64_t first) {
    const uint64_t before = *f.place->work_done();
    const auto common = is(Field::kLabel, std::string("common"));
    ck_assert_uint_eq(
        MUST(f.store->find_matches({key, first, kNone, false, 50}, common, f.cancel)).size(), 50);
    ck_assert_uint_eq(MUST(f.store->read_detections({key, first, 0, kNone, 50}, f.cancel)).size(),
                      50);
    return *f.place->work_done() - before;
  };
  const uint64_t short_page = page(small, 20), long_page = page(large, 25000);
  ck_assert_msg(long_page <= 2 * short_page, "%d steps became %d", static_cast<int>(short_page),
                static_cast<int>(long_page));
}
GST_END_TEST

void checkpoint::conformance::add_matching_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, g27_frames_are_found_by_their_detections, 0, stores);
  tcase_add_loop_test(tc, g27_any_condition_finds_what_it_says, 0, stores);
  tcase_add_loop_test(tc, g34_no_condition_is_too_much, 0, stores);
  tcase_add_loop_test(tc, g27_frames_are_found_by_their_numbers, 0, stores);
  tcase_add_loop_test(tc, g26_a_rare_match_costs_the_same_in_a_long_checkpoint, 0, stores);
}
