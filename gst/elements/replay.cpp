// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/replay.h"

#include <algorithm>
#include <utility>

#include "elements/event_codec.h"

namespace checkpoint {

namespace {

// GST_CLOCK_TIME_NONE and our kNone are the same number.
bool is_time(uint64_t time) { return time != kNone; }

// Moves the segment from stream time to the frames' times. Where it would begin before 0 it begins
// at 0, later in stream time too.
GstSegment moved(GstSegment segment, int64_t by) {
  if (by < 0 && segment.start < static_cast<uint64_t>(-by)) {
    segment.time += static_cast<uint64_t>(-by) - segment.start;
    segment.start = 0;
  } else {
    segment.start += static_cast<uint64_t>(by);
  }
  if (is_time(segment.stop)) {
    segment.stop = by < 0 && segment.stop < static_cast<uint64_t>(-by)
                       ? 0
                       : segment.stop + static_cast<uint64_t>(by);
    segment.stop = std::max(segment.stop, segment.start);
  }
  return segment;
}

}  // namespace

SeekRequest SeekRequest::of(GstEvent *event) {
  SeekRequest request;
  gst_event_parse_seek(event, &request.rate, &request.format, &request.flags, &request.start_type,
                       &request.start, &request.stop_type, &request.stop);
  request.seqnum = gst_event_get_seqnum(event);
  return request;
}

Replay::Replay(std::shared_ptr<SourceConnection> connection, const ReplayOptions &options)
    : connection_(std::move(connection)), options_(options) {
  gst_segment_init(&wanted_, GST_FORMAT_TIME);
  gst_segment_init(&out_, GST_FORMAT_TIME);
}

void Replay::begin(GstSegment *segment) {
  untouched_ = connection_->whole() && !options_.loop;
  const bool backwards = segment->rate < 0;
  if (!untouched_) {
    const uint64_t start = is_time(connection_->first_time()) ? connection_->first_time() : 0;
    segment->start = segment->time = start;
    segment->stop = connection_->whole() && !backwards ? kNone : connection_->end_time();
    if (backwards) give_end(segment);
    segment->position = backwards ? segment->stop : start;
  }
  wanted_ = *segment;
  by_index_ = true;
  segment_due_ = true;
  base_.reset();
  position_ = segment->position;
  if (backwards)
    play(connection_->end(), connection_->first(), true);
  else
    play(connection_->first(), connection_->end(), false);
}

// Running time backwards counts from the segment's end, so it has to have one, also where the
// frames have no times.
void Replay::give_end(GstSegment *segment) const {
  if (is_time(segment->stop)) return;
  const uint64_t end = connection_->row().end_time;
  segment->stop = is_time(end) ? std::max<uint64_t>(end, segment->start) : segment->start;
}

// Forwards the frames [first, end), backwards those below `first` down to `end`.
void Replay::play(uint64_t first, uint64_t end, bool reverse) {
  ReplayRange range;
  range.reverse = reverse;
  if (reverse && first <= end) {
    range = {0, 0, false, false};
  } else if (reverse) {
    range.first = first - 1;
    range.end = end;
  } else {
    range.first = first;
    range.end = end;
  }
  reverse_ = reverse;
  place_ = first;
  played_ = 0;
  stored_.clear();
  range_ = range;
  connection_->reader().seek(range);
}

// Where downstream's running time has got to.
uint64_t Replay::running_time() const {
  uint64_t position = std::max(out_.position, out_.start);
  if (is_time(out_.stop)) position = std::min(position, out_.stop);
  const uint64_t time = gst_segment_to_running_time(&out_, GST_FORMAT_TIME, position);
  return is_time(time) ? time : out_.base;
}

Status Replay::seek(const SeekRequest &request, GstSegment *segment, Cancellation &cancel) {
  if (request.format != GST_FORMAT_TIME && request.format != GST_FORMAT_DEFAULT)
    return {Code::kUnsupported, "only TIME and DEFAULT (the frame index) can be sought"};
  segment->applied_rate = 1.0;
  segment->base = request.flags & GST_SEEK_FLAG_FLUSH ? 0 : running_time();
  Status status = request.format == GST_FORMAT_TIME ? seek_time(request, segment, cancel)
                                                    : seek_index(request, segment, cancel);
  if (!status.is_ok()) {
    // A flush has taken downstream's segment all the same.
    segment_due_ = segment_due_ || (request.flags & GST_SEEK_FLAG_FLUSH);
    return status;
  }
  wanted_ = *segment;
  by_index_ = request.format == GST_FORMAT_DEFAULT;
  untouched_ = false;
  segment_due_ = true;
  discont_ = false;
  seqnum_ = request.seqnum;
  position_ = segment->position;
  warnings_.clear();
  return Status::ok();
}

// Where a seek to a key unit goes: each frame is one. To the frame that is shown then, unless the
// flags ask for the one behind it or the nearest.
Result<uint64_t> Replay::snapped(uint64_t time, GstSeekFlags flags, Cancellation &cancel) const {
  const SourceConnection &c = *connection_;
  if (time >= c.end_time()) return time;
  const auto time_at = [&](uint64_t from, bool down) -> Result<std::optional<uint64_t>> {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<uint64_t> place, c.played_from(from, down, cancel));
    return place ? c.time_of(*place, cancel) : std::optional<uint64_t>();
  };
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<uint64_t> shown, c.place_at(time, cancel));
  std::optional<uint64_t> before, after;
  if (shown) {
    CHECKPOINT_ASSIGN_OR_RETURN(before, time_at(*shown, true));
  }
  if (before && (*before == time || !(flags & GST_SEEK_FLAG_SNAP_AFTER))) return *before;
  CHECKPOINT_ASSIGN_OR_RETURN(after, time_at(shown ? *shown + 1 : 0, false));
  if (!before || !after) return after.value_or(before.value_or(time));
  const bool nearest = flags & GST_SEEK_FLAG_SNAP_BEFORE;
  return nearest && time - *before <= *after - time ? *before : *after;
}

