// SPDX-License-Identifier: LGPL-2.1-or-later
// The writer over real stores in memory, wrapped where something has to go wrong.
#include "core/writer.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "backends/backends.h"
#include "core/codec.h"
#include "core/inflight.h"
#include "core/names.h"
#include "core/pack.h"
#include "core/record_codec.h"
#include "store/registry.h"
#include "support/check.h"
#include "support/fake_frame.h"
#include "support/faulty_frame_store.h"
#include "support/faulty_metadata_store.h"
#include "support/gate.h"
#include "support/writer_place.h"

using namespace checkpoint;
using std::chrono::milliseconds;

GST_START_TEST(frames_come_to_lie_in_packs) {
  for (Codec codec : {Codec::kNone, Codec::kLz4, Codec::kZstd}) {
    if (!codec_available(codec)) continue;
    for (bool mapped : {true, false}) {
      Place place;
      News news;
      WriterOptions options = small_packs();
      options.codec = codec;
      WriterStats stats;
      save(place, "decode", 20, options, news, &stats, mapped);
      auto all = place.list(false);
      ck_assert_int_eq(all.size(), 1);
      ck_assert(all[0].state == CheckpointState::kComplete);
      ck_assert_int_eq(all[0].frames, 20);
      ck_assert(all[0].first_time == 0 && all[0].end_time == 20000);
      place.check_frames(all[0], 20);
      ck_assert(news.errors.empty() && news.commits.back().complete);
      ck_assert_int_eq(news.commits.back().frames, 20);
      ck_assert(stats.bytes_new == all[0].bytes_new && stats.frames_reused == 0);
      ck_assert(codec == Codec::kNone ? stats.bytes_new == 20 * frame_bytes(0).size()
                                      : stats.bytes_new < 20 * frame_bytes(0).size() / 2);
    }
  }
}
GST_END_TEST

GST_START_TEST(every_commit_describes_itself) {
  Place place;
  News news;
  save(place, "decode", 10, small_packs(), news);
  Cancellation cancel;
  std::set<uint64_t> frames;  // packs are put side by side, so in any order
  uint64_t closes = 0;
  for (const std::string &name : place.frames->put_names()) {
    auto info = place.stores->frames->stat(name, cancel);
    ck_assert(info.is_ok());
    Bytes object(info->size);
    ck_assert(place.stores->frames->get(name, 0, object, cancel).is_ok());
    auto footer = parse_pack_footer(ByteView(object).last(kPackFooterSize), object.size());
    ck_assert(footer.is_ok());
    bool first = true;
    Status parsed = parse_records(
        ByteView(object).subspan(footer->records_offset, footer->records_length),
        [&](Record &&record, RecordSpan) {
          if (first) {
            const auto &head = std::get<CheckpointRecord>(record);
            ck_assert(head.fields.stage == "decode" && head.fields.job_id == "street");
            ck_assert(head.version == 1);
          }
          first = false;
          if (auto *frame = std::get_if<FrameRecord>(&record)) {
            frames.insert(frame->row.index);
          }
          if (auto *commit = std::get_if<CommitRecord>(&record)) closes += commit->complete;
          return Status::ok();
        });
    ck_assert(parsed.is_ok());
  }
  ck_assert_int_eq(frames.size(), 10);
  ck_assert_int_eq(closes, 1);
}
GST_END_TEST

GST_START_TEST(g15_a_second_stage_stores_no_pixel_again) {
  Place place;
  News first, second;
  WriterStats stats;
  save(place, "decode", 50, small_packs(), first);
  uint64_t before = place.frames->bytes_put();
  save(place, "detect", 50, small_packs(), second, &stats);
  ck_assert_int_eq(stats.bytes_new, 0);
  ck_assert_int_eq(stats.frames_reused, 50);
  // Records only, in one small pack.
  ck_assert(place.frames->bytes_put() - before < 50 * 400);
  for (const CheckpointRow &row : place.list(false)) place.check_frames(row, 50);
}
GST_END_TEST

