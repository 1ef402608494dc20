// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/source_run.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "backends/backends.h"
#include "elements/checkpointsrc.h"
#include "elements/event_codec.h"
#include "elements/lineage.h"
#include "store/registry.h"
// last
#include "support/check.h"

namespace checkpoint {

namespace {

[[noreturn]] void give_up(const std::string &text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::abort();
}

std::mutex places_mutex;
std::map<std::string, const SourcePlace *> places;  // by name; they outlive their pipelines

const SourcePlace &place_named(const std::string &name) {
  std::lock_guard lock(places_mutex);
  return *places.at(name);
}

void register_once() {
  static const bool done = [] {
    register_backends();
    if (!GST_ELEMENT_REGISTER(checkpointsrc, nullptr)) give_up("checkpointsrc is not registered");
    StoreRegistry::instance().add_frame_store(
        "wrapped", [](const StoreUri &uri) -> Result<std::shared_ptr<FrameStore>> {
          return std::shared_ptr<FrameStore>(place_named(uri.authority).frames());
        });
    StoreRegistry::instance().add_metadata_store(
        "wrapped", [](const StoreUri &uri) -> Result<std::shared_ptr<MetadataStore>> {
          return std::shared_ptr<MetadataStore>(place_named(uri.authority).metadata());
        });
    return true;
  }();
  (void)done;
}

}  // namespace

SourcePlace::SourcePlace() {
  register_once();
  const std::string name = Uuid::random().to_string();
  uri_ = "wrapped://" + name;
  const std::string memory = "memory://" + name;
  stores_ = stores_at(memory, memory);
  frames_ = std::make_shared<FaultyFrameStore>(stores_->frames);
  metadata_ = std::make_shared<FaultyMetadataStore>(stores_->metadata);
  std::lock_guard lock(places_mutex);
  places[name] = this;
}

GstElement *SourcePlace::make_source() const {
  GstElement *source = gst_element_factory_make("checkpointsrc", nullptr);
  if (!source) give_up("no checkpointsrc");
  g_object_set(source, "frame-store", uri_.c_str(), "metadata-store", uri_.c_str(), "job-id", "job",
               "stage", "stage", nullptr);
  return source;
}

MadeFrame source_frame(uint64_t index) {
  MadeFrame frame;
  frame.payload = made_payload(index, kFrameBytes);
  frame.pts = frame.stream_time = index * kFrameTime;
  frame.duration = kFrameTime;
  frame.offset = index;
  frame.offset_end = index + 1;
  return frame;
}

void add_stored_event(CheckpointMaker &maker, GstEvent *event) {
  auto stored = encode_event(event);
  if (!stored.is_ok() || !*stored) give_up("an event can't be stored");
  maker.add_event((*stored)->type, (*stored)->body);
  gst_event_unref(event);
}

CheckpointRow make_source_frames(const SourcePlace &place, uint64_t count) {
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  add_stored_event(maker, gst_event_new_segment(&segment));
  for (uint64_t i = 0; i < count; i++) {
    maker.add_frame(source_frame(i));
    if (i % 100 == 99) maker.commit();
  }
  return maker.complete();
}

SourceRun::SourceRun(GstElement *source)
    : pipeline_(gst_pipeline_new(nullptr)),
      source_(source),
      sink_(gst_element_factory_make("fakesink", nullptr)) {
  g_object_set(sink_, "sync", FALSE, nullptr);
  gst_bin_add_many(GST_BIN(pipeline_), source_, sink_, nullptr);
  gst_element_link(source_, sink_);
  bus_ = gst_element_get_bus(pipeline_);
  GstPad *pad = gst_element_get_static_pad(source_, "src");
  gst_pad_add_probe(
      pad,
      static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM |
                                   GST_PAD_PROBE_TYPE_EVENT_FLUSH),
      on_data, this, nullptr);
  gst_object_unref(pad);
}

SourceRun::~SourceRun() {
  gst_element_set_state(pipeline_, GST_STATE_NULL);
  for (GstMessage *message : kept_) gst_message_unref(message);
  gst_object_unref(bus_);
  gst_object_unref(pipeline_);
}

GstPadProbeReturn SourceRun::on_data(GstPad *, GstPadProbeInfo *info, gpointer self) {
  auto *run = static_cast<SourceRun *>(self);
  Passed one;
  if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER)
    one.buffer.reset(gst_buffer_ref(GST_PAD_PROBE_INFO_BUFFER(info)));
  else
    one.event.reset(gst_event_ref(GST_PAD_PROBE_INFO_EVENT(info)));
  std::lock_guard lock(run->mutex_);
  run->passed_.push_back(std::move(one));
  return GST_PAD_PROBE_OK;
}