Status Replay::seek_time(const SeekRequest &request, GstSegment *s, Cancellation &cancel) {
  const SourceConnection &c = *connection_;
  if (!is_time(c.first_time()))
    return {Code::kUnsupported, "the frames have no times", "seek in DEFAULT, by frame index"};
  if (request.start_type == GST_SEEK_TYPE_NONE) s->start = wanted_.start;
  if (request.stop_type == GST_SEEK_TYPE_NONE) s->stop = wanted_.stop;
  const auto exact = request.flags & (GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_ACCURATE);
  if (request.rate > 0 && request.start_type != GST_SEEK_TYPE_NONE &&
      exact == GST_SEEK_FLAG_KEY_UNIT) {
    CHECKPOINT_ASSIGN_OR_RETURN(s->start, snapped(s->start, request.flags, cancel));
  }
  if (is_time(s->stop) && s->start > s->stop) s->start = s->stop;
  s->time = s->start;
  const uint64_t end_time = is_time(c.end_time()) ? c.end_time() : kNone;

  if (request.rate > 0) {
    const bool stay = request.start_type == GST_SEEK_TYPE_NONE && is_time(position_);
    s->position = stay ? std::max<uint64_t>(position_, s->start) : s->start;
    s->offset = s->position - s->start;
    uint64_t first = c.end();
    if (!is_time(end_time) || s->position < end_time) {
      CHECKPOINT_ASSIGN_OR_RETURN(std::optional<uint64_t> found, c.place_at(s->position, cancel));
      first = std::clamp(found.value_or(c.first()), c.first(), c.end());
    }
    play(first, c.end(), false);
    return Status::ok();
  }

  if (!is_time(s->stop)) s->stop = end_time;
  const bool stay = request.stop_type == GST_SEEK_TYPE_NONE && is_time(position_);
  s->position = stay ? std::clamp<uint64_t>(position_, s->start, s->stop) : s->stop;
  s->offset = is_time(s->stop) ? s->stop - s->position : 0;
  uint64_t above = c.end();  // the first frame to play is the one below
  if (s->position == 0) {
    above = c.first();
  } else if (is_time(s->position) && (!is_time(end_time) || s->position < end_time)) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<uint64_t> found, c.place_at(s->position - 1, cancel));
    above = found ? std::min(*found + 1, c.end()) : c.first();
  }
  uint64_t lowest = c.first();
  if (s->start > 0) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<uint64_t> found, c.place_at(s->start, cancel));
    lowest = std::max(found.value_or(lowest), lowest);
  }
  play(above, lowest, true);
  return Status::ok();
}

Status Replay::seek_index(const SeekRequest &request, GstSegment *s, Cancellation &cancel) {
  const SourceConnection &c = *connection_;
  const bool forwards = request.rate > 0;
  const auto place = [&](GstSeekType type, int64_t value, uint64_t kept, uint64_t unset) {
    if (type == GST_SEEK_TYPE_NONE) return kept;
    if (type == GST_SEEK_TYPE_SET && value < 0) return unset;
    if (type == GST_SEEK_TYPE_END) {
      const auto end = static_cast<int64_t>(c.end());
      value = value < -end ? 0 : end + std::min<int64_t>(value, 0);
    }
    return std::clamp(static_cast<uint64_t>(value), c.first(), c.end());
  };
  const uint64_t here = std::clamp<uint64_t>(place_, c.first(), c.end());
  const uint64_t first =
      place(request.start_type, request.start, forwards ? here : c.first(), c.first());
  const uint64_t end =
      std::max(first, place(request.stop_type, request.stop, forwards ? c.end() : here, c.end()));

  // Frames without a time don't move the segment.
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<uint64_t> start, c.time_of(first, cancel));
  std::optional<uint64_t> stop;
  if (end < c.end() || !c.whole() || !forwards) {
    CHECKPOINT_ASSIGN_OR_RETURN(stop, c.time_of(end, cancel));
  }
  s->start = s->time = start.value_or(0);
  s->stop = stop && *stop >= s->start ? *stop : kNone;
  if (!forwards) give_end(s);
  s->offset = 0;
  s->position = forwards ? s->start : s->stop;
  if (forwards)
    play(first, end, false);
  else
    play(end, first, true);
  return Status::ok();
}

