// SPDX-License-Identifier: LGPL-2.1-or-later
// Lossless compression of payloads.
#pragma once

#include <memory>
#include <string_view>

#include "common/bytes.h"
#include "common/status.h"
#include "store/model.h"

namespace checkpoint {

// Compresses and decompresses; keeps the library's context between frames. One thread at a time.
class PayloadCodec {
 public:
  PayloadCodec();
  ~PayloadCodec();
  PayloadCodec(const PayloadCodec &) = delete;
  PayloadCodec &operator=(const PayloadCodec &) = delete;

  // The most bytes that encode() may write for `raw_size`.
  static size_t bound(Codec codec, size_t raw_size);
  // Writes to `out` (at least bound() long) and returns the bytes written. Not for Codec::kNone.
  Result<size_t> encode(Codec codec, ByteView raw, MutableByteView out);
  // Fills exactly all of `out`; kCorrupt when the input is not that long a payload.
  Status decode(Codec codec, ByteView stored, MutableByteView out);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// XXH3-64.
uint64_t checksum_of(ByteView bytes);

// Which codecs this build has; kNone always.
bool codec_available(Codec codec);
const char *codec_name(Codec codec);

}  // namespace checkpoint
