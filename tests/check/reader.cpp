// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading a checkpoint back: order, bytes, bounds, and what is said when something is wrong.
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/codec.h"
#include "core/read_plan.h"
#include "core/reader.h"
#include "support/checkpoint_maker.h"
#include "support/faulty_frame_store.h"
#include "support/faulty_metadata_store.h"
#include "support/gate.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

constexpr uint64_t kFrameTime = 40'000'000;

// Lies about rows as a test tells it to.
class EditedMetadataStore : public FaultyMetadataStore {
 public:
  using FaultyMetadataStore::FaultyMetadataStore;
  std::function<void(FrameRow &)> edit;
  Result<std::vector<FrameRow>> read_frames(const FramePage &page, Cancellation &cancel) override {
    auto rows = FaultyMetadataStore::read_frames(page, cancel);
    if (rows.is_ok() && edit)
      for (FrameRow &row : *rows) edit(row);
    return rows;
  }
};

struct Fixture {
  std::shared_ptr<FaultyFrameStore> frames;
  std::shared_ptr<EditedMetadataStore> metadata;
  std::shared_ptr<Stores> stores;
  Cancellation cancel;

  Fixture() {
    stores = memory_stores(
        [this](std::shared_ptr<FrameStore> inner) {
          return frames = std::make_shared<FaultyFrameStore>(std::move(inner));
        },
        [this](std::shared_ptr<MetadataStore> inner) {
          return metadata = std::make_shared<EditedMetadataStore>(std::move(inner));
        });
  }
};

MadeFrame frame_at(uint64_t index, size_t bytes) {
  MadeFrame frame;
  frame.payload = made_payload(index, bytes);
  frame.pts = frame.stream_time = index * kFrameTime;
  frame.duration = kFrameTime;
  return frame;
}

MetaBlob meta_of(uint64_t index) { return {"roi", made_payload(index + 1000, 40)}; }

CheckpointRow simple(Fixture &f, uint64_t count, size_t bytes, uint64_t per_pack = kNone,
                     bool metas = false, std::vector<std::string> *packs = nullptr,
                     std::vector<FrameRow> *rows = nullptr) {
  CheckpointMaker maker(f.stores, "job", "stage");
  maker.add_caps("video/x-raw");
  for (uint64_t i = 0; i < count; i++) {
    MadeFrame frame = frame_at(i, bytes);
    if (metas) frame.metas = {meta_of(i)};
    maker.add_frame(frame);
    if (per_pack != kNone && (i + 1) % per_pack == 0 && i + 1 < count) maker.commit();
  }
  CheckpointRow row = maker.complete();
  if (packs) *packs = maker.packs();
  if (rows) *rows = maker.rows();
  return row;
}

ByteView payload_of(const ReplayFrame &frame) {
  return frame.chunk ? ByteView(frame.chunk->view()).subspan(frame.offset, frame.size) : ByteView();
}

bool same_bytes(ByteView a, const Bytes &b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

ReplayFrame must_be_frame(Result<ReplayItem> item) {
  if (!item.is_ok()) ck_abort_msg("%s", item.status().to_string().c_str());
  ck_assert(std::holds_alternative<ReplayFrame>(*item));
  return std::get<ReplayFrame>(std::move(*item));
}

void must_be_end(const Result<ReplayItem> &item) {
  if (!item.is_ok()) ck_abort_msg("%s", item.status().to_string().c_str());
  ck_assert(std::holds_alternative<ReplayEnd>(*item));
}

// Reads to the end, skipping frames that fail; their indexes and failures.
std::vector<std::pair<uint64_t, Status>> read_all(CheckpointReader &reader, Cancellation &cancel,
                                                  uint64_t *good, size_t bytes) {
  std::vector<std::pair<uint64_t, Status>> failed;
  uint64_t expected = 0;
  *good = 0;
  reader.seek({});
  for (;;) {
    auto item = reader.next(cancel);
    if (!item.is_ok()) {
      ck_assert_uint_eq(reader.failed().value().place, expected);
      failed.emplace_back(expected, item.status());
      // It stays so until a seek.
      ck_assert(!reader.next(cancel).is_ok());
      ReplayRange range;
      range.first = ++expected;
      reader.seek(range);
      continue;
    }
    if (std::holds_alternative<ReplayEnd>(*item)) return failed;
    auto &frame = std::get<ReplayFrame>(*item);
    ck_assert_uint_eq(frame.row.index, expected);
    ck_assert(same_bytes(payload_of(frame), made_payload(expected, bytes)));
    expected++;
    (*good)++;
  }
}

}  // namespace

