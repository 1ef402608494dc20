// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/recorder.h"

#include <vector>

#include "common/uuid.h"
#include "core/names.h"
#include "elements/buffer_input.h"
#include "elements/event_codec.h"
#include "elements/identity_meta.h"
#include "elements/json_setting.h"
#include "elements/meta_codec.h"
#include "store/registry.h"
#include "store/uri.h"

namespace checkpoint {

Recorder::Recorder(GstElement *element) : element_(element), config_(element) {}

Recorder::~Recorder() { stop(); }

std::shared_ptr<CheckpointWriter> Recorder::writer() const {
  std::lock_guard lock(mutex_);
  return writer_;
}

// The writer that caps and events go to. Null: the pad keeps them for the next version.
std::shared_ptr<CheckpointWriter> Recorder::taking() const { return ending_ ? nullptr : writer(); }

bool Recorder::start(const RecorderSettings &settings) {
  settings_ = settings;
  settings_.frame_store = settings_.s3.apply(
      settings_.frame_store.empty() ? default_frame_store_uri() : settings_.frame_store);
  begun_ = ending_ = false;
  caps_.reset();
  lineage_.reset();
  ended_.reset();
  next_.reset();
  own_lineage_.reset();
  untold_.reset();
  begun_stages_.clear();
  if (observer_) observer_->detach();
  observer_ = std::make_shared<RecorderObserver>(element_, settings.post_messages);
  auto metas = std::make_shared<MetaWatch>(
      settings.strict_metas,
      [observer = observer_](const Status &status) { observer->warn(status); });
  {
    std::lock_guard lock(mutex_);
    before_ = {};
    interrupts_ = 0;
    metas_ = std::move(metas);
  }
  auto fields = checked_fields(settings_);
  if (!fields.is_ok()) {
    report(fields.status());
    return false;
  }
  given_ = std::move(fields).value();
  if (settings_.spool.empty()) return true;
  const StoreRegistry &stores = StoreRegistry::instance();
  auto frames = stores.make_frame_store(settings_.frame_store);
  auto metadata = stores.make_metadata_store(metadata_store());
  if (!frames.is_ok() || !metadata.is_ok()) {
    report(frames.is_ok() ? metadata.status() : frames.status());
    return false;
  }
  GCharPtr folder(g_canonicalize_filename(settings_.spool.c_str(), nullptr));
  spool_ = {folder.get(), settings_.spool_size, (*frames)->display_uri(),
            (*metadata)->display_uri()};
  return true;
}

std::string Recorder::metadata_store() const {
  return settings_.metadata_store.empty() ? default_metadata_store_uri() : settings_.metadata_store;
}

std::shared_ptr<CheckpointWriter> Recorder::new_writer() const {
  auto opener = [frames = settings_.frame_store,
                 metadata = metadata_store()](Cancellation &cancel) {
    return Stores::open(frames, metadata, Stores::Access::kWrite, cancel);
  };
  if (settings_.spool.empty())
    return std::make_shared<CheckpointWriter>(opener, settings_.writer, observer_);
  return std::make_shared<SpooledWriter>(opener, settings_.writer, spool_, observer_);
}

void Recorder::open_writer() {
  std::shared_ptr<CheckpointWriter> opened;
  {
    std::lock_guard lock(mutex_);
    opened = writer_ = new_writer();
    if (interrupts_) writer_->interrupt();
  }
  watch_->follow(opened);
}

// What follows an end begins with what still holds.
void Recorder::open_next() {
  open_writer();
  auto current = writer();
  if (caps_) (void)current->set_caps(caps_->text());
  for (const EventPtr &sticky : sticky_events()) {
    auto encoded = encode_event(sticky.get());
    if (encoded.is_ok() && *encoded)
      (void)current->push_event((*encoded)->type, std::move((*encoded)->body));
  }
}

bool Recorder::run() {
  watch_ = std::make_unique<ErrorWatch>(element_);
  config_.remember();
  if (!writer()) open_writer();
  return observer_->may_go_on();
}

void Recorder::stop() {
  config_.forget();
  const std::string error = watch_ ? watch_->error() : "";
  watch_.reset();
  std::shared_ptr<CheckpointWriter> last;
  {
    std::lock_guard lock(mutex_);
    last = std::exchange(writer_, nullptr);
  }
  if (!last) return;
  uint64_t lost = last->stop(std::chrono::milliseconds(settings_.stop_timeout_ms),
                             error.empty() ? "stopped before the end of the stream" : error);
  if (lost && !observer_->reported()) {
    observer_->warn(Status(
        Code::kTimeout,
        std::to_string(lost) +
            " frames were not stored when the element was stopped before the end of the stream",
        "send EOS and wait for it (gst-launch-1.0 -e), or raise stop-timeout"));
  }
  WriterStats stats = last->stats();
  last.reset();
  observer_->detach();
  begun_ = ending_ = false;
  std::lock_guard lock(mutex_);
  before_ = stats;
}

void Recorder::report(const Status &status) {
  observer_->report(status);
  if (auto current = writer()) current->abandon(status.message());
}

bool Recorder::set_caps(GstCaps *caps) {
  auto parsed = StreamCaps::from_caps(caps);
  if (!parsed.is_ok()) {
    report(parsed.status());
    return false;
  }
  caps_ = std::move(parsed).value();
  if (auto current = taking()) {
    Status status = current->set_caps(caps_->text());
    if (!status.is_ok()) return false;
  }
  return true;
}

Recorder::Answer Recorder::event(GstEvent *event, const WaitFunction &wait) {
  if (auto found = parse_lineage_event(event)) {
    lineage_ = std::move(*found);
    return Answer::kPassOn;
  }
  if (auto found = parse_boundary_event(event); found && found->from_stage == given_.stage)
    return boundary(*found, wait);
  if (is_checkpoint_event(event)) return Answer::kPassOn;
  auto encoded = encode_event(event);
  if (!encoded.is_ok()) {
    observer_->warn(encoded.status());
    return Answer::kPassOn;
  }
  if (!*encoded) return Answer::kPassOn;  // not part of what a stage hands on
  // After an end the next checkpoint begins with its first event that nobody keeps otherwise: the
  // sticky ones the pad has, and a flush is the way from that end to what follows.
  const bool kept =
      (gst_event_type_get_flags(GST_EVENT_TYPE(event)) & GST_EVENT_TYPE_STICKY) != 0 ||
      GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP;
  if (ending_ && !kept && drain(wait) != GST_FLOW_OK) return Answer::kFailed;
  if (!ending_ && !writer() && !kept) open_next();
  auto current = taking();
  while (current) {
    Status status = current->push_event((*encoded)->type, std::move((*encoded)->body));
    if (status.is_ok()) break;
    if (observer_->reported()) return Answer::kFailed;
    if (!status.is(Code::kCancelled)) {
      report(status);
      return Answer::kFailed;
    }
    if (wait() != GST_FLOW_OK) return Answer::kFailed;
  }
  return Answer::kPassOn;
}

// This stage ends here and another begins, which the element works for from now on.
Recorder::Answer Recorder::boundary(const Boundary &boundary, const WaitFunction &wait) {
  Status status = check_name("stage", boundary.stage);
  // An event names no file.
  if (status.is_ok() && boundary.stats.starts_with('@'))
    status = Status(Code::kInvalidArgument, "stats is no JSON object");
  if (status.is_ok()) status = read_json_object("stats", boundary.stats).status();
  if (!status.is_ok()) {
    report(status.with_context("checkpoint-boundary"));
    return Answer::kFailed;
  }
  next_ = boundary;
  if (end_of_stream(wait) != GST_FLOW_OK) return Answer::kFailed;
  if (next_) enter_next_stage();  // there was nothing to end
  if (!writer()) open_next();
  return Answer::kTaken;
}

void Recorder::enter_next_stage() {
  given_.stage = next_->stage;
  given_.stage_index = next_->stage_index;
  if (ended_) {
    given_.job_id = job_id_;
    given_.parent = ended_;
  }
  // These said something about the stage that is over.
  given_.stats.clear();
  given_.stage_output_key.clear();
  given_.filtered_frame_sequences.reset();
  next_.reset();
}

std::string Recorder::upstream_uri() const {
  std::string uri;
  GstPad *pad = gst_element_get_static_pad(element_, "sink");
  if (!pad) return uri;
  GstQuery *query = gst_query_new_uri();
  if (gst_pad_peer_query(pad, query)) {
    gchar *found = nullptr;
    gst_query_parse_uri(query, &found);
    // What a checkpoint was made of, its lineage tells.
    if (found && !g_str_has_prefix(found, "checkpoint:")) uri = found;
    g_free(found);
  }
  gst_query_unref(query);
  gst_object_unref(pad);
  return uri;
}

// What holds for the stream now, in the order in which it came.
std::vector<EventPtr> Recorder::sticky_events() const {
  std::vector<EventPtr> events;
  GstPad *pad = gst_element_get_static_pad(element_, "sink");
  if (!pad) return events;
  gst_pad_sticky_events_foreach(
      pad,
      [](GstPad *, GstEvent **event, gpointer data) -> gboolean {
        static_cast<std::vector<EventPtr> *>(data)->emplace_back(gst_event_ref(*event));
        return TRUE;
      },
      &events);
  gst_object_unref(pad);
  return events;
}

namespace {

// A path for what lies in a file; anything else without what may be secret in it.
std::string readable_path(const std::string &uri) {
  if (uri.rfind("file://", 0) == 0) {
    // A file's name is any bytes, and a row's text is UTF-8.
    if (GCharPtr path{g_filename_from_uri(uri.c_str(), nullptr, nullptr)})
      return GCharPtr(g_utf8_make_valid(path.get(), -1)).get();
  }
  return mask_uri(uri);
}

std::string job_from_context(GstElement *element) {
  std::string job;
  GstContext *context = gst_element_get_context(element, "gst.checkpoint.job");
  if (!context) return job;
  const gchar *found = gst_structure_get_string(gst_context_get_structure(context), "job-id");
  if (found) job = found;
  gst_context_unref(context);
  return job;
}

}  // namespace

// At the first data: now lineage and caps are known.
bool Recorder::begin() {
  if (begun_) return true;
  if (observer_->reported()) return false;
  CheckpointFields fields = given_;
  if (fields.job_id.empty() && lineage_) fields.job_id = lineage_->job_id;
  if (fields.job_id.empty()) fields.job_id = job_from_context(element_);
  if (fields.job_id.empty()) {
    const char *from_environment = g_getenv("GST_CHECKPOINT_JOB_ID");
    if (from_environment) fields.job_id = from_environment;
  }
  if (fields.job_id.empty()) {
    report(Status(Code::kInvalidArgument,
                  "no job-id is set, and no checkpointsrc before this element tells one",
                  "name the video that is worked on: job-id=street"));
    return false;
  }
  const bool parent_is_hint = !given_.parent;
  if (lineage_ && lineage_->job_id == fields.job_id) {
    if (parent_is_hint) {
      fields.parent = lineage_->checkpoint;
      if (fields.stage_index < 0 && lineage_->stage_index >= 0)
        fields.stage_index = lineage_->stage_index + 1;
    }
    // What comes from a scenario never becomes part of the base.
    if (!settings_.scenario) fields.branch = lineage_->branch;
  }
  if (fields.video_path.empty() && lineage_) fields.video_path = lineage_->video_path;
  if (fields.video_path.empty()) fields.video_path = upstream_uri();
  fields.video_path = readable_path(fields.video_path);

  PipelineConfig::Texts config = config_.describe();
  fields.config_declared = std::move(config.declared);
  if (fields.config_snapshot.empty()) fields.config_snapshot = std::move(config.resolved);

  if (!writer()) open_next();
  // What comes behind the end of a stage in one run is a version of its own.
  const bool resume = begun_stages_.insert(fields.stage).second && settings_.resume;
  Status status = writer()->begin(fields, parent_is_hint, resume);
  if (!status.is_ok()) {
    report(status);
    return false;
  }
  begun_ = true;
  job_id_ = fields.job_id;
  if (fields.stage_index < 0 && !fields.parent) fields.stage_index = 0;
  // The id may have to be waited for, and only who comes after us asks for it.
  if (element_->numsrcpads == 0) return true;
  untold_ = {fields.job_id,     Uuid(),       fields.stage, fields.stage_index,
             fields.video_path, fields.branch};
  return true;
}

GstFlowReturn Recorder::ready(const WaitFunction &wait) {
  if (ending_) {
    GstFlowReturn flow = drain(wait);
    if (flow != GST_FLOW_OK) return flow;
  }
  if (!begin()) return GST_FLOW_ERROR;
  auto current = writer();
  while (untold_) {
    if (!current) return GST_FLOW_FLUSHING;
    const auto id = current->await_id();
    if (id.is_ok()) {
      untold_->checkpoint = *id;
      own_lineage_ = make_lineage_event(*untold_);
      untold_.reset();
    } else if (observer_->reported()) {
      return GST_FLOW_ERROR;
    } else if (GstFlowReturn flow = wait(); flow != GST_FLOW_OK) {
      return flow;
    }
  }
  return GST_FLOW_OK;
}

GstFlowReturn Recorder::frame(GstBuffer *buffer, const GstSegment &segment,
                              const WaitFunction &wait) {
  if (!caps_) {
    report(Status(Code::kInvalidArgument, "a buffer came before its caps",
                  "put a parser or decoder before this element"));
    return GST_FLOW_NOT_NEGOTIATED;
  }
  if (GstFlowReturn flow = ready(wait); flow != GST_FLOW_OK) return flow;
  auto input = make_buffer_input(buffer, caps_, metas_);
  if (!input.is_ok()) {
    report(input.status());
    return GST_FLOW_ERROR;
  }
  std::optional<uint64_t> sequence;
  // The numbers of another job say nothing here.
  if (auto identity = frame_identity(buffer); identity && identity->job_id == job_id_)
    sequence = identity->sequence;
  FrameTiming timing = frame_timing(buffer, segment);
  return until_done([&](CheckpointWriter &to) { return to.push(*input, timing, sequence); }, wait);
}

GstFlowReturn Recorder::before_passing(const WaitFunction &wait, bool *leave_out) {
  return until_done(
      [&](CheckpointWriter &of) -> Status {
        CHECKPOINT_ASSIGN_OR_RETURN(*leave_out, of.before_passing());
        return Status::ok();
      },
      wait);
}

GstFlowReturn Recorder::after_passing(const WaitFunction &wait) {
  return until_done([](CheckpointWriter &of) { return of.after_passing(); }, wait);
}

// Makes a call that may be interrupted, until it was not.
GstFlowReturn Recorder::until_done(const std::function<Status(CheckpointWriter &)> &call,
                                   const WaitFunction &wait) {
  auto current = writer();
  if (!current) return GST_FLOW_FLUSHING;
  for (;;) {
    Status status = call(*current);
    if (status.is_ok()) return GST_FLOW_OK;
    if (observer_->reported()) return GST_FLOW_ERROR;
    if (!status.is(Code::kCancelled)) {
      report(status);
      return GST_FLOW_ERROR;
    }
    GstFlowReturn flow = wait();
    if (flow != GST_FLOW_OK) return flow;
  }
}

GstFlowReturn Recorder::gap(GstEvent *gap, const WaitFunction &wait) {
  if (GstFlowReturn flow = ready(wait); flow != GST_FLOW_OK) return flow;
  return event(gap, wait) != Answer::kFailed ? GST_FLOW_OK : GST_FLOW_ERROR;
}

GstFlowReturn Recorder::end_of_stream(const WaitFunction &wait) {
  if (ending_) return drain(wait);
  if (observer_->reported()) return GST_FLOW_ERROR;
  // After a failure before the first data there is nothing to keep.
  if (!begun_ && watch_ && !watch_->error().empty()) return GST_FLOW_OK;
  if (!begun_ && !writer()) return GST_FLOW_OK;  // a second EOS, with nothing between
  if (GstFlowReturn flow = ready(wait); flow != GST_FLOW_OK) return flow;
  return drain(wait);
}

// Ends the checkpoint that was begun.
GstFlowReturn Recorder::drain(const WaitFunction &wait) {
  auto current = writer();
  if (!current) return GST_FLOW_FLUSHING;
  ending_ = true;
  std::optional<std::string> stats;
  if (next_ && !next_->stats.empty()) stats = next_->stats;
  observer_->progress(GST_PROGRESS_TYPE_START, "drain", "making the rest durable");
  for (;;) {
    Status status =
        current->finish({}, std::chrono::milliseconds(settings_.commit_timeout_ms), stats);
    if (status.is_ok()) break;
    if (observer_->reported()) return GST_FLOW_ERROR;
    if (!status.is(Code::kCancelled)) {
      report(status);
      return GST_FLOW_ERROR;
    }
    GstFlowReturn flow = wait();
    if (flow != GST_FLOW_OK) {
      observer_->progress(GST_PROGRESS_TYPE_CANCELED, "drain", "stopped");
      return flow;
    }
  }
  observer_->progress(
      GST_PROGRESS_TYPE_COMPLETE, "drain",
      current->stats().frames_spooled > 0 ? "the rest stays in the spool" : "all is durable");
  if (auto reason = current->partial_reason())
    observer_->warn(Status(Code::kInternal, "the checkpoint stays partial: " + *reason,
                           "it is loaded with allow-partial=true"));
  begun_ = ending_ = false;
  ended_ = current->checkpoint_id();
  if (next_) enter_next_stage();
  WriterStats done = current->stats();
  std::lock_guard lock(mutex_);
  before_ = done;
  writer_.reset();
  return GST_FLOW_OK;
}

// Under the lock, so that a writer that is being opened hears of it too.
void Recorder::interrupt(Interrupt reason) {
  std::lock_guard lock(mutex_);
  interrupts_ |= static_cast<unsigned>(reason);
  if (observer_) observer_->let_go(true);
  if (writer_) writer_->interrupt();
}

void Recorder::resume(Interrupt reason) {
  std::lock_guard lock(mutex_);
  interrupts_ &= ~static_cast<unsigned>(reason);
  if (interrupts_) return;
  if (observer_) observer_->let_go(false);
  if (writer_) writer_->resume();
}

uint64_t Recorder::checkpoint_now() {
  std::lock_guard lock(mutex_);
  return writer_ && writer_->flush(last_token_ + 1) ? ++last_token_ : 0;
}

WriterStats Recorder::stats() const {
  auto current = writer();
  if (current) return current->stats();
  std::lock_guard lock(mutex_);
  return before_;
}

std::map<std::string, uint64_t> Recorder::metas_left_out() const {
  std::lock_guard lock(mutex_);
  return metas_ ? metas_->counts() : std::map<std::string, uint64_t>();
}

}  // namespace checkpoint
