// SPDX-License-Identifier: LGPL-2.1-or-later
// Texts as they may stand on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace checkpoint::tool {

// With everything that a terminal obeys, that turns the direction of writing or that is no UTF-8
// written as an escape: "\n", "\x1b", "\u202e". Backslashes stay, so this is for eyes only.
std::string printable(std::string_view text);
// printable(), in double quotes.
std::string in_quotes(std::string_view text);

// Columns that a printable text takes.
size_t width_of(std::string_view text);
// At most `width` columns of it; what was cut off shows as "…".
std::string cut(std::string_view text, size_t width);

std::string bytes_text(uint64_t bytes);           // "1.2 MB"
std::string time_text(int64_t milliseconds);      // local time, to the second; "" for 0
std::string iso_time(int64_t milliseconds);       // UTC, for programs
std::string duration_text(uint64_t nanoseconds);  // "0:01:23.456"
std::string count_text(uint64_t n, const char *one, const char *many);  // "1 frame", "2 frames"

}  // namespace checkpoint::tool
