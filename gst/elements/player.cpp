// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/player.h"

#include <system_error>
#include <utility>

#include "common/log.h"
#include "common/thread_name.h"
#include "core/condition_parser.h"
#include "core/names.h"
#include "elements/buffer_output.h"
#include "elements/error_table.h"
#include "elements/lineage.h"

namespace checkpoint {

namespace {

// Seeks run on the thread that asks, and the base class hands do_seek() a segment only.
struct PendingSeek {
  const Player *player = nullptr;
  SeekRequest request;
};
thread_local PendingSeek pending_seek;
// The source that this thread is starting.
thread_local const Player *starting = nullptr;

class ObjectLock {
 public:
  explicit ObjectLock(gpointer object) : object_(object) { GST_OBJECT_LOCK(object_); }
  ~ObjectLock() { GST_OBJECT_UNLOCK(object_); }
  ObjectLock(const ObjectLock &) = delete;
  ObjectLock &operator=(const ObjectLock &) = delete;

 private:
  gpointer object_;
};

}  // namespace

Player::SeekScope::SeekScope(Player &player, const SeekRequest &request) {
  pending_seek = {&player, request};
}
Player::SeekScope::~SeekScope() { pending_seek = {}; }

Player::Player(GstBaseSrc *element)
    : element_(element),
      pad_(GST_BASE_SRC_PAD(element)),
      metas_(false,
             [element](const Status &status) { post_warning(GST_ELEMENT(element), status); }),
      waiting_(make_cancellation()) {
  gst_pad_add_probe(pad_, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, this, nullptr);
}

Player::~Player() {
  end_start();
  disconnect();
}

std::shared_ptr<Cancellation> Player::make_cancellation() {
  return std::make_shared<Cancellation>([this](const Status &why) {
    if (retries_++ == 0) post_warning(GST_ELEMENT(element_), tried_again(why));
  });
}

Status Player::check(const SourceSettings &settings) {
  const CheckpointUri &what = settings.what;
  if (!what.checkpoint_id) {
    if (what.job_id.empty() || what.stage.empty())
      return {Code::kInvalidArgument, what.job_id.empty() ? "no job-id is set" : "no stage is set",
              "set job-id and stage, or checkpoint-id, or a checkpoint:// URI"};
    CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", what.job_id));
    CHECKPOINT_RETURN_IF_ERROR(check_name("stage", what.stage));
    if (what.scenario && !what.scenario->empty())
      CHECKPOINT_RETURN_IF_ERROR(check_name("scenario", *what.scenario));
  }
  if (what.stop_index >= 0 && what.stop_index < what.start_index)
    return {Code::kInvalidArgument, "stop-index " + std::to_string(what.stop_index) +
                                        " is before start-index " +
                                        std::to_string(what.start_index)};
  if (!what.select.empty()) CHECKPOINT_RETURN_IF_ERROR(parse_condition(what.select).status());
  return Status::ok();
}

void Player::progress(GstProgressType type, const std::string &text) {
  gst_element_post_message(
      GST_ELEMENT(element_),
      gst_message_new_progress(GST_OBJECT(element_), type, "connect", text.c_str()));
}

bool Player::start(const SourceSettings &settings) {
  end_start();
  auto cancel = make_cancellation();
  retries_ = 0;
  {
    std::lock_guard lock(mutex_);
    connecting_ = cancel;
    read_before_ = {};
  }
  first_answer_ = std::make_shared<FirstAnswer>();
  may_stream_ = std::make_shared<FirstAnswer>();
  gpointer keep = gst_object_ref(element_);
  try {
    connector_ = std::thread(
        [this, settings, cancel, answer = first_answer_, may_stream = may_stream_, keep] {
          name_thread("ckpt:connect");
          answer->give(connect(settings, cancel, *answer, *may_stream));
          gst_object_unref(keep);
        });
  } catch (const std::system_error &error) {
    gst_object_unref(keep);
    post_error(GST_ELEMENT(element_),
               {Code::kUnavailable, std::string("no thread can be started: ") + error.what()});
    return false;
  }
  return true;
}

bool Player::may_go_on() {
  const bool good = first_answer_->wait(kFirstAnswerPatience);
  // Data that came earlier would meet elements that are not in PAUSED yet.
  may_stream_->give(true);
  return good;
}

bool Player::connect(const SourceSettings &settings, const std::shared_ptr<Cancellation> &cancel,
                     FirstAnswer &answer, FirstAnswer &may_stream) {
  progress(GST_PROGRESS_TYPE_START, "opening the stores");
  auto opened = SourceConnection::open(
      settings, [this](const Status &status) { post_warning(GST_ELEMENT(element_), status); },
      *cancel);
  if (cancel->cancelled() || opened.status().is(Code::kCancelled)) {
    progress(GST_PROGRESS_TYPE_CANCELED, "stopped");
    gst_base_src_start_complete(element_, GST_FLOW_FLUSHING);
    return true;
  }
  if (!opened.is_ok()) {
    progress(GST_PROGRESS_TYPE_ERROR, "could not open the checkpoint");
    post_error(GST_ELEMENT(element_), opened.status());
    gst_base_src_start_complete(element_, GST_FLOW_ERROR);
    return false;
  }
  const std::shared_ptr<SourceConnection> connection = std::move(*opened);
  const CheckpointRow &row = connection->row();
  const std::string text = "job " + row.fields.job_id + ", stage " + row.fields.stage +
                           ": checkpoint " + row.id.to_string() + ", version " +
                           std::to_string(row.version) + ", " + std::to_string(row.frames) +
                           " frames";
  log(LogLevel::kInfo, "source", text);
  const uint64_t frames = connection->places();
  if (frames > 0 && static_cast<uint64_t>(settings.what.start_index) >= frames)
    post_warning(
        GST_ELEMENT(element_),
        {Code::kInvalidArgument,
         "start-index is behind the last frame: the checkpoint has " + std::to_string(frames)});
  else if (!settings.what.select.empty() && connection->first() == connection->end())
    post_warning(GST_ELEMENT(element_), {Code::kNotFound, "no frame matches select",
                                         "are the labels written as the detector writes them?"});

  progress(GST_PROGRESS_TYPE_COMPLETE, text);
  answer.give(true);
  may_stream.wait_for_ever();
  if (cancel->cancelled()) {
    gst_base_src_start_complete(element_, GST_FLOW_FLUSHING);
    return true;
  }

  // A seek that comes now waits for this lock, and finds a source that has started.
  GST_PAD_STREAM_LOCK(pad_);
  GstEvent *waiting_seek = nullptr;
  {
    std::lock_guard lock(mutex_);
    connection_ = connection;
    replay_ = std::make_shared<Replay>(connection,
                                       ReplayOptions{settings.what.loop, settings.skip_missing});
  }
  loop_ = settings.what.loop;
  caps_sent_.reset();
  lineage_sent_ = false;
  {
    ObjectLock lock(element_);
    element_->segment.duration = static_cast<guint64>(connection->end_time());
    connected_ = true;
    if (element_->pending_seek) waiting_seek = gst_event_ref(element_->pending_seek);
  }
  {
    std::optional<SeekScope> scope;
    if (waiting_seek) scope.emplace(*this, SeekRequest::of(waiting_seek));
    starting = this;
    gst_base_src_start_complete(element_, GST_FLOW_OK);
    starting = nullptr;
  }
  GST_PAD_STREAM_UNLOCK(pad_);
  if (waiting_seek) gst_event_unref(waiting_seek);
  return true;
}

void Player::end_start() {
  std::shared_ptr<Cancellation> connecting;
  {
    std::lock_guard lock(mutex_);
    connecting = connecting_;
  }
  if (connecting) connecting->cancel();
  if (may_stream_) may_stream_->give(false);
  if (!connector_.joinable()) return;
  // A bus's sync handler may change the state on this very thread.
  if (connector_.get_id() == std::this_thread::get_id())
    connector_.detach();
  else
    connector_.join();
}

void Player::disconnect() {
  std::shared_ptr<SourceConnection> connection;
  std::shared_ptr<Replay> replay;
  {
    ObjectLock lock(element_);
    connected_ = false;
  }
  {
    std::lock_guard lock(mutex_);
    connection = std::move(connection_);
    replay = std::move(replay_);
    if (connection) read_before_ = connection->reader().stats();
    connection_.reset();
    replay_.reset();
  }
}

std::shared_ptr<SourceConnection> Player::connection() const {
  std::lock_guard lock(mutex_);
  return connection_;
}

std::shared_ptr<Cancellation> Player::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

void Player::unlock() { waiting()->cancel(); }

void Player::unlock_stop() {
  std::lock_guard lock(mutex_);
  waiting_ = make_cancellation();
}

Player::Stats Player::stats() const {
  std::lock_guard lock(mutex_);
  return {connection_ ? connection_->reader().stats() : read_before_, retries_};
}

GstFlowReturn Player::create(GstBuffer **out) {
  std::shared_ptr<Replay> replay;
  std::shared_ptr<SourceConnection> connection;
  std::shared_ptr<Cancellation> cancel;
  {
    std::lock_guard lock(mutex_);
    replay = replay_;
    connection = connection_;
    cancel = waiting_;
  }
  if (!replay) return GST_FLOW_FLUSHING;
  for (;;) {
    bool left_out = false;
    const GstFlowReturn flow = create_next(*replay, *connection, *cancel, out, &left_out);
    if (!left_out) return flow;
  }
}

GstFlowReturn Player::create_next(Replay &replay, const SourceConnection &connection,
                                  Cancellation &cancel, GstBuffer **out, bool *left_out) {
  Result<ReplayStep> step = replay.next(cancel);
  if (!step.is_ok()) {
    if (step.status().is(Code::kCancelled)) return GST_FLOW_FLUSHING;
    post_error(GST_ELEMENT(element_), step.status());
    return GST_FLOW_ERROR;
  }
  for (const Status &warning : step->warnings) post_warning(GST_ELEMENT(element_), warning);

  pushing_ = true;
  const bool negotiated = set_caps(step->caps);
  if (negotiated) push_events(std::move(step->events));
  pushing_ = false;
  if (!negotiated) return GST_PAD_IS_FLUSHING(pad_) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
  *left_out = step->left_out;
  if (!step->frame) return GST_FLOW_EOS;

  BufferOptions options;
  options.video_meta = video_meta_;
  options.watch = &metas_;
  Result<BufferPtr> buffer =
      make_replayed_buffer(connection.row(), std::move(*step->frame), *step->caps, options);
  if (!buffer.is_ok()) {
    post_error(GST_ELEMENT(element_), buffer.status());
    return GST_FLOW_ERROR;
  }
  if (step->discont) GST_BUFFER_FLAG_SET(buffer->get(), GST_BUFFER_FLAG_DISCONT);
  *out = buffer->release();
  return GST_FLOW_OK;
}

bool Player::set_caps(const std::shared_ptr<const StreamCaps> &caps) {
  if (!caps || caps == caps_sent_) return true;
  caps_sent_.reset();
  if (!gst_base_src_set_caps(element_, caps->caps())) return false;
  if (!gst_base_src_negotiate(element_)) return false;  // asks for allocation anew
  caps_sent_ = caps;
  return true;
}

void Player::push_events(std::vector<EventPtr> events) {
  for (EventPtr &event : events) {
    const bool segment = GST_EVENT_TYPE(event.get()) == GST_EVENT_SEGMENT;
    if (segment) {
      // The base class's segment is always what downstream has: it counts positions in it.
      const GstSegment *sent;
      gst_event_parse_segment(event.get(), &sent);
      ObjectLock lock(element_);
      const guint64 duration = element_->segment.duration;
      element_->segment = *sent;
      element_->segment.duration = duration;
    }
    gst_pad_push_event(pad_, event.release());
    if (segment) push_lineage();
  }
}

void Player::push_lineage() {
  if (lineage_sent_) return;
  const CheckpointRow &row = connection()->row();
  Lineage lineage;
  lineage.job_id = row.fields.job_id;
  lineage.checkpoint = row.id;
  lineage.stage = row.fields.stage;
  lineage.stage_index = row.fields.stage_index;
  lineage.video_path = row.fields.video_path;
  lineage.branch = row.fields.branch;
  lineage_sent_ = gst_pad_push_event(pad_, make_lineage_event(lineage).release());
}

// After start and seek the base class sends its segment right before the first buffer, too late for
// the events that have to come between. So the segment goes out with those events, and the base
// class's, which is the same, ends here.
GstPadProbeReturn Player::on_event(GstPad *, GstPadProbeInfo *info, gpointer self) {
  auto *player = static_cast<Player *>(self);
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) != GST_EVENT_SEGMENT || player->pushing_ || !player->base_segment_due_)
    return GST_PAD_PROBE_OK;
  player->base_segment_due_ = false;
  gst_event_unref(event);
  return GST_PAD_PROBE_HANDLED;
}

