// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frames are played: selections and lists against what follows from their definition.
#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/condition_parser.h"
#include "core/playlist.h"
#include "support/checkpoint_maker.h"
#include "support/faulty_metadata_store.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

using Places = std::vector<uint64_t>;

struct Fixture {
  Fixture() {
    stores = memory_stores({}, [&](std::shared_ptr<MetadataStore> inner) {
      return metadata = std::make_shared<FaultyMetadataStore>(std::move(inner));
    });
  }
  // Frames with these sequences; those of `hits` (indexes) have a face.
  CheckpointRow make(const std::string &stage, const Places &sequences, const Places &hits = {},
                     const std::optional<Uuid> &parent = {},
                     const std::optional<Places> &filtered = {},
                     const std::string &job = "street") {
    CheckpointMaker maker(stores, job, stage, {}, false, parent, filtered);
    maker.add_caps("video/x-raw");
    for (size_t i = 0; i < sequences.size(); i++) {
      MadeFrame frame;
      frame.sequence = sequences[i];
      frame.pts = frame.stream_time = sequences[i] * 1000;
      frame.duration = 1000;
      if (std::find(hits.begin(), hits.end(), i) != hits.end()) {
        DetectionRow face;
        face.label = "face";
        frame.detections = {DetectionRow{}, face};
      }
      maker.add_frame(frame);
    }
    return maker.complete();
  }
  std::shared_ptr<const Playlist> open(const CheckpointRow &row, bool select, bool filtered,
                                       uint64_t before = 0, uint64_t after = 0) {
    PlaylistOptions options;
    if (select) options.select = *parse_condition("label = 'face'");
    options.before = before;
    options.after = after;
    options.filtered = filtered;
    auto opened = Playlist::open(stores->metadata, row, options, cancel);
    ck_assert_msg(opened.is_ok(), "%s", opened.status().to_string().c_str());
    return *opened;
  }
  Places walk(const std::shared_ptr<const Playlist> &playlist, uint64_t first = 0,
              uint64_t end = kNone, bool reverse = false, unsigned limit = 64) {
    SelectedPlaces selected(playlist, first, end, reverse);
    Places all;
    for (;;) {
      auto page = selected.next(limit, cancel);
      ck_assert_msg(page.is_ok(), "%s", page.status().to_string().c_str());
      ck_assert(page->size() <= limit);
      if (page->empty()) break;
      all.insert(all.end(), page->begin(), page->end());
    }
    ck_assert(selected.at_end());
    return all;
  }
  Places sequences(const std::shared_ptr<const Playlist> &playlist, const Places &places) {
    auto frames = playlist->frames(places, cancel);
    ck_assert(frames.is_ok());
    Places found;
    for (size_t i = 0; i < frames->size(); i++) {
      ck_assert_uint_eq((*frames)[i].place, places[i]);
      found.push_back((*frames)[i].found ? (*frames)[i].row.sequence : kNone);
    }
    return found;
  }

  Cancellation cancel;
  std::shared_ptr<FaultyMetadataStore> metadata;
  std::shared_ptr<Stores> stores;
};

Places numbers(uint64_t first, uint64_t end) {
  Places all;
  for (uint64_t i = first; i < end; i++) all.push_back(i);
  return all;
}

}  // namespace

GST_START_TEST(g27_frames_around_matches) {
  Fixture f;
  const CheckpointRow row = f.make("detect", numbers(0, 30), {0, 10, 13, 29});
  ck_assert(f.walk(f.open(row, true, false)) == (Places{0, 10, 13, 29}));
  ck_assert(f.walk(f.open(row, true, false, 2, 0)) ==
            (Places{0, 8, 9, 10, 11, 12, 13, 27, 28, 29}));
  const auto around = f.open(row, true, false, 1, 2);
  ck_assert(f.walk(around) == (Places{0, 1, 2, 9, 10, 11, 12, 13, 14, 15, 28, 29}));
  ck_assert(f.walk(around, 0, kNone, true) == (Places{29, 28, 15, 14, 13, 12, 11, 10, 9, 2, 1, 0}));
  // A range takes part of it, matches outside of the range included.
  ck_assert(f.walk(around, 2, 10) == (Places{2, 9}));
  ck_assert(f.walk(around, 14, 28) == (Places{14, 15}));
  ck_assert(f.walk(around, 14, 29, true) == (Places{28, 15, 14}));
  ck_assert(f.walk(around, 3, 9).empty());
  ck_assert(f.walk(around, 30, 40).empty());
  ck_assert(f.walk(f.open(row, true, false, UINT32_MAX, UINT32_MAX)) == numbers(0, 30));
  // Nothing selected, and nothing to select from.
  ck_assert(f.walk(f.open(f.make("none", numbers(0, 5)), true, false, 3, 3)).empty());
  ck_assert(f.walk(f.open(f.make("empty", {}), true, false, 3, 3), 0, kNone, true).empty());
  const auto all = f.open(row, false, false);
  ck_assert(all->is_whole() && f.walk(all) == numbers(0, 30));
  ck_assert(!around->is_whole());
}
GST_END_TEST