GstMessage *SourceRun::wait_for(GstMessageType type) {
  GstMessage *message;
  for (;;) {
    message = gst_bus_timed_pop(bus_, 30 * GST_SECOND);
    if (!message) give_up(std::string("no message of type ") + gst_message_type_get_name(type));
    if (GST_MESSAGE_TYPE(message) & (type | GST_MESSAGE_ERROR)) break;
    kept_.push_back(message);
  }
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && type != GST_MESSAGE_ERROR) {
    GError *error = nullptr;
    gchar *debug = nullptr;
    gst_message_parse_error(message, &error, &debug);
    give_up(std::string(error->message) + "\n" + (debug ? debug : ""));
  }
  return message;
}

void SourceRun::set_state(GstState state) {
  gst_element_set_state(pipeline_, state);
  const GstStateChangeReturn result =
      gst_element_get_state(pipeline_, nullptr, nullptr, 30 * GST_SECOND);
  if (result != GST_STATE_CHANGE_SUCCESS) {
    wait_for(GST_MESSAGE_ASYNC_DONE);  // shows the ERROR
    give_up("the state was not reached");
  }
}

void SourceRun::play_to_end() {
  gst_element_set_state(pipeline_, GST_STATE_PLAYING);
  gst_message_unref(wait_for(GST_MESSAGE_EOS));
}

std::vector<GstMessage *> SourceRun::take_messages(GstMessageType type) {
  while (GstMessage *message = gst_bus_pop(bus_)) kept_.push_back(message);
  std::vector<GstMessage *> messages;
  std::erase_if(kept_, [&](GstMessage *message) {
    if (!(GST_MESSAGE_TYPE(message) & type)) return false;
    messages.push_back(message);
    return true;
  });
  return messages;
}

std::vector<Passed> SourceRun::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(passed_, {});
}

uint64_t SourceRun::index_of(GstBuffer *buffer) {
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) give_up("a buffer can't be mapped");
  uint64_t index = 0;
  // The first byte is the number's lowest; the rest tells which of those it is.
  for (index = 0; index < 100'000; index++) {
    if (map.size != kFrameBytes || static_cast<uint8_t>(index) != map.data[0]) continue;
    const Bytes expected = made_payload(index, kFrameBytes);
    if (std::memcmp(expected.data(), map.data, map.size) == 0) break;
  }
  gst_buffer_unmap(buffer, &map);
  if (index == 100'000) give_up("a buffer has bytes that are no frame's");
  return index;
}

std::vector<uint64_t> SourceRun::indexes(const std::vector<Passed> &passed) {
  std::vector<uint64_t> found;
  for (const Passed &one : passed)
    if (one.buffer) found.push_back(index_of(one.buffer.get()));
  return found;
}

bool SourceRun::seek(double rate, GstFormat format, GstSeekFlags flags, GstSeekType start_type,
                     int64_t start, GstSeekType stop_type, int64_t stop) {
  return gst_element_seek(source_, rate, format, flags, start_type, start, stop_type, stop);
}

std::vector<uint64_t> numbers(uint64_t first, uint64_t end) {
  std::vector<uint64_t> all;
  for (uint64_t i = first; i < end; i++) all.push_back(i);
  return all;
}

std::string order_of(const std::vector<Passed> &passed, size_t most) {
  std::string text;
  for (const Passed &one : passed) {
    if (most-- == 0) break;
    if (!text.empty()) text += ' ';
    if (one.buffer)
      text += "buffer";
    else if (parse_lineage_event(one.event.get()))
      text += "lineage";
    else
      text += GST_EVENT_TYPE_NAME(one.event.get());
  }
  return text;
}

void must_be_error(SourceRun &run, GQuark domain, int code,
                   std::initializer_list<std::string> words) {
  GstMessage *message = run.wait_for(GST_MESSAGE_ERROR);
  GError *error = nullptr;
  gchar *debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  ck_assert(GST_MESSAGE_SRC(message) == GST_OBJECT(run.source()));
  if (error->domain != domain || error->code != code)
    ck_abort_msg("%s %d: %s", g_quark_to_string(error->domain), error->code, error->message);
  for (const std::string &word : words)
    if (!std::strstr(error->message, word.c_str()))
      ck_abort_msg("no '%s' in: %s", word.c_str(), error->message);
  g_clear_error(&error);
  g_free(debug);
  gst_message_unref(message);
}

void must_be_quiet(SourceRun &run) {
  ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
  ck_assert(run.take_messages(GST_MESSAGE_WARNING).empty());
}

}  // namespace checkpoint
