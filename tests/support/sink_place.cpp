// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/sink_place.h"

#include "backends/backends.h"
#include "elements/checkpointsink.h"
#include "elements/identity_meta.h"
#include "store/registry.h"
#include "support/check.h"

namespace checkpoint {

namespace {

// What frame-store=faulty://… is: that of the SinkPlace there is.
std::weak_ptr<FaultyFrameStore> faulty;

void register_all() {
  static bool done = false;
  if (done) return;
  done = true;
  register_backends();
  register_identity_meta();
  GST_ELEMENT_REGISTER(checkpointsink, nullptr);
  StoreRegistry::instance().add_frame_store(
      "faulty", [](const StoreUri &) -> Result<std::shared_ptr<FrameStore>> {
        std::shared_ptr<FrameStore> store = faulty.lock();
        if (!store) return Status(Code::kUnavailable, "the test is over");
        return store;
      });
}

}  // namespace

SinkPlace::SinkPlace() {
  register_all();
  auto memory =
      StoreRegistry::instance().make_frame_store("memory://" + Uuid::random().to_string());
  ck_assert(memory.is_ok());
  frames_ = std::make_shared<FaultyFrameStore>(*memory);
  faulty = frames_;
}

SinkPlace::~SinkPlace() = default;

std::string SinkPlace::stores() const {
  return " frame-store=" + file("frames") + " metadata-store=" + database() + " ";
}

std::string SinkPlace::faulty_stores() const {
  return " frame-store=faulty://x metadata-store=" + database() + " ";
}

std::string test_source(int buffers, const std::string &caps) {
  return "videotestsrc num-buffers=" + std::to_string(buffers) + " ! " + caps + " ! ";
}

GstBuffer *small_frame(guint8 value) {
  GstBuffer *buffer = gst_buffer_new_allocate(nullptr, 64, nullptr);
  gst_buffer_memset(buffer, 0, value, 64);
  return buffer;
}

FedSink::FedSink(const std::string &stores, const std::string &properties) {
  element_ = parse_line("checkpointsink " + properties + stores);
  bus_ = gst_bus_new();
  gst_element_set_bus(element_, bus_);
  harness_ = gst_harness_new_with_element(element_, "sink", nullptr);
  gst_harness_set_src_caps_str(harness_, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
}

FedSink::~FedSink() {
  gst_harness_teardown(harness_);
  gst_element_set_bus(element_, nullptr);
  gst_object_unref(bus_);
  gst_object_unref(element_);
}

GstFlowReturn FedSink::push(guint64 second, guint8 value) {
  GstBuffer *buffer = small_frame(value);
  GST_BUFFER_PTS(buffer) = second * GST_SECOND;
  GST_BUFFER_DURATION(buffer) = GST_SECOND;
  return push(buffer);
}

bool FedSink::send_segment() {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  return send(gst_event_new_segment(&segment));
}

GstMessage *FedSink::wait_for(const std::string &name) {
  for (;;) {
    GstMessage *message = gst_bus_timed_pop_filtered(
        bus_, 20 * GST_SECOND,
        static_cast<GstMessageType>(GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR));
    ck_assert_msg(message != nullptr, "no message %s", name.c_str());
    ck_assert_msg(GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR, "an ERROR instead of %s",
                  name.c_str());
    if (gst_message_has_name(message, name.c_str())) return message;
    gst_message_unref(message);
  }
}

guint64 uint64_field(GstMessage *message, const char *name) {
  guint64 value = 0;
  ck_assert_msg(gst_structure_get_uint64(gst_message_get_structure(message), name, &value),
                "no field %s", name);
  return value;
}

}  // namespace checkpoint
