// SPDX-License-Identifier: LGPL-2.1-or-later
// The language of `select`, for example
//
//   label = 'face' and confidence > 0.5 or track in (3, 4) and not time < 12.5
//
//   expression  = conjunction { "or" conjunction }
//   conjunction = negation { "and" negation }
//   negation    = "not" negation | "(" expression ")" | comparison
//   comparison  = field operator value | field [ "not" ] "in" "(" value { "," value } ")"
//   field       = "label" | "confidence" | "area" | "track" | "time" | "index"
//   operator    = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
//   value       = 'text' | "text" | number
//
// Words may be written in capitals. A quote in a text is written twice. Time is in seconds, area in
// square pixels. docs/how-to/select-frames.md shows how it is used.
#pragma once

#include <string_view>

#include "common/status.h"
#include "store/condition.h"

namespace checkpoint {

// Longer texts, deeper nesting and more values than this are refused, so that every database takes
// what is made of them.
inline constexpr size_t kMaxConditionText = 4096;  // bytes
inline constexpr int kMaxConditionDepth = 12;
inline constexpr size_t kMaxConditionValues = 200;

// kInvalidArgument names the column (from 1, in characters) of what is wrong.
Result<Condition> parse_condition(std::string_view text);

}  // namespace checkpoint
