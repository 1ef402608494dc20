// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/record_codec.h"

#include <glib.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/codec.h"

namespace checkpoint {

namespace {

enum Kind : uint8_t { kCheckpoint = 1, kCaps = 2, kEvent = 3, kFrame = 4, kCommit = 5 };

// Kinds from here on say nothing that a reader has to know.
constexpr uint8_t kFirstOptionalKind = 128;
// The upper half of a record's version byte is the major, the lower half the minor version.
constexpr uint8_t kVersion = 0x10;
constexpr size_t kHeadSize = 8;
constexpr size_t kChecksumSize = 8;
constexpr uint64_t kMaxPayloadSize = uint64_t{1} << 40;

// --- writing

void put(ByteWriter &out, const Uuid &uuid) { out.raw(std::as_bytes(std::span(uuid.bytes))); }

void put(ByteWriter &out, const CheckpointRecord &record) {
  const CheckpointFields &fields = record.fields;
  put(out, record.id);
  out.u32(record.version);
  out.u64(record.epoch);
  out.u64(record.commit_no);
  out.i64(record.created_at);
  out.text(fields.job_id);
  out.text(fields.stage);
  out.u32(static_cast<uint32_t>(fields.stage_index));
  out.u8(fields.branch.is_scenario);
  out.text(fields.branch.label);
  out.u8(fields.parent.has_value());
  put(out, fields.parent.value_or(Uuid{}));
  out.text(fields.frames_prefix);
  out.text(fields.stage_output_key);
  out.text(fields.stats);
  out.text(fields.config_snapshot);
  out.text(fields.config_overrides);
  out.text(fields.config_declared);
  out.text(fields.video_path);
  out.text(fields.profile_name);
  out.u8(fields.filtered_frame_sequences.has_value());
  if (!fields.filtered_frame_sequences) return;
  const auto &sequences = *fields.filtered_frame_sequences;
  out.u32(static_cast<uint32_t>(sequences.size()));
  out.reserve(out.size() + sequences.size() * sizeof(uint64_t));
  for (uint64_t sequence : sequences) out.u64(sequence);
}

void put(ByteWriter &out, const CapsRecord &record) {
  out.u32(record.row.number);
  out.text(record.row.caps);
}

void put(ByteWriter &out, const EventRecord &record) {
  out.u64(record.row.index);
  out.u32(record.row.ordinal);
  out.text(record.row.type);
  out.blob(record.row.body);
}

void put(ByteWriter &out, const DetectionRow &row) {
  out.u32(row.ordinal);
  out.text(row.label);
  out.u8(row.confidence.has_value());
  out.f64(row.confidence.value_or(0));
  out.i64(row.x);
  out.i64(row.y);
  out.i64(row.width);
  out.i64(row.height);
  out.u8(row.track.has_value());
  out.i64(row.track.value_or(0));
  out.text(row.source);
}

void put(ByteWriter &out, const FrameRecord &record) {
  const FrameRow &row = record.row;
  out.u64(row.index);
  out.u64(row.sequence);
  put(out, record.payload_pack);
  out.u64(row.payload.offset);
  out.u64(row.payload.length);
  out.u64(row.payload.raw_length);
  out.u64(row.payload.checksum);
  out.u8(static_cast<uint8_t>(row.payload.codec));
  out.u8(static_cast<uint8_t>(row.payload.content));
  out.u16(0);
  out.u32(row.caps);
  out.raw(std::as_bytes(std::span(record.digest)));
  out.u64(row.pts);
  out.u64(row.dts);
  out.u64(row.duration);
  out.u64(row.stream_time);
  out.u64(row.offset);
  out.u64(row.offset_end);
  out.u32(row.flags);
  out.u32(static_cast<uint32_t>(record.metas.size()));
  for (const MetaBlob &meta : record.metas) {
    out.text(meta.type);
    out.blob(meta.body);
  }
  out.u32(static_cast<uint32_t>(record.detections.size()));
  for (const DetectionRow &detection : record.detections) put(out, detection);
}

void put(ByteWriter &out, const CommitRecord &record) {
  out.u64(record.commit_no);
  out.u64(record.first_index);
  out.u64(record.frames);
  out.u8(record.complete);
  out.text(record.stats);
}

// Same order as the alternatives of Record.
constexpr uint8_t kKinds[] = {kCheckpoint, kCaps, kEvent, kFrame, kCommit};
static_assert(std::variant_size_v<Record> == std::size(kKinds));

// --- reading

// A name: valid UTF-8 without U+0000.
std::string name(ByteReader &in) {
  std::string_view text = in.text();
  if (!g_utf8_validate_len(text.data(), text.size(), nullptr)) {
    in.fail();
    return {};
  }
  return std::string(text);
}

std::string text(ByteReader &in) { return std::string(in.text()); }

Bytes blob(ByteReader &in) {
  ByteView bytes = in.blob();
  return Bytes(bytes.begin(), bytes.end());
}

bool boolean(ByteReader &in) {
  uint8_t v = in.u8();
  if (v > 1) in.fail();
  return v == 1;
}

template <size_t N>
void take(ByteReader &in, std::array<uint8_t, N> &out) {
  ByteView bytes = in.raw(N);
  if (bytes.size() == N) std::memcpy(out.data(), bytes.data(), N);
}

// How many things of at least `least` bytes each follow; fails when there is no room for them.
uint32_t count(ByteReader &in, size_t least) {
  uint32_t n = in.u32();
  if (n > in.remaining() / least) {
    in.fail();
    return 0;
  }
  return n;
}

void get(ByteReader &in, CheckpointRecord &record) {
  CheckpointFields &fields = record.fields;
  take(in, record.id.bytes);
  record.version = in.u32();
  record.epoch = in.u64();
  record.commit_no = in.u64();
  record.created_at = in.i64();
  fields.job_id = name(in);
  fields.stage = name(in);
  fields.stage_index = static_cast<int32_t>(in.u32());
  fields.branch.is_scenario = boolean(in);
  fields.branch.label = name(in);
  const bool has_parent = boolean(in);
  Uuid parent;
  take(in, parent.bytes);
  if (has_parent)
    fields.parent = parent;
  else if (!parent.is_nil())
    in.fail();
  fields.frames_prefix = text(in);
  fields.stage_output_key = text(in);
  fields.stats = text(in);
  fields.config_snapshot = text(in);
  fields.config_overrides = text(in);
  fields.config_declared = text(in);
  fields.video_path = text(in);
  fields.profile_name = text(in);
  if (!boolean(in)) return;
  auto &sequences = fields.filtered_frame_sequences.emplace();
  const uint32_t n = count(in, sizeof(uint64_t));
  sequences.reserve(n);
  for (uint32_t i = 0; i < n; i++) sequences.push_back(in.u64());
}

void get(ByteReader &in, CapsRecord &record) {
  record.row.number = in.u32();
  record.row.caps = text(in);
}

void get(ByteReader &in, EventRecord &record) {
  record.row.index = in.u64();
  record.row.ordinal = in.u32();
  record.row.type = name(in);
  record.row.body = blob(in);
}

void get(ByteReader &in, DetectionRow &row) {
  row.ordinal = in.u32();
  row.label = text(in);
  const bool has_confidence = boolean(in);
  const double confidence = in.f64();
  if (has_confidence) row.confidence = confidence;
  row.x = in.i64();
  row.y = in.i64();
  row.width = in.i64();
  row.height = in.i64();
  const bool has_track = boolean(in);
  const int64_t track = in.i64();
  if (has_track) row.track = track;
  row.source = text(in);
}

// What can be said of a payload without its pack.
bool sane(const PayloadRef &ref, const Uuid &pack) {
  if (ref.raw_length == 0) return ref == PayloadRef{} && pack.is_nil();
  return !pack.is_nil() && ref.length > 0 && ref.length <= kMaxPayloadSize &&
         ref.raw_length <= kMaxPayloadSize && ref.offset <= UINT64_MAX - ref.length &&
         (ref.codec != Codec::kNone || ref.length == ref.raw_length);
}

void get(ByteReader &in, FrameRecord &record) {
  FrameRow &row = record.row;
  row.index = in.u64();
  row.sequence = in.u64();
  take(in, record.payload_pack.bytes);
  row.payload.offset = in.u64();
  row.payload.length = in.u64();
  row.payload.raw_length = in.u64();
  row.payload.checksum = in.u64();
  const uint8_t codec = in.u8();
  const uint8_t content = in.u8();
  in.u16();
  row.caps = in.u32();
  take(in, record.digest);
  row.pts = in.u64();
  row.dts = in.u64();
  row.duration = in.u64();
  row.stream_time = in.u64();
  row.offset = in.u64();
  row.offset_end = in.u64();
  row.flags = in.u32();
  if (codec > static_cast<uint8_t>(Codec::kZstd) || content > static_cast<uint8_t>(Content::kPng) ||
      row.index == UINT64_MAX)
    return in.fail();
  row.payload.codec = static_cast<Codec>(codec);
  row.payload.content = static_cast<Content>(content);
  if (!sane(row.payload, record.payload_pack)) return in.fail();

  constexpr size_t kLeastMeta = 4 + 4;
  const uint32_t metas = count(in, kLeastMeta);
  for (uint32_t i = 0; i < metas && !in.failed(); i++) {
    MetaBlob &meta = record.metas.emplace_back();
    meta.type = name(in);
    meta.body = blob(in);
  }
  constexpr size_t kLeastDetection = 4 + 4 + 9 + 4 * 8 + 9 + 4;
  const uint32_t detections = count(in, kLeastDetection);
  for (uint32_t i = 0; i < detections && !in.failed(); i++) {
    DetectionRow &detection = record.detections.emplace_back();
    get(in, detection);
    detection.index = row.index;
  }
  row.has_metas = !record.metas.empty();
}

void get(ByteReader &in, CommitRecord &record) {
  record.commit_no = in.u64();
  record.first_index = in.u64();
  record.frames = in.u64();
  record.complete = boolean(in);
  record.stats = text(in);
  if (record.frames > UINT64_MAX - record.first_index) in.fail();
}

Status corrupt(std::string what) { return {Code::kCorrupt, std::move(what)}; }

struct Framed {
  uint8_t kind = 0;
  uint8_t version = 0;
  ByteView body;
  size_t size = 0;  // of all of it
};

// The record that `bytes` begins with, its checksum verified.
Result<Framed> unframe(ByteView bytes) {
  ByteReader in(bytes);
  Framed framed;
  framed.kind = in.u8();
  framed.version = in.u8();
  in.u16();
  const uint32_t length = in.u32();
  framed.body = in.raw(length);
  const uint64_t checksum = in.u64();
  if (in.failed()) return corrupt("a record ends early");
  framed.size = kHeadSize + length + kChecksumSize;
  if (checksum != checksum_of(bytes.first(kHeadSize + length)))
    return corrupt("a record has a wrong checksum");
  return framed;
}

template <typename R>
Result<Record> parse_body(const Framed &framed) {
  if (framed.version >> 4 != kVersion >> 4) {
    const std::string what = "a record of kind " + std::to_string(framed.kind) + ", version " +
                             std::to_string(framed.version >> 4);
    if (framed.version >> 4 > kVersion >> 4) return Status(Code::kNewerSchema, what);
    return corrupt(what);
  }
  ByteReader in(framed.body);
  R record;
  get(in, record);
  // Only a later minor version may have added fields at the end.
  const bool rest_is_known = framed.version <= kVersion;
  if (in.failed() || (rest_is_known && in.remaining() > 0))
    return corrupt("a record of kind " + std::to_string(framed.kind) + " has a malformed body");
  return Record(std::move(record));
}

Result<Record> parse_framed(const Framed &framed) {
  switch (framed.kind) {
    case kCheckpoint:
      return parse_body<CheckpointRecord>(framed);
    case kCaps:
      return parse_body<CapsRecord>(framed);
    case kEvent:
      return parse_body<EventRecord>(framed);
    case kFrame:
      return parse_body<FrameRecord>(framed);
    case kCommit:
      return parse_body<CommitRecord>(framed);
    default:
      return Status(Code::kNewerSchema, "a record of unknown kind " + std::to_string(framed.kind));
  }
}

}  // namespace

RecordSpan append_record(const Record &record, ByteWriter &out) {
  const size_t start = out.size();
  out.u8(kKinds[record.index()]);
  out.u8(kVersion);
  out.u16(0);
  out.u32(0);
  std::visit([&out](const auto &r) { put(out, r); }, record);
  const size_t length = out.size() - start - kHeadSize;
  if (length > UINT32_MAX) {
    out.truncate(start);
    return {start, 0};
  }
  out.patch_u32(start + 4, static_cast<uint32_t>(length));
  out.u64(checksum_of(ByteView(out.bytes()).subspan(start)));
  return {start, out.size() - start};
}

Result<Record> parse_record(ByteView bytes) {
  CHECKPOINT_ASSIGN_OR_RETURN(const Framed framed, unframe(bytes));
  if (framed.size != bytes.size()) return corrupt("a record is followed by other bytes");
  return parse_framed(framed);
}

Status parse_records(ByteView section, const std::function<Status(Record &&, RecordSpan)> &each) {
  size_t at = 0;
  while (at < section.size()) {
    const std::string place = "records at byte " + std::to_string(at);
    Result<Framed> framed = unframe(section.subspan(at));
    if (!framed.is_ok()) return framed.status().with_context(place);
    const RecordSpan span{at, framed->size};
    at += framed->size;
    if (framed->kind > kCommit && framed->kind >= kFirstOptionalKind) continue;
    Result<Record> record = parse_framed(*framed);
    if (!record.is_ok()) return record.status().with_context(place);
    CHECKPOINT_RETURN_IF_ERROR(each(std::move(record).value(), span));
  }
  return Status::ok();
}

}  // namespace checkpoint
