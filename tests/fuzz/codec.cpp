// SPDX-License-Identifier: LGPL-2.1-or-later
// Decoders. Input: codec u8, raw length u24, stored bytes.
#include "core/codec.h"

#include <memory>

#include "fuzz/fuzz.h"

using namespace checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4) return 0;
  const auto which = static_cast<Codec>(data[0] % 3);
  const size_t raw_length = (data[1] | data[2] << 8 | data[3] << 16) % (1 << 20);
  const ByteView stored = fuzz_input(data + 4, size - 4);
  static PayloadCodec codec;  // kept, as a worker keeps it: broken input must not spoil it

  // Of exactly that size on the heap, so that a sanitizer sees the first byte past the end.
  auto out = std::make_unique<std::byte[]>(raw_length);
  Status status = codec.decode(which, stored, {out.get(), raw_length});
  FUZZ_CHECK(status.is_ok() || status.is(Code::kCorrupt) || status.is(Code::kUnsupported));

  if (which == Codec::kNone || !codec_available(which)) return 0;
  Bytes encoded(PayloadCodec::bound(which, stored.size()));
  Result<size_t> length = codec.encode(which, stored, encoded);
  FUZZ_CHECK(length.is_ok() && *length <= encoded.size());
  Bytes back(stored.size());
  FUZZ_CHECK(codec.decode(which, ByteView(encoded).first(*length), back).is_ok());
  FUZZ_CHECK(std::equal(back.begin(), back.end(), stored.begin()));
  return 0;
}
