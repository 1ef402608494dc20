// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading a checkpoint of which something is damaged, gone or not what it claims to be.
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/codec.h"
#include "core/frame_rows.h"
#include "support/reader_place.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

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

GST_START_TEST(g09_a_flipped_byte_is_named_and_the_others_load) {
  ReaderPlace f;
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
  ReaderPlace f;
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
  ReaderPlace f;
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
  ReaderPlace f;
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
  ReaderPlace f;
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
  ReaderPlace f;
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
  ReaderPlace f;
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

GST_START_TEST(g24_a_list_of_frames_is_whole_or_an_error) {
  ReaderPlace f;
  const CheckpointRow row = simple(f, 5, 100);
  MetadataStore &store = *f.metadata;
  ck_assert_uint_eq(read_frame_page(store, row, 0, 3, f.cancel)->size(), 3);
  ck_assert_uint_eq(read_frame_page(store, row, 3, 3, f.cancel)->size(), 2);
  ck_assert(read_frame_page(store, row, 5, 3, f.cancel).status().is(Code::kCorrupt));
  // Its first rows are gone, and the others not yet.
  ck_assert(store.delete_checkpoint(row.id, f.cancel).is_ok());
  ck_assert(store.purge_checkpoint(row.key, 2, f.cancel).is_ok());
  ck_assert_uint_eq(store.read_frames({row.key, 0, false, 9}, f.cancel)->size(), 3);
  ck_assert(read_frame_page(store, row, 0, 3, f.cancel).status().is(Code::kExpired));
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
  ReaderPlace f;
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
  ReaderPlace f;
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

static Suite *reader_damage_suite() {
  Suite *suite = suite_create("reader_damage");
  TCase *tc = tcase_create("reader_damage");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g09_a_flipped_byte_is_named_and_the_others_load);
  tcase_add_test(tc, g09_a_flipped_byte_in_a_record);
  tcase_add_test(tc, g09_a_compressed_payload_that_lies);
  tcase_add_test(tc, g10_a_short_read_is_tried_again);
  tcase_add_test(tc, g10_an_object_cut_short);
  tcase_add_test(tc, g11_missing_and_not_reachable_differ);
  tcase_add_test(tc, g24_rows_that_are_gone_are_an_error);
  tcase_add_test(tc, g24_a_list_of_frames_is_whole_or_an_error);
  tcase_add_test(tc, g34_rows_that_claim_too_much_are_refused_before_any_get);
  tcase_add_test(tc, reader_a_record_of_another_frame);
  return suite;
}

GST_CHECK_MAIN(reader_damage);
