// SPDX-License-Identifier: LGPL-2.1-or-later
// A color for a label: the same in every picture and every run.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace checkpoint::tool {

// 0xRRGGBB. Those of Okabe and Ito, which people who see colors differently can tell apart, but for
// black.
inline uint32_t label_color(std::string_view label) {
  constexpr std::array<uint32_t, 7> kColors{0x56b4e9, 0xe69f00, 0x009e73, 0xf0e442,
                                            0xd55e00, 0xcc79a7, 0x0072b2};
  uint32_t hash = 2166136261;  // FNV-1a
  for (const char c : label) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return kColors[hash % kColors.size()];
}

}  // namespace checkpoint::tool
