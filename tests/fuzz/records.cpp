// SPDX-License-Identifier: LGPL-2.1-or-later
// Records: a section as it comes, and one body under a right checksum. The first byte of the input
// is the kind of the latter.
#include "core/codec.h"
#include "core/record_codec.h"
#include "fuzz/fuzz.h"

using namespace checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ByteView input = fuzz_input(data, size);
  size_t end = 0;
  Status status = parse_records(input, [&](Record &&, RecordSpan span) {
    FUZZ_CHECK(span.offset >= end && span.length <= input.size() - span.offset);
    end = span.offset + span.length;
    return Status::ok();
  });
  FUZZ_CHECK(status.is_ok() || status.is(Code::kCorrupt) || status.is(Code::kNewerSchema));
  if (size < 2) return 0;

  ByteWriter out;
  out.u8(data[0]);
  out.u8(data[1]);
  out.u16(0);
  out.blob(input.subspan(2));
  out.u64(checksum_of(out.bytes()));
  Result<Record> record = parse_record(out.bytes());
  if (!record.is_ok()) return 0;
  // What was read can be written, and then the bytes are canonical.
  ByteWriter again;
  append_record(*record, again);
  Result<Record> second = parse_record(again.bytes());
  FUZZ_CHECK(second.is_ok());
  ByteWriter third;
  append_record(*second, third);
  FUZZ_CHECK(third.bytes() == again.bytes());
  return 0;
}