// Somebody removed a pack, or a disk cut it off: what is stored now does not rely on it.
GST_START_TEST(g11_a_pack_that_is_lost_is_stored_again_and_told) {
  enum { kGone, kShort, kPlain, kPlainLater, kCases };
  for (int what = 0; what < kCases; what++) {
    Place place;
    Cancellation cancel;
    News first, second;
    WriterStats stats;
    WriterOptions options = small_packs();
    options.workers = 1;
    if (what >= kPlain) options.pack_size = 0;
    save(place, "decode", 9, options, first);
    // Of a plain pack each payload is an object of its own.
    const FrameRow frame = place.rows(place.list(false).at(0)).at(what == kPlainLater ? 5 : 0);
    const PackRow pack = place.stores->metadata->get_packs({&frame.payload.pack, 1}, cancel)->at(0);
    if (what == kShort)
      place.frames->shorten(pack.object, pack.size - 1);
    else
      ck_assert(
          place.stores->frames
              ->remove(pack.plain ? plain_object_name(pack.object, frame.payload) : pack.object,
                       cancel)
              .is_ok());
    place.frames->reset_counts();
    save(place, "detect", 9, options, second, &stats);
    ck_assert(stats.bytes_new > 0);
    ck_assert_int_eq(second.warnings.size(), 1);
    ck_assert_int_eq(second.warned(pack.object), 1);
    ck_assert(second.warnings[0].hint().find("gst-checkpoint-1.0 verify") != std::string::npos);
    for (const CheckpointRow &row : place.list(false))
      if (row.fields.stage == "detect") place.check_frames(row, 9);
    // The loss is mended: whoever comes next relies on what was stored again.
    News third;
    save(place, "track", 9, options, third, &stats);
    ck_assert_int_eq(stats.bytes_new, 0);
    ck_assert(third.warnings.empty());
    for (const CheckpointRow &row : place.list(false))
      if (row.fields.stage == "track") place.check_frames(row, 9);
  }
}
GST_END_TEST

GST_START_TEST(g15_each_pack_that_is_reused_is_looked_at_once) {
  Place place;
  News first, second;
  WriterStats stats;
  WriterOptions options = small_packs();
  options.workers = 1;
  save(place, "decode", 30, options, first);
  std::set<PackKey> packs;
  for (const FrameRow &frame : place.rows(place.list(false).at(0)))
    packs.insert(frame.payload.pack);
  place.frames->reset_counts();
  save(place, "detect", 30, options, second, &stats);
  ck_assert(packs.size() > 5 && stats.bytes_new == 0);
  ck_assert_int_eq(place.frames->calls("stat"), packs.size());
}
GST_END_TEST

GST_START_TEST(g11_a_pack_that_can_not_be_looked_at_is_not_taken_for_lost) {
  for (Code code : {Code::kUnavailable, Code::kPermissionDenied}) {
    Place place;
    News first, second;
    WriterStats stats;
    save(place, "decode", 9, small_packs(), first);
    Status why(code, "not now");
    if (code == Code::kUnavailable) why.set_retryable();
    place.frames->fail_next("stat", why);
    save(place, "detect", 9, small_packs(), second, &stats);
    ck_assert(stats.bytes_new == 0 && second.warned("damaged") == 0);
    for (const CheckpointRow &row : place.list(false)) place.check_frames(row, 9);
  }
}
GST_END_TEST

GST_START_TEST(g15_two_writers_at_once_store_a_frame_once) {
  for (int round = 0; round < 20; round++) {
    Place place;
    News news_a, news_b;
    WriterStats stats_a, stats_b;
    std::thread a([&] { save(place, "a", 60, small_packs(), news_a, &stats_a); });
    std::thread b([&] { save(place, "b", 60, small_packs(), news_b, &stats_b); });
    a.join();
    b.join();
    ck_assert_int_eq(stats_a.bytes_new + stats_b.bytes_new, 60 * frame_bytes(0).size());
    ck_assert_int_eq(stats_a.frames_reused + stats_b.frames_reused, 60);
    for (const CheckpointRow &row : place.list(false)) place.check_frames(row, 60);
  }
}
GST_END_TEST

