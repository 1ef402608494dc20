// SPDX-License-Identifier: LGPL-2.1-or-later
// What checkpointsrc does: connects on a thread of its own, seeks, and hands out buffers with the
// events before them. The element over it only translates calls.
#pragma once

#include <gst/base/gstpushsrc.h>

#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "elements/first_answer.h"
#include "elements/meta_codec.h"
#include "elements/replay.h"
#include "elements/source_connection.h"

namespace checkpoint {

// Lock order: the pad's stream lock, then mutex_, then the object lock. No store is waited for
// under mutex_ or the object lock.
class Player {
 public:
  explicit Player(GstBaseSrc *element);
  ~Player();
  Player(const Player &) = delete;
  Player &operator=(const Player &) = delete;

  // Could these ever work?
  static Status check(const SourceSettings &settings);

  // --- from state changes
  // Begins to connect and returns; the base class hears of the end by
  // gst_base_src_start_complete(), the bus of a failure by one ERROR. False: it could not even
  // begin, and an error was posted.
  bool start(const SourceSettings &settings);
  // At the end of that state change; waits a moment. False: connecting has failed, and the error is
  // on the bus.
  bool may_go_on();
  // Ends connecting, at once. Before the base class deactivates the pads.
  void end_start();
  // Lets the stores go. After that.
  void disconnect();

  // --- from the base class
  void unlock();
  void unlock_stop();
  GstFlowReturn create(GstBuffer **buffer);
  // The segment of an index seek is filled in by do_seek(); this notes the request for it.
  bool prepare_seek(GstEvent *event, GstSegment *segment);
  bool do_seek(GstSegment *segment);
  void decide_allocation(GstQuery *query);
  GstCaps *caps() const;  // nullptr: not known so far

  struct Stats {
    CheckpointReader::Stats read;
    uint64_t retries = 0;
  };
  // Any thread; of the last start, also after its end.
  Stats stats() const;

  // --- events and queries; nullopt: the base class's. A seek that is interrupts create().
  std::optional<bool> seek_event(GstEvent *event);
  std::optional<bool> query(GstQuery *query);
  // Around a flush that came from outside and not by a seek; with the stream lock held.
  void flushed();

  // What do_seek() is about: calls of the base class don't say.
  class SeekScope {
   public:
    SeekScope(Player &player, const SeekRequest &request);
    ~SeekScope();
    SeekScope(const SeekScope &) = delete;
    SeekScope &operator=(const SeekScope &) = delete;
  };

 private:
  // False: it failed, and the error is on the bus.
  bool connect(const SourceSettings &settings, const std::shared_ptr<Cancellation> &cancel,
               FirstAnswer &answer, FirstAnswer &may_stream);
  // *left_out: events stood for the frame; there is no buffer, call again.
  GstFlowReturn create_next(Replay &replay, const SourceConnection &connection,
                            Cancellation &cancel, GstBuffer **out, bool *left_out);
  void push_events(std::vector<EventPtr> events);
  void push_lineage();
  bool set_caps(const std::shared_ptr<const StreamCaps> &caps);
  std::optional<bool> convert(GstQuery *query);
  std::shared_ptr<SourceConnection> connection() const;
  std::shared_ptr<Cancellation> waiting() const;
  void progress(GstProgressType type, const std::string &text);
  // Its waits tell the bus of the first attempt that a store makes again.
  std::shared_ptr<Cancellation> make_cancellation();
  static GstPadProbeReturn on_event(GstPad *pad, GstPadProbeInfo *info, gpointer self);

  GstBaseSrc *const element_;
  GstPad *const pad_;
  MetaWatch metas_;

  mutable std::mutex mutex_;
  std::shared_ptr<SourceConnection> connection_;  // protected by mutex_
  std::shared_ptr<Cancellation> waiting_;         // of create() and seeks; protected by mutex_
  std::shared_ptr<Cancellation> connecting_;      // protected by mutex_
  std::shared_ptr<Replay> replay_;                // protected by mutex_; used under the stream lock
  CheckpointReader::Stats read_before_;  // by a connection that is gone; protected by mutex_
  std::atomic<uint64_t> retries_{0};
  bool connected_ = false;                     // protected by the object lock
  std::thread connector_;                      // of the state changes
  std::shared_ptr<FirstAnswer> first_answer_;  // of the state changes; from the connector
  std::shared_ptr<FirstAnswer> may_stream_;    // of the state changes; to the connector

  // --- protected by the stream lock
  bool loop_ = false;
  std::shared_ptr<const StreamCaps> caps_sent_;
  bool lineage_sent_ = false;
  bool video_meta_ = false;
  bool pushing_ = false;           // what goes out now is ours
  bool base_segment_due_ = false;  // the base class will send a segment that we sent already
};

}  // namespace checkpoint