GST_START_TEST(reader_gives_back_what_was_stored) {
  Fixture f;
  CheckpointMaker maker(f.stores, "job", "stage");
  maker.add_caps("a");
  maker.add_caps("b");
  std::vector<size_t> sizes;
  for (uint64_t i = 0; i < 150; i++) {
    // Sizes around the alignment, none at all, and some large ones.
    const size_t bytes = i % 10 == 7 ? 0 : i % 50 == 3 ? 3 << 20 : 60 + i % 9;
    sizes.push_back(bytes);
    MadeFrame frame = frame_at(i, bytes);
    frame.sequence = 10 * i;
    frame.codec = i % 3 == 1 && codec_available(Codec::kZstd)  ? Codec::kZstd
                  : i % 3 == 2 && codec_available(Codec::kLz4) ? Codec::kLz4
                                                               : Codec::kNone;
    frame.flags = static_cast<uint32_t>(i);
    frame.caps = i < 75 ? 0 : 1;
    if (i % 4 == 0) frame.metas = {meta_of(i), meta_of(i + 1)};
    if (i % 25 == 0) maker.add_event("tag", made_payload(i, 5));
    maker.add_frame(frame);
    if (i % 40 == 39) maker.commit();
  }
  maker.add_event("last", made_payload(1, 1));
  const CheckpointRow row = maker.complete();
  ck_assert_uint_eq(row.frames, 150);

  ReaderOptions options;
  options.page = 16;
  CheckpointReader reader(f.stores, row, options);
  auto caps = reader.caps(f.cancel);
  ck_assert(caps.is_ok());
  ck_assert_uint_eq(caps->size(), 2);
  for (uint64_t i = 0; i < 150; i++) {
    if (i % 25 == 0) {
      auto item = reader.next(f.cancel);
      ck_assert(item.is_ok() && std::holds_alternative<ReplayEvent>(*item));
      const EventRow &event = std::get<ReplayEvent>(*item).row;
      ck_assert_uint_eq(event.index, i);
      ck_assert(event.body == made_payload(i, 5));
    }
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert_uint_eq(frame.row.index, i);
    ck_assert_uint_eq(frame.row.sequence, 10 * i);
    ck_assert_uint_eq(frame.row.flags, i);
    ck_assert_uint_eq(frame.row.caps, i < 75 ? 0 : 1);
    ck_assert_uint_eq(frame.offset % 64, 0);
    ck_assert(same_bytes(payload_of(frame), made_payload(i, sizes[i])));
    if (i % 4 == 0) {
      ck_assert_uint_eq(frame.metas.size(), 2);
      ck_assert(frame.metas[0] == meta_of(i) && frame.metas[1] == meta_of(i + 1));
    } else {
      ck_assert(frame.metas.empty());
    }
  }
  auto last = reader.next(f.cancel);
  ck_assert(last.is_ok() && std::holds_alternative<ReplayEvent>(*last));
  ck_assert_uint_eq(std::get<ReplayEvent>(*last).row.index, 150);
  must_be_end(reader.next(f.cancel));
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(reader_ranges_and_reverse) {
  Fixture f;
  const CheckpointRow row = simple(f, 50, 100, 7, true);
  ReaderOptions options;
  options.page = 4;
  CheckpointReader reader(f.stores, row, options);
  const auto expect = [&](const ReplayRange &range, std::vector<uint64_t> indexes) {
    reader.seek(range);
    for (uint64_t index : indexes) {
      ReplayFrame frame = must_be_frame(reader.next(f.cancel));
      ck_assert_uint_eq(frame.row.index, index);
      ck_assert(same_bytes(payload_of(frame), made_payload(index, 100)));
      ck_assert(frame.metas.size() == 1 && frame.metas[0] == meta_of(index));
    }
    must_be_end(reader.next(f.cancel));
  };
  expect({47, kNone, false, true}, {47, 48, 49});
  expect({3, 6, false, true}, {3, 4, 5});
  expect({6, 6, false, true}, {});
  expect({50, kNone, false, true}, {});
  expect({900, kNone, false, true}, {});
  expect({3, kNone, true, true}, {3, 2, 1, 0});
  expect({900, 46, true, true}, {49, 48, 47, 46});
  expect({3, 4, true, true}, {});
  std::vector<uint64_t> down;
  for (uint64_t i = 50; i-- > 0;) down.push_back(i);
  expect({49, kNone, true, true}, down);
  // A seek in the middle of reading ahead.
  for (uint64_t i = 0; i < 50; i++) {
    ReplayRange range;
    range.first = (i * 7) % 50;
    reader.seek(range);
    ck_assert_uint_eq(must_be_frame(reader.next(f.cancel)).row.index, range.first);
  }
}
GST_END_TEST

GST_START_TEST(reader_many_events_before_one_frame) {
  Fixture f;
  CheckpointMaker maker(f.stores, "job", "stage");
  for (uint64_t i = 0; i < 3; i++) {
    for (uint64_t e = 0; e < 100; e++) maker.add_event("tag", made_payload(100 * i + e, 8));
    maker.add_frame(frame_at(i, 10));
  }
  const CheckpointRow row = maker.complete();
  ReaderOptions options;
  options.page = 2;
  CheckpointReader reader(f.stores, row, options);
  for (uint64_t i = 0; i < 3; i++) {
    for (uint64_t e = 0; e < 100; e++) {
      auto item = reader.next(f.cancel);
      ck_assert(item.is_ok() && std::holds_alternative<ReplayEvent>(*item));
      const EventRow &event = std::get<ReplayEvent>(*item).row;
      ck_assert_uint_eq(event.ordinal, e);
      ck_assert(event.body == made_payload(100 * i + e, 8));
    }
    ck_assert_uint_eq(must_be_frame(reader.next(f.cancel)).row.index, i);
  }
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(reader_an_empty_checkpoint_is_empty) {
  Fixture f;
  const CheckpointRow row = simple(f, 0, 0);
  CheckpointReader reader(f.stores, row, {});
  must_be_end(reader.next(f.cancel));
  ReplayRange back;
  back.reverse = true;
  reader.seek(back);
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(reader_frames_side_by_side_come_in_one_get) {
  Fixture f;
  const CheckpointRow row = simple(f, 256, 10'000, kNone, true);
  f.frames->reset_counts();
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t i = 0; i < 256; i++) must_be_frame(reader.next(f.cancel));
  must_be_end(reader.next(f.cancel));
  // 1, 2, 4, … 64 frames at a time: 9 runs, and records apart.
  ck_assert_uint_le(f.frames->calls("get"), 2 * 10);
  ck_assert_uint_eq(reader.stats().gets, f.frames->calls("get"));
  ck_assert_uint_ge(reader.stats().bytes, 256 * 10'000);
}
GST_END_TEST

GST_START_TEST(reader_a_repeated_picture_has_memory_of_its_own) {
  Fixture f;
  CheckpointMaker maker(f.stores, "job", "stage");
  maker.add_frame(frame_at(0, 1000));
  for (uint64_t i = 1; i < 20; i++) maker.add_repeat(frame_at(i, 0), 0);
  const CheckpointRow row = maker.complete();
  CheckpointReader reader(f.stores, row, {});
  std::set<const std::byte *> places;
  std::vector<ReplayFrame> kept;
  for (uint64_t i = 0; i < 20; i++) {
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert(same_bytes(payload_of(frame), made_payload(0, 1000)));
    ck_assert(places.insert(payload_of(frame).data()).second);
    kept.push_back(std::move(frame));
  }
}
GST_END_TEST

GST_START_TEST(reader_plain_objects) {
  Fixture f;
  CheckpointMaker maker(f.stores, "job", "stage", {}, true);
  for (uint64_t i = 0; i < 10; i++) {
    MadeFrame frame = frame_at(i, 500);
    frame.content = i % 2 ? Content::kJpeg : Content::kPng;
    frame.metas = {meta_of(i)};
    maker.add_frame(frame);
  }
  const CheckpointRow row = maker.complete();
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t i = 0; i < 10; i++) {
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert(same_bytes(payload_of(frame), made_payload(i, 500)));
    ck_assert(frame.metas.size() == 1 && frame.metas[0] == meta_of(i));
  }
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(g07_read_ahead_stays_in_its_bound) {
  Fixture f;
  constexpr size_t kBytes = 10'048;  // a multiple of the alignment: nothing is read between
  const CheckpointRow row = simple(f, 200, kBytes);
  for (uint64_t bound : {uint64_t{1}, uint64_t{3 * kBytes}, uint64_t{50 * kBytes}}) {
    std::atomic<uint64_t> held{0}, most{0};
    f.frames->before("get", [&](const FrameStoreCall &call, Cancellation &) {
      const uint64_t now = held += call.size;
      for (uint64_t m = most; m < now && !most.compare_exchange_weak(m, now);) {
      }
      return Status::ok();
    });
    ReaderOptions options;
    options.read_ahead = bound;
    CheckpointReader reader(f.stores, row, options);
    for (uint64_t i = 0; i < 200; i++) {
      // Handed out in this call, perhaps when the next get begins already.
      held -= kBytes;
      if (i == 0) held += kBytes;
      ReplayFrame frame = must_be_frame(reader.next(f.cancel));
      ck_assert_uint_eq(frame.row.index, i);
    }
    ck_assert_uint_le(most, std::max(bound, uint64_t{kBytes}) + kBytes);
    f.frames->before("get", {});
  }
}
GST_END_TEST

GST_START_TEST(g09_a_flipped_byte_is_named_and_the_others_load) {
  Fixture f;
  std::vector<std::string> packs;
  std::vector<FrameRow> rows;
  const CheckpointRow row = simple(f, 60, 5000, 20, false, &packs, &rows);
  const std::set<uint64_t> broken = {0, 25, 26, 59};
  for (uint64_t index : broken)
    f.frames->flip_byte(packs[index / 20], rows[index].payload.offset + 4999);
  CheckpointReader reader(f.stores, row, {});
  uint64_t good;
  auto failed = read_all(reader, f.cancel, &good, 5000);
  ck_assert_uint_eq(good, 56);
  ck_assert_uint_eq(failed.size(), broken.size());
  for (auto &[index, status] : failed) {
    ck_assert(broken.count(index));
    ck_assert(status.is(Code::kCorrupt));
    const std::string expected = "checkpoint " + row.id.to_string() + ", sequence " +
                                 std::to_string(index) + ", pack " + packs[index / 20] +
                                 ", offset " + std::to_string(rows[index].payload.offset) + ": ";
    if (!status.message().starts_with(expected))
      ck_abort_msg("%s\nis not\n%s", status.message().c_str(), expected.c_str());
  }
}
GST_END_TEST

GST_START_TEST(g09_a_flipped_byte_in_a_record) {
  Fixture f;
  std::vector<std::string> packs;
  std::vector<FrameRow> rows;
  const CheckpointRow row = simple(f, 30, 100, kNone, true, &packs, &rows);
  f.frames->flip_byte(packs[0], rows[17].record.offset + rows[17].record.length - 1);
  CheckpointReader reader(f.stores, row, {});
  uint64_t good;
  auto failed = read_all(reader, f.cancel, &good, 100);
  ck_assert_uint_eq(good, 29);
  ck_assert_uint_eq(failed.size(), 1);
  ck_assert_uint_eq(failed[0].first, 17);
  ck_assert(failed[0].second.is(Code::kCorrupt));
  ck_assert(failed[0].second.message().find("sequence 17") != std::string::npos);
  ck_assert(failed[0].second.message().find("(record)") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g09_a_compressed_payload_that_lies) {
  if (!codec_available(Codec::kZstd)) return;
  Fixture f;
  CheckpointMaker maker(f.stores, "job", "stage");
  for (uint64_t i = 0; i < 10; i++) {
    MadeFrame frame = frame_at(i, 4000);
    frame.codec = Codec::kZstd;
    maker.add_frame(frame);
  }
  const CheckpointRow row = maker.complete();
  // The checksum is right, but what comes out is not as long as the row says.
  f.metadata->edit = [](FrameRow &r) {
    if (r.index == 4) r.payload.raw_length = 4001;
    if (r.index == 6) r.payload.raw_length = 3999;
  };
  CheckpointReader reader(f.stores, row, {});
  uint64_t good;
  auto failed = read_all(reader, f.cancel, &good, 4000);
  ck_assert_uint_eq(good, 8);
  ck_assert_uint_eq(failed.size(), 2);
  for (auto &[index, status] : failed) ck_assert(status.is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(g10_a_short_read_is_tried_again) {
  Fixture f;
  const CheckpointRow row = simple(f, 20, 3000, kNone, true);
  uint64_t good;
  {
    f.frames->fail_next("get", Status(Code::kTruncated, "cut"), 1);
    CheckpointReader reader(f.stores, row, {});
    ck_assert(read_all(reader, f.cancel, &good, 3000).empty());
    ck_assert_uint_eq(good, 20);
  }
  {
    // Wrong bytes once, in the middle of a long get.
    std::atomic<bool> done{false};
    f.frames->on_data([&](const FrameStoreCall &call, MutableByteView bytes) {
      if (bytes.size() > 10'000 && !done.exchange(true)) bytes[5000] ^= std::byte{1};
    });
    CheckpointReader reader(f.stores, row, {});
    ck_assert(read_all(reader, f.cancel, &good, 3000).empty());
    ck_assert_uint_eq(good, 20);
    ck_assert(done);
    f.frames->on_data({});
  }
}
GST_END_TEST

GST_START_TEST(g10_an_object_cut_short) {
  Fixture f;
  std::vector<std::string> packs;
  std::vector<FrameRow> rows;
  const CheckpointRow row = simple(f, 20, 3000, kNone, false, &packs, &rows);
  // In the middle of frame 12: those before it are whole.
  f.frames->shorten(packs[0], rows[12].payload.offset + 1500);
  f.frames->reset_counts();
  CheckpointReader reader(f.stores, row, {});
  uint64_t good;
  auto failed = read_all(reader, f.cancel, &good, 3000);
  ck_assert_uint_eq(good, 12);
  ck_assert_uint_eq(failed.size(), 8);
  for (auto &[index, status] : failed) {
    ck_assert_uint_ge(index, 12);
    ck_assert(status.is(Code::kCorrupt));
    ck_assert(status.message().find(packs[0]) != std::string::npos);
  }
}
GST_END_TEST

GST_START_TEST(g11_missing_and_not_reachable_differ) {
  Fixture f;
  std::vector<std::string> packs;
  const CheckpointRow row = simple(f, 20, 3000, 10, true, &packs);
  uint64_t good;
  {
    ck_assert(f.frames->remove(packs[1], f.cancel).is_ok());
    CheckpointReader reader(f.stores, row, {});
    auto failed = read_all(reader, f.cancel, &good, 3000);
    ck_assert_uint_eq(good, 10);
    ck_assert_uint_eq(failed.size(), 10);
    for (auto &[index, status] : failed) ck_assert(status.is(Code::kMissing));
  }
  {
    f.frames->set_down(true);
    CheckpointReader reader(f.stores, row, {});
    auto item = reader.next(f.cancel);
    ck_assert(item.status().is(Code::kUnavailable));
    f.frames->set_down(false);
  }
  {
    // The same objects are gone, and so is the marker: a disk that is not mounted.
    std::vector<std::string> all;
    ck_assert(f.frames
                  ->list(
                      "",
                      [&](const ObjectInfo &object) {
                        all.push_back(object.name);
                        return true;
                      },
                      f.cancel)
                  .is_ok());
    for (auto &name : all) ck_assert(f.frames->remove(name, f.cancel).is_ok());
    f.frames->before("read_marker", [](const FrameStoreCall &, Cancellation &) {
      return Status(Code::kMissing, "no marker");
    });
    CheckpointReader reader(f.stores, row, {});
    auto item = reader.next(f.cancel);
    ck_assert(item.status().is(Code::kUnavailable));
  }
  {
    f.metadata->fail_next("read_frames", Status(Code::kUnavailable, "no such host"));
    CheckpointReader reader(f.stores, row, {});
    ck_assert(reader.next(f.cancel).status().is(Code::kUnavailable));
  }
}
GST_END_TEST

GST_START_TEST(g24_rows_that_are_gone_are_an_error) {
  Fixture f;
  CheckpointRow row = simple(f, 5, 100);
  row.frames = 9;
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t i = 0; i < 5; i++) must_be_frame(reader.next(f.cancel));
  auto item = reader.next(f.cancel);
  ck_assert(item.status().is(Code::kCorrupt));
  ck_assert(!reader.failed());

  row.id = Uuid::random();  // no longer known to the store
  CheckpointReader deleted(f.stores, row, {});
  for (uint64_t i = 0; i < 5; i++) must_be_frame(deleted.next(f.cancel));
  ck_assert(deleted.next(f.cancel).status().is(Code::kExpired));
}
GST_END_TEST

GST_START_TEST(g25_the_first_frame_needs_two_gets) {
  Fixture f;
  const CheckpointRow row = simple(f, 300, 2000, 100, true);
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t index : {0, 1, 99, 100, 299, 150}) {
    // Whoever comes third waits for ever: the frame has to come without it.
    auto gate = std::make_shared<Gate>();  // outlives the workers that wait in it
    auto gets = std::make_shared<std::atomic<int>>(0);
    f.frames->before("get", [gate, gets](const FrameStoreCall &, Cancellation &cancel) {
      return ++*gets > 2 ? gate->pass(cancel) : Status::ok();
    });
    const auto at =
        f.stores->metadata->find_frame_at(row.key, index * kFrameTime + kFrameTime / 2, f.cancel);
    ck_assert(at.is_ok() && at->has_value());
    ReplayRange range;
    range.first = **at;
    reader.seek(range);
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert_uint_eq(frame.row.index, index);
    ck_assert(same_bytes(payload_of(frame), made_payload(index, 2000)));
    ck_assert_uint_eq(frame.metas.size(), 1);
    gate->open();
    reader.seek({0, 0, false, false});
    must_be_end(reader.next(f.cancel));
    f.frames->before("get", {});
  }
}
GST_END_TEST

GST_START_TEST(g26_the_first_frame_costs_the_same_at_any_length) {
  uint64_t rows[2], bytes[2];
  int n = 0;
  for (uint64_t length : {200, 100'000}) {
    Fixture f;
    CheckpointMaker maker(f.stores, "job", "stage");
    maker.add_event("segment", made_payload(0, 100));
    MadeFrame first = frame_at(0, 50'000);
    first.metas = {meta_of(0)};
    maker.add_frame(first);
    for (uint64_t i = 1; i < length; i++) maker.add_repeat(frame_at(i, 0), 0);
    const CheckpointRow row = maker.complete();
    ck_assert_uint_eq(row.frames, length);

    Gate gate;
    std::atomic<int> gets{0};
    f.frames->before("get", [&](const FrameStoreCall &, Cancellation &cancel) {
      return ++gets > 2 ? gate.pass(cancel) : Status::ok();
    });
    CheckpointReader reader(f.stores, row, {});
    ck_assert(std::holds_alternative<ReplayEvent>(*reader.next(f.cancel)));
    must_be_frame(reader.next(f.cancel));
    gate.wait_for_arrivals();
    rows[n] = reader.stats().rows;
    bytes[n] = reader.stats().bytes;
    n++;
  }
  ck_assert_uint_eq(rows[0], rows[1]);
  ck_assert_uint_eq(bytes[0], bytes[1]);
  ck_assert_uint_le(bytes[0], 51'000);
}
GST_END_TEST

GST_START_TEST(g28_interrupting_returns_while_the_store_is_blocked) {
  for (const char *call : {"get", "read_frames", "read_events", "get_packs"}) {
    Fixture f;
    const CheckpointRow row = simple(f, 20, 3000, kNone, true);
    Gate gate;
    if (std::string(call) == "get")
      f.frames->before(call, [&](const FrameStoreCall &, Cancellation &c) { return gate.pass(c); });
    else
      f.metadata->before(call, [&](Cancellation &c) { return gate.pass(c); });
    CheckpointReader reader(f.stores, row, {});
    Cancellation interrupt;
    std::thread other([&] {
      gate.wait_for_arrivals();
      interrupt.cancel();
    });
    ck_assert(reader.next(interrupt).status().is(Code::kCancelled));
    ck_assert(reader.next(interrupt).status().is(Code::kCancelled));
    other.join();
    // Nothing is lost by it.
    gate.open();
    for (uint64_t i = 0; i < 20; i++) {
      ReplayFrame frame = must_be_frame(reader.next(f.cancel));
      ck_assert_uint_eq(frame.row.index, i);
      ck_assert(same_bytes(payload_of(frame), made_payload(i, 3000)));
    }
    must_be_end(reader.next(f.cancel));
  }
}
GST_END_TEST

GST_START_TEST(g28_a_reader_goes_away_while_the_store_is_blocked) {
  Fixture f;
  const CheckpointRow row = simple(f, 20, 3000);
  Gate gate;
  f.frames->before("get", [&](const FrameStoreCall &, Cancellation &c) { return gate.pass(c); });
  {
    CheckpointReader reader(f.stores, row, {});
    reader.seek({});
    gate.wait_for_arrivals(1);
    // A seek drops what waits and begins anew.
    reader.seek({});
    gate.wait_for_arrivals(2);
  }
}
GST_END_TEST

GST_START_TEST(g34_rows_that_claim_too_much_are_refused_before_any_get) {
  struct Case {
    const char *what;
    std::function<void(FrameRow &)> edit;
  };
  const std::vector<Case> cases = {
      {"a petabyte", [](FrameRow &r) { r.payload.raw_length = r.payload.length = 1ull << 50; }},
      {"more than allowed", [](FrameRow &r) { r.payload.raw_length = (1ull << 30) + 1; }},
      {"an offset behind the pack", [](FrameRow &r) { r.payload.offset = 1ull << 40; }},
      {"an offset that wraps", [](FrameRow &r) { r.payload.offset = UINT64_MAX - 100; }},
      {"a length that wraps", [](FrameRow &r) { r.payload.length = UINT64_MAX; }},
      {"lengths that differ", [](FrameRow &r) { r.payload.raw_length++; }},
      {"no bytes at all", [](FrameRow &r) { r.payload.raw_length = 0; }},
      {"no stored bytes", [](FrameRow &r) { r.payload.length = 0; }},
      {"a codec of the future", [](FrameRow &r) { r.payload.codec = static_cast<Codec>(77); }},
      {"no such pack", [](FrameRow &r) { r.payload.pack = 999; }},
      {"a record that wraps", [](FrameRow &r) { r.record.length = UINT64_MAX; }},
      {"a record behind the pack", [](FrameRow &r) { r.record.offset = 1ull << 40; }},
      {"an empty record", [](FrameRow &r) { r.record.length = 0; }},
      {"no such pack of records", [](FrameRow &r) { r.record.pack = 999; }},
  };
  Fixture f;
  const CheckpointRow row = simple(f, 5, 300, kNone, true);
  for (const Case &c : cases) {
    f.metadata->edit = [&](FrameRow &r) {
      if (r.index == 2) c.edit(r);
    };
    std::atomic<uint64_t> largest{0};
    f.frames->before("get", [&](const FrameStoreCall &call, Cancellation &) {
      largest = std::max(largest.load(), call.size);
      return Status::ok();
    });
    CheckpointReader reader(f.stores, row, {});
    uint64_t good;
    auto failed = read_all(reader, f.cancel, &good, 300);
    if (good != 4 || failed.size() != 1) ck_abort_msg("%s: %d good", c.what, int(good));
    ck_assert_uint_eq(failed[0].first, 2);
    ck_assert(failed[0].second.is(Code::kCorrupt) || failed[0].second.is(Code::kUnsupported));
    ck_assert(failed[0].second.message().find("sequence 2") != std::string::npos);
    ck_assert_uint_le(largest, 10'000);
  }
}
GST_END_TEST

GST_START_TEST(reader_a_record_of_another_frame) {
  Fixture f;
  std::vector<FrameRow> rows;
  const CheckpointRow row = simple(f, 5, 300, kNone, true, nullptr, &rows);
  f.metadata->edit = [&](FrameRow &r) {
    if (r.index == 2) r.record = rows[3].record;
  };
  CheckpointReader reader(f.stores, row, {});
  uint64_t good;
  auto failed = read_all(reader, f.cancel, &good, 300);
  ck_assert_uint_eq(good, 4);
  ck_assert(failed[0].second.is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(plan_joins_what_lies_side_by_side) {
  std::vector<FrameRow> rows(6);
  const auto place = [&](size_t i, PackKey pack, uint64_t offset, uint64_t length) {
    rows[i].index = i;
    rows[i].payload.pack = pack;
    rows[i].payload.offset = offset;
    rows[i].payload.length = length;
  };
  place(0, 1, 1024, 1000);
  place(1, 1, 2048, 1000);            // next to it
  place(2, 1, 64 * 1024 + 3008, 64);  // a small gap
  place(3, 1, 1 << 20, 64);           // a large one
  place(4, 2, 2 << 20, 64);           // another pack
  place(5, 2, (2 << 20) + 96, 64);    // not aligned with the one before
  std::vector<PlannedFrame> run;
  for (auto &row : rows) run.push_back({&row, true, false, false});
  auto fetches = plan_fetches(run);
  ck_assert_uint_eq(fetches.size(), 4);
  ck_assert(fetches[0].frames == std::vector<size_t>({0, 1, 2}));
  ck_assert_uint_eq(fetches[0].offset, 1024);
  ck_assert_uint_eq(fetches[0].length, 64 * 1024 + 3008 + 64 - 1024);
  // Backwards is the same bytes.
  std::vector<PlannedFrame> back(run.rbegin(), run.rend());
  auto reverse = plan_fetches(back);
  ck_assert_uint_eq(reverse.size(), 4);
  ck_assert(reverse[3].frames == std::vector<size_t>({3, 4, 5}));
  ck_assert_uint_eq(reverse[3].offset, fetches[0].offset);
  ck_assert_uint_eq(reverse[3].length, fetches[0].length);
  // Never more than the bound, unless one frame is.
  for (size_t i = 0; i < 6; i++) place(i, 1, i * (1 << 20), 1 << 20);
  for (auto &fetch : plan_fetches(run)) ck_assert_uint_le(fetch.length, kFetchBytes);
  place(0, 1, 0, 9 << 20);
  ck_assert_uint_eq(plan_fetches(run)[0].length, 9 << 20);
}
GST_END_TEST

static Suite *reader_suite() {
  Suite *suite = suite_create("reader");
  TCase *tc = tcase_create("reader");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, reader_gives_back_what_was_stored);
  tcase_add_test(tc, reader_ranges_and_reverse);
  tcase_add_test(tc, reader_many_events_before_one_frame);
  tcase_add_test(tc, reader_an_empty_checkpoint_is_empty);
  tcase_add_test(tc, reader_frames_side_by_side_come_in_one_get);
  tcase_add_test(tc, reader_a_repeated_picture_has_memory_of_its_own);
  tcase_add_test(tc, reader_plain_objects);
  tcase_add_test(tc, reader_a_record_of_another_frame);
  tcase_add_test(tc, g07_read_ahead_stays_in_its_bound);
  tcase_add_test(tc, g09_a_flipped_byte_is_named_and_the_others_load);
  tcase_add_test(tc, g09_a_flipped_byte_in_a_record);
  tcase_add_test(tc, g09_a_compressed_payload_that_lies);
  tcase_add_test(tc, g10_a_short_read_is_tried_again);
  tcase_add_test(tc, g10_an_object_cut_short);
  tcase_add_test(tc, g11_missing_and_not_reachable_differ);
  tcase_add_test(tc, g24_rows_that_are_gone_are_an_error);
  tcase_add_test(tc, g25_the_first_frame_needs_two_gets);
  tcase_add_test(tc, g26_the_first_frame_costs_the_same_at_any_length);
  tcase_add_test(tc, g28_interrupting_returns_while_the_store_is_blocked);
  tcase_add_test(tc, g28_a_reader_goes_away_while_the_store_is_blocked);
  tcase_add_test(tc, g34_rows_that_claim_too_much_are_refused_before_any_get);
  tcase_add_test(tc, plan_joins_what_lies_side_by_side);
  return suite;
}

GST_CHECK_MAIN(reader);
