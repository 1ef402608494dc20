// SPDX-License-Identifier: LGPL-2.1-or-later
// The parts of a comparison: boxes, pairs, fields; and what a comparison reads.
#include "core/diff.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "support/checkpoint_maker.h"
#include "support/faulty_frame_store.h"
#include "support/faulty_metadata_store.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

DetectionRow box(int64_t x, int64_t y, int64_t width, int64_t height,
                 const std::string &label = "face", std::optional<double> confidence = {}) {
  DetectionRow row;
  row.label = label;
  row.confidence = confidence;
  row.x = x;
  row.y = y;
  row.width = width;
  row.height = height;
  return row;
}

// "gained face 10; lost car 3; moved face 1>2": x tells which box it is.
std::string text_of(const std::vector<DetectionChange> &changes) {
  std::string text;
  for (const DetectionChange &change : changes) {
    if (!text.empty()) text += "; ";
    if (!change.a) {
      text += "gained " + change.b->label + " " + std::to_string(change.b->x);
    } else if (!change.b) {
      text += "lost " + change.a->label + " " + std::to_string(change.a->x);
    } else {
      if (change.moved) text += "moved ";
      if (change.shifted) text += "shifted ";
      if (change.tracked_otherwise) text += "tracked ";
      text +=
          change.a->label + " " + std::to_string(change.a->x) + ">" + std::to_string(change.b->x);
    }
  }
  return text;
}

void must_differ(const std::vector<DetectionRow> &a, const std::vector<DetectionRow> &b,
                 const std::string &expected, const DiffOptions &options = {}) {
  const std::string text = text_of(diff_detections(a, b, options));
  ck_assert_msg(text == expected, "'%s' instead of '%s'", text.c_str(), expected.c_str());
}

std::string text_of(const std::vector<FieldChange> &changes) {
  std::string text;
  for (const FieldChange &change : changes)
    text += change.field + ": " + change.a.value_or("-") + " > " + change.b.value_or("-") + "\n";
  return text;
}

void must_be_fields(const CheckpointFields &a, const CheckpointFields &b,
                    const std::string &expected) {
  const std::string text = text_of(diff_fields(a, b));
  ck_assert_msg(text == expected, "%s", text.c_str());
}

void near(double value, double expected) {
  ck_assert_msg(value > expected - 1e-9 && value < expected + 1e-9, "%f instead of %f", value,
                expected);
}

// Stores in memory whose gets are counted.
struct Place {
  Place() {
    stores = memory_stores([&](std::shared_ptr<FrameStore> inner) {
      return frames = std::make_shared<FaultyFrameStore>(std::move(inner));
    });
  }
  DiffSide make(const std::vector<MadeFrame> &made, const std::string &stage = "s") {
    CheckpointMaker maker(stores, "j", stage);
    maker.add_caps("video/x-raw");
    for (const MadeFrame &frame : made) maker.add_frame(frame);
    return {stores, maker.complete()};
  }
  DiffTotals compare(const DiffSide &a, const DiffSide &b, const DiffOptions &options = {}) {
    changes.clear();
    DiffListener listener;
    listener.frame = [&](const FrameChange &change) {
      changes.push_back(change);
      return true;
    };
    auto totals = diff_checkpoints(a, b, options, listener, cancel);
    ck_assert_msg(totals.is_ok(), "%s", totals.status().to_string().c_str());
    return *totals;
  }

  std::shared_ptr<Stores> stores;
  std::shared_ptr<FaultyFrameStore> frames;
  std::vector<FrameChange> changes;
  Cancellation cancel;
};

MadeFrame frame_of(uint64_t number, Codec codec = Codec::kNone, size_t size = 200) {
  MadeFrame frame;
  frame.payload = made_payload(number, size);
  frame.codec = codec;
  return frame;
}

}  // namespace

