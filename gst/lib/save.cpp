// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/save.h"

#include <gst/video/gstvideometa.h>

#include <chrono>
#include <mutex>
#include <utility>

#include "common/log.h"
#include "core/checkpoint_id.h"
#include "core/writer.h"
#include "elements/buffer_input.h"
#include "elements/event_codec.h"
#include "elements/identity_meta.h"
#include "elements/meta_codec.h"
#include "lib/fields.h"
#include "lib/stored_frames.h"

namespace checkpoint {

namespace {

// How long the last commit may take, as checkpointsink's commit-timeout.
constexpr std::chrono::milliseconds kCommitTimeout{120000};

// Keeps the one error; the rest goes to the log.
class Listener : public WriterObserver {
 public:
  void on_commit(const CommitInfo &) override {}
  void on_warning(const Status &status) override {
    log(LogLevel::kWarning, "save", status.to_string());
  }
  void on_progress(const std::string &what, const std::string &text, int) override {
    log(LogLevel::kDebug, "save", what + ": " + text);
  }
  void on_error(const Status &status) override {
    std::lock_guard lock(mutex_);
    if (error_.is_ok()) error_ = status;
  }
  Status error() {
    std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  std::mutex mutex_;
  Status error_;  // protected by mutex_
};

class Saver {
 public:
  Saver(const std::shared_ptr<StorePlace> &place, Cancellation &cancel)
      : cancel_(cancel),
        listener_(std::make_shared<Listener>()),
        // No bus hears of a meta that can't be kept.
        metas_(std::make_shared<MetaWatch>(true, [](const Status &) {})),
        writer_(
            [place](Cancellation &opening) -> Result<std::shared_ptr<Stores>> {
              return place->open(Stores::Access::kWrite, opening);
            },
            WriterOptions(), listener_) {}

  Status begin(const CheckpointFields &fields) {
    job_id_ = fields.job_id;
    return told(writer_.begin(fields, false));
  }

  Status push(GstBuffer *buffer, std::shared_ptr<const StreamCaps> caps, FrameTiming timing,
              std::optional<uint64_t> sequence) {
    CHECKPOINT_RETURN_IF_ERROR(cancel_.check());
    if (!caps_ || caps_->text() != caps->text())
      CHECKPOINT_RETURN_IF_ERROR(told(writer_.set_caps(caps->text())));
    caps_ = std::move(caps);
    CHECKPOINT_ASSIGN_OR_RETURN(auto input, make_buffer_input(buffer, caps_, metas_));
    // The numbers of another job say nothing here.
    if (auto identity = frame_identity(buffer);
        !sequence && identity && identity->job_id == job_id_)
      sequence = identity->sequence;
    return told(writer_.push(input, timing, sequence));
  }

  // As the sink stores it, so that a replay has the segment that the times are of.
  Status set_segment(const GstSegment &segment) {
    if (segment_ && gst_segment_is_equal(&*segment_, &segment)) return Status::ok();
    segment_ = segment;
    const EventPtr event(gst_event_new_segment(&segment));
    CHECKPOINT_ASSIGN_OR_RETURN(auto stored, encode_event(event.get()));
    return stored ? told(writer_.push_event(stored->type, std::move(stored->body))) : Status::ok();
  }

  Result<Uuid> finish() {
    CHECKPOINT_RETURN_IF_ERROR(told(writer_.finish(std::nullopt, kCommitTimeout)));
    if (auto reason = writer_.partial_reason()) return Status(Code::kInternal, *reason);
    return *writer_.checkpoint_id();
  }

  // It stays partial.
  Status give_up(const Status &why) {
    writer_.stop(CheckpointWriter::kCleanUpTime,
                 why.is(Code::kCancelled) ? "cancelled" : why.message());
    return why;
  }

 private:
  // What the writer failed of first, rather than what a later call met.
  Status told(const Status &status) {
    if (status.is_ok()) return status;
    if (cancel_.cancelled()) return cancel_.check();
    Status first = listener_->error();
    return first.is_ok() ? status : first;
  }

