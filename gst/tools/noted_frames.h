// SPDX-License-Identifier: LGPL-2.1-or-later
// What export wrote about frames, and what others write in the same forms: JSON lines, CSV, COCO.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"
#include "store/model.h"

namespace checkpoint::tool {

// A frame as a file tells of it. CSV tells of detections only; COCO of files and detections.
struct FrameNote {
  std::optional<uint64_t> sequence;
  bool timed = false;  // times, offsets and flags are known
  uint64_t pts = kNone, dts = kNone, duration = kNone, offset = kNone, offset_end = kNone;
  uint32_t flags = 0;
  std::string caps;  // of the frame as it was; ''
  std::string file;  // its picture; ''
  std::vector<DetectionRow> detections;
};

// By index. The whole file is read: memory grows with it. kInvalidArgument names the line of what
// is wrong, kNotFound a file that is not there. The extension says which form it is.
Result<std::map<uint64_t, FrameNote>> read_notes(const std::string &path);

// For tests: the parsers alone.
Result<std::map<uint64_t, FrameNote>> parse_json_lines(const std::string &text);
Result<std::map<uint64_t, FrameNote>> parse_csv(const std::string &text);
Result<std::map<uint64_t, FrameNote>> parse_coco(const std::string &text);

}  // namespace checkpoint::tool
