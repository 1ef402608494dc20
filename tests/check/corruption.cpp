// SPDX-License-Identifier: LGPL-2.1-or-later
// What may happen to the bytes of a pack: each is noticed by whoever reads it and by a
// verification, or changes nothing. Never wrong data, never a crash.
#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "core/reader.h"
#include "core/repair.h"
#include "core/verify.h"
#include "support/check.h"
#include "support/writer_place.h"

using namespace checkpoint;

namespace {

constexpr uint64_t kFrames = 7;

bool is_damage(const Status &status) {
  return status.is(Code::kCorrupt) || status.is(Code::kTruncated) || status.is(Code::kMissing) ||
         status.is(Code::kNewerSchema);
}

template <typename T>
T must(Result<T> result) {
  ck_assert_msg(result.is_ok(), "%s", result.status().to_string().c_str());
  return std::move(result).value();
}

// A checkpoint as it is read: its frames as text, those that can't be read with the reason.
struct Reading {
  std::map<uint64_t, std::string> frames;
  std::map<uint64_t, Status> failed;
};

std::string text_of(const ReplayFrame &frame) {
  const FrameRow &row = frame.row;
  std::string text;
  for (uint64_t number : {row.index, row.sequence, row.pts, row.dts, row.duration, row.stream_time,
                          row.offset, row.offset_end, uint64_t{row.flags}, uint64_t{row.caps}})
    text += std::to_string(number) + " ";
  if (frame.chunk) text += as_text(frame.chunk->view().subspan(frame.offset, frame.size));
  for (const MetaBlob &meta : frame.metas)
    text += "\n" + meta.type + ": " + std::string(as_text(meta.body));
  return text;
}

Reading read(const std::shared_ptr<Stores> &stores, const CheckpointRow &row) {
  Reading reading;
  Cancellation cancel;
  ReaderOptions options;
  options.workers = 1;
  CheckpointReader reader(stores, row, options);
  ReplayRange range;
  reader.seek(range);
  for (;;) {
    Result<ReplayItem> item = reader.next(cancel);
    if (!item.is_ok()) {
      ck_assert_msg(is_damage(item.status()), "%s", item.status().to_string().c_str());
      range.first = reader.failed().value().place;
      reading.failed[range.first++] = item.status();
      if (range.first >= row.frames) return reading;
      reader.seek(range);
    } else if (auto *frame = std::get_if<ReplayFrame>(&*item)) {
      reading.frames[frame->row.index] = text_of(*frame);
    } else if (std::holds_alternative<ReplayEnd>(*item)) {
      return reading;
    }
  }
}

struct Verdict {
  std::vector<uint64_t> frames;  // their indexes, where broken
  uint64_t packs = 0;
  bool fine() const { return frames.empty() && packs == 0; }
};

Verdict verify(const std::shared_ptr<Stores> &stores, const CheckpointRow &row, bool data) {
  Verdict verdict;
  Cancellation cancel;
  Verifier verifier(
      stores, {data, 1},
      [&](const VerifyFinding &finding) {
        ck_assert(is_damage(finding.why));
        if (finding.index) verdict.frames.push_back(*finding.index);
      },
      [](uint64_t) {});
  const Status status = verifier.check(row, cancel);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  verdict.packs = verifier.broken_packs();
  return verdict;
}

// Where bytes of the pack mean nothing: between payloads, and behind the last one.
std::vector<bool> padding_of(const Bytes &pack) {
  const PackFooter footer =
      must(parse_pack_footer(ByteView(pack).last(kPackFooterSize), pack.size()));
  std::vector<bool> padding(pack.size());
  std::fill(padding.begin() + kPackHeaderSize,
            padding.begin() + static_cast<std::ptrdiff_t>(footer.records_offset), true);
  for (const PackPayload &payload :
       must(parse_pack_index(ByteView(pack).subspan(footer.index_offset, footer.index_length))))
    std::fill_n(padding.begin() + static_cast<std::ptrdiff_t>(payload.ref.offset),
                payload.ref.length, false);
  return padding;
}

struct Damaged : Place {
  // Two packs, with records of each kind: caps that change, events, metas, detections.
  CheckpointRow store(const std::string &stage, Codec codec, const std::string &note,
                      const std::string &job = "street", uint64_t first = 0) {
    WriterOptions options;
    options.codec = codec;
    options.workers = 1;
    options.commit_interval = std::chrono::hours(1);
    auto news = std::make_shared<News>();
    CheckpointWriter writer(opener(), options, news);
    CheckpointFields wanted;
    wanted.job_id = job;
    wanted.stage = stage;
    wanted.config_snapshot = R"({"threshold":0.5})";
    ck_assert(writer.begin(wanted, false).is_ok());
    for (uint64_t i = 0; i < kFrames; i++) {
      // The sixth comes twice.
      const std::string bytes = frame_bytes(first + std::min(i, uint64_t{5}), 90);
      ck_assert(push_noted(writer, i, bytes, note).is_ok());
      if (i != 2) continue;
      ck_assert(writer.flush());
      news->wait_for_commits(1);
    }
    const Status end = writer.finish({}, kPatience);
    ck_assert_msg(end.is_ok(), "%s", end.to_string().c_str());
    return must(stores->metadata->get_checkpoint(*writer.checkpoint_id(), cancel));
  }