GST_START_TEST(g16_an_empty_checkpoint_is_legal) {
  Place place;
  News news;
  save(place, "decode", 0, small_packs(), news);
  auto all = place.list(false);
  ck_assert_int_eq(all.size(), 1);
  ck_assert(all[0].state == CheckpointState::kComplete && all[0].frames == 0);
}
GST_END_TEST

GST_START_TEST(g17_saving_again_makes_the_next_version) {
  Place place;
  News news;
  save(place, "decode", 5, small_packs(), news);
  save(place, "decode", 7, small_packs(), news);
  auto all = place.list(false);
  ck_assert_int_eq(all.size(), 2);
  for (const CheckpointRow &row : all) place.check_frames(row, row.version == 1 ? 5 : 7);
}
GST_END_TEST

GST_START_TEST(plain_objects_are_the_frames_themselves) {
  Place place;
  News news;
  WriterOptions options = small_packs();
  options.pack_size = 0;
  save(place, "decode", 8, options, news);
  auto all = place.list(false);
  place.check_frames(all[0], 8);
  int raw = 0;
  for (const std::string &name : place.frames->put_names()) raw += name.ends_with(".raw");
  ck_assert_int_eq(raw, 8);
}
GST_END_TEST

GST_START_TEST(time_makes_a_pack_full_too) {
  Place place;
  auto news = std::make_shared<News>();
  WriterOptions options;
  options.commit_interval = milliseconds(1);
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  news->wait_for_commits(1);
  ck_assert_int_eq(news->commits[0].frames, 1);
  ck_assert(!news->commits[0].complete);
  place.check_frames(place.list(true)[0], 1);
}
GST_END_TEST

GST_START_TEST(g03_a_put_that_fails_makes_nothing_visible) {
  Place place;
  auto news = std::make_shared<News>();
  std::atomic<int> puts{0};
  place.frames->before("put", [&](const FrameStoreCall &, Cancellation &) {
    return ++puts == 3 ? Status(Code::kNoSpace, "disk full") : Status::ok();
  });
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  Status status;
  for (int i = 0; i < 1000 && status.is_ok(); i++) status = push(writer, i);
  ck_assert(status.is(Code::kNoSpace) || status.is_ok());
  ck_assert(writer.finish({}, kPatience).is(Code::kNoSpace));
  news->wait_for_error();
  ck_assert_int_eq(news->errors.size(), 1);
  writer.stop(kPatience);
  ck_assert(place.list(false).empty());
  auto all = place.list(true);
  ck_assert_int_eq(all.size(), 1);
  ck_assert(all[0].state == CheckpointState::kPartial);
  ck_assert(all[0].reason.find("disk full") != std::string::npos);
  place.check_frames(all[0], all[0].frames);
  // Two packs of four came before it, and one may have overtaken it.
  ck_assert_int_le(all[0].frames, 12);
}
GST_END_TEST

GST_START_TEST(a_pack_that_is_stored_stays_stored) {
  auto shared = InflightPayloads::of(Uuid::random(), Uuid::random());
  OpenPack pack;
  shared->set_done(pack, Status::ok(), 7, 100, {});
  shared->set_done(pack, Status(Code::kNoSpace, "what came after it failed"), 7, 0, {});
  ck_assert(shared->state(pack) == OpenPack::State::kDurable);
  ck_assert_int_eq(pack.size, 100);
}
GST_END_TEST

GST_START_TEST(g07_a_slow_store_makes_the_stream_wait) {
  Place place;
  auto news = std::make_shared<News>();
  Gate gate;
  place.frames->before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  WriterOptions options = small_packs();
  options.max_buffers = 4;
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  std::atomic<int> alive{0}, pushed{0};
  std::thread stream([&] {
    for (int i = 0; i < 100; i++) {
      Status status = push(writer, i, true, &alive);
      while (status.is(Code::kCancelled)) ck_abort_msg("nobody interrupted");
      ck_assert(status.is_ok());
      pushed++;
      ck_assert_int_le(writer.stats().queued_frames, 4);
    }
  });
  gate.wait_for_arrivals(2);
  gate.open();
  stream.join();
  ck_assert(writer.finish({}, kPatience).is_ok());
  ck_assert_int_eq(alive, 0);
  ck_assert_int_eq(writer.stats().frames_dropped, 0);
  place.check_frames(place.list(false)[0], 100);
}
GST_END_TEST

