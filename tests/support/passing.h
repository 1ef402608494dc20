// SPDX-License-Identifier: LGPL-2.1-or-later
// The frames that pass a place in a pipeline, and whether two streams of them are the same.
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <string>
#include <vector>

#include "elements/gst_handles.h"
#include "support/pipeline.h"

namespace checkpoint {

struct PassedFrame {
  BufferPtr buffer;
  CapsPtr caps;
};

// All that gets to the sink pad of an element while the object lives.
class Passing {
 public:
  Passing(GstElement *pipeline, const std::string &element);
  ~Passing();
  Passing(const Passing &) = delete;
  Passing &operator=(const Passing &) = delete;

  // When nothing passes any more.
  std::vector<PassedFrame> &frames() { return frames_; }

 private:
  static GstPadProbeReturn on_data(GstPad *pad, GstPadProbeInfo *info, gpointer self);
  GstPad *pad_;
  gulong probe_;
  CapsPtr caps_;
  std::vector<PassedFrame> frames_;
};

// Runs the line to its end, without an error or a warning, and returns what got to the element.
std::vector<PassedFrame> passed_in(const std::string &line, const std::string &element);
// The same for frames that are given to the line's appsrc, which is named "feed".
std::vector<PassedFrame> passed_in(const std::string &line, const std::string &element,
                                   const std::vector<PassedFrame> &feed);

// End the test where the frames differ. Times, offsets, flags and caps; not the flags that a replay
// sets itself.
void must_agree(const PassedFrame &stored, const PassedFrame &played, bool first);
// Pixel by pixel, as GStreamer unpacks them; whatever the strides.
void must_show_the_same(const PassedFrame &stored, const PassedFrame &played);
// Byte by byte.
void must_hold_the_same(const PassedFrame &stored, const PassedFrame &played);
// must_agree() for all, and the pixels of raw frames, or the bytes of others.
void must_be_the_same(const std::vector<PassedFrame> &stored,
                      const std::vector<PassedFrame> &played);

}  // namespace checkpoint
