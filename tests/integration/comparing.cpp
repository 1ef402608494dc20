// SPDX-License-Identifier: LGPL-2.1-or-later
// What differs between checkpoints, on every pair of stores.
#include <functional>
#include <string>
#include <vector>

#include "core/diff.h"
#include "support/check.h"
#include "support/checkpoint_maker.h"
#include "support/home.h"

using namespace checkpoint;

namespace {

struct Place {
  // Frames with times, two faces each, and a setting; `change` may change some of it.
  struct Contents {
    std::vector<MadeFrame> frames;
    std::vector<std::string> caps{"video/x-raw, format=(string)RGB", "video/x-raw"};
    CheckpointFields fields;
  };
  DiffSide make(const std::string &stage, const std::function<void(Contents &)> &change = {}) {
    Contents made;
    for (uint64_t i = 0; i < 20; i++) {
      MadeFrame frame;
      frame.payload = made_payload(i, 500);
      frame.codec = i % 2 == 0 ? Codec::kNone : Codec::kZstd;
      frame.sequence = i;
      frame.pts = frame.stream_time = i * 40000000;
      frame.duration = 40000000;
      for (int64_t n = 0; n < 2; n++) {
        DetectionRow face;
        face.label = "face";
        face.confidence = 0.5;
        face.x = 100 * n;
        face.width = face.height = 50;
        frame.detections.push_back(face);
      }
      made.frames.push_back(frame);
    }
    made.fields.config_snapshot = R"({"detector": {"threshold": 0.5}})";
    made.fields.stats = R"({"faces": 40})";
    if (change) change(made);
    CheckpointMaker maker(stores, "street", stage, {}, false, {}, {}, made.fields);
    for (const std::string &caps : made.caps) maker.add_caps(caps);
    for (size_t i = 0; i < made.frames.size(); i++) {
      maker.add_frame(made.frames[i]);
      if (i % 7 == 6) maker.commit();
    }
    return {stores, maker.complete()};
  }

  DiffTotals compare(const DiffSide &a, const DiffSide &b) {
    changes.clear();
    DiffListener listener;
    listener.frame = [&](const FrameChange &change) {
      changes.push_back(change);
      return true;
    };
    DiffOptions options;
    options.page = 3;
    auto totals = diff_checkpoints(a, b, options, listener, cancel);
    ck_assert_msg(totals.is_ok(), "%s", totals.status().to_string().c_str());
    return *totals;
  }
  // The one frame that differs.
  const FrameChange &only(uint64_t sequence) {
    ck_assert_uint_eq(changes.size(), 1);
    ck_assert_uint_eq(changes[0].sequence, sequence);
    return changes[0];
  }

  Home home;
  std::shared_ptr<Stores> stores = stores_at(home.frame_store(), home.metadata_store());
  std::vector<FrameChange> changes;
  Cancellation cancel;
};

}  // namespace

GST_START_TEST(g33_a_checkpoint_is_the_same_as_itself) {
  Place place;
  const DiffSide a = place.make("a");
  const DiffTotals totals = place.compare(a, a);
  ck_assert(totals.empty() && place.changes.empty());
  ck_assert_uint_eq(totals.frames_a, 20);
  ck_assert_uint_eq(totals.labels.at("face").a, 40);
  // And the same again is the same.
  ck_assert(place.compare(a, place.make("b")).empty());
}
GST_END_TEST

