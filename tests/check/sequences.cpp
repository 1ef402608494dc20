// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frame of the job a frame is that came without its identity.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/sequence_finder.h"
#include "support/checkpoint_maker.h"
#include "support/writer_place.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

using How = SequenceFinder::How;
using Sequences = std::vector<uint64_t>;

struct Timed {
  uint64_t pts = kNone, sequence = kNone, stream_time = kNone;
};

CheckpointRow make(const std::shared_ptr<Stores> &stores, const std::string &stage,
                   const std::vector<Timed> &frames, std::optional<Uuid> parent = {},
                   const std::string &job = "street") {
  CheckpointMaker maker(stores, job, stage, {}, false, parent);
  maker.add_caps("video/x-raw");
  for (const Timed &one : frames) {
    MadeFrame frame;
    frame.pts = one.pts;
    frame.stream_time = one.stream_time == kNone ? one.pts : one.stream_time;
    frame.sequence = one.sequence;
    maker.add_frame(frame);
  }
  return maker.complete();
}

// Frame n has PTS 1000 n and sequence n + 5.
std::vector<Timed> numbered(uint64_t count) {
  std::vector<Timed> frames;
  for (uint64_t i = 0; i < count; i++) frames.push_back({i * 1000, i + 5});
  return frames;
}

SequenceFinder::Found find(SequenceFinder &finder, uint64_t pts, uint64_t stream_time) {
  Cancellation cancel;
  auto found = finder.find(pts, stream_time, cancel);
  ck_assert_msg(found.is_ok(), "%s", found.status().to_string().c_str());
  return *found;
}

void must_find(SequenceFinder &finder, uint64_t pts, uint64_t sequence, How how = How::kFound,
               uint64_t stream_time = kNone) {
  const auto found = find(finder, pts, stream_time == kNone ? pts : stream_time);
  ck_assert_uint_eq(found.sequence, sequence);
  ck_assert_int_eq(static_cast<int>(found.how), static_cast<int>(how));
}

// Saves a stage of frames without a sequence, with these PTS.
struct Saved {
  Sequences sequences;
  WriterStats stats;
  std::vector<Status> warnings;
};
Saved save_unnumbered(Place &place, const Uuid &parent, const std::vector<uint64_t> &times,
                      const std::vector<std::optional<uint64_t>> &given = {}) {
  auto news = std::make_shared<News>();
  Saved saved;
  WriterOptions options = small_packs();
  options.workers = 4;
  {
    CheckpointWriter writer(place.opener(), options, news);
    ck_assert(writer.set_caps("video/x-raw").is_ok());
    CheckpointFields wanted = fields("detect");
    wanted.parent = parent;
    ck_assert(writer.begin(wanted, false).is_ok());
    for (size_t i = 0; i < times.size(); i++) {
      std::unique_ptr<FrameInput> frame = std::make_unique<FakeFrame>(frame_bytes(i));
      FrameTiming timing;
      timing.pts = timing.stream_time = times[i];
      const auto sequence = i < given.size() ? given[i] : std::nullopt;
      ck_assert(writer.push(frame, timing, sequence).is_ok());
    }
    const Status end = writer.finish({}, kPatience);
    ck_assert_msg(end.is_ok(), "%s", end.to_string().c_str());
    saved.stats = writer.stats();
  }
  for (const FrameRow &row : place.rows(place.list(false).front()))
    saved.sequences.push_back(row.sequence);
  saved.warnings = news->warnings;
  return saved;
}

}  // namespace

GST_START_TEST(g27_the_pts_tells_which_frame_it_is) {
  const auto stores = memory_stores();
  SequenceFinder finder(stores->metadata, make(stores, "decode", numbered(100)), 8);
  for (uint64_t n = 0; n < 100; n++) must_find(finder, n * 1000, n + 5);
  // Whatever is left out, comes again or in another order.
  for (uint64_t n : {3, 3, 4, 99, 98, 0, 50, 7, 57, 56}) must_find(finder, n * 1000, n + 5);
  must_find(finder, 1, 105, How::kNew);
  must_find(finder, kNone, 106, How::kNew);
  must_find(finder, 99001, 107, How::kNew);
  must_find(finder, 99000, 104);
}
GST_END_TEST

GST_START_TEST(g27_several_frames_of_one_pts) {
  const auto stores = memory_stores();
  // Two takes one behind the other; in the second the segment tells them apart up to a point.
  std::vector<Timed> frames;
  for (uint64_t i = 0; i < 20; i++) frames.push_back({i * 1000, i, i * 1000});
  for (uint64_t i = 0; i < 20; i++)
    frames.push_back({i * 1000, 20 + i, i < 10 ? 20000 + i * 1000 : i * 1000});
  SequenceFinder finder(stores->metadata, make(stores, "decode", frames), 7);
  for (uint64_t i = 0; i < 10; i++) must_find(finder, i * 1000, i, How::kFound, i * 1000);
  for (uint64_t i = 10; i < 20; i++) must_find(finder, i * 1000, i, How::kAmbiguous, i * 1000);
  for (uint64_t i = 0; i < 10; i++)
    must_find(finder, i * 1000, 20 + i, How::kFound, 20000 + i * 1000);
  // Those behind the one that was found last.
  for (uint64_t i = 10; i < 20; i++) must_find(finder, i * 1000, 20 + i, How::kAmbiguous, i * 1000);
  must_find(finder, 10000, 10, How::kAmbiguous, 10000);

  // One frame of the job several times is not several frames.
  SequenceFinder repeated(stores->metadata,
                          make(stores, "rate", {{0, 7}, {0, 7}, {1000, 8}, {1000, 9}}));
  must_find(repeated, 0, 7);
  must_find(repeated, 1000, 8, How::kAmbiguous);
  must_find(repeated, 1000, 9, How::kAmbiguous);

  // More of them than a page holds.
  SequenceFinder many(stores->metadata, make(stores, "still", std::vector<Timed>(50, Timed{9})), 4);
  must_find(many, 9, 0, How::kAmbiguous);
  must_find(many, 9, 1, How::kAmbiguous);
}
GST_END_TEST

