// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers as JSON, for what is written line by line.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>

namespace checkpoint::tool {

// Numbers beyond int64, which other readers turn into something else, as strings.
inline std::string json_number(std::unsigned_integral auto value) {
  const std::string text = std::to_string(value);
  return value > static_cast<uint64_t>(INT64_MAX) ? "\"" + text + "\"" : text;
}
// The shortest text that reads back as the same number; what is not finite as a string.
inline std::string json_number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  const std::string digits(text, end.ptr);
  return std::isfinite(value) ? digits : "\"" + digits + "\"";
}

}  // namespace checkpoint::tool
