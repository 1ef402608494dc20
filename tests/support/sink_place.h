// SPDX-License-Identifier: LGPL-2.1-or-later
// A checkpointsink over a folder and SQLite, or over a frame store that fails and waits as a test
// tells it to.
#pragma once

#include <gst/check/gstharness.h>

#include <memory>
#include <string>

#include "support/faulty_frame_store.h"
#include "support/pipeline.h"
#include "support/temp_dir.h"

namespace checkpoint {

// One at a time. Registers the element.
class SinkPlace : public TempDir {
 public:
  SinkPlace();
  ~SinkPlace();

  // Properties for a launch line; the second has frames() as its frame store.
  std::string stores() const;
  std::string faulty_stores() const;
  FaultyFrameStore &frames() const { return *frames_; }
  std::string database() const { return file("checkpoints.db"); }
  std::string value(const std::string &sql) const { return query_value(database(), sql); }

 private:
  std::shared_ptr<FaultyFrameStore> frames_;
};

// "videotestsrc … ! " of `buffers` frames, endless for -1.
std::string test_source(
    int buffers,
    const std::string &caps = "video/x-raw,format=I420,width=64,height=48,framerate=30/1");

// 64 bytes of `value`: a frame of 8x8 GRAY8.
GstBuffer *small_frame(guint8 value = 0);

// A sink that a test feeds by hand, in PLAYING, with frames of 8x8 GRAY8 and their caps set.
class FedSink {
 public:
  // `properties` as in a launch line: "job-id=j stage=s …".
  FedSink(const std::string &stores, const std::string &properties);
  // Stops it.
  ~FedSink();
  FedSink(const FedSink &) = delete;
  FedSink &operator=(const FedSink &) = delete;

  GstHarness *harness() const { return harness_; }
  GstElement *element() const { return element_; }
  GstBus *bus() const { return bus_; }
  // A frame of 64 bytes of `value` at that second.
  GstFlowReturn push(guint64 second, guint8 value);
  // A buffer; taken.
  GstFlowReturn push(GstBuffer *buffer) { return gst_harness_push(harness_, buffer); }
  // Takes the event.
  bool send(GstEvent *event) { return gst_harness_push_event(harness_, event); }
  bool send_segment();
  // The next element message of that name that is on the bus or comes (20 s at most). Owned by the
  // caller; ends the test when there is an ERROR first.
  GstMessage *wait_for(const std::string &name);

 private:
  GstElement *element_;
  GstBus *bus_;
  GstHarness *harness_;
};

guint64 uint64_field(GstMessage *message, const char *name);

}  // namespace checkpoint