Result<ReplayStep> Replay::next(Cancellation &cancel) {
  for (;;) {
    Result<ReplayItem> item = connection_->reader().next(cancel);
    if (!item.is_ok()) return leave_out(item.status());
    if (auto *event = std::get_if<ReplayEvent>(&*item)) {
      CHECKPOINT_RETURN_IF_ERROR(store_event(event->row));
      continue;
    }
    auto *frame = std::get_if<ReplayFrame>(&*item);
    if (frame && !is_past_the_end(frame->row)) {
      ReplayStep step;
      CHECKPOINT_RETURN_IF_ERROR(finish(step, frame));
      step.frame = std::move(*frame);
      return step;
    }
    if (!start_over()) return end();
  }
}

Result<ReplayStep> Replay::end() {
  ReplayStep step;
  if (left_out_ > 1)
    warnings_.push_back(
        Status(Code::kMissing, std::to_string(left_out_) + " frames were left out so far"));
  CHECKPOINT_RETURN_IF_ERROR(finish(step, nullptr));
  return step;
}

// A frame whose bytes can't be had: the error, or where that is wanted a GAP in its place.
Result<ReplayStep> Replay::leave_out(const Status &why) {
  const bool gone = why.is(Code::kMissing) || why.is(Code::kArchived) || why.is(Code::kCorrupt);
  if (!options_.skip_missing || !gone) return why;
  const std::optional<PlayedFrame> frame = connection_->reader().failed();
  if (!frame) return why;  // it is the rows that are damaged
  if (frame->found && is_past_the_end(frame->row)) return end();
  if (left_out_++ == 0)
    warnings_.push_back(Status(why.code(), why.message() + "; such frames are left out",
                               "on-missing=error stops there instead"));
  ReplayStep step;
  if (frame->found) {
    CHECKPOINT_RETURN_IF_ERROR(finish(step, &*frame));
    const FrameRow &row = frame->row;
    if (is_time(row.pts)) step.events.emplace_back(gst_event_new_gap(row.pts, row.duration));
  }
  step.left_out = true;
  discont_ = true;
  if (reverse_ && frame->place <= (range_.end == kNone ? 0 : range_.end))
    range_ = {0, 0, false, false};
  else
    range_.first = reverse_ ? frame->place - 1 : frame->place + 1;
  connection_->reader().seek(range_);
  return step;
}

Status Replay::store_event(const EventRow &row) {
  Result<EventPtr> event = decode_event(row.type, row.body);
  if (event.is_ok()) {
    stored_.push_back(std::move(*event));
    return Status::ok();
  }
  const Status status =
      event.status().with_context("checkpoint " + connection_->row().id.to_string() +
                                  ", an event before frame " + std::to_string(row.index));
  if (!status.is(Code::kUnsupported)) return status;
  if (warned_.insert(row.type).second) warnings_.push_back(status);
  return Status::ok();
}

bool Replay::is_past_the_end(const FrameRow &row) const {
  return !by_index_ && !reverse_ && is_time(wanted_.stop) && is_time(row.stream_time) &&
         row.stream_time >= wanted_.stop;
}

// With loop: from the start again, while running time goes on.
bool Replay::start_over() {
  if (!options_.loop || played_ == 0 || (wanted_.flags & GST_SEGMENT_FLAG_SEGMENT)) return false;
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.rate = wanted_.rate;
  segment.flags = static_cast<GstSegmentFlags>(wanted_.flags & ~GST_SEGMENT_FLAG_RESET);
  segment.duration = wanted_.duration;
  segment.base = running_time();
  begin(&segment);
  discont_ = true;
  return true;
}

// Is it the one next to the last frame, in its checkpoint or, where they come from several, in the
// job?
bool Replay::follows(const PlayedFrame &frame) const {
  const uint64_t step = reverse_ ? UINT64_MAX : 1;
  if (frame.layer == last_.layer && frame.row.index == last_.row.index + step) return true;
  return connection_->is_filtered() && frame.row.sequence == last_.row.sequence + step;
}