GST_START_TEST(g33_every_kind_of_difference_is_shown) {
  Place place;
  using Contents = Place::Contents;
  const DiffSide a = place.make("a");
  const auto with = [&](const std::function<void(Contents &)> &change) {
    static int number = 0;
    return place.compare(a, place.make("b" + std::to_string(number++), change));
  };

  DiffTotals t = with([](Contents &c) { c.frames.erase(c.frames.begin() + 4); });
  ck_assert(t.removed == 1 && t.added == 0 && t.changed == 0 && t.detections.lost == 2);
  ck_assert(place.only(4).a && !place.only(4).b);
  t = with([](Contents &c) {
    c.frames.push_back(c.frames.back());
    c.frames.back().sequence = 99;
  });
  ck_assert(t.added == 1 && t.removed == 0 && t.changed == 0 && t.detections.gained == 2);
  ck_assert(!place.only(99).a && place.only(99).b);

  for (uint64_t n : {6, 7}) {  // stored bare, and compressed
    t = with([&](Contents &c) { c.frames[n].payload[3] ^= std::byte{1}; });
    ck_assert(t.changed == 1 && t.payload == 1 && t.timing + t.flags + t.caps == 0);
    ck_assert(place.only(n).payload);
  }
  const std::vector<std::function<void(MadeFrame &)>> times{
      [](MadeFrame &f) { f.pts++; }, [](MadeFrame &f) { f.dts = 0; },
      [](MadeFrame &f) { f.duration = kNone; }, [](MadeFrame &f) { f.offset = 1; },
      [](MadeFrame &f) { f.offset_end = UINT64_MAX - 1; }};
  for (const auto &change : times) {
    t = with([&](Contents &c) { change(c.frames[19]); });
    ck_assert(t.changed == 1 && t.timing == 1 && t.payload + t.flags + t.caps == 0);
    ck_assert(place.only(19).timing);
  }
  t = with([](Contents &c) { c.frames[2].flags = 1 << 6; });
  ck_assert(t.changed == 1 && t.flags == 1 && place.only(2).flags);
  // A replay sets DISCONT on its first frame.
  ck_assert(with([](Contents &c) { c.frames[0].flags = 1 << 6; }).empty());
  t = with([](Contents &c) { c.frames[0].flags = 1 << 7; });
  ck_assert(t.flags == 1);
  t = with([](Contents &c) { c.frames[3].caps = 1; });
  ck_assert(t.changed == 1 && t.caps == 1 && place.only(3).caps);
  // The text counts, not its number.
  ck_assert(with([](Contents &c) {
              std::swap(c.caps[0], c.caps[1]);
              for (MadeFrame &frame : c.frames) frame.caps = 1;
            }).empty());

  t = with([](Contents &c) { c.frames[5].detections.pop_back(); });
  ck_assert(t.changed == 0 && t.detections.lost == 1 && t.labels.at("face").lost == 1);
  ck_assert(place.only(5).detections.at(0).a->x == 100);
  t = with([](Contents &c) { c.frames[5].detections[0].label = "car"; });
  ck_assert(t.labels.at("face").lost == 1 && t.labels.at("car").gained == 1);
  ck_assert(t.labels.at("face").a == 40 && t.labels.at("face").b == 39);
  t = with([](Contents &c) { c.frames[5].detections[0].x += 3; });
  ck_assert(t.detections.moved == 1 && t.detections.gained + t.detections.lost == 0);
  t = with([](Contents &c) { c.frames[5].detections[0].confidence = 0.75; });
  ck_assert(t.detections.shifted == 1 && t.detections.shift == 0.25 &&
            t.detections.with_shift == 1);
  ck_assert(place.only(5).detections.at(0).shifted);
  // From none to one, or back, is no number that a mean could be made of.
  t = with([](Contents &c) { c.frames[5].detections[0].confidence.reset(); });
  ck_assert(t.detections.shifted == 1 && t.detections.with_shift == 0 && t.detections.shift == 0);

  t = with([](Contents &c) {
    c.fields.config_snapshot = R"({"detector": {"threshold": 0.25}})";
    c.fields.stats = R"({"faces": 41})";
  });
  ck_assert(!t.empty() && place.changes.empty());
  ck_assert_uint_eq(t.fields.size(), 2);
  ck_assert(t.fields[0].field == "config_snapshot.detector.threshold" && t.fields[0].a == "0.5" &&
            t.fields[0].b == "0.25");
  ck_assert(t.fields[1].field == "stats.faces");
}
GST_END_TEST

static Suite *comparing_suite() {
  Suite *suite = suite_create("comparing");
  TCase *tc = tcase_create("comparing");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g33_a_checkpoint_is_the_same_as_itself);
  tcase_add_test(tc, g33_every_kind_of_difference_is_shown);
  return suite;
}
CHECKPOINT_CHECK_MAIN(comparing);
