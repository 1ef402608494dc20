// SPDX-License-Identifier: LGPL-2.1-or-later
// What checkpointsink and checkpointtap share: the way from an element's data and events to the
// writer, and the writer's news to the element's bus.
//
// The element calls from its streaming thread unless a method says otherwise, one call at a time.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/spooled_writer.h"
#include "core/writer.h"
#include "elements/error_watch.h"
#include "elements/gst_handles.h"
#include "elements/lineage.h"
#include "elements/pipeline_config.h"
#include "elements/recorder_observer.h"
#include "elements/s3_properties.h"
#include "elements/stream_caps.h"

namespace checkpoint {

class MetaWatch;

// As the properties of that name; docs/elements/checkpointsink.md.
struct RecorderSettings {
  std::string job_id, stage, parent_id, frame_store, metadata_store, video_path, profile_name;
  std::optional<std::string> scenario;  // '' is a scenario without a label
  std::string stage_output_key, config_overrides, config_snapshot, stage_stats, filtered_sequences;
  int stage_index = -1;
  WriterOptions writer;
  unsigned commit_timeout_ms = 120000;
  unsigned stop_timeout_ms = 1000;
  bool post_messages = true;
  bool strict_metas = false;
  bool resume = false;
  std::string spool;  // '': none
  uint64_t spool_size = SpoolSettings{}.max_bytes;
  S3Properties s3;
};

// What every checkpoint is given by these settings, or why they can't work. Reads the files that
// they name; touches no store.
Result<CheckpointFields> checked_fields(const RecorderSettings &settings);

class Recorder {
 public:
  // Returns GST_FLOW_OK to try again, or what the element has to return instead. For a wait that
  // was interrupted.
  using WaitFunction = std::function<GstFlowReturn()>;

  // Lives no longer than `element`.
  explicit Recorder(GstElement *element);
  ~Recorder();

  // Checks the settings; touches no store. False: an error was posted. The application's
  // thread.
  bool start(const RecorderSettings &settings);
  // Begins to connect and to watch the pipeline for errors, until stop(). False: that failed at
  // once, and an error was posted. The application's thread.
  bool run();
  // PAUSED to READY: makes durable what the stop timeout allows. The application's thread.
  void stop();

  // The caps of the frames that follow. False: an error was posted.
  bool set_caps(GstCaps *caps);
  enum class Answer {
    kPassOn,
    kTaken,   // a boundary of this stage, which is for nobody else
    kFailed,  // an error was posted, or the wait was given up
  };
  // A serialized event before the next frame. Borrowed.
  Answer event(GstEvent *event, const WaitFunction &wait);
  // Begins the checkpoint, where frame() or gap() would; for what has to know it before.
  GstFlowReturn ready(const WaitFunction &wait);
  // After ready(): the frame with its number in the job, where that is known already, for the
  // stages that follow.
  BufferPtr identified(BufferPtr buffer);
  GstFlowReturn frame(GstBuffer *buffer, const GstSegment &segment, const WaitFunction &wait);
  // After frame(), before the next one: waits for what has to be durable before the frame is passed
  // on. `leave_out`: it is not to be.
  GstFlowReturn before_passing(const WaitFunction &wait, bool *leave_out);
  // It was passed on, and what follows came back from it.
  GstFlowReturn after_passing(const WaitFunction &wait);
  // A GAP, which is data without a frame: the checkpoint begins, and the event is part of it.
  // Borrowed.
  GstFlowReturn gap(GstEvent *event, const WaitFunction &wait);
  // Ends the checkpoint, completely where the stream was clean. GST_FLOW_OK: all is durable.
  GstFlowReturn end_of_stream(const WaitFunction &wait);
  // Once for each checkpoint, after it began: what the stages that follow have to be told of it.
  EventPtr take_lineage_event() { return std::move(own_lineage_); }
  // The stream may not be whole: its checkpoint stays partial, with this as the reason.
  void doubt(const std::string &reason);

  // Any thread: ends the waits of the streaming thread until resume() for every reason there was.
  enum class Interrupt : unsigned { kUnlock = 1, kStateChange = 2 };
  void interrupt(Interrupt reason);
  void resume(Interrupt reason);
  // Makes durable what was taken so far, soon. The commit message that covers it carries what this
  // returns, or a later one; 0: no checkpoint is being written. Any thread.
  uint64_t checkpoint_now();
  // Any thread.
  WriterStats stats() const;
  // Metas that were left out since start(), how many of each type. Any thread.
  std::map<std::string, uint64_t> metas_left_out() const;

 private:
  std::shared_ptr<CheckpointWriter> writer() const;
  std::shared_ptr<CheckpointWriter> new_writer() const;
  std::string metadata_store() const;
  void open_writer();
  void open_next();
  bool begin();
  Answer boundary(const Boundary &boundary, const WaitFunction &wait);
  void enter_next_stage();
  GstFlowReturn drain(const WaitFunction &wait);
  GstFlowReturn until_done(const std::function<Status(CheckpointWriter &)> &call,
                           const WaitFunction &wait);
  std::shared_ptr<CheckpointWriter> taking() const;
  std::string upstream_uri() const;
  std::vector<EventPtr> sticky_events() const;
  void report(const Status &status);

  GstElement *const element_;
  RecorderSettings settings_;
  PipelineConfig config_;
  SpoolSettings spool_;     // where a spool is set
  CheckpointFields given_;  // by the settings, once start() has checked them, or by a boundary
  std::shared_ptr<RecorderObserver> observer_;
  std::unique_ptr<ErrorWatch> watch_;  // from run() to stop()

  // The streaming thread's.
  std::shared_ptr<const StreamCaps> caps_;
  std::optional<Lineage> lineage_;
  std::optional<Lineage> untold_;  // of the checkpoint that was begun, its id missing yet
  EventPtr own_lineage_;
  std::set<std::string> begun_stages_;  // since start()
  bool begun_ = false;
  // EOS came and its wait ended with a flush: the writer takes nothing more. What comes next begins
  // the next version, after this one is durable.
  bool ending_ = false;
  std::string job_id_;            // once begun
  std::optional<Uuid> ended_;     // the last checkpoint that was
  std::optional<Boundary> next_;  // what follows when the one that is ending is durable

  mutable std::mutex mutex_;
  std::shared_ptr<CheckpointWriter> writer_;  // protected by mutex_
  unsigned interrupts_ = 0;                   // protected by mutex_; bits of Interrupt
  WriterStats before_;                        // protected by mutex_: of the version before
  uint64_t last_token_ = 0;                   // protected by mutex_: of checkpoint_now()
  // Set by start(), under mutex_: the streaming thread, which comes later, takes it without.
  std::shared_ptr<MetaWatch> metas_;
};

}  // namespace checkpoint