GST_START_TEST(overlap_is_intersection_over_union) {
  near(box_overlap(box(0, 0, 10, 10), box(0, 0, 10, 10)), 1);
  near(box_overlap(box(0, 0, 10, 10), box(5, 0, 10, 10)), 50.0 / 150);
  near(box_overlap(box(-5, -5, 10, 10), box(0, 0, 10, 10)), 25.0 / 175);
  near(box_overlap(box(0, 0, 10, 10), box(2, 2, 5, 4)), 0.2);
  near(box_overlap(box(0, 0, 10, 10), box(10, 0, 10, 10)), 0);
  // Without an area, or beyond all bounds.
  near(box_overlap(box(3, 3, 0, 0), box(3, 3, 0, 0)), 1);
  near(box_overlap(box(3, 3, 0, 0), box(0, 0, 10, 10)), 0);
  near(box_overlap(box(0, 0, -10, 10), box(0, 0, 10, 10)), 0);
  near(box_overlap(box(INT64_MAX, 0, INT64_MAX, 10), box(INT64_MIN, 0, INT64_MAX, 10)), 0);
  near(box_overlap(box(0, 0, INT64_MAX, INT64_MAX), box(0, 0, INT64_MAX, INT64_MAX - 1)), 1);
}
GST_END_TEST

GST_START_TEST(detections_are_matched_by_label_and_overlap) {
  must_differ({}, {}, "");
  must_differ({box(0, 0, 9, 9)}, {box(0, 0, 9, 9)}, "");
  must_differ({box(0, 0, 9, 9)}, {}, "lost face 0");
  must_differ({}, {box(0, 0, 9, 9)}, "gained face 0");
  must_differ({box(0, 0, 10, 10)}, {box(1, 0, 10, 10)}, "moved face 0>1");
  must_differ({box(0, 0, 10, 10)}, {box(9, 0, 10, 10)}, "lost face 0; gained face 9");
  must_differ({box(0, 0, 10, 10)}, {box(0, 0, 10, 10, "car")}, "gained car 0; lost face 0");
  // Order does not matter.
  must_differ({box(0, 0, 9, 9), box(50, 0, 9, 9)}, {box(50, 0, 9, 9), box(0, 0, 9, 9)}, "");
  // The best pairs first, whoever comes first: 4 suits 5 better than 2 does.
  must_differ({box(2, 0, 10, 10), box(4, 0, 10, 10)}, {box(5, 0, 10, 10)},
              "moved face 4>5; lost face 2");
  must_differ({box(0, 0, 10, 10), box(2, 0, 10, 10)}, {box(1, 0, 10, 10), box(3, 0, 10, 10)},
              "moved face 0>1; moved face 2>3");
  // How much overlap it takes is a setting.
  DiffOptions strict;
  strict.min_overlap = 0.9;
  must_differ({box(0, 0, 10, 10)}, {box(1, 0, 10, 10)}, "lost face 0; gained face 1", strict);
  DiffOptions loose;
  loose.min_overlap = 0;
  must_differ({box(0, 0, 10, 10)}, {box(9, 9, 10, 10)}, "moved face 0>9", loose);
  must_differ({box(0, 0, 10, 10)}, {box(20, 9, 10, 10)}, "lost face 0; gained face 20", loose);
}
GST_END_TEST

GST_START_TEST(confidences_and_tracks_are_compared) {
  must_differ({box(0, 0, 9, 9, "face", 0.5)}, {box(0, 0, 9, 9, "face", 0.75)}, "shifted face 0>0");
  must_differ({box(0, 0, 9, 9, "face", 0.5)}, {box(0, 0, 9, 9, "face")}, "shifted face 0>0");
  must_differ({box(0, 0, 9, 9, "face", 0.5)}, {box(1, 0, 9, 9, "face", 0.6)},
              "moved shifted face 0>1");
  DiffOptions options;
  options.min_shift = 0.1;
  must_differ({box(0, 0, 9, 9, "face", 0.5)}, {box(0, 0, 9, 9, "face", 0.55)}, "", options);
  // Of two equal boxes, the one whose confidence is nearer.
  must_differ({box(0, 0, 9, 9, "face", 0.9)},
              {box(0, 0, 9, 9, "face", 0.2), box(0, 0, 9, 9, "face", 0.9)}, "gained face 0");
  std::vector<DetectionRow> tracked{box(0, 0, 9, 9)};
  tracked[0].track = 7;
  must_differ({box(0, 0, 9, 9)}, tracked, "tracked face 0>0");
}
GST_END_TEST