bool Player::prepare_seek(GstEvent *event, GstSegment *segment) {
  pending_seek = {this, SeekRequest::of(event)};
  const SeekRequest &request = pending_seek.request;
  if (request.format != GST_FORMAT_DEFAULT) return false;
  return gst_segment_do_seek(segment, request.rate, GST_FORMAT_TIME, request.flags,
                             GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, GST_CLOCK_TIME_NONE, nullptr);
}

bool Player::do_seek(GstSegment *segment) {
  std::shared_ptr<Replay> replay;
  std::shared_ptr<Cancellation> cancel;
  {
    std::lock_guard lock(mutex_);
    replay = replay_;
    // Seeks that waited for the start end with the start.
    cancel = starting == this ? connecting_ : waiting_;
  }
  if (!replay) return false;
  const guint64 duration = element_->segment.duration;
  segment->duration = duration;
  caps_sent_.reset();
  if (pending_seek.player == this) {
    const Status status = replay->seek(pending_seek.request, segment, *cancel);
    if (!status.is_ok() && starting != this) {
      if (!status.is(Code::kUnsupported)) post_error(GST_ELEMENT(element_), status);
      return false;
    }
    if (!status.is_ok()) {
      // The base class would stop the source now, and wait for a task that waits for the stream
      // lock, which is ours: as if that seek had not come.
      post_warning(GST_ELEMENT(element_), status.with_context("the seek before the start"));
      gst_segment_init(segment, GST_FORMAT_TIME);
      segment->duration = duration;
      replay->begin(segment);
    }
  } else {
    replay->begin(segment);
  }
  base_segment_due_ = true;
  return true;
}

