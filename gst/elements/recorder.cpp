// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/recorder.h"

#include <condition_variable>
#include <thread>
#include <vector>

#include "common/uuid.h"
#include "elements/buffer_input.h"
#include "elements/error_table.h"
#include "elements/event_codec.h"
#include "elements/first_answer.h"
#include "elements/identity_meta.h"
#include "elements/meta_codec.h"
#include "store/registry.h"
#include "store/uri.h"

namespace checkpoint {

// The writer's news, told on its threads, as messages of the element.
class Recorder::Observer : public WriterObserver {
 public:
  Observer(GstElement *element, bool post_messages) : post_messages_(post_messages) {
    g_weak_ref_init(&element_, element);
  }
  ~Observer() override { g_weak_ref_clear(&element_); }
  Observer(const Observer &) = delete;
  Observer &operator=(const Observer &) = delete;

  // From here on nothing is posted, but for a message that is on its way already.
  void detach() {
    g_weak_ref_set(&element_, nullptr);
    let_go(true);
  }
  // Whoever waits for the ERROR to be posted need not: the stream ends anyway.
  void let_go(bool yes) {
    std::lock_guard lock(mutex_);
    let_go_ = yes;
    posted_now_.notify_all();
  }
  // The one ERROR; false when there was one already. It is on the bus when this returns, whoever
  // posted it, so that no flow error overtakes it.
  bool report(const Status &status) {
    {
      std::unique_lock lock(mutex_);
      if (reported_) {
        wait_until_posted(lock);
        return false;
      }
      reported_ = true;
      poster_ = std::this_thread::get_id();
    }
    with_element([&](GstElement *element) { post_error(element, status); });
    {
      std::lock_guard lock(mutex_);
      posted_ = true;
      posted_now_.notify_all();
    }
    first_answer_.give(false);
    return true;
  }
  // Waits a moment for the stores. False: an error is on the bus.
  bool may_go_on() { return first_answer_.wait(kFirstAnswerPatience); }
  // Is the ERROR on the bus?
  bool reported() {
    std::unique_lock lock(mutex_);
    if (reported_) wait_until_posted(lock);
    return reported_;
  }
  void warn(const Status &status) {
    with_element([&](GstElement *element) { post_warning(element, status); });
  }
  void progress(GstProgressType type, const char *code, const std::string &text) {
    if (!post_messages_) return;
    with_element([&](GstElement *element) {
      gst_element_post_message(
          element, gst_message_new_progress(GST_OBJECT(element), type, code, text.c_str()));
    });
  }

  void on_commit(const CommitInfo &info) override {
    if (!post_messages_) return;
    for (const char *name : {"gst-checkpoint-commit", "gst-checkpoint-complete"}) {
      if (!info.complete && g_str_equal(name, "gst-checkpoint-complete")) break;
      GstStructure *body = gst_structure_new(
          name, "checkpoint-id", G_TYPE_STRING, info.checkpoint.to_string().c_str(), "job-id",
          G_TYPE_STRING, info.job_id.c_str(), "stage", G_TYPE_STRING, info.stage.c_str(), "version",
          G_TYPE_UINT, info.version, "commit-no", G_TYPE_UINT64, info.commit_no, "frames",
          G_TYPE_UINT64, info.frames, "bytes-new", G_TYPE_UINT64, info.bytes_new, "bytes-reused",
          G_TYPE_UINT64, info.bytes_reused, "elapsed", G_TYPE_UINT64,
          static_cast<guint64>(info.elapsed.count()) * GST_MSECOND, "token", G_TYPE_UINT64,
          info.token, nullptr);
      with_element([&](GstElement *element) {
        gst_element_post_message(
            element, gst_message_new_element(GST_OBJECT(element), gst_structure_copy(body)));
      });
      gst_structure_free(body);
    }
  }
  void on_warning(const Status &status) override { warn(status); }
  void on_progress(const std::string &what, const std::string &text, int percent) override {
    progress(percent >= 100 ? GST_PROGRESS_TYPE_COMPLETE : GST_PROGRESS_TYPE_START, what.c_str(),
             text);
    if (percent >= 100) first_answer_.give(true);  // what comes first is "connect"
  }
  void on_error(const Status &status) override { report(status); }

 private:
  // No lock is held while posting, since a handler on the bus may call into the element, and may
  // even stop it. The element is kept meanwhile.
  void with_element(const std::function<void(GstElement *)> &call) {
    auto *element = static_cast<GstElement *>(g_weak_ref_get(&element_));
    if (!element) return;
    call(element);
    gst_object_unref(element);
  }
  // A handler of that very message does not wait for itself.
  void wait_until_posted(std::unique_lock<std::mutex> &lock) {
    if (poster_ == std::this_thread::get_id()) return;
    posted_now_.wait(lock, [this] { return posted_ || let_go_; });
  }

