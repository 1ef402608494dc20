// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames and their detections as files that other programs read: JSON lines, CSV, COCO.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/detection_cursor.h"
#include "core/playlist.h"
#include "core/stores.h"
#include "tools/output_file.h"

namespace checkpoint::tool {

// A frame with what is noted about it.
struct NotedFrame {
  FrameRow row;
  std::string caps;
  int width = 0, height = 0;  // 0: not known
  std::string file;           // its picture's name; ''
  std::vector<DetectionRow> detections;
};

// Calls `each` with the selected frames in their order. Reads pages of rows only.
Status for_each_frame(Stores &stores, std::shared_ptr<const Playlist> playlist,
                      const std::function<Status(NotedFrame &)> &each, Cancellation &cancel);

class DetectionWriter {
 public:
  virtual ~DetectionWriter() = default;
  virtual void frame(const NotedFrame &frame) = 0;
  virtual void end() {}
};

enum class DetectionFormat { kJsonLines, kCsv, kCoco };
std::unique_ptr<DetectionWriter> make_detection_writer(DetectionFormat format, OutputFile &file);

// For tests: a text as a field of CSV. One that a spreadsheet would run gets a ' before it.
std::string csv_field(const std::string &text);

}  // namespace checkpoint::tool
