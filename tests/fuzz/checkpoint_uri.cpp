// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpoint:// URIs.
#include "core/checkpoint_uri.h"
#include "fuzz/fuzz.h"

using namespace checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Result<CheckpointUri> uri = parse_checkpoint_uri(as_text(fuzz_input(data, size)));
  if (!uri.is_ok()) {
    for (char c : uri.status().message()) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20);
    return 0;
  }
  // The one text for it is a URI of plain characters that means the same.
  const std::string text = format_checkpoint_uri(*uri);
  for (char c : text) FUZZ_CHECK(c > 0x20 && c < 0x7f);
  Result<CheckpointUri> again = parse_checkpoint_uri(text);
  FUZZ_CHECK(again.is_ok());
  FUZZ_CHECK(*again == *uri);
  FUZZ_CHECK(format_checkpoint_uri(*again) == text);
  return 0;
}
