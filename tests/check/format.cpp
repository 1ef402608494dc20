// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "core/codec.h"
#include "core/pack.h"
#include "core/record_codec.h"
#include "support/check.h"
#include "support/samples.h"

using namespace checkpoint;

namespace {

// What a reader of an object sees, when nothing is wrong with it.
struct WholePack {
  PackHeader header;
  PackFooter footer;
  std::vector<PackPayload> payloads;
  std::vector<Record> records;
  std::vector<RecordSpan> spans;
};

// All the checks that docs/format.md asks of a reader.
Result<WholePack> read_pack(ByteView object) {
  WholePack pack;
  CHECKPOINT_ASSIGN_OR_RETURN(pack.header, parse_pack_header(object));
  CHECKPOINT_ASSIGN_OR_RETURN(pack.footer, parse_pack_footer(object, object.size()));
  const PackFooter &footer = pack.footer;
  const ByteView header_end = object.subspan(kPackHeaderSize - 8, 8);
  if (ByteReader(header_end).u64() != footer.header_checksum)
    return Status(Code::kCorrupt, "header and footer of different packs");
  CHECKPOINT_ASSIGN_OR_RETURN(
      pack.payloads, parse_pack_index(object.subspan(footer.index_offset, footer.index_length),
                                      footer.records_offset));
  for (const PackPayload &payload : pack.payloads)
    if (checksum_of(object.subspan(payload.ref.offset, payload.ref.length)) != payload.ref.checksum)
      return Status(Code::kCorrupt, "a payload is not what was stored");
  CHECKPOINT_RETURN_IF_ERROR(
      parse_records(object.subspan(footer.records_offset, footer.records_length),
                    [&](Record &&record, RecordSpan span) {
                      pack.records.push_back(std::move(record));
                      pack.spans.push_back(span);
                      return Status::ok();
                    }));
  return pack;
}

bool padding(const WholePack &pack, size_t at) {
  if (at < kPackHeaderSize || at >= pack.footer.records_offset) return false;
  for (const PackPayload &payload : pack.payloads)
    if (at >= payload.ref.offset && at < payload.ref.offset + payload.ref.length) return false;
  return true;
}

// A framed record with any bytes for a body, its checksum right.
Bytes frame_record(uint8_t kind, uint8_t version, ByteView body) {
  ByteWriter out;
  out.u8(kind);
  out.u8(version);
  out.u16(0);
  out.blob(body);
  out.u64(checksum_of(out.bytes()));
  return out.take();
}

Bytes encoded(const Record &record) {
  ByteWriter out;
  append_record(record, out);
  return out.take();
}

ByteView body_of(const Bytes &record) { return ByteView(record).subspan(8, record.size() - 16); }

}  // namespace

GST_START_TEST(g13_records_come_back_as_they_were) {
  samples::Random random(samples::test_seed());
  ByteWriter section;
  std::vector<Record> records;
  std::vector<RecordSpan> spans;
  for (int i = 0; i < 2000; i++) {
    records.push_back(samples::random_record(random));
    spans.push_back(append_record(records.back(), section));
    ByteView alone = ByteView(section.bytes()).subspan(spans.back().offset, spans.back().length);
    Result<Record> back = parse_record(alone);
    ck_assert_msg(back.is_ok(), "%s", back.status().message().c_str());
    ck_assert(samples::same(*back, records.back()));
  }
  size_t at = 0;
  Status status = parse_records(section.bytes(), [&](Record &&record, RecordSpan span) {
    ck_assert(samples::same(record, records[at]));
    ck_assert(span.offset == spans[at].offset && span.length == spans[at].length);
    at++;
    return Status::ok();
  });
  ck_assert(status.is_ok());
  ck_assert_uint_eq(at, records.size());
}
GST_END_TEST

GST_START_TEST(records_stop_at_the_callers_error) {
  ByteWriter section;
  for (const Record &record : samples::fixed_records()) append_record(record, section);
  int seen = 0;
  Status status = parse_records(section.bytes(), [&](Record &&, RecordSpan) {
    return ++seen == 2 ? Status(Code::kCancelled, "enough") : Status::ok();
  });
  ck_assert(status.is(Code::kCancelled));
  ck_assert_int_eq(seen, 2);
}
GST_END_TEST

