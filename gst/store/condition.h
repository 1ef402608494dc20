// SPDX-License-Identifier: LGPL-2.1-or-later
// A condition on frames and their detections, as a tree. core/condition_parser.h makes it of a
// text.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace checkpoint {

// What a comparison looks at. Of a detection: its label, confidence, area of its box (width times
// height, pixels) and track; of the frame: its stream time (nanoseconds) and index.
enum class Field { kLabel, kConfidence, kArea, kTrack, kTime, kIndex };

// Is it a detection's, which a frame may lack?
inline bool of_detection(Field field) { return field != Field::kTime && field != Field::kIndex; }

// A text for a label, a double for confidence and area, else an int64.
using FieldValue = std::variant<std::string, double, int64_t>;

// True for a frame when it is true for the frame and one of its detections. A frame without
// detections has neither label nor confidence, area or track; comparing what a frame or detection
// does not have gives neither true nor false, and so does `not` of that, as in SQL.
struct Condition {
  enum class Kind { kAnd, kOr, kNot, kCompare, kIn } kind = Kind::kAnd;
  std::vector<Condition> parts;  // of kAnd and kOr: two or more; of kNot: one

  // Of kCompare and kIn.
  Field field = Field::kLabel;
  enum class Operator { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  Operator op = Operator::kEqual;  // of kCompare
  std::vector<FieldValue> values;  // of kCompare one, of kIn one or more

  bool operator==(const Condition &) const = default;
};

}  // namespace checkpoint
