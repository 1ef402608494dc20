// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/samples.h"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "core/codec.h"
#include "core/record_codec.h"

namespace checkpoint::samples {

namespace {

uint64_t number(Random &random) {
  switch (random() % 6) {
    case 0:
      return 0;
    case 1:
      return UINT64_MAX;
    case 2:
      return uint64_t{1} << 63;
    case 3:
      return random() % 100;
    default:
      return random();
  }
}

int64_t integer(Random &random) { return static_cast<int64_t>(number(random)); }

double real(Random &random) {
  const double some[] = {0.0,
                         -0.0,
                         0.5,
                         std::numeric_limits<double>::quiet_NaN(),
                         std::numeric_limits<double>::infinity(),
                         -std::numeric_limits<double>::infinity(),
                         std::numeric_limits<double>::denorm_min(),
                         std::numeric_limits<double>::max()};
  return some[random() % std::size(some)];
}

bool flip(Random &random) { return random() % 2 == 0; }

std::string name(Random &random) {
  const char *some[] = {
      "",  "a", "größe",          "検出", "\xf0\x9f\x8e\xac film", "'; drop table",
      "%", "/", "\xef\xbf\xbf x", "../.."};
  std::string text = some[random() % std::size(some)];
  if (random() % 8 == 0) text.append(random() % 600, 'x');
  return text;
}

// Not every text is a name: labels come from detectors.
std::string any_text(Random &random) {
  if (random() % 4 != 0) return name(random);
  Bytes bytes = random_bytes_of(random, random() % 40);
  return std::string(as_text(bytes));
}

Uuid uuid(Random &random) {
  Uuid u;
  for (auto &byte : u.bytes) byte = static_cast<uint8_t>(random());
  return u;
}

template <size_t N>
void fill(Random &random, std::array<uint8_t, N> &out) {
  for (auto &byte : out) byte = static_cast<uint8_t>(random());
}

CheckpointRecord random_checkpoint(Random &random) {
  CheckpointRecord record;
  record.id = uuid(random);
  record.version = static_cast<uint32_t>(number(random));
  record.epoch = number(random);
  record.commit_no = number(random);
  record.created_at = integer(random);
  CheckpointFields &fields = record.fields;
  fields.job_id = name(random);
  fields.stage = name(random);
  fields.stage_index = static_cast<int32_t>(number(random));
  fields.branch = {flip(random), name(random)};
  if (flip(random)) fields.parent = uuid(random);
  fields.frames_prefix = name(random);
  fields.stage_output_key = any_text(random);
  fields.stats = any_text(random);
  fields.config_snapshot = any_text(random);
  fields.config_overrides = any_text(random);
  fields.config_declared = any_text(random);
  fields.video_path = any_text(random);
  fields.profile_name = any_text(random);
  if (flip(random)) {
    auto &sequences = fields.filtered_frame_sequences.emplace();
    for (size_t n = random() % 20; n > 0; n--) sequences.push_back(number(random));
  }
  return record;
}

FrameRecord random_frame(Random &random) {
  FrameRecord record;
  FrameRow &row = record.row;
  row.index = random();
  row.sequence = number(random);
  if (flip(random)) {
    record.payload_pack = uuid(random);
    row.payload.offset = flip(random) ? random() >> 1 : random() % 1000;
    row.payload.raw_length = 1 + random() % (uint64_t{1} << 40);
    row.payload.codec = static_cast<Codec>(random() % 3);
    row.payload.length = row.payload.codec == Codec::kNone ? row.payload.raw_length
                                                           : 1 + random() % (uint64_t{1} << 40);
    row.payload.checksum = number(random);
    row.payload.content = static_cast<Content>(random() % 3);
    fill(random, record.digest);
  }
  row.pts = number(random);
  row.dts = number(random);
  row.duration = number(random);
  row.stream_time = number(random);
  row.offset = number(random);
  row.offset_end = number(random);
  row.flags = static_cast<uint32_t>(number(random));
  row.caps = static_cast<uint32_t>(number(random));
  for (size_t n = random() % 4; n > 0; n--)
    record.metas.push_back({name(random), random_bytes_of(random, random() % 300)});
  for (size_t n = random() % 4; n > 0; n--) {
    DetectionRow detection;
    detection.index = row.index;
    detection.ordinal = static_cast<uint32_t>(number(random));
    detection.label = any_text(random);
    if (flip(random)) detection.confidence = real(random);
    detection.x = integer(random);
    detection.y = integer(random);
    detection.width = integer(random);
    detection.height = integer(random);
    if (flip(random)) detection.track = integer(random);
    detection.source = name(random);
    record.detections.push_back(detection);
  }
  row.has_metas = !record.metas.empty();
  return record;
}

CommitRecord random_commit(Random &random) {
  CommitRecord record;
  record.commit_no = number(random);
  record.first_index = number(random);
  record.frames =
      record.first_index == UINT64_MAX ? 0 : random() % (UINT64_MAX - record.first_index);
  record.complete = flip(random);
  record.stats = any_text(random);
  return record;
}

bool same_fields(const CheckpointFields &a, const CheckpointFields &b) {
  return a.job_id == b.job_id && a.stage == b.stage && a.stage_index == b.stage_index &&
         a.branch == b.branch && a.parent == b.parent && a.frames_prefix == b.frames_prefix &&
         a.stage_output_key == b.stage_output_key && a.stats == b.stats &&
         a.config_snapshot == b.config_snapshot && a.config_overrides == b.config_overrides &&
         a.config_declared == b.config_declared && a.video_path == b.video_path &&
         a.profile_name == b.profile_name &&
         a.filtered_frame_sequences == b.filtered_frame_sequences;
}

bool same_real(const std::optional<double> &a, const std::optional<double> &b) {
  if (!a || !b) return !a && !b;
  return std::bit_cast<uint64_t>(*a) == std::bit_cast<uint64_t>(*b);
}

bool same_detection(const DetectionRow &a, const DetectionRow &b) {
  return a.index == b.index && a.ordinal == b.ordinal && a.label == b.label &&
         same_real(a.confidence, b.confidence) && a.x == b.x && a.y == b.y && a.width == b.width &&
         a.height == b.height && a.track == b.track && a.source == b.source;
}

bool same_value(const CheckpointRecord &a, const CheckpointRecord &b) {
  return a.id == b.id && same_fields(a.fields, b.fields) && a.version == b.version &&
         a.epoch == b.epoch && a.commit_no == b.commit_no && a.created_at == b.created_at;
}

bool same_value(const CapsRecord &a, const CapsRecord &b) {
  return a.row.number == b.row.number && a.row.caps == b.row.caps;
}

bool same_value(const EventRecord &a, const EventRecord &b) {
  return a.row.index == b.row.index && a.row.ordinal == b.row.ordinal && a.row.type == b.row.type &&
         a.row.body == b.row.body;
}

bool same_value(const FrameRecord &a, const FrameRecord &b) {
  const FrameRow &x = a.row, &y = b.row;
  if (a.detections.size() != b.detections.size()) return false;
  for (size_t i = 0; i < a.detections.size(); i++)
    if (!same_detection(a.detections[i], b.detections[i])) return false;
  return x.index == y.index && x.sequence == y.sequence && x.payload == y.payload &&
         x.has_metas == y.has_metas && x.pts == y.pts && x.dts == y.dts &&
         x.duration == y.duration && x.stream_time == y.stream_time && x.offset == y.offset &&
         x.offset_end == y.offset_end && x.flags == y.flags && x.caps == y.caps &&
         a.payload_pack == b.payload_pack && a.digest == b.digest && a.metas == b.metas;
}

bool same_value(const CommitRecord &a, const CommitRecord &b) {
  return a.commit_no == b.commit_no && a.first_index == b.first_index && a.frames == b.frames &&
         a.complete == b.complete && a.stats == b.stats;
}

Uuid fixed_uuid(uint8_t with) {
  Uuid u;
  for (size_t i = 0; i < u.bytes.size(); i++) u.bytes[i] = static_cast<uint8_t>(with + i);
  return u;
}

}  // namespace

uint64_t test_seed() {
  const char *given = std::getenv("GST_CHECKPOINT_TEST_SEED");
  uint64_t seed = given ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::printf("GST_CHECKPOINT_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

Record random_record(Random &random) {
  switch (random() % 5) {
    case 0:
      return random_checkpoint(random);
    case 1:
      return CapsRecord{{static_cast<uint32_t>(number(random)), any_text(random)}};
    case 2: {
      EventRow row;
      row.index = number(random);
      row.ordinal = static_cast<uint32_t>(number(random));
      row.type = name(random);
      row.body = random_bytes_of(random, random() % 300);
      return EventRecord{row};
    }
    case 3:
      return random_frame(random);
    default:
      return random_commit(random);
  }
}

bool same(const Record &a, const Record &b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto &value) {
        return same_value(value, std::get<std::decay_t<decltype(value)>>(b));
      },
      a);
}

Bytes random_bytes_of(Random &random, size_t size) {
  Bytes bytes(size);
  for (auto &byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

Bytes picture_like_bytes(Random &random, size_t size) {
  Bytes bytes(size);
  uint8_t value = 128;
  for (auto &byte : bytes) {
    if (random() % 4 == 0) value = static_cast<uint8_t>(value + random() % 5 - 2);
    byte = static_cast<std::byte>(value);
  }
  return bytes;
}

std::vector<Record> fixed_records() {
  CheckpointRecord checkpoint;
  checkpoint.id = fixed_uuid(0x10);
  checkpoint.version = 3;
  checkpoint.epoch = 7;
  checkpoint.commit_no = 2;
  checkpoint.created_at = 1700000000123;
  CheckpointFields &fields = checkpoint.fields;
  fields.job_id = "street";
  fields.stage = "größe";
  fields.stage_index = -2;
  fields.branch = {true, "low threshold"};
  fields.parent = fixed_uuid(0x20);
  fields.frames_prefix = "street/frames/";
  fields.stage_output_key = "out";
  fields.stats = R"({"n":1})";
  fields.config_snapshot = R"({"t":0.5})";
  fields.config_overrides = "{}";
  fields.config_declared = R"({"a":[]})";
  fields.video_path = "/videos/street.mp4";
  fields.profile_name = "fast";
  fields.filtered_frame_sequences = {{0, 5, UINT64_MAX}};

  CapsRecord caps{{1, "video/x-raw, format=(string)RGB, width=(int)4, height=(int)2"}};

  EventRecord event;
  event.row.index = 9;
  event.row.ordinal = 1;
  event.row.type = "segment";
  event.row.body = {std::byte{1}, std::byte{0}, std::byte{255}};

  FrameRecord frame;
  frame.row.index = 9;
  frame.row.sequence = 41;
  frame.payload_pack = fixed_uuid(0x30);
  frame.row.payload = {0, 192, 5, 24, 0x0123456789abcdef, Codec::kZstd, Content::kJpeg};
  for (size_t i = 0; i < frame.digest.size(); i++) frame.digest[i] = static_cast<uint8_t>(0xa0 + i);
  frame.row.pts = 40000000;
  frame.row.duration = 40000000;
  frame.row.stream_time = 0;
  frame.row.offset = 9;
  frame.row.offset_end = 10;
  frame.row.flags = 0x40;
  frame.row.caps = 1;
  frame.row.has_metas = true;
  frame.metas = {{"roi", {std::byte{4}, std::byte{2}}}, {"video", {}}};
  DetectionRow detection;
  detection.index = 9;
  detection.ordinal = 0;
  detection.label = "car";
  detection.confidence = 0.75;
  detection.x = -1;
  detection.y = 2;
  detection.width = 3;
  detection.height = INT64_MAX;
  detection.track = -9;
  detection.source = "roi";
  frame.detections.push_back(detection);
  detection.ordinal = 1;
  detection.confidence.reset();
  detection.track.reset();
  detection.label = "";
  frame.detections.push_back(detection);

  FrameRecord bare;
  bare.row.index = 10;
  bare.row.sequence = 42;

  CommitRecord commit{2, 9, 2, true, R"({"ms":12})"};
  return {checkpoint, caps, event, frame, bare, commit};
}

PackHeader fixed_header() {
  PackHeader header;
  header.pack = fixed_uuid(0x30);
  header.frame_store = fixed_uuid(0x50);
  header.job = fixed_uuid(0x60);
  for (size_t i = 0; i < header.identity_key.size(); i++)
    header.identity_key[i] = static_cast<uint8_t>(0xc0 + i);
  header.created_at = 1700000000456;
  return header;
}

Bytes join(const SealedPack &pack) {
  Bytes all;
  for (ByteView part : pack.parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes fixed_pack() {
  auto pool = ChunkPool::create(0);
  PackBuilder builder(fixed_header());
  uint8_t tag = 0;
  for (size_t size : {5, 64, 100}) {
    auto chunk = pool->allocate(size);
    chunk->resize(size);
    for (size_t i = 0; i < size; i++) chunk->data()[i] = static_cast<std::byte>(tag + i);
    PayloadRef ref;
    ref.raw_length = size;
    ref.checksum = checksum_of(chunk->view());
    if (tag == 2) ref.content = Content::kPng;
    Digest digest{};
    digest.fill(static_cast<uint8_t>(0x77 + tag));
    builder.add(chunk, ref, digest);
    tag++;
  }
  ByteWriter records;
  for (const Record &record : fixed_records()) append_record(record, records);
  return join(std::move(builder).seal(records.take()));
}

}  // namespace checkpoint::samples