GST_START_TEST(g27_new_frames_get_numbers_of_their_own) {
  const auto stores = memory_stores();
  const CheckpointRow first = make(stores, "decode", {{0, 3}, {1000, 900}, {2000, 4}});
  const CheckpointRow second = make(stores, "drop", {{0, 3}}, first.id);
  SequenceFinder finder(stores->metadata, second);
  must_find(finder, 1000, 901, How::kNew);
  must_find(finder, 1000, 902, How::kNew);
  must_find(finder, 0, 3);
  // Another job's numbers say nothing.
  const CheckpointRow other = make(stores, "detect", {{0, 3}}, first.id, "another");
  SequenceFinder in_other(stores->metadata, other);
  must_find(in_other, 1000, 4, How::kNew);
  // A parent without frames.
  SequenceFinder in_empty(stores->metadata, make(stores, "empty", {}));
  must_find(in_empty, 0, 0, How::kNew);
}
GST_END_TEST

GST_START_TEST(g27_a_page_serves_many_frames) {
  std::shared_ptr<FaultyMetadataStore> metadata;
  const auto stores = memory_stores({}, [&](std::shared_ptr<MetadataStore> inner) {
    return metadata = std::make_shared<FaultyMetadataStore>(std::move(inner));
  });
  SequenceFinder finder(stores->metadata, make(stores, "decode", numbered(1000)), 256);
  for (uint64_t n = 0; n < 1000; n++) must_find(finder, n * 1000, n + 5);
  ck_assert_uint_le(metadata->calls("read_frames"), 5);
  // As if a call that failed had not been made.
  Cancellation cancel;
  metadata->fail_next("read_frames", Status(Code::kUnavailable, "away"));
  ck_assert(finder.find(0, 0, cancel).status().is(Code::kUnavailable));
  must_find(finder, 0, 5);
  metadata->fail_next("get_checkpoint", Status(Code::kUnavailable, "away"));
  must_find(finder, 17, 1005, How::kNew);
}
GST_END_TEST

GST_START_TEST(g27_a_later_stage_knows_its_frames_by_their_pts) {
  Place place;
  const CheckpointRow parent = make(place.stores, "decode", numbered(60));
  std::vector<uint64_t> times;
  Sequences expected;
  for (uint64_t i = 0; i < 600; i++) {
    const uint64_t n = (i * 7 + i / 60) % 60;  // left out, again, and in another order
    times.push_back(n * 1000);
    expected.push_back(n + 5);
  }
  const Saved saved = save_unnumbered(place, parent.id, times);
  ck_assert(saved.sequences == expected);
  ck_assert(saved.warnings.empty());
  ck_assert(saved.stats.frames_ambiguous == 0 && saved.stats.frames_unmatched == 0);
}
GST_END_TEST

GST_START_TEST(g27_frames_in_doubt_are_counted_in_one_warning) {
  Place place;
  const CheckpointRow parent =
      make(place.stores, "decode", {{0, 5}, {1000, 6}, {2000, 7}, {2000, 8}, {3000, 9}});
  // The one that tells its sequence is believed.
  const Saved saved = save_unnumbered(place, parent.id, {0, 500, 2000, 2000, 1000, 3000, kNone},
                                      {{}, {}, {}, {}, 3, {}, {}});
  ck_assert(saved.sequences == (Sequences{5, 10, 7, 8, 3, 9, 11}));
  ck_assert(saved.stats.frames_ambiguous == 2 && saved.stats.frames_unmatched == 2);
  ck_assert_uint_eq(saved.warnings.size(), 1);
  const std::string &text = saved.warnings[0].message();
  ck_assert_msg(text.find("2 frames could be several") != std::string::npos &&
                    text.find("2 frames none") != std::string::npos,
                "%s", text.c_str());
}
GST_END_TEST

GST_START_TEST(g27_a_parent_that_can_not_be_asked_is_an_error) {
  Place place;
  const CheckpointRow parent = make(place.stores, "decode", numbered(10));
  place.metadata->before(
      "read_frames", [](Cancellation &) { return Status(Code::kPermissionDenied, "not for you"); });
  auto news = std::make_shared<News>();
  CheckpointWriter writer(place.opener(), small_packs(), news);
  CheckpointFields wanted = fields("detect");
  wanted.parent = parent.id;
  ck_assert(writer.set_caps("video/x-raw").is_ok());
  ck_assert(writer.begin(wanted, false).is_ok());
  for (uint64_t i = 0; i < 5; i++) (void)push(writer, i);
  news->wait_for_error();
  ck_assert(news->errors[0].is(Code::kPermissionDenied));
  ck_assert(!writer.finish({}, kPatience).is_ok());
}
GST_END_TEST

static Suite *sequences_suite() {
  Suite *suite = suite_create("sequences");
  TCase *tc = tcase_create("sequences");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g27_the_pts_tells_which_frame_it_is);
  tcase_add_test(tc, g27_several_frames_of_one_pts);
  tcase_add_test(tc, g27_new_frames_get_numbers_of_their_own);
  tcase_add_test(tc, g27_a_page_serves_many_frames);
  tcase_add_test(tc, g27_a_later_stage_knows_its_frames_by_their_pts);
  tcase_add_test(tc, g27_frames_in_doubt_are_counted_in_one_warning);
  tcase_add_test(tc, g27_a_parent_that_can_not_be_asked_is_an_error);
  return suite;
}
GST_CHECK_MAIN(sequences);