// Also where no pixel is new: what hangs on frames is as much memory.
GST_START_TEST(g07_large_metas_do_not_wait_for_a_commit) {
  Place place;
  auto news = std::make_shared<News>();
  WriterOptions options = small_packs();
  options.pack_size = 16 << 20;
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (uint64_t n = 0; n < 40; n++) {
    auto frame = std::make_unique<FakeFrame>(frame_bytes(0));
    frame->meta_values = {{"mask", Bytes(1 << 20, static_cast<std::byte>(n))}};
    std::unique_ptr<FrameInput> input = std::move(frame);
    ck_assert(writer.push(input, {}, {}).is_ok());
  }
  ck_assert(writer.finish({}, kPatience).is_ok());
  const WriterStats stats = writer.stats();
  ck_assert_uint_ge(stats.commits, 4);
  ck_assert_uint_eq(stats.frames_stored, 40);
  ck_assert_uint_ge(stats.bytes_put, 40u << 20);
}
GST_END_TEST

GST_START_TEST(g07_leaky_counts_every_drop_and_warns_once) {
  for (Leaky leaky : {Leaky::kUpstream, Leaky::kDownstream}) {
    Place place;
    auto news = std::make_shared<News>();
    Gate gate;
    place.frames->before(
        "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
    WriterOptions options = small_packs();
    options.max_buffers = 4;
    options.leaky = leaky;
    CheckpointWriter writer(place.opener(), options, news);
    ck_assert(writer.begin(fields("decode"), false).is_ok());
    for (int i = 0; i < 200; i++) ck_assert(push(writer, i).is_ok());
    gate.open();
    ck_assert(writer.finish({}, kPatience).is_ok());
    WriterStats stats = writer.stats();
    ck_assert(stats.frames_dropped > 0);
    ck_assert_int_eq(stats.frames_stored + stats.frames_dropped, 200);
    ck_assert_int_eq(news->warnings.size(), 1);
    auto rows = place.rows(place.list(false)[0]);
    ck_assert_int_eq(rows.size(), stats.frames_stored);
    for (size_t i = 0; i < rows.size(); i++) {
      // Dense indexes; the sequence tells which frames they were.
      ck_assert(rows[i].index == i && rows[i].pts == rows[i].sequence * 1000);
      ck_assert(place.payload(rows[i].payload) == frame_bytes(rows[i].sequence));
    }
    if (leaky == Leaky::kDownstream) ck_assert(rows.back().sequence == 199);
  }
}
GST_END_TEST

namespace {

// As a buffer whose last reference frees something that looks at the element.
class NosyFrame : public FakeFrame {
 public:
  NosyFrame(CheckpointWriter &writer, std::string bytes)
      : FakeFrame(std::move(bytes)), writer_(writer) {}
  ~NosyFrame() override { static_cast<void>(writer_.stats()); }

 private:
  CheckpointWriter &writer_;
};

}  // namespace

GST_START_TEST(g07_a_flush_does_not_wait_for_what_was_dropped) {
  Place place;
  auto news = std::make_shared<News>();
  Gate gate;
  place.metadata->before("find_payloads", [&](Cancellation &cancel) { return gate.pass(cancel); });
  WriterOptions options = small_packs();
  options.workers = 1;
  options.max_bytes = 10000;
  options.leaky = Leaky::kDownstream;
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  const auto push_nosy = [&](uint64_t n, size_t size) {
    std::unique_ptr<FrameInput> frame = std::make_unique<NosyFrame>(writer, frame_bytes(n, size));
    ck_assert(writer.push(frame, {}, {}).is_ok());
  };
  push_nosy(0, 3000);
  gate.wait_for_arrivals();
  push_nosy(1, 3000);
  push_nosy(2, 3000);
  ck_assert(writer.flush(7));
  // Too large for what is left beside the one that is under way: all others go, and it too.
  push_nosy(3, 9000);
  ck_assert_uint_eq(writer.stats().frames_dropped, 3);
  gate.open();
  news->wait_for_token(7);
  ck_assert_uint_eq(news->commits.back().frames, 1);
}
GST_END_TEST

GST_START_TEST(g08_a_buffer_is_let_go_before_the_next_is_waited_for) {
  Place place;
  auto news = std::make_shared<News>();
  std::atomic<int> alive{0};
  CheckpointWriter writer(place.opener(), WriterOptions{}, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  // A pool of one: the next frame comes only when the last was let go, and no pack ever gets full.
  for (int i = 0; i < 10; i++) {
    ck_assert(push(writer, i, true, &alive).is_ok());
    while (alive != 0) std::this_thread::yield();
  }
  ck_assert(writer.finish({}, kPatience).is_ok());
  place.check_frames(place.list(false)[0], 10);
}
GST_END_TEST

GST_START_TEST(g28_an_interrupted_wait_loses_nothing) {
  Place place;
  auto news = std::make_shared<News>();
  Gate gate;
  place.frames->before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  WriterOptions options = small_packs();
  options.max_buffers = 2;
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  std::atomic<int> interruptions{0};
  std::thread stream([&] {
    for (int i = 0; i < 60; i++) {
      std::unique_ptr<FrameInput> frame = std::make_unique<FakeFrame>(frame_bytes(i));
      FrameTiming timing;
      timing.pts = timing.stream_time = i * 1000;
      for (;;) {
        Status status = writer.push(frame, timing, {});
        if (status.is_ok()) break;
        ck_assert(status.is(Code::kCancelled) && frame);
        interruptions++;
        writer.resume();
        gate.open();
      }
    }
    Status end = writer.finish({}, kPatience);
    while (end.is(Code::kCancelled)) {
      writer.resume();
      end = writer.finish({}, kPatience);
    }
    ck_assert(end.is_ok());
  });
  gate.wait_for_arrivals(1);
  while (interruptions == 0) {
    writer.interrupt();
    std::this_thread::yield();
  }
  stream.join();
  place.check_frames(place.list(false)[0], 60);
}
GST_END_TEST

static Suite *writer_suite() {
  Suite *suite = suite_create("writer");
  TCase *tc = tcase_create("writer");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, frames_come_to_lie_in_packs);
  tcase_add_test(tc, every_commit_describes_itself);
  tcase_add_test(tc, g15_a_second_stage_stores_no_pixel_again);
  tcase_add_test(tc, g11_a_pack_that_is_lost_is_stored_again_and_told);
  tcase_add_test(tc, g15_each_pack_that_is_reused_is_looked_at_once);
  tcase_add_test(tc, g11_a_pack_that_can_not_be_looked_at_is_not_taken_for_lost);
  tcase_add_test(tc, g15_two_writers_at_once_store_a_frame_once);
  tcase_add_test(tc, g16_an_empty_checkpoint_is_legal);
  tcase_add_test(tc, g17_saving_again_makes_the_next_version);
  tcase_add_test(tc, plain_objects_are_the_frames_themselves);
  tcase_add_test(tc, time_makes_a_pack_full_too);
  tcase_add_test(tc, g03_a_put_that_fails_makes_nothing_visible);
  tcase_add_test(tc, a_pack_that_is_stored_stays_stored);
  tcase_add_test(tc, g07_a_slow_store_makes_the_stream_wait);
  tcase_add_test(tc, g07_large_metas_do_not_wait_for_a_commit);
  tcase_add_test(tc, g07_leaky_counts_every_drop_and_warns_once);
  tcase_add_test(tc, g07_a_flush_does_not_wait_for_what_was_dropped);
  tcase_add_test(tc, g08_a_buffer_is_let_go_before_the_next_is_waited_for);
  tcase_add_test(tc, g28_an_interrupted_wait_loses_nothing);
  return suite;
}
GST_CHECK_MAIN(writer);
