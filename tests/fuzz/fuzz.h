// SPDX-License-Identifier: LGPL-2.1-or-later
// What every fuzz target has: libFuzzer's entry point, and a check that ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "common/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                        \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

inline checkpoint::ByteView fuzz_input(const uint8_t *data, size_t size) {
  return std::as_bytes(std::span(data, size));
}
