// SPDX-License-Identifier: LGPL-2.1-or-later
// 128-bit identities of stores, jobs, packs and checkpoints: random, version 4, made by the client.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace checkpoint {

struct Uuid {
  std::array<uint8_t, 16> bytes{};

  static Uuid random();
  // The 36-character form; nullopt for anything else.
  static std::optional<Uuid> parse(std::string_view text);
  // "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"
  std::string to_string() const;
  bool is_nil() const { return bytes == std::array<uint8_t, 16>{}; }
  auto operator<=>(const Uuid &) const = default;
};

// N bytes from the kernel's random number generator; aborts when there is none.
void random_bytes(uint8_t *out, size_t n);

}  // namespace checkpoint
