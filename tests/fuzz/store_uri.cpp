// SPDX-License-Identifier: LGPL-2.1-or-later
// URIs of stores.
#include "fuzz/fuzz.h"
#include "store/uri.h"

using namespace checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text = as_text(fuzz_input(data, size));
  Result<StoreUri> uri = parse_store_uri(text, "file");
  if (uri.is_ok()) {
    // What is shown can be shown, and is the same however often it is masked.
    const std::string shown = uri->display();
    for (char c : shown) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  const std::string masked = mask_uri(text);
  FUZZ_CHECK(mask_uri(masked) == masked);

  Result<std::string> decoded = percent_decode(text);
  if (decoded.is_ok()) {
    FUZZ_CHECK(decoded->size() <= size);
    Result<std::string> again = percent_decode(percent_encode(*decoded));
    FUZZ_CHECK(again.is_ok() == (decoded->find('\0') == std::string::npos));
    if (again.is_ok()) FUZZ_CHECK(*again == *decoded);
  }
  return 0;
}