GST_START_TEST(g34_every_flipped_or_missing_byte_of_a_record_is_noticed) {
  for (const Record &record : samples::fixed_records()) {
    const Bytes good = encoded(record);
    for (size_t i = 0; i < good.size(); i++) {
      for (int bit = 0; bit < 8; bit++) {
        Bytes bad = good;
        bad[i] ^= static_cast<std::byte>(1 << bit);
        ck_assert(parse_record(bad).status().is(Code::kCorrupt));
      }
      ck_assert(parse_record(ByteView(good).first(i)).status().is(Code::kCorrupt));
    }
    Bytes longer = good;
    longer.push_back(std::byte{0});
    ck_assert(parse_record(longer).status().is(Code::kCorrupt));
  }
}
GST_END_TEST

// What nobody can do by accident: a wrong body under a right checksum.
GST_START_TEST(g34_malformed_bodies_are_refused) {
  samples::Random random(samples::test_seed());
  for (const Record &record : samples::fixed_records()) {
    const Bytes good = encoded(record);
    const auto kind = static_cast<uint8_t>(good[0]);
    const ByteView body = body_of(good);
    // Every length that is too short or too long.
    for (size_t length = 0; length < body.size(); length++)
      ck_assert(
          parse_record(frame_record(kind, 0x10, body.first(length))).status().is(Code::kCorrupt));
    Bytes longer(body.begin(), body.end());
    longer.push_back(std::byte{0});
    ck_assert(parse_record(frame_record(kind, 0x10, longer)).status().is(Code::kCorrupt));
    // A later minor version may add to the end.
    Result<Record> newer = parse_record(frame_record(kind, 0x11, longer));
    ck_assert(newer.is_ok() && samples::same(*newer, record));
    ck_assert(parse_record(frame_record(kind, 0x20, body)).status().is(Code::kNewerSchema));
    ck_assert(parse_record(frame_record(kind, 0x01, body)).status().is(Code::kCorrupt));
    // Noise: an error, or another legal record that can be written again.
    for (int i = 0; i < 5000; i++) {
      Bytes noisy(body.begin(), body.end());
      for (int n = 1 + static_cast<int>(random() % 4); n > 0; n--)
        noisy[random() % noisy.size()] =
            random() % 3 ? static_cast<std::byte>(random()) : std::byte{0xff};
      Result<Record> back = parse_record(frame_record(kind, 0x10, noisy));
      if (!back.is_ok()) {
        ck_assert(back.status().is(Code::kCorrupt));
        continue;
      }
      Result<Record> twice = parse_record(encoded(*back));
      ck_assert(twice.is_ok() && samples::same(*twice, *back));
    }
  }
}
GST_END_TEST

GST_START_TEST(g34_impossible_values_are_refused) {
  auto refused = [](const Record &record) {
    return parse_record(encoded(record)).status().is(Code::kCorrupt);
  };
  const std::vector<Record> fixed = samples::fixed_records();
  for (const char *bad : {"\xff", "a\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    for (auto member : {&CheckpointFields::job_id, &CheckpointFields::stage}) {
      auto record = std::get<CheckpointRecord>(fixed[0]);
      record.fields.*member = bad;
      ck_assert(refused(record));
    }
    auto record = std::get<CheckpointRecord>(fixed[0]);
    record.fields.branch.label = bad;
    ck_assert(refused(record));
    auto event = std::get<EventRecord>(fixed[2]);
    event.row.type = bad;
    ck_assert(refused(event));
    auto frame = std::get<FrameRecord>(fixed[3]);
    frame.metas[0].type = bad;
    ck_assert(refused(frame));
  }
  auto nul = std::get<CheckpointRecord>(fixed[0]);
  nul.fields.job_id = std::string("a\0b", 3);
  ck_assert(refused(nul));

  auto with = [&](auto change) {
    auto frame = std::get<FrameRecord>(fixed[3]);
    change(frame);
    return frame;
  };
  ck_assert(!refused(with([](FrameRecord &) {})));
  ck_assert(refused(with([](FrameRecord &f) { f.row.index = UINT64_MAX; })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.codec = static_cast<Codec>(3); })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.content = static_cast<Content>(3); })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.length = 0; })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.raw_length = 0; })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.raw_length = UINT64_MAX; })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.length = UINT64_MAX; })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.offset = UINT64_MAX - 3; })));
  ck_assert(refused(with([](FrameRecord &f) { f.row.payload.codec = Codec::kNone; })));
  ck_assert(refused(with([](FrameRecord &f) { f.payload_pack = Uuid{}; })));
  auto bare = std::get<FrameRecord>(fixed[4]);
  bare.payload_pack = Uuid::random();
  ck_assert(refused(bare));

  auto commit = std::get<CommitRecord>(fixed[5]);
  commit.first_index = UINT64_MAX - 1;
  ck_assert(refused(commit));
}
GST_END_TEST

