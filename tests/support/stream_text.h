// SPDX-License-Identifier: LGPL-2.1-or-later
// A whole stream in words, so that two of them can be compared: each frame and event with all that
// a checkpoint keeps of it. Pixels are taken as GStreamer unpacks them, whatever the strides.
//
// Left out is what a replay has anew (stream-start, DISCONT of the first frame, flags of memory and
// mini object, the base of the first segment) and what is not content (lineage, identity, parent
// buffers, a GstVideoMeta that says what the caps say).
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace checkpoint {

struct StreamItem {
  std::string where;                                        // "frame 7", "event before frame 7"
  std::vector<std::pair<std::string, std::string>> fields;  // name and value, in order
};

struct StreamText {
  std::vector<StreamItem> items;
  size_t frames = 0;
  std::string error;  // of the pipeline; then the rest is what came before it
};

// Runs a launch line that ends in an open source pad, `videotestsrc num-buffers=5`.
StreamText read_stream(const std::string &line);

// "frame 7: pts: 280000000 | 320000000", for the first thing that is not the same; nullopt: none.
std::optional<std::string> first_difference(const StreamText &a, const StreamText &b);

}  // namespace checkpoint
