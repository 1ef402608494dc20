// SPDX-License-Identifier: LGPL-2.1-or-later
// Whole packs, and headers, footers and indexes that have the right checksum.
#include "core/pack.h"

#include "core/codec.h"
#include "core/record_codec.h"
#include "fuzz/fuzz.h"

using namespace checkpoint;

namespace {

// Random bytes never have the right checksum at their end, so give it to them.
Bytes signed_part(ByteView bytes) {
  ByteWriter out;
  out.raw(bytes);
  out.u64(checksum_of(bytes));
  return out.take();
}

void check_index(ByteView index, uint64_t payloads_end) {
  Result<std::vector<PackPayload>> payloads = parse_pack_index(index, payloads_end);
  if (!payloads.is_ok()) return;
  uint64_t end = kPackHeaderSize;
  for (const PackPayload &payload : *payloads) {
    FUZZ_CHECK(payload.ref.offset >= end && payload.ref.offset % kPackAlignment == 0);
    end = payload.ref.offset + payload.ref.length;
    FUZZ_CHECK(end > payload.ref.offset && end <= payloads_end);
  }
}

void check_object(ByteView object) {
  (void)parse_pack_header(object).is_ok();
  Result<PackFooter> footer = parse_pack_footer(object, object.size());
  if (!footer.is_ok()) return;
  // subspan() past the end is undefined: these are the promises of the parser.
  FUZZ_CHECK(footer->index_offset <= object.size());
  FUZZ_CHECK(footer->index_length <= object.size() - footer->index_offset);
  FUZZ_CHECK(footer->records_offset <= object.size());
  FUZZ_CHECK(footer->records_length <= object.size() - footer->records_offset);
  check_index(object.subspan(footer->index_offset, footer->index_length), footer->records_offset);
  (void)parse_records(object.subspan(footer->records_offset, footer->records_length),
                      [](Record &&, RecordSpan) { return Status::ok(); })
      .is_ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ByteView input = fuzz_input(data, size);
  check_object(input);
  check_index(signed_part(input), UINT64_MAX);
  if (size >= kPackHeaderSize)
    (void)parse_pack_header(signed_part(input.first(kPackHeaderSize - 8))).is_ok();
  if (size >= kPackFooterSize) {
    Bytes object(input.begin(), input.end() - 8);
    const ByteView footer = ByteView(object).last(kPackFooterSize - 8);
    const uint64_t checksum = checksum_of(footer);
    ByteWriter out;
    out.raw(object);
    out.u64(checksum);
    check_object(out.bytes());
  }
  return 0;
}