  GWeakRef element_;
  const bool post_messages_;
  std::mutex mutex_;
  std::condition_variable posted_now_;
  bool reported_ = false, posted_ = false;  // protected by mutex_
  bool let_go_ = false;                     // protected by mutex_
  std::thread::id poster_;                  // protected by mutex_
  FirstAnswer first_answer_;
};

Recorder::Recorder(GstElement *element) : element_(element) {}

Recorder::~Recorder() { stop(); }

std::shared_ptr<CheckpointWriter> Recorder::writer() const {
  std::lock_guard lock(mutex_);
  return writer_;
}

// The writer that caps and events go to. Null: they are kept for the next version.
std::shared_ptr<CheckpointWriter> Recorder::taking() const { return ending_ ? nullptr : writer(); }

bool Recorder::start(const RecorderSettings &settings) {
  settings_ = settings;
  settings_.frame_store = settings_.s3.apply(
      settings_.frame_store.empty() ? default_frame_store_uri() : settings_.frame_store);
  begun_ = ending_ = false;
  caps_.reset();
  lineage_.reset();
  if (observer_) observer_->detach();
  observer_ = std::make_shared<Observer>(element_, settings.post_messages);
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
  return true;
}

// What other elements of the pipeline have said. A closure of the bus holds it, since an error may
// be on its way while we go.
struct Recorder::BusWatch {
  explicit BusWatch(GstElement *own) : own_element(GST_OBJECT(own)) {}
  // On the thread that posts the error, before the EOS that follows it.
  static void on_error(GstBus *, GstMessage *message, gpointer data) {
    auto &watch = **static_cast<std::shared_ptr<BusWatch> *>(data);
    if (GST_MESSAGE_SRC(message) == watch.own_element) return;
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    std::string text =
        GST_MESSAGE_SRC(message) ? std::string(GST_MESSAGE_SRC_NAME(message)) + ": " : "";
    text += error ? error->message : "error";
    g_clear_error(&error);
    std::shared_ptr<CheckpointWriter> writer;
    {
      std::lock_guard lock(watch.mutex);
      if (watch.first_error.empty()) watch.first_error = "an element failed: " + text;
      text = watch.first_error;
      writer = watch.writer.lock();
    }
    if (writer) writer->doubt(text);
  }
  // From here on an error makes this writer's checkpoint partial, also while its end is on its way.
  void follow(const std::shared_ptr<CheckpointWriter> &next) {
    std::string text;
    {
      std::lock_guard lock(mutex);
      writer = next;
      text = first_error;
    }
    if (!text.empty()) next->doubt(text);
  }
  static void drop(gpointer data, GClosure *) {
    delete static_cast<std::shared_ptr<BusWatch> *>(data);
  }
  std::string error() {
    std::lock_guard lock(mutex);
    return first_error;
  }