  Bytes bytes_of(const std::string &object) {
    Bytes bytes(must(stores->frames->stat(object, cancel)).size);
    ck_assert(stores->frames->get(object, 0, bytes, cancel).is_ok());
    return bytes;
  }
  void replace(const std::string &object, ByteView bytes) {
    ck_assert(stores->frames->remove(object, cancel).is_ok());
    ck_assert(stores->frames->put(object, std::span(&bytes, 1), {}, cancel).is_ok());
  }

  // What a reader gets is as it was, or fails, and then a verification names the same frames.
  Verdict check(const CheckpointRow &row, const Reading &good, const std::string &what) {
    const Reading reading = read(stores, row);
    for (const auto &[index, text] : reading.frames)
      ck_assert_msg(text == good.frames.at(index), "%s: frame %d is wrong", what.c_str(),
                    static_cast<int>(index));
    ck_assert_uint_eq(reading.frames.size() + reading.failed.size(), row.frames);
    const Verdict verdict = verify(stores, row, true);
    std::vector<uint64_t> failed;
    for (const auto &[index, status] : reading.failed) failed.push_back(index);
    ck_assert_msg(verdict.frames == failed, "%s: verified otherwise", what.c_str());
    return verdict;
  }

  RepairResult repair_into(MetadataStore *into) {
    RepairResult result;
    const Status status = repair(*stores->frames, into, {}, result, cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    return result;
  }

  Cancellation cancel;
};

constexpr Codec kCodecs[] = {Codec::kNone, Codec::kLz4, Codec::kZstd};

}  // namespace

GST_START_TEST(g09_every_flipped_byte_of_a_stored_pack_is_found_or_harmless) {
  const Codec codec = kCodecs[__i__];
  if (!codec_available(codec)) return;
  Damaged place;
  const CheckpointRow row = place.store("detect", codec, "car");
  const std::vector<std::string> packs = place.frames->put_names();
  ck_assert_uint_eq(packs.size(), 2);
  const Reading good = read(place.stores, row);
  ck_assert(good.failed.empty() && place.check(row, good, "whole").fine());
  for (const std::string &pack : packs) {
    const Bytes whole = place.bytes_of(pack);
    const std::vector<bool> padding = padding_of(whole);
    ck_assert_uint_gt(std::count(padding.begin(), padding.end(), true), 0);
    for (size_t i = 0; i < whole.size(); i++) {
      Bytes bad = whole;
      bad[i] ^= i % 2 ? std::byte{0x10} : std::byte{0xff};
      place.replace(pack, bad);
      const std::string what = "byte " + std::to_string(i);
      ck_assert_msg(place.check(row, good, what).fine() == padding[i], "%s", what.c_str());
    }
    place.replace(pack, whole);
  }
}
GST_END_TEST

GST_START_TEST(g09_every_truncation_of_a_stored_pack_is_found) {
  const Codec codec = kCodecs[__i__];
  if (!codec_available(codec)) return;
  Damaged place;
  const CheckpointRow row = place.store("detect", codec, "car");
  const Reading good = read(place.stores, row);
  for (const std::string &pack : place.frames->put_names()) {
    const Bytes whole = place.bytes_of(pack);
    for (size_t length = 0; length < whole.size(); length++) {
      place.replace(pack, ByteView(whole).first(length));
      const std::string what = "cut at " + std::to_string(length);
      ck_assert_msg(!place.check(row, good, what).fine(), "%s", what.c_str());
      ck_assert_msg(!verify(place.stores, row, false).fine(), "%s", what.c_str());
    }
    place.replace(pack, whole);
  }
}
GST_END_TEST

GST_START_TEST(g09_packs_that_changed_places_are_found) {
  const Codec codec = kCodecs[__i__];
  if (!codec_available(codec)) return;
  Damaged place;
  // The second one's packs have no payload. The packs of all lie as those of the others do.
  const std::vector<CheckpointRow> rows = {place.store("decode", codec, "car"),
                                           place.store("detect", codec, "car"),
                                           place.store("decode", codec, "car", "square", 10)};
  std::vector<Reading> good;
  for (const CheckpointRow &row : rows) good.push_back(read(place.stores, row));
  const std::vector<std::string> packs = place.frames->put_names();
  ck_assert_uint_eq(packs.size(), 6);
  const auto exchange = [&](const std::string &one, const std::string &two) {
    const Bytes first = place.bytes_of(one), second = place.bytes_of(two);
    place.replace(one, second);
    place.replace(two, first);
  };
  for (size_t a = 0; a < packs.size(); a++) {
    for (size_t b = a + 1; b < packs.size(); b++) {
      exchange(packs[a], packs[b]);
      // All that refer to the two are told.
      for (size_t i = 0; i < rows.size(); i++) {
        const Verdict verdict =
            place.check(rows[i], good[i], std::to_string(a) + " and " + std::to_string(b));
        if (i == a / 2 || i == b / 2) ck_assert(!verdict.fine());
      }
      ck_assert(!place.repair_into(nullptr).lossless());
      exchange(packs[a], packs[b]);
    }
  }
  // Where two differ in their metas alone, a reader can't tell, a verification can.
  const CheckpointRow other = place.store("detect", codec, "bus");
  exchange(packs[3], place.frames->put_names().back());
  ck_assert_uint_eq(verify(place.stores, rows[1], true).packs, 1);
  ck_assert_uint_eq(verify(place.stores, other, true).packs, 1);
  ck_assert_uint_eq(place.repair_into(nullptr).packs_unreadable, 2);
}
GST_END_TEST

// Stopped behind any frame, the rest is looked at once, and no frame twice.
GST_START_TEST(g09_a_verification_that_was_stopped_finds_the_rest) {
  Damaged place;
  const CheckpointRow row = place.store("detect", Codec::kNone, "car");
  const std::vector<FrameRow> rows = place.rows(row);
  for (const uint64_t broken : {1, 4}) {
    const PackKey key = rows[broken].payload.pack;
    const auto packs = must(place.stores->metadata->get_packs({&key, 1}, place.cancel));
    Bytes bytes = place.bytes_of(packs[0].object);
    bytes[rows[broken].payload.offset] ^= std::byte{1};
    place.replace(packs[0].object, bytes);
  }
  for (const bool data : {true, false}) {
    for (uint64_t stop = 1; stop < kFrames; stop++) {
      Cancellation stopped;
      std::vector<uint64_t> found;
      uint64_t next = 0;
      const auto verifier = [&] {
        return std::make_unique<Verifier>(
            place.stores, VerifyOptions{data, 1},
            [&](const VerifyFinding &finding) { found.push_back(finding.index.value()); },
            [&](uint64_t behind) {
              next = behind;
              if (behind == stop) stopped.cancel();
            });
      };
      const auto first = verifier(), second = verifier();
      const Status status = first->check(row, stopped);
      // Without data it may be at its end: nothing of a page asks a store again.
      ck_assert(status.is(Code::kCancelled) || (!data && status.is_ok()));
      ck_assert(next >= stop);
      const uint64_t from = next;
      ck_assert(second->check(row, place.cancel, from).is_ok());
      ck_assert_uint_eq(second->frames(), kFrames - from);
      ck_assert(found == (data ? std::vector<uint64_t>{1, 4} : std::vector<uint64_t>{}));
    }
  }
}
GST_END_TEST

// A repair reads records, not payloads: it takes nothing from a pack whose records are damaged.
GST_START_TEST(g12_a_repair_makes_nothing_of_damaged_records) {
  Damaged place;
  const CheckpointRow row = place.store("detect", Codec::kNone, "car");
  const Reading good = read(place.stores, row);
  for (const std::string &pack : place.frames->put_names()) {
    const Bytes whole = place.bytes_of(pack);
    const PackFooter footer =
        must(parse_pack_footer(ByteView(whole).last(kPackFooterSize), whole.size()));
    const auto tells = [&](size_t at) {
      return at < kPackHeaderSize || (at >= footer.records_offset && at < footer.index_offset) ||
             at >= footer.index_offset + footer.index_length;
    };
    for (size_t i = 0; i < whole.size(); i++) {
      Bytes bad = whole;
      bad[i] ^= std::byte{0x41};
      place.replace(pack, bad);
      ck_assert_msg(place.repair_into(nullptr).lossless() != tells(i), "byte %zu", i);
      place.replace(pack, ByteView(whole).first(i));
      ck_assert_msg(!place.repair_into(nullptr).lossless(), "cut at %zu", i);
      if (i % 32 != 0) continue;
      for (const ByteView damaged : {ByteView(bad), ByteView(whole).first(i)}) {
        place.replace(pack, damaged);
        const std::string uri = "memory://again-" + Uuid::random().to_string();
        auto metadata = must(StoreRegistry::instance().make_metadata_store(uri));
        place.repair_into(metadata.get());
        const auto again =
            must(Stores::bind(place.frames, metadata, Stores::Access::kRead, place.cancel));
        CheckpointQuery query;
        query.include_partial = true;
        for (const CheckpointRow &found :
             must(again->metadata->list_checkpoints(query, place.cancel)))
          for (const auto &[index, text] : read(again, found).frames)
            ck_assert(text == good.frames.at(index));
      }
    }
    place.replace(pack, whole);
  }
}
GST_END_TEST

static Suite *corruption_suite() {
  Suite *suite = suite_create("corruption");
  TCase *tc = tcase_create("corruption");
  suite_add_tcase(suite, tc);
  tcase_set_timeout(tc, 300);  // each byte is a reading and a verification, under sanitizers too
  const int codecs = G_N_ELEMENTS(kCodecs);
  tcase_add_loop_test(tc, g09_every_flipped_byte_of_a_stored_pack_is_found_or_harmless, 0, codecs);
  tcase_add_loop_test(tc, g09_every_truncation_of_a_stored_pack_is_found, 0, codecs);
  tcase_add_loop_test(tc, g09_packs_that_changed_places_are_found, 0, codecs);
  tcase_add_test(tc, g09_a_verification_that_was_stopped_finds_the_rest);
  tcase_add_test(tc, g12_a_repair_makes_nothing_of_damaged_records);
  return suite;
}
GST_CHECK_MAIN(corruption);