GST_START_TEST(g27_a_list_takes_frames_from_where_they_are) {
  Fixture f;
  const CheckpointRow decode = f.make("decode", numbers(100, 130));
  const CheckpointRow drop = f.make("drop", {100, 105, 110, 115}, {1}, decode.id);
  const CheckpointRow detect =
      f.make("detect", {110, 100, 110}, {0}, drop.id, Places{129, 110, 105, 110, 7, 100, 101});
  const auto list = f.open(detect, false, true);
  ck_assert_uint_eq(list->places(), 7);
  ck_assert_uint_eq(list->layers().size(), 3);
  auto frames = list->frames(numbers(0, 8), f.cancel);
  ck_assert(frames.is_ok());
  const std::vector<unsigned> layers{2, 0, 1, 0, 0, 0, 2};
  const Places indexes{29, 0, 1, 0, 0, 1, 1};
  for (size_t i = 0; i < 7; i++) {
    const PlayedFrame &frame = (*frames)[i];
    ck_assert(frame.found == (i != 4));
    ck_assert_uint_eq(frame.layer, layers[i]);
    ck_assert_uint_eq(frame.row.index, indexes[i]);
  }
  ck_assert(!(*frames)[7].found);
  ck_assert(f.sequences(list, {6, 0, 4, 5}) == (Places{101, 129, kNone, 100}));
  ck_assert(f.walk(list, 1, 5) == numbers(1, 5));
  // What matches is a matter of the checkpoint that the frame is taken from.
  ck_assert(f.walk(f.open(detect, true, true)) == (Places{1, 2, 3}));
  ck_assert(f.walk(f.open(detect, true, true, 0, 1), 0, kNone, true) == (Places{4, 3, 2, 1}));
  // Without a list, and without the wish for it: the frames themselves.
  ck_assert(f.open(drop, false, true)->is_whole());
  ck_assert(f.open(detect, false, false)->is_whole());
  ck_assert_uint_eq(f.open(detect, true, false)->places(), 3);
  // A job's frames are its own.
  const CheckpointRow other = f.make("detect", {5}, {}, decode.id, Places{100, 5}, "another");
  ck_assert(f.sequences(f.open(other, false, true), {0, 1}) == (Places{kNone, 5}));
  const CheckpointRow none = f.make("nothing", {5}, {}, decode.id, Places{});
  ck_assert_uint_eq(f.open(none, false, true)->places(), 0);
  ck_assert(f.walk(f.open(none, true, true)).empty());
}
GST_END_TEST

GST_START_TEST(g25_a_list_is_sought_by_time) {
  Fixture f;
  const CheckpointRow row =
      f.make("detect", numbers(0, 1000), {}, {}, Places{500, 10, 11, 700, 10, 3});
  const auto list = f.open(row, false, true);
  const auto at = [&](uint64_t time) {
    auto found = list->place_at(time, f.cancel);
    ck_assert(found.is_ok());
    return *found;
  };
  ck_assert(!at(0) && !at(2999));
  ck_assert(at(3000) == uint64_t{5} && at(3999) == uint64_t{5});
  ck_assert(at(10000) == uint64_t{1} && at(10999) == uint64_t{1});
  ck_assert(at(11500) == uint64_t{2});
  // Over by then: the next one in time.
  ck_assert(at(4000) == uint64_t{1} && at(12000) == uint64_t{0});
  ck_assert(at(500000) == uint64_t{0});
  ck_assert(at(600000) == uint64_t{3});
  ck_assert(at(700999) == uint64_t{3} && at(701000) == uint64_t{6});
  const auto range = [&](uint64_t first, uint64_t end) {
    auto times = list->time_range(first, end, f.cancel);
    ck_assert(times.is_ok());
    return std::pair(times->begin, times->end);
  };
  ck_assert(range(0, 6) == std::pair(uint64_t{3000}, uint64_t{701000}));
  ck_assert(range(1, 3) == std::pair(uint64_t{10000}, uint64_t{12000}));
  ck_assert(range(3, 3) == std::pair(kNone, kNone));
}
GST_END_TEST

