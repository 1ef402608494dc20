// SPDX-License-Identifier: LGPL-2.1-or-later
// Single frames of a checkpoint, as samples that GStreamer converts.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <optional>
#include <vector>

#include "core/detection_cursor.h"
#include "core/playlist.h"
#include "core/reader.h"
#include "elements/stream_caps.h"

namespace checkpoint::tool {

struct SampleUnref {
  void operator()(GstSample *sample) const { gst_sample_unref(sample); }
};
using SamplePtr = std::unique_ptr<GstSample, SampleUnref>;

struct PickedFrame {
  FrameRow row;
  std::vector<DetectionRow> detections;
  SamplePtr sample;           // without metas; nullptr: a frame without bytes
  int width = 0, height = 0;  // of the frame, in pixels
  double aspect = 1;          // height by width, as it is shown
};

// One thread at a time.
class FramePicker {
 public:
  FramePicker(std::shared_ptr<Stores> stores, std::shared_ptr<const Playlist> playlist);

  Result<PickedFrame> at(uint64_t place, Cancellation &cancel);

 private:
  Result<std::shared_ptr<const StreamCaps>> caps_of(const ReplayFrame &frame, Cancellation &cancel);

  const std::shared_ptr<Stores> stores_;
  const std::shared_ptr<const Playlist> playlist_;
  CheckpointReader reader_;
  DetectionCursor detections_;
  std::optional<uint32_t> number_;  // of caps_
  std::shared_ptr<const StreamCaps> caps_;
};

// About `wanted` places among the selected ones, evenly spread, the first one among them.
Result<std::vector<uint64_t>> sample_places(std::shared_ptr<const Playlist> playlist,
                                            uint64_t wanted, Cancellation &cancel);

// The frame as these caps say: raw, or an encoded image. kUnsupported where GStreamer has no way.
Result<SamplePtr> convert(GstSample *sample, GstCaps *caps);

}  // namespace checkpoint::tool
