// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether a text is JSON, before json-glib reads it: that one takes what other readers would not,
// and has no end of stack for what is nested too deep.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace checkpoint {

// Where the text stops being one JSON value that is nested at most 200 deep; nullopt: it is one.
std::optional<size_t> json_stops_at(std::string_view text);

}  // namespace checkpoint