// A claim of many elements must not make the parser reserve memory for them. Under a limit on the
// address space that would end the process.
GST_START_TEST(g34_a_huge_count_allocates_nothing) {
  const auto fixed = samples::fixed_records();
  auto checkpoint = std::get<CheckpointRecord>(fixed[0]);
  checkpoint.fields.filtered_frame_sequences.emplace();
  Bytes good = encoded(checkpoint);
  Bytes body(body_of(good).begin(), body_of(good).end());
  for (size_t i = body.size() - 4; i < body.size(); i++) body[i] = std::byte{0xff};
  ck_assert(parse_record(frame_record(1, 0x10, body)).status().is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(unknown_kinds) {
  const Bytes known = encoded(samples::fixed_records()[1]);
  auto count = [](const Bytes &section) -> Result<int> {
    int n = 0;
    CHECKPOINT_RETURN_IF_ERROR(parse_records(section, [&](Record &&, RecordSpan) {
      n++;
      return Status::ok();
    }));
    return n;
  };
  for (int kind : {0, 6, 127, 128, 255}) {
    Bytes section = frame_record(static_cast<uint8_t>(kind), 0x10, as_bytes("what"));
    ck_assert(parse_record(section).status().is(Code::kNewerSchema));
    section.insert(section.end(), known.begin(), known.end());
    Result<int> n = count(section);
    if (kind < 128)
      ck_assert(n.status().is(Code::kNewerSchema));
    else
      ck_assert(n.is_ok() && *n == 1);
    section[9] ^= std::byte{1};  // even what is passed over is checked
    ck_assert(count(section).status().is(Code::kCorrupt));
  }
}
GST_END_TEST

GST_START_TEST(a_pack_comes_back_as_it_was) {
  const Bytes object = samples::fixed_pack();
  Result<WholePack> pack = read_pack(object);
  ck_assert_msg(pack.is_ok(), "%s", pack.status().message().c_str());
  const PackHeader header = samples::fixed_header();
  ck_assert(pack->header.pack == header.pack);
  ck_assert(pack->header.frame_store == header.frame_store);
  ck_assert(pack->header.job == header.job);
  ck_assert(pack->header.identity_key == header.identity_key);
  ck_assert(pack->header.created_at == header.created_at);
  ck_assert_uint_eq(pack->payloads.size(), 3);
  const size_t sizes[] = {5, 64, 100}, offsets[] = {192, 256, 320};
  for (size_t i = 0; i < 3; i++) {
    const PackPayload &payload = pack->payloads[i];
    ck_assert_uint_eq(payload.ref.offset, offsets[i]);
    ck_assert_uint_eq(payload.ref.length, sizes[i]);
    ck_assert_uint_eq(payload.ref.raw_length, sizes[i]);
    ck_assert(payload.ref.content == (i == 2 ? Content::kPng : Content::kRaw));
    ck_assert_int_eq(payload.digest[3], static_cast<int>(0x77 + i));
    for (size_t b = 0; b < sizes[i]; b++)
      ck_assert_int_eq(static_cast<int>(object[offsets[i] + b]), static_cast<int>(i + b));
  }
  const auto records = samples::fixed_records();
  ck_assert_uint_eq(pack->records.size(), records.size());
  for (size_t i = 0; i < records.size(); i++)
    ck_assert(samples::same(pack->records[i], records[i]));
}
GST_END_TEST

GST_START_TEST(a_pack_without_payloads_or_records) {
  PackBuilder builder(samples::fixed_header());
  ck_assert(builder.empty());
  const Bytes object = samples::join(std::move(builder).seal({}));
  ck_assert_uint_eq(object.size(), 192 + 16 + 64);
  Result<WholePack> pack = read_pack(object);
  ck_assert(pack.is_ok() && pack->payloads.empty() && pack->records.empty());
}
GST_END_TEST

GST_START_TEST(the_builder_says_where_things_will_lie) {
  auto pool = ChunkPool::create(0);
  PackBuilder builder(samples::fixed_header());
  uint64_t raw = 0;
  for (size_t size : {1, 63, 64, 65, 4096, 70000}) {
    const uint64_t expected = builder.next_offset();
    ck_assert_uint_eq(expected % kPackAlignment, 0);
    auto chunk = pool->allocate(size);
    chunk->resize(size);
    PayloadRef ref;
    ref.raw_length = size;
    PayloadRef placed = builder.add(chunk, ref, Digest{});
    ck_assert_uint_eq(placed.offset, expected);
    ck_assert_uint_eq(placed.length, size);
    raw += size;
  }
  ck_assert(builder.size() >= raw);
  Bytes records(123);
  SealedPack sealed = std::move(builder).seal(std::move(records));
  uint64_t size = 0;
  for (ByteView part : sealed.parts) size += part.size();
  ck_assert_uint_eq(size, sealed.size);
  ck_assert_uint_eq(sealed.records_length, 123);
  ck_assert_uint_eq(sealed.payloads.size(), 6);
  ck_assert_uint_eq(sealed.chunks.size(), 6);
  // No payload was copied.
  for (size_t i = 0, part = 1; i < 6; i++) {
    ck_assert(sealed.parts[part].data() == sealed.chunks[i]->data());
    part += sealed.chunks[i]->size() % kPackAlignment == 0 ? 1 : 2;
  }
}
GST_END_TEST

GST_START_TEST(g09_every_flipped_byte_of_a_pack_is_noticed) {
  const Bytes good = samples::fixed_pack();
  const WholePack whole = read_pack(good).value();
  size_t harmless = 0;
  for (size_t i = 0; i < good.size(); i++) {
    for (int bit = 0; bit < 8; bit++) {
      Bytes bad = good;
      bad[i] ^= static_cast<std::byte>(1 << bit);
      Result<WholePack> pack = read_pack(bad);
      if (padding(whole, i)) {
        ck_assert(pack.is_ok());  // bytes between the payloads mean nothing
        harmless++;
      } else {
        ck_assert_msg(pack.status().is(Code::kCorrupt), "byte %zu bit %d", i, bit);
      }
    }
  }
  ck_assert_uint_eq(harmless, 8 * (59 + 28));
}
GST_END_TEST

GST_START_TEST(g34_every_truncation_of_a_pack_is_refused) {
  const Bytes good = samples::fixed_pack();
  for (size_t length = 0; length < good.size(); length++) {
    ck_assert(read_pack(ByteView(good).first(length)).status().is(Code::kCorrupt));
    ck_assert(read_pack(ByteView(good).last(length)).status().is(Code::kCorrupt));
  }
  Bytes longer = good;
  longer.push_back(std::byte{0});
  ck_assert(read_pack(longer).status().is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(g34_a_footer_that_lies_is_refused) {
  // Right checksums, wrong claims.
  auto footer = [](uint64_t records, uint64_t records_length, uint64_t index, uint64_t index_length,
                   uint64_t size) {
    ByteWriter out;
    for (uint64_t v : {records, records_length, index, index_length, size, uint64_t{0}}) out.u64(v);
    out.raw(as_bytes("\nGSTCKND"));
    out.u64(checksum_of(out.bytes()));
    return out.take();
  };
  const uint64_t size = 192 + 64 + 16 + 64;
  ck_assert(parse_pack_footer(footer(192, 64, 256, 16, size), size).is_ok());
  ck_assert(!parse_pack_footer(footer(192, 64, 256, 16, size), size + 1).is_ok());
  const uint64_t huge = UINT64_MAX;
  const uint64_t bad[][4] = {{128, 128, 256, 16},
                             {192, 64, 256, 17},
                             {192, 63, 256, 16},
                             {200, 56, 256, 16},
                             {256, 0 - uint64_t{64}, 192, 80},
                             {192, huge, 256, 16},
                             {huge - 63, 64, 256, 16},
                             {192, 64, huge, 16},
                             {192, 64, 256, huge},
                             {192, huge - 191, 0, 272}};
  for (const auto &b : bad)
    ck_assert(
        parse_pack_footer(footer(b[0], b[1], b[2], b[3], size), size).status().is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(g34_an_index_that_lies_is_refused) {
  struct Entry {
    uint64_t offset = 192, length = 10, raw_length = 10;
    uint8_t codec = 0, content = 0;
  };
  auto index = [](std::initializer_list<Entry> entries, std::optional<uint32_t> count = {},
                  uint16_t version = 1, uint16_t entry_size = 56) {
    ByteWriter out;
    out.u16(version);
    out.u16(entry_size);
    out.u32(count.value_or(static_cast<uint32_t>(entries.size())));
    for (const Entry &e : entries) {
      out.u64(e.offset);
      out.u64(e.length);
      out.u64(e.raw_length);
      out.zeros(24);
      out.u8(e.codec);
      out.u8(e.content);
      out.zeros(6);
    }
    out.u64(checksum_of(out.bytes()));
    return out.take();
  };
  ck_assert(parse_pack_index(index({}), 192).is_ok());
  ck_assert(parse_pack_index(index({Entry{}, Entry{.offset = 256}}), 320).is_ok());
  ck_assert(parse_pack_index(index({}, {}, 2)).status().is(Code::kNewerSchema));
  const Bytes bad[] = {
      index({}, 1),
      index({Entry{}}, 0),
      index({}, UINT32_MAX),
      index({}, {}, 0),
      index({Entry{}}, {}, 1, 64),
      index({Entry{.offset = 128}}),
      index({Entry{.offset = 200}}),
      index({Entry{}, Entry{}}),
      index({Entry{.length = 65, .raw_length = 65}, Entry{.offset = 256}}),
      index({Entry{.offset = 320}}),
      index({Entry{.offset = UINT64_MAX - 63}}),
      index({Entry{.length = 0, .raw_length = 0}}),
      index({Entry{.length = UINT64_MAX, .raw_length = UINT64_MAX}}),
      index({Entry{.raw_length = 11}}),
      index({Entry{.raw_length = UINT64_MAX, .codec = 1}}),
      index({Entry{.codec = 3}}),
      index({Entry{.content = 3}}),
  };
  for (const Bytes &b : bad) ck_assert(parse_pack_index(b, 320).status().is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(a_later_pack_format_is_told_from_a_broken_one) {
  Bytes object = samples::fixed_pack();
  object[8] = std::byte{2};
  ck_assert(parse_pack_header(object).status().is(Code::kCorrupt));  // the checksum
  ByteWriter header;
  header.raw(ByteView(object).first(kPackHeaderSize - 8));
  header.u64(checksum_of(header.bytes()));
  ck_assert(parse_pack_header(header.bytes()).status().is(Code::kNewerSchema));
}
GST_END_TEST

#include "golden_pack.inc"

// The bytes that releases have written. When this fails, the format has changed: stored packs would
// no longer be read. A new version keeps this test and adds one.
GST_START_TEST(the_format_is_what_it_was) {
  Bytes golden;
  std::string_view hex = kGoldenPack;
  ck_assert_uint_eq(hex.size() % 2, 0);
  for (size_t i = 0; i < hex.size(); i += 2)
    golden.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  const Bytes now = samples::fixed_pack();
  for (size_t i = 0; i < std::min(now.size(), golden.size()); i++)
    ck_assert_msg(now[i] == golden[i], "byte %zu differs", i);
  ck_assert_uint_eq(now.size(), golden.size());
  Result<WholePack> pack = read_pack(golden);
  ck_assert(pack.is_ok());
}
GST_END_TEST

static Suite *format_suite() {
  Suite *suite = suite_create("format");
  TCase *tc = tcase_create("format");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_records_come_back_as_they_were);
  tcase_add_test(tc, records_stop_at_the_callers_error);
  tcase_add_test(tc, g34_every_flipped_or_missing_byte_of_a_record_is_noticed);
  tcase_add_test(tc, g34_malformed_bodies_are_refused);
  tcase_add_test(tc, g34_impossible_values_are_refused);
  tcase_add_test(tc, g34_a_huge_count_allocates_nothing);
  tcase_add_test(tc, unknown_kinds);
  tcase_add_test(tc, a_pack_comes_back_as_it_was);
  tcase_add_test(tc, a_pack_without_payloads_or_records);
  tcase_add_test(tc, the_builder_says_where_things_will_lie);
  tcase_add_test(tc, g09_every_flipped_byte_of_a_pack_is_noticed);
  tcase_add_test(tc, g34_every_truncation_of_a_pack_is_refused);
  tcase_add_test(tc, g34_a_footer_that_lies_is_refused);
  tcase_add_test(tc, g34_an_index_that_lies_is_refused);
  tcase_add_test(tc, a_later_pack_format_is_told_from_a_broken_one);
  tcase_add_test(tc, the_format_is_what_it_was);
  return suite;
}
GST_CHECK_MAIN(format);
