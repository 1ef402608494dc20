// SPDX-License-Identifier: LGPL-2.1-or-later
// A pack: one immutable object that holds the payloads of many frames and the records of a commit.
// docs/format.md describes it to the byte.
//
//   header | payload, each aligned to 64 bytes … | records | index of payloads | footer
#pragma once

#include <memory>
#include <vector>

#include "common/bytes.h"
#include "common/status.h"
#include "common/uuid.h"
#include "core/chunk.h"
#include "store/model.h"

namespace checkpoint {

inline constexpr size_t kPackAlignment = 64;

struct PackHeader {
  Uuid pack;
  Uuid frame_store;
  Uuid job;
  IdentityKey identity_key{};
  int64_t created_at = 0;  // milliseconds since 1970, UTC
};

struct PackPayload {
  PayloadRef ref;  // ref.pack is not part of the bytes
  Digest digest{};
};

// A pack that is ready to be put: its parts in order, without a copy of any payload.
struct SealedPack {
  std::vector<ByteView> parts;
  uint64_t size = 0;
  uint64_t records_offset = 0;
  uint64_t records_length = 0;
  std::vector<PackPayload> payloads;
  // Keeps what the parts point at.
  std::vector<std::shared_ptr<const Chunk>> chunks;
  std::vector<std::unique_ptr<Bytes>> owned;
};

// Not thread-safe.
class PackBuilder {
 public:
  explicit PackBuilder(const PackHeader &header);

  const PackHeader &header() const { return header_; }
  // The bytes of the object if it were sealed now, without records.
  uint64_t size() const { return next_offset_; }
  bool empty() const { return payloads_.empty(); }
  // Where the next payload of `length` bytes will begin.
  uint64_t next_offset() const { return next_offset_; }
  // Takes a payload in; `ref.offset` and `ref.length` are set here and returned.
  PayloadRef add(std::shared_ptr<const Chunk> stored, PayloadRef ref, const Digest &digest);
  // Ends the pack with these records; the builder is used up.
  SealedPack seal(Bytes records) &&;

 private:
  PackHeader header_;
  uint64_t next_offset_;
  std::vector<PackPayload> payloads_;
  std::vector<std::shared_ptr<const Chunk>> chunks_;
};

// What the end of a pack tells.
struct PackFooter {
  uint64_t records_offset = 0, records_length = 0;
  uint64_t index_offset = 0, index_length = 0;
  uint64_t header_checksum = 0;  // the last eight bytes of the header that belongs to this footer
};

inline constexpr size_t kPackHeaderSize = 192;
inline constexpr size_t kPackFooterSize = 64;

// Each fails with kCorrupt, names what is wrong, and never reads past the view; kNewerSchema for a
// pack of a later format. The header is the first kPackHeaderSize bytes, the footer the last
// kPackFooterSize.
Result<PackHeader> parse_pack_header(ByteView first_bytes);
Result<PackFooter> parse_pack_footer(ByteView last_bytes, uint64_t object_size);
// `payloads_end`: where payloads have to end, the footer's records_offset.
Result<std::vector<PackPayload>> parse_pack_index(ByteView index,
                                                  uint64_t payloads_end = UINT64_MAX);

}  // namespace checkpoint