// Any matches, any context, any range, both ways, in pages of any size.
GST_START_TEST(g27_any_selection_is_what_it_says) {
  Fixture f;
  std::mt19937 random(27);
  const auto below = [&](uint64_t n) { return random() % n; };
  for (int round = 0; round < 12; round++) {
    const uint64_t count = 1 + below(round % 2 ? 40 : 700);
    Places hits, list;
    const uint64_t rarity = 1 + below(30);
    for (uint64_t i = 0; i < count; i++)
      if (below(rarity) == 0) hits.push_back(i);
    const bool filtered = round % 3 == 2;
    for (uint64_t i = 0, n = below(600); filtered && i < n; i++) list.push_back(below(count));
    const std::string stage = "stage " + std::to_string(round);
    const CheckpointRow row =
        f.make(stage, numbers(0, count), hits, {}, filtered ? std::optional(list) : std::nullopt);
    if (!filtered) list = numbers(0, count);
    for (int i = 0; i < 20; i++) {
      const uint64_t before = below(4) * below(9), after = below(4) * below(9);
      const uint64_t first = below(list.size() + 1), end = first + below(list.size() + 2);
      const bool reverse = below(2) == 0;
      Places expected;
      for (uint64_t p = first; p < std::min<uint64_t>(end, list.size()); p++) {
        bool match = false;
        for (uint64_t m = p > after ? p - after : 0; m < list.size() && m <= p + before; m++)
          match = match || std::find(hits.begin(), hits.end(), list[m]) != hits.end();
        if (match) expected.push_back(p);
      }
      if (reverse) std::reverse(expected.begin(), expected.end());
      ck_assert_msg(f.walk(f.open(row, true, filtered, before, after), first, end, reverse,
                           1 + static_cast<unsigned>(below(80))) == expected,
                    "round %d, selection %d", round, i);
    }
  }
}
GST_END_TEST

GST_START_TEST(g26_a_selection_is_found_page_by_page) {
  Fixture f;
  Places hits;
  for (uint64_t i = 0; i < 5000; i += 2) hits.push_back(i);
  const CheckpointRow row = f.make("detect", numbers(0, 5000), hits);
  SelectedPlaces selected(f.open(row, true, false), 0, kNone, false);
  ck_assert_uint_eq(selected.next(64, f.cancel).value().size(), 64);
  ck_assert_uint_eq(f.metadata->calls("find_matches"), 1);
  // As if a call that failed had not been made.
  f.metadata->fail_next("find_matches", Status(Code::kUnavailable, "away"));
  ck_assert(selected.next(64, f.cancel).status().is(Code::kUnavailable));
  uint64_t expected = 128;
  for (;;) {
    const auto page = selected.next(64, f.cancel);
    if (page->empty()) break;
    for (uint64_t place : *page) {
      ck_assert_uint_eq(place, expected);
      expected += 2;
    }
  }
  ck_assert_uint_eq(expected, 5000);
  ck_assert_uint_le(f.metadata->calls("find_matches"), 10);
}
GST_END_TEST

static Suite *playlist_suite() {
  Suite *suite = suite_create("playlist");
  TCase *tc = tcase_create("playlist");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g27_frames_around_matches);
  tcase_add_test(tc, g27_a_list_takes_frames_from_where_they_are);
  tcase_add_test(tc, g25_a_list_is_sought_by_time);
  tcase_add_test(tc, g27_any_selection_is_what_it_says);
  tcase_add_test(tc, g26_a_selection_is_found_page_by_page);
  return suite;
}
GST_CHECK_MAIN(playlist);