void Player::flushed() {
  std::shared_ptr<Replay> replay;
  {
    std::lock_guard lock(mutex_);
    replay = replay_;
  }
  if (!replay) return;
  replay->repeat_segment();
  caps_sent_.reset();
  base_segment_due_ = true;
}

std::optional<bool> Player::seek_event(GstEvent *event) {
  const SeekRequest request = SeekRequest::of(event);
  // The base class finds out only after the flush, and leaves downstream without a segment.
  if (request.format != GST_FORMAT_TIME && request.format != GST_FORMAT_DEFAULT) return false;
  {
    ObjectLock lock(element_);
    if (!connected_) {
      // It is done when the source has started.
      gst_event_replace(&element_->pending_seek, event);
      return true;
    }
  }
  if (!(request.flags & GST_SEEK_FLAG_INSTANT_RATE_CHANGE)) {
    // Without a flush the base class waits for the frame that is on its way before it interrupts
    // anything, and that may be for as long as a store is blocked.
    unlock();
    return std::nullopt;
  }
  double rate;
  {
    ObjectLock lock(element_);
    rate = element_->segment.rate;
  }
  if (request.start_type != GST_SEEK_TYPE_NONE || request.stop_type != GST_SEEK_TYPE_NONE ||
      (request.flags & GST_SEEK_FLAG_FLUSH) || rate * request.rate <= 0)
    return false;
  GstEvent *change = gst_event_new_instant_rate_change(request.rate / rate,
                                                       static_cast<GstSegmentFlags>(request.flags));
  gst_event_set_seqnum(change, request.seqnum);
  return gst_pad_push_event(pad_, change);
}

}  // namespace checkpoint