// Against the definition: of all pairs that may be, the one with most overlap, then the next.
GST_START_TEST(pairs_are_the_best_of_all) {
  std::mt19937 random(__i__);
  const auto below = [&](int n) { return static_cast<int64_t>(random() % n); };
  for (int round = 0; round < 50; round++) {
    std::vector<DetectionRow> a, b;
    for (auto *side : {&a, &b})
      for (int64_t n = below(12); n > 0; n--)
        side->push_back(box(below(20), below(20), 5 + below(20), 5 + below(20)));
    std::vector<double> expected;
    std::vector<bool> used_a(a.size()), used_b(b.size());
    for (;;) {
      double best = 0;
      size_t at_a = 0, at_b = 0;
      for (size_t i = 0; i < a.size(); i++)
        for (size_t j = 0; j < b.size(); j++)
          if (!used_a[i] && !used_b[j] && box_overlap(a[i], b[j]) > best) {
            best = box_overlap(a[i], b[j]);
            at_a = i;
            at_b = j;
          }
      if (best < 0.3) break;
      used_a[at_a] = used_b[at_b] = true;
      if (best < 1) expected.push_back(best);
    }
    DiffOptions options;
    options.min_overlap = 0.3;
    std::vector<double> found;
    for (const DetectionChange &change : diff_detections(a, b, options))
      if (change.a && change.b) found.push_back(change.overlap);
    std::sort(found.begin(), found.end(), std::greater<>());
    ck_assert_msg(found == expected, "round %d", round);
  }
}
GST_END_TEST

GST_START_TEST(configuration_is_compared_field_by_field) {
  CheckpointFields a, b;
  must_be_fields(a, b, "");
  a.config_snapshot = R"({"detector": {"scale": 1.1, "sizes": [1, 2]}, "same": true, "old": null})";
  b.config_snapshot = R"({"same":true,"detector":{"sizes":[1,3,4],"scale":1.2},"new":{}})";
  a.stats = R"({"faces": 3})";
  b.stats = R"({"faces": 4})";
  a.video_path = "/a \"b\".mp4";
  must_be_fields(a, b,
                 "config_snapshot.detector.scale: 1.1 > 1.2\n"
                 "config_snapshot.detector.sizes[1]: 2 > 3\n"
                 "config_snapshot.detector.sizes[2]: - > 4\n"
                 "config_snapshot.new: - > {}\n"
                 "config_snapshot.old: null > -\n"
                 "stats.faces: 3 > 4\n"
                 "video_path: \"/a \\\"b\\\".mp4\" > -\n");
  must_be_fields(a, a, "");
  // What is declared stands there where the snapshot does not say the same.
  CheckpointFields g, h;
  g.config_snapshot = g.config_declared = R"({"scale": 1})";
  h.config_snapshot = h.config_declared = R"({"scale": 2, "film": "a"})";
  g.config_declared = R"({"scale": 1, "film": "b"})";
  must_be_fields(g, h,
                 "config_declared.film: \"b\" > \"a\"\n"
                 "config_snapshot.film: - > \"a\"\n"
                 "config_snapshot.scale: 1 > 2\n");
  // Names that could be taken for paths; what is no JSON.
  CheckpointFields c, d;
  c.config_overrides = R"({"a.b": 1})";
  d.config_overrides = R"({"a": {"b": 1}})";
  c.stats = "not {json";
  d.stats = "not [json";
  must_be_fields(c, d,
                 "config_overrides.a.b: - > 1\n"
                 "config_overrides[\"a.b\"]: 1 > -\n"
                 "stats: \"not {json\" > \"not [json\"\n");
  // As deep as somebody likes.
  CheckpointFields e, f;
  e.stats = std::string(2000, '[') + std::string(2000, ']');
  f.stats = std::string(2000, '[') + "1" + std::string(2000, ']');
  ck_assert_uint_eq(diff_fields(e, f).size(), 1);
  // A row may be anybody's.
  f = e;
  f.config_snapshot = std::string(200000, '[') + std::string(200000, ']');
  ck_assert_uint_eq(diff_fields(e, f).size(), 1);
}
GST_END_TEST

GST_START_TEST(payloads_are_read_only_where_nothing_else_tells) {
  Place place;
  const DiffSide bare = place.make({frame_of(1), frame_of(2), frame_of(3)});
  // What is stored anew lies elsewhere.
  const DiffSide again = place.make({frame_of(1), frame_of(9), frame_of(3)}, "again");
  const DiffSide packed = place.make(
      {frame_of(1, Codec::kZstd), frame_of(9, Codec::kZstd), frame_of(3, Codec::kLz4)}, "packed");
  const uint64_t before = place.frames->calls("get");
  DiffTotals totals = place.compare(bare, again);
  ck_assert_uint_eq(totals.changed, 1);
  ck_assert_uint_eq(totals.payload, 1);
  ck_assert_uint_eq(place.changes.at(0).sequence, 1);
  ck_assert(place.compare(packed, packed).empty());
  ck_assert_uint_eq(place.frames->calls("get"), before);
  totals = place.compare(bare, packed);
  ck_assert_uint_eq(totals.payload, 1);
  ck_assert_uint_eq(place.changes.at(0).sequence, 1);
  ck_assert_uint_gt(place.frames->calls("get"), before);
}
GST_END_TEST