  Cancellation &cancel_;
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<MetaWatch> metas_;
  CheckpointWriter writer_;
  Cancellation::Hook hook_{cancel_, [this] { writer_.interrupt(); }};
  std::string job_id_;
  std::shared_ptr<const StreamCaps> caps_;
  std::optional<GstSegment> segment_;
};

Status push_sample(Saver &saver, const StateFrame &frame) {
  CHECKPOINT_ASSIGN_OR_RETURN(auto caps,
                              StreamCaps::from_caps(gst_sample_get_caps(frame.sample.get())));
  const GstSegment *segment = gst_sample_get_segment(frame.sample.get());
  CHECKPOINT_RETURN_IF_ERROR(saver.set_segment(*segment));
  GstBuffer *buffer = gst_sample_get_buffer(frame.sample.get());
  return saver.push(buffer, std::move(caps), frame_timing(buffer, *segment), frame.sequence);
}

// The sequence that a frame of the state has by itself.
std::optional<uint64_t> sequence_of(const StateFrame &frame, const std::string &job_id) {
  if (frame.sequence) return frame.sequence;
  auto identity = frame_identity(gst_sample_get_buffer(frame.sample.get()));
  return identity && identity->job_id == job_id ? std::optional(identity->sequence) : std::nullopt;
}

// The stored bytes with the times and metas of the state's frame. How that one's bytes lie is no
// matter here.
BufferPtr with_metas_of(GstBuffer *said, GstBuffer *stored) {
  BufferPtr out(gst_buffer_new());
  gst_buffer_copy_into(out.get(), stored, GST_BUFFER_COPY_MEMORY, 0, static_cast<gsize>(-1));
  constexpr auto kSaid = static_cast<GstBufferCopyFlags>(
      GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_META);
  gst_buffer_copy_into(out.get(), said, kSaid, 0, static_cast<gsize>(-1));
  for (GType api : {GST_VIDEO_META_API_TYPE, GST_VIDEO_CROP_META_API_TYPE})
    while (GstMeta *meta = gst_buffer_get_meta(out.get(), api))
      gst_buffer_remove_meta(out.get(), meta);
  return out;
}

Status push_stored(Saver &saver, const SaveRequest &request, const StoredFrames &frames,
                   Cancellation &cancel) {
  std::map<uint64_t, const StateFrame *> said;
  for (const StateFrame &frame : request.state.frames)
    if (auto sequence = sequence_of(frame, request.state.fields.job_id))
      said.emplace(*sequence, &frame);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  return frames.visit(
      [&](StoredFrame frame) -> Status {
        const FrameRow &row = frame.row;
        const auto own = said.find(row.sequence);
        if (own == said.end()) {
          const FrameTiming timing{row.pts,    row.dts,        row.duration, row.stream_time,
                                   row.offset, row.offset_end, row.flags};
          CHECKPOINT_RETURN_IF_ERROR(saver.set_segment(segment));
          return saver.push(frame.buffer.get(), std::move(frame.caps), timing, row.sequence);
        }
        GstSample *sample = own->second->sample.get();
        CHECKPOINT_RETURN_IF_ERROR(saver.set_segment(*gst_sample_get_segment(sample)));
        GstBuffer *buffer = gst_sample_get_buffer(sample);
        const FrameTiming timing = frame_timing(buffer, *gst_sample_get_segment(sample));
        return saver.push(with_metas_of(buffer, frame.buffer.get()).get(), std::move(frame.caps),
                          timing, row.sequence);
      },
      cancel);
}

}  // namespace

Result<Uuid> save(const std::shared_ptr<StorePlace> &place, const SaveRequest &request,
                  Cancellation &cancel) {
  CheckpointFields fields = request.state.fields;
  fields.config_declared.clear();  // of a line that made what was loaded, and not this
  CHECKPOINT_RETURN_IF_ERROR(check_fields(fields));
  fields.parent.reset();
  if (!request.state.parent.empty()) {
    CHECKPOINT_ASSIGN_OR_RETURN(fields.parent,
                                parse_checkpoint_id("parent-id", request.state.parent));
  }
  std::optional<StoredFrames> stored;
  if (request.manifest && !request.manifest->empty()) {
    CHECKPOINT_ASSIGN_OR_RETURN(auto stores, place->open(Stores::Access::kWrite, cancel));
    CHECKPOINT_ASSIGN_OR_RETURN(stored,
                                StoredFrames::find(stores, fields, *request.manifest, cancel));
    if (!fields.parent) fields.parent = stored->origin();
  }
  Saver saver(place, cancel);
  Status status = saver.begin(fields);
  if (status.is_ok() && stored) status = push_stored(saver, request, *stored, cancel);
  if (!request.manifest)
    for (const StateFrame &frame : request.state.frames)
      if (status.is_ok()) status = push_sample(saver, frame);
  if (!status.is_ok()) return saver.give_up(status);
  Result<Uuid> id = saver.finish();
  return id.is_ok() ? std::move(id) : saver.give_up(id.status());
}

}  // namespace checkpoint