  GstObject *const own_element;  // compared only
  std::mutex mutex;
  std::string first_error;                 // protected by mutex
  std::weak_ptr<CheckpointWriter> writer;  // protected by mutex
};

void Recorder::open_writer() {
  std::string metadata =
      settings_.metadata_store.empty() ? default_metadata_store_uri() : settings_.metadata_store;
  auto opener = [frames = settings_.frame_store, metadata](Cancellation &cancel) {
    return Stores::open(frames, metadata, Stores::Access::kWrite, cancel);
  };
  std::shared_ptr<CheckpointWriter> opened;
  {
    std::lock_guard lock(mutex_);
    opened = writer_ = std::make_shared<CheckpointWriter>(opener, settings_.writer, observer_);
    if (interrupts_) writer_->interrupt();
  }
  watch_->follow(opened);
}

bool Recorder::run() {
  // The pipeline's bus, not the one that a bin gives its children: an error of any element counts.
  GstObject *top = GST_OBJECT(gst_object_ref(element_));
  while (GstObject *parent = gst_object_get_parent(top)) {
    gst_object_unref(top);
    top = parent;
  }
  watch_ = std::make_shared<BusWatch>(element_);
  bus_ = gst_element_get_bus(GST_ELEMENT(top));
  gst_object_unref(top);
  if (bus_) {
    gst_bus_enable_sync_message_emission(bus_);
    bus_handler_ = g_signal_connect_data(
        bus_, "sync-message::error", G_CALLBACK(BusWatch::on_error),
        new std::shared_ptr<BusWatch>(watch_), BusWatch::drop, static_cast<GConnectFlags>(0));
  }
  if (!writer()) open_writer();
  return observer_->may_go_on();
}

void Recorder::stop() {
  if (bus_) {
    g_signal_handler_disconnect(bus_, bus_handler_);
    gst_bus_disable_sync_message_emission(bus_);
    g_clear_object(&bus_);
  }
  std::shared_ptr<CheckpointWriter> last;
  {
    std::lock_guard lock(mutex_);
    last = std::exchange(writer_, nullptr);
  }
  if (!last) return;
  std::string reason = watch_ ? watch_->error() : "";
  if (reason.empty()) reason = "stopped before the end of the stream";
  uint64_t lost = last->stop(std::chrono::milliseconds(settings_.stop_timeout_ms), reason);
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

bool Recorder::event(GstEvent *event, const WaitFunction &wait) {
  if (auto found = parse_lineage_event(event)) {
    lineage_ = std::move(*found);
    return true;
  }
  if (is_checkpoint_event(event)) return true;
  auto encoded = encode_event(event);
  if (!encoded.is_ok()) {
    observer_->warn(encoded.status());
    return true;
  }
  if (!*encoded) return true;  // not part of what a stage hands on
  auto current = taking();
  while (current) {
    Status status = current->push_event((*encoded)->type, std::move((*encoded)->body));
    if (status.is_ok()) break;
    if (observer_->reported()) return false;
    if (!status.is(Code::kCancelled)) {
      report(status);
      return false;
    }
    if (wait() != GST_FLOW_OK) return false;
  }
  return true;
}

std::string Recorder::upstream_uri() const {
  std::string uri;
  GstPad *pad = gst_element_get_static_pad(element_, "sink");
  if (!pad) return uri;
  GstQuery *query = gst_query_new_uri();
  if (gst_pad_peer_query(pad, query)) {
    gchar *found = nullptr;
    gst_query_parse_uri(query, &found);
    if (found) uri = found;
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
    if (GCharPtr path{g_filename_from_uri(uri.c_str(), nullptr, nullptr)}) return path.get();
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
      if (fields.stage_index < 0) fields.stage_index = lineage_->stage_index + 1;
    }
    // What comes from a scenario never becomes part of the base.
    if (!settings_.scenario) fields.branch = lineage_->branch;
  }
  if (fields.video_path.empty() && lineage_) fields.video_path = lineage_->video_path;
  if (fields.video_path.empty()) fields.video_path = upstream_uri();
  fields.video_path = readable_path(fields.video_path);

  auto current = writer();
  if (!current) {
    // Data after EOS: the next version, which begins with what still holds.
    open_writer();
    current = writer();
    if (caps_) (void)current->set_caps(caps_->text());
    for (const EventPtr &sticky : sticky_events()) {
      auto encoded = encode_event(sticky.get());
      if (encoded.is_ok() && *encoded)
        (void)current->push_event((*encoded)->type, std::move((*encoded)->body));
    }
  }
  Status status = current->begin(fields, parent_is_hint);
  if (!status.is_ok()) {
    report(status);
    return false;
  }
  begun_ = true;
  job_id_ = fields.job_id;
  return true;
}

GstFlowReturn Recorder::frame(GstBuffer *buffer, const GstSegment &segment,
                              const WaitFunction &wait) {
  if (!caps_) {
    report(Status(Code::kInvalidArgument, "a buffer came before its caps",
                  "put a parser or decoder before this element"));
    return GST_FLOW_NOT_NEGOTIATED;
  }
  if (ending_) {
    GstFlowReturn flow = drain(wait);
    if (flow != GST_FLOW_OK) return flow;
  }
  if (!begin()) return GST_FLOW_ERROR;
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
  auto current = writer();
  if (!current) return GST_FLOW_FLUSHING;
  for (;;) {
    Status status = current->push(*input, timing, sequence);
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
  if (ending_) {
    GstFlowReturn flow = drain(wait);
    if (flow != GST_FLOW_OK) return flow;
  }
  return begin() && event(gap, wait) ? GST_FLOW_OK : GST_FLOW_ERROR;
}

GstFlowReturn Recorder::end_of_stream(const WaitFunction &wait) {
  if (ending_) return drain(wait);
  if (observer_->reported()) return GST_FLOW_ERROR;
  // After a failure before the first data there is nothing to keep.
  if (!begun_ && watch_ && !watch_->error().empty()) return GST_FLOW_OK;
  if (!begun_ && !writer()) return GST_FLOW_OK;  // a second EOS, with nothing between
  if (!begin()) return GST_FLOW_ERROR;
  return drain(wait);
}

// Ends the checkpoint that was begun.
GstFlowReturn Recorder::drain(const WaitFunction &wait) {
  auto current = writer();
  if (!current) return GST_FLOW_FLUSHING;
  ending_ = true;
  observer_->progress(GST_PROGRESS_TYPE_START, "drain", "making the rest durable");
  for (;;) {
    Status status = current->finish({}, std::chrono::milliseconds(settings_.commit_timeout_ms));
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
  observer_->progress(GST_PROGRESS_TYPE_COMPLETE, "drain", "all is durable");
  if (auto reason = current->partial_reason())
    observer_->warn(Status(Code::kInternal, "the checkpoint stays partial: " + *reason,
                           "it is loaded with allow-partial=true"));
  begun_ = ending_ = false;
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