// What has to be sent before the frame, or before the end.
Status Replay::finish(ReplayStep &step, const PlayedFrame *frame) {
  if (frame) {
    caps_ = connection_->caps(frame->layer, frame->row.caps);
    if (!caps_)
      return {Code::kCorrupt, "checkpoint " + connection_->row().id.to_string() + ", sequence " +
                                  std::to_string(frame->row.sequence) +
                                  ": there are no caps number " + std::to_string(frame->row.caps)};
  } else if (!caps_) {
    // Events need caps before them too, also where no frame follows.
    caps_ = connection_->caps(0, 0);
  }
  step.caps = caps_;
  step.warnings = std::exchange(warnings_, {});
  step.discont = std::exchange(discont_, false) || (frame && played_ > 0 && !follows(*frame));
  if (untouched_)
    send_stored_segments(step);
  else
    send_own_segment(step, frame ? &frame->row : nullptr);
  for (EventPtr &event : stored_)
    if (event) step.events.push_back(std::move(event));
  stored_.clear();
  if (frame) track(*frame);
  return Status::ok();
}

// Moves the stored events over, segments made fit.
void Replay::send_stored_segments(ReplayStep &step) {
  const auto is_segment = [](const EventPtr &e) {
    return GST_EVENT_TYPE(e.get()) == GST_EVENT_SEGMENT;
  };
  auto first = std::find_if(stored_.begin(), stored_.end(), is_segment);
  if (segment_due_) {
    // A segment comes before all other events that need one.
    if (first != stored_.end())
      std::rotate(stored_.begin(), first, first + 1);
    else
      send_segment(step, out_);
  }
  for (EventPtr &event : std::exchange(stored_, {})) {
    if (GST_EVENT_TYPE(event.get()) == GST_EVENT_FLUSH_STOP) {
      // Nothing is thrown away in a replay, so running time goes on instead.
      base_.reset();
    } else if (is_segment(event)) {
      const GstSegment *stored;
      gst_event_parse_segment(event.get(), &stored);
      GstSegment segment = *stored;
      const uint64_t now = segment_due_ ? 0 : running_time();
      if (segment.format != GST_FORMAT_TIME) {
        gst_segment_init(&segment, GST_FORMAT_TIME);
        segment.base = now;
      } else {
        if (!base_) base_ = static_cast<int64_t>(now - segment.base);
        const int64_t base = static_cast<int64_t>(segment.base) + *base_;
        segment.base = base > 0 ? static_cast<uint64_t>(base) : 0;
      }
      send_segment(step, segment);
    } else {
      step.events.push_back(std::move(event));
    }
  }
}

// The wanted segment, laid around the frames' times.
void Replay::send_own_segment(ReplayStep &step, const FrameRow *row) {
  std::erase_if(stored_, [](const EventPtr &event) {
    return GST_EVENT_TYPE(event.get()) == GST_EVENT_SEGMENT ||
           GST_EVENT_TYPE(event.get()) == GST_EVENT_FLUSH_STOP;
  });
  std::optional<int64_t> shift;
  if (row && is_time(row->pts) && is_time(row->stream_time))
    shift = static_cast<int64_t>(row->pts - row->stream_time);
  if (segment_due_) {
    shift_ = shift.value_or(0);
    send_segment(step, moved(wanted_, shift_));
    return;
  }
  if (!shift || *shift == shift_) return;
  // The frames' times jump against stream time: another segment, in which running time goes on.
  GstSegment segment = moved(wanted_, *shift);
  segment.base = running_time();
  segment.offset = 0;
  if (reverse_) {
    segment.stop = row->pts + (is_time(row->duration) ? row->duration : 0);
  } else {
    segment.start = row->pts;
    segment.time = row->stream_time;
    if (is_time(segment.stop)) segment.stop = std::max(segment.stop, segment.start);
  }
  shift_ = *shift;
  send_segment(step, segment);
}

void Replay::send_segment(ReplayStep &step, const GstSegment &segment) {
  GstSegment sent = segment;
  EventPtr event(gst_event_new_segment(&sent));
  if (seqnum_ != GST_SEQNUM_INVALID) gst_event_set_seqnum(event.get(), seqnum_);
  step.events.push_back(std::move(event));
  out_ = sent;
  out_.position = sent.rate < 0 && is_time(sent.stop) ? sent.stop : sent.start;
  segment_due_ = false;
}

void Replay::track(const PlayedFrame &frame) {
  const FrameRow &row = frame.row;
  const uint64_t duration = is_time(row.duration) && !reverse_ ? row.duration : 0;
  if (is_time(row.pts)) {
    const uint64_t position = row.pts + duration;
    out_.position = reverse_ ? position : std::max(out_.position, position);
  }
  if (is_time(row.stream_time)) position_ = row.stream_time + duration;
  place_ = reverse_ ? frame.place : frame.place + 1;
  last_ = frame;
  played_++;
}

}  // namespace checkpoint
