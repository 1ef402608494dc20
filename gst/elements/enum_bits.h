// SPDX-License-Identifier: LGPL-2.1-or-later
// The number in a C enumeration that holds flags, or a choice. A newer GStreamer, or hostile bytes,
// may have set bits that our headers do not name; reading such a value as its enumeration is
// undefined in C++, copying its bits is not.
#pragma once

#include <cstdint>
#include <cstring>

namespace checkpoint {

template <typename Enum>
uint32_t enum_bits(const Enum &flags) {
  static_assert(sizeof(Enum) == sizeof(uint32_t));
  uint32_t bits;
  std::memcpy(&bits, &flags, sizeof bits);
  return bits;
}

template <typename Enum>
void set_enum_bits(Enum &flags, uint32_t bits) {
  static_assert(sizeof(Enum) == sizeof(uint32_t));
  std::memcpy(&flags, &bits, sizeof bits);
}

}  // namespace checkpoint
