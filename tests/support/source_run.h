// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a checkpointsrc into a fakesink and keeps all that passes between them.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "elements/gst_handles.h"
#include "support/checkpoint_maker.h"
#include "support/faulty_frame_store.h"
#include "support/faulty_metadata_store.h"

namespace checkpoint {

// Stores in memory with a checkpoint in them. The element finds them at their URIs, behind wrappers
// that a test may tell to fail.
class SourcePlace {
 public:
  SourcePlace();

  const std::string &uri() const { return uri_; }
  const std::shared_ptr<Stores> &stores() const { return stores_; }
  const std::shared_ptr<FaultyFrameStore> &frames() const { return frames_; }
  const std::shared_ptr<FaultyMetadataStore> &metadata() const { return metadata_; }
  // A checkpointsrc on these stores.
  GstElement *make_source() const;

 private:
  std::string uri_;
  std::shared_ptr<Stores> stores_;
  std::shared_ptr<FaultyFrameStore> frames_;
  std::shared_ptr<FaultyMetadataStore> metadata_;
};

inline constexpr uint64_t kFrameTime = 40'000'000;  // ns, of the frames made here
inline constexpr size_t kFrameBytes = 256;
inline constexpr const char *kFrameCaps =
    "video/x-raw, format=(string)GRAY8, width=(int)16, height=(int)16, framerate=(fraction)25/1";

// Frame `index` as all tests here know it: 16x16 GRAY8 with made_payload(index).
MadeFrame source_frame(uint64_t index);
void add_stored_event(CheckpointMaker &maker, GstEvent *event);  // takes the event
// `count` such frames behind one segment, as job "job", stage "stage".
CheckpointRow make_source_frames(const SourcePlace &place, uint64_t count);

// One thing that passed the pad.
struct Passed {
  EventPtr event;
  BufferPtr buffer;
};

class SourceRun {
 public:
  // Takes the source.
  explicit SourceRun(GstElement *source);
  ~SourceRun();
  SourceRun(const SourceRun &) = delete;
  SourceRun &operator=(const SourceRun &) = delete;

  GstElement *pipeline() const { return pipeline_; }
  GstElement *source() const { return source_; }
  GstElement *sink() const { return sink_; }

  // Returns when that message was there; an ERROR that is not waited for ends the test.
  GstMessage *wait_for(GstMessageType type);
  void set_state(GstState state);  // and waits for it
  void play_to_end();              // PLAYING until EOS
  // The bus's messages so far of that type, taken.
  std::vector<GstMessage *> take_messages(GstMessageType type);

  // All that passed since the last call.
  std::vector<Passed> take();
  // Indexes of buffers, by their payload; stops the test when one is of no frame.
  static std::vector<uint64_t> indexes(const std::vector<Passed> &passed);
  static uint64_t index_of(GstBuffer *buffer);

  bool seek(double rate, GstFormat format, GstSeekFlags flags, GstSeekType start_type,
            int64_t start, GstSeekType stop_type, int64_t stop);

 private:
  static GstPadProbeReturn on_data(GstPad *pad, GstPadProbeInfo *info, gpointer self);
  GstElement *pipeline_, *source_, *sink_;
  GstBus *bus_;
  std::vector<GstMessage *> kept_;  // messages that nobody has waited for so far
  std::mutex mutex_;
  std::vector<Passed> passed_;  // protected by mutex_
};

// From first to end - 1.
std::vector<uint64_t> numbers(uint64_t first, uint64_t end);
// "stream-start caps segment lineage buffer buffer eos", of the first `most`.
std::string order_of(const std::vector<Passed> &passed, size_t most = SIZE_MAX);
// The next ERROR is the source's, of that kind, and has all these words.
void must_be_error(SourceRun &run, GQuark domain, int code,
                   std::initializer_list<std::string> words);
// No ERROR and no WARNING came.
void must_be_quiet(SourceRun &run);

}  // namespace checkpoint