// A page of two; sequences that come again and again, backwards, and beyond int64.
GST_START_TEST(frames_are_matched_by_sequence_in_any_order) {
  Place place;
  const std::vector<uint64_t> numbers{9, 3, 3, 3, 3, 3, 7, uint64_t{1} << 63, 1, 3};
  std::vector<MadeFrame> made;
  for (uint64_t sequence : numbers) {
    MadeFrame frame = frame_of(sequence);
    frame.sequence = sequence;
    DetectionRow row = box(1, 1, 5, 5);
    row.label = std::to_string(made.size());
    frame.detections = {row, row, row};
    made.push_back(frame);
  }
  DiffOptions options;
  options.page = 2;
  const DiffSide a = place.make(made);
  ck_assert(place.compare(a, a, options).empty());
  std::vector<MadeFrame> fewer(made.begin(), made.end() - 2);
  MadeFrame other = frame_of(1000);
  other.sequence = 8;
  fewer.push_back(other);
  const DiffTotals totals = place.compare(a, place.make(fewer, "fewer"), options);
  ck_assert_uint_eq(totals.frames_a, 10);
  ck_assert_uint_eq(totals.frames_b, 9);
  ck_assert_uint_eq(totals.removed, 2);
  ck_assert_uint_eq(totals.added, 1);
  ck_assert_uint_eq(totals.changed, 0);
  ck_assert_uint_eq(totals.detections.lost, 6);
  std::vector<uint64_t> sequences;
  for (const FrameChange &change : place.changes) sequences.push_back(change.sequence);
  ck_assert(sequences == (std::vector<uint64_t>{1, 3, 8}));
  ck_assert_uint_eq(place.changes[1].a->index, 9);
}
GST_END_TEST

GST_START_TEST(a_listener_may_stop_and_a_store_may_fail) {
  std::shared_ptr<FaultyMetadataStore> metadata;
  Place place;
  place.stores = memory_stores({}, [&](std::shared_ptr<MetadataStore> inner) {
    return metadata = std::make_shared<FaultyMetadataStore>(std::move(inner));
  });
  const DiffSide a = place.make({frame_of(1), frame_of(2)});
  const DiffSide b = place.make({frame_of(3), frame_of(4)}, "b");
  int seen = 0;
  DiffListener listener;
  listener.frame = [&](const FrameChange &) { return ++seen < 1; };
  ck_assert(diff_checkpoints(a, b, {}, listener, place.cancel).status().is(Code::kCancelled));
  ck_assert_int_eq(seen, 1);
  for (const char *call : {"read_frames", "read_detections", "read_caps"}) {
    metadata->fail_next(call, Status(Code::kUnavailable, "down"), 1);
    ck_assert(diff_checkpoints(a, b, {}, {}, place.cancel).status().is(Code::kUnavailable));
  }
  place.cancel.cancel();
  ck_assert(diff_checkpoints(a, b, {}, {}, place.cancel).status().is(Code::kCancelled));
}
GST_END_TEST

static Suite *diff_suite() {
  Suite *suite = suite_create("diff");
  TCase *tc = tcase_create("diff");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, overlap_is_intersection_over_union);
  tcase_add_test(tc, detections_are_matched_by_label_and_overlap);
  tcase_add_test(tc, confidences_and_tracks_are_compared);
  tcase_add_loop_test(tc, pairs_are_the_best_of_all, 0, 4);
  tcase_add_test(tc, configuration_is_compared_field_by_field);
  tcase_add_test(tc, payloads_are_read_only_where_nothing_else_tells);
  tcase_add_test(tc, frames_are_matched_by_sequence_in_any_order);
  tcase_add_test(tc, a_listener_may_stop_and_a_store_may_fail);
  return suite;
}
GST_CHECK_MAIN(diff);
