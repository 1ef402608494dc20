// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/pack.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/codec.h"

namespace checkpoint {

namespace {

constexpr std::string_view kHeaderMagic = "GSTCKPT\n";
constexpr std::string_view kFooterMagic = "\nGSTCKND";
constexpr uint16_t kMajorVersion = 1;
constexpr uint16_t kMinorVersion = 0;
constexpr uint16_t kIndexVersion = 1;
constexpr size_t kIndexHeadSize = 8;
constexpr size_t kIndexEntrySize = 56;
constexpr size_t kChecksumSize = 8;
constexpr uint64_t kMaxPayloadSize = uint64_t{1} << 40;

constexpr std::array<std::byte, kPackAlignment> kZeros{};

uint64_t aligned(uint64_t offset) {
  return (offset + kPackAlignment - 1) / kPackAlignment * kPackAlignment;
}

Status corrupt(std::string what) { return {Code::kCorrupt, std::move(what)}; }

void put_uuid(ByteWriter &out, const Uuid &uuid) { out.raw(std::as_bytes(std::span(uuid.bytes))); }

template <size_t N>
void take(ByteReader &in, std::array<uint8_t, N> &out) {
  ByteView bytes = in.raw(N);
  if (bytes.size() == N) std::memcpy(out.data(), bytes.data(), N);
}

// The checksum that ends a part covers all of the part before it.
bool checksum_ends(ByteView part) {
  ByteView covered = part.first(part.size() - kChecksumSize);
  return ByteReader(part.last(kChecksumSize)).u64() == checksum_of(covered);
}

Bytes encode_header(const PackHeader &header) {
  ByteWriter out;
  out.reserve(kPackHeaderSize);
  out.raw(as_bytes(kHeaderMagic));
  out.u16(kMajorVersion);
  out.u16(kMinorVersion);
  out.u32(kPackHeaderSize);
  out.u32(kPackFooterSize);
  out.u32(kPackAlignment);
  put_uuid(out, header.pack);
  put_uuid(out, header.frame_store);
  put_uuid(out, header.job);
  out.raw(std::as_bytes(std::span(header.identity_key)));
  out.i64(header.created_at);
  out.zeros(kPackHeaderSize - kChecksumSize - out.size());
  out.u64(checksum_of(out.bytes()));
  return out.take();
}

void append_index(ByteWriter &out, const std::vector<PackPayload> &payloads) {
  const size_t start = out.size();
  out.reserve(out.size() + kIndexHeadSize + payloads.size() * kIndexEntrySize + kChecksumSize +
              kPackFooterSize);
  out.u16(kIndexVersion);
  out.u16(kIndexEntrySize);
  out.u32(static_cast<uint32_t>(payloads.size()));
  for (const PackPayload &payload : payloads) {
    out.u64(payload.ref.offset);
    out.u64(payload.ref.length);
    out.u64(payload.ref.raw_length);
    out.u64(payload.ref.checksum);
    out.raw(std::as_bytes(std::span(payload.digest)));
    out.u8(static_cast<uint8_t>(payload.ref.codec));
    out.u8(static_cast<uint8_t>(payload.ref.content));
    out.zeros(6);
  }
  out.u64(checksum_of(ByteView(out.bytes()).subspan(start)));
}

void append_footer(ByteWriter &out, const PackFooter &footer, uint64_t object_size,
                   uint64_t header_checksum) {
  const size_t start = out.size();
  out.u64(footer.records_offset);
  out.u64(footer.records_length);
  out.u64(footer.index_offset);
  out.u64(footer.index_length);
  out.u64(object_size);
  out.u64(header_checksum);
  out.raw(as_bytes(kFooterMagic));
  out.u64(checksum_of(ByteView(out.bytes()).subspan(start)));
}

}  // namespace

PackBuilder::PackBuilder(const PackHeader &header)
    : header_(header), next_offset_(aligned(kPackHeaderSize)) {}

PayloadRef PackBuilder::add(std::shared_ptr<const Chunk> stored, PayloadRef ref,
                            const Digest &digest) {
  ref.offset = next_offset_;
  ref.length = stored->size();
  next_offset_ = aligned(next_offset_ + ref.length);
  payloads_.push_back({ref, digest});
  chunks_.push_back(std::move(stored));
  return ref;
}

SealedPack PackBuilder::seal(Bytes records) && {
  SealedPack sealed;
  PackFooter footer;
  footer.records_offset = next_offset_;
  footer.records_length = records.size();
  footer.index_offset = footer.records_offset + footer.records_length;
  footer.index_length = kIndexHeadSize + payloads_.size() * kIndexEntrySize + kChecksumSize;
  sealed.size = footer.index_offset + footer.index_length + kPackFooterSize;
  sealed.records_offset = footer.records_offset;
  sealed.records_length = footer.records_length;

  auto own = [&sealed](Bytes bytes) -> ByteView {
    return *sealed.owned.emplace_back(std::make_unique<Bytes>(std::move(bytes)));
  };
  const ByteView header = own(encode_header(header_));
  sealed.parts.reserve(2 * chunks_.size() + 3);
  sealed.parts.push_back(header);
  for (const auto &chunk : chunks_) {
    sealed.parts.push_back(chunk->view());
    const uint64_t padding = aligned(chunk->size()) - chunk->size();
    if (padding > 0) sealed.parts.push_back(ByteView(kZeros).first(padding));
  }
  if (!records.empty()) sealed.parts.push_back(own(std::move(records)));
  ByteWriter tail;
  append_index(tail, payloads_);
  append_footer(tail, footer, sealed.size, ByteReader(header.last(kChecksumSize)).u64());
  sealed.parts.push_back(own(tail.take()));

  sealed.payloads = std::move(payloads_);
  sealed.chunks = std::move(chunks_);
  return sealed;
}

Result<PackHeader> parse_pack_header(ByteView first_bytes) {
  if (first_bytes.size() < kPackHeaderSize) return corrupt("a pack ends inside its header");
  const ByteView bytes = first_bytes.first(kPackHeaderSize);
  ByteReader in(bytes);
  if (as_text(in.raw(kHeaderMagic.size())) != kHeaderMagic)
    return corrupt("not a pack: it does not begin with GSTCKPT");
  if (!checksum_ends(bytes)) return corrupt("the header of a pack has a wrong checksum");
  const uint16_t major = in.u16();
  in.u16();  // a newer minor version means something only to those who know it
  if (major > kMajorVersion)
    return Status(Code::kNewerSchema, "a pack of format version " + std::to_string(major) +
                                          "; this release reads version " +
                                          std::to_string(kMajorVersion));
  if (major != kMajorVersion || in.u32() != kPackHeaderSize || in.u32() != kPackFooterSize ||
      in.u32() != kPackAlignment)
    return corrupt("the header of a pack has sizes that no version has");
  PackHeader header;
  take(in, header.pack.bytes);
  take(in, header.frame_store.bytes);
  take(in, header.job.bytes);
  take(in, header.identity_key);
  header.created_at = in.i64();
  return header;
}

Result<PackFooter> parse_pack_footer(ByteView last_bytes, uint64_t object_size) {
  if (last_bytes.size() < kPackFooterSize || object_size < kPackHeaderSize + kPackFooterSize)
    return corrupt("a pack is too short to be whole");
  const ByteView bytes = last_bytes.last(kPackFooterSize);
  ByteReader in(bytes);
  PackFooter footer;
  footer.records_offset = in.u64();
  footer.records_length = in.u64();
  footer.index_offset = in.u64();
  footer.index_length = in.u64();
  const uint64_t said_size = in.u64();
  footer.header_checksum = in.u64();
  if (as_text(in.raw(kFooterMagic.size())) != kFooterMagic)
    return corrupt("a pack does not end with its footer");
  if (!checksum_ends(bytes)) return corrupt("the footer of a pack has a wrong checksum");
  if (said_size != object_size)
    return corrupt("a pack has " + std::to_string(object_size) + " bytes, its footer says " +
                   std::to_string(said_size));
  // Compared without an addition that could wrap.
  const uint64_t end = object_size - kPackFooterSize;
  if (footer.records_offset < kPackHeaderSize || footer.records_offset % kPackAlignment != 0 ||
      footer.index_offset > end || footer.records_offset > footer.index_offset ||
      footer.records_length != footer.index_offset - footer.records_offset ||
      footer.index_length != end - footer.index_offset)
    return corrupt("the footer of a pack names parts that overlap or leave gaps");
  return footer;
}

Result<std::vector<PackPayload>> parse_pack_index(ByteView index, uint64_t payloads_end) {
  if (index.size() < kIndexHeadSize + kChecksumSize)
    return corrupt("the index of a pack is too short");
  if (!checksum_ends(index)) return corrupt("the index of a pack has a wrong checksum");
  ByteReader in(index.first(index.size() - kChecksumSize));
  const uint16_t version = in.u16();
  if (version > kIndexVersion)
    return Status(Code::kNewerSchema, "a pack index of version " + std::to_string(version));
  const uint16_t entry_size = in.u16();
  const uint32_t count = in.u32();
  if (version != kIndexVersion || entry_size != kIndexEntrySize ||
      in.remaining() != uint64_t{count} * kIndexEntrySize)
    return corrupt("the index of a pack has sizes that no version has");

  std::vector<PackPayload> payloads;
  payloads.reserve(count);
  uint64_t free_from = kPackHeaderSize;
  for (uint32_t i = 0; i < count; i++) {
    PackPayload payload;
    payload.ref.offset = in.u64();
    payload.ref.length = in.u64();
    payload.ref.raw_length = in.u64();
    payload.ref.checksum = in.u64();
    take(in, payload.digest);
    const uint8_t codec = in.u8();
    const uint8_t content = in.u8();
    in.raw(6);
    const PayloadRef &ref = payload.ref;
    const bool placed = ref.offset >= free_from && ref.offset % kPackAlignment == 0 &&
                        ref.offset <= payloads_end && ref.length <= payloads_end - ref.offset;
    const bool sane = ref.length > 0 && ref.length <= kMaxPayloadSize && ref.raw_length > 0 &&
                      ref.raw_length <= kMaxPayloadSize &&
                      codec <= static_cast<uint8_t>(Codec::kZstd) &&
                      content <= static_cast<uint8_t>(Content::kPng) &&
                      (codec != 0 || ref.length == ref.raw_length);
    if (!placed || !sane)
      return corrupt("payload " + std::to_string(i) + " in the index of a pack is impossible");
    payload.ref.codec = static_cast<Codec>(codec);
    payload.ref.content = static_cast<Content>(content);
    free_from = ref.offset + ref.length;
    payloads.push_back(payload);
  }
  return payloads;
}

}  // namespace checkpoint
