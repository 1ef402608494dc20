// SPDX-License-Identifier: LGPL-2.1-or-later
// What the writing and the reading half of structure_codec.h share.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <string_view>

#include "common/bytes.h"
#include "common/status.h"

namespace checkpoint {

// The first byte of a value. The numbers are stored: never change or reuse one.
enum class ValueType : uint8_t {
  kChar = 1,
  kUchar = 2,
  kBoolean = 3,
  kInt = 4,
  kUint = 5,
  kLong = 6,
  kUlong = 7,
  kInt64 = 8,
  kUint64 = 9,
  kFloat = 10,
  kDouble = 11,
  kString = 12,
  kEnum = 13,
  kFlags = 14,
  kFraction = 15,
  kIntRange = 16,
  kInt64Range = 17,
  kDoubleRange = 18,
  kFractionRange = 19,
  kList = 20,
  kArray = 21,
  kStructure = 22,
  kCaps = 23,
  kVariant = 24,
  kBytes = 25,
  kBuffer = 26,
  kBitmask = 27,
  kDate = 28,
  kDateTime = 29,
  kStrv = 30,
  kGtype = 31,
  kFlagSet = 32,
  kTagList = 33,
  kSample = 34,
  kSegment = 35,
};

// Appending to a tag copies the values that it has.
inline constexpr unsigned kMaxTagValues = 1024;

// The rule of gst_structure_new_empty(), which aborts under fatal criticals when it is broken.
bool is_structure_name(std::string_view name);
// The rule of gst_caps_features_add().
bool is_caps_feature(std::string_view name);
// No NUL in it.
bool is_c_string(std::string_view text);

// kCorrupt, "stored structure: what".
Status corrupt_value(const char *what);

// The reading half for values that hold no other values: sets `value`, which is then to be unset
// even when it fails. `done` is false for the other types.
Status read_leaf(ValueType type, ByteReader &in, GValue *value, bool &done);

}  // namespace checkpoint
