// SPDX-License-Identifier: LGPL-2.1-or-later
// From a checkpoint's items to what a pad sends: which caps, segments, events and frames, in which
// order. Seeks are in stream time or in frame indexes (places of the playlist).
//
// Untouched (no seek, range, selection or loop) the stored segments come as they were, their bases
// shifted so that the first is 0. Otherwise there is one segment. Frames keep their times: where
// those differ from stream time the segment is laid around them.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "elements/gst_handles.h"
#include "elements/source_connection.h"

namespace checkpoint {

struct SeekRequest {
  double rate = 1.0;
  GstFormat format = GST_FORMAT_TIME;
  GstSeekFlags flags = GST_SEEK_FLAG_NONE;
  GstSeekType start_type = GST_SEEK_TYPE_NONE, stop_type = GST_SEEK_TYPE_NONE;
  int64_t start = -1, stop = -1;
  uint32_t seqnum = GST_SEQNUM_INVALID;

  static SeekRequest of(GstEvent *event);
};

// What comes next; to be sent in the order of the fields.
struct ReplayStep {
  std::vector<Status> warnings;            // events that could not be made
  std::shared_ptr<const StreamCaps> caps;  // in force for what follows; null: none so far
  std::vector<EventPtr> events;
  std::optional<ReplayFrame> frame;  // none: the end, unless it was left out
  bool left_out = false;             // a GAP stands for the frame
  bool discont = false;              // a loop began anew, or frames before it are not played
};

struct ReplayOptions {
  bool loop = false;
  bool skip_missing = false;  // frames that are gone, archived or damaged become GAPs
};

// One thread at a time, but for position() and place().
class Replay {
 public:
  Replay(std::shared_ptr<SourceConnection> connection, const ReplayOptions &options);

  // Plays from the start. Fills in the segment as the base class wants to know it.
  void begin(GstSegment *segment);
  // `segment` is what gst_segment_do_seek made of the request, which for DEFAULT says nothing of
  // positions; it is completed. kUnsupported: can't be sought so.
  Status seek(const SeekRequest &request, GstSegment *segment, Cancellation &cancel);
  // After a flush from outside: what is sticky has to be said again.
  void repeat_segment() { segment_due_ = true; }

  // kCancelled: nothing was lost, call again. After an error: the same again until a seek.
  Result<ReplayStep> next(Cancellation &cancel);

  // Stream time and place of what comes next; kNone where not known. Any thread.
  uint64_t position() const { return position_; }
  uint64_t place() const { return place_; }

 private:
  Status seek_time(const SeekRequest &request, GstSegment *segment, Cancellation &cancel);
  Result<uint64_t> snapped(uint64_t time, GstSeekFlags flags, Cancellation &cancel) const;
  Status seek_index(const SeekRequest &request, GstSegment *segment, Cancellation &cancel);
  void give_end(GstSegment *segment) const;
  void play(uint64_t first, uint64_t end, bool reverse);
  uint64_t running_time() const;
  bool is_past_the_end(const FrameRow &row) const;
  Status store_event(const EventRow &row);
  Result<ReplayStep> end();
  Result<ReplayStep> leave_out(const Status &why);
  bool start_over();
  Status finish(ReplayStep &step, const PlayedFrame *frame);
  bool follows(const PlayedFrame &frame) const;
  void send_stored_segments(ReplayStep &step);
  void send_own_segment(ReplayStep &step, const FrameRow *row);
  void send_segment(ReplayStep &step, const GstSegment &segment);
  void track(const PlayedFrame &frame);

  const std::shared_ptr<SourceConnection> connection_;
  const ReplayOptions options_;

  bool untouched_ = true;
  GstSegment wanted_;      // in stream time
  bool by_index_ = false;  // the reader's range alone says where to end
  bool reverse_ = false;
  uint32_t seqnum_ = GST_SEQNUM_INVALID;

  GstSegment out_;           // what downstream has; position: the end of what was played
  bool segment_due_ = true;  // downstream has none, or not yet the wanted one
  bool discont_ = false;
  int64_t shift_ = 0;            // from stream time to the frames' times
  std::optional<int64_t> base_;  // what to add to stored bases
  std::shared_ptr<const StreamCaps> caps_;
  std::vector<EventPtr> stored_;  // events before the next frame
  std::vector<Status> warnings_;
  std::set<std::string> warned_;  // types of events, once each
  uint64_t played_ = 0;           // frames since begin() or seek()
  PlayedFrame last_;              // of those, the last one
  ReplayRange range_;             // what the reader was told
  uint64_t left_out_ = 0;         // frames, so far

  std::atomic<uint64_t> position_{0}, place_{0};
};

}  // namespace checkpoint
