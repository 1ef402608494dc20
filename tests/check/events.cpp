// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/check/gstharness.h>

#include <cstring>
#include <string>
#include <vector>

#include "elements/error_table.h"
#include "elements/gst_handles.h"
#include "elements/identity_meta.h"
#include "elements/lineage.h"
#include "support/check.h"

using namespace checkpoint;

GST_START_TEST(lineage_comes_back_as_sent) {
  Lineage sent{"größe/1", Uuid::random(), "decode", 3, "/tmp/a b.mp4", {true, ""}};
  EventPtr event = make_lineage_event(sent);
  constexpr int kFlags =
      GST_EVENT_TYPE_STICKY | GST_EVENT_TYPE_SERIALIZED | GST_EVENT_TYPE_DOWNSTREAM;
  ck_assert((gst_event_type_get_flags(GST_EVENT_TYPE(event.get())) & kFlags) == kFlags);
  ck_assert(parse_lineage_event(event.get()) == sent);
  ck_assert(!parse_boundary_event(event.get()) && is_checkpoint_event(event.get()));
  EventPtr other(gst_event_new_eos());
  ck_assert(!parse_lineage_event(other.get()) && !is_checkpoint_event(other.get()));
}
GST_END_TEST

GST_START_TEST(boundary_comes_back_as_sent) {
  Boundary sent{"decode", "detect", 4, "{\"n\": 1}"};
  EventPtr event = make_boundary_event(sent);
  ck_assert(parse_boundary_event(event.get()) == sent);
  EventPtr bare(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                     gst_structure_new_empty("checkpoint-boundary")));
  ck_assert(!parse_boundary_event(bare.get()) && is_checkpoint_event(bare.get()));
}
GST_END_TEST

GST_START_TEST(identity_survives_copies_and_converters) {
  FrameIdentity identity{"job 1", UINT64_MAX - 1};
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, 64 * 48 * 3, nullptr));
  gst_buffer_memset(buffer.get(), 0, 0, 64 * 48 * 3);
  ck_assert(!frame_identity(buffer.get()));
  set_frame_identity(buffer.get(), identity);
  BufferPtr copy(gst_buffer_copy(buffer.get()));
  ck_assert(frame_identity(copy.get()) == identity);
  set_frame_identity(copy.get(), {"job 2", 7});
  ck_assert(frame_identity(copy.get())->sequence == 7);
  ck_assert(frame_identity(buffer.get()) == identity);

  GstHarness *h = gst_harness_new_parse(
      "videoconvert ! capsfilter caps=video/x-raw,format=I420 ! videoscale ! "
      "capsfilter caps=video/x-raw,width=32,height=24");
  gst_harness_set_src_caps_str(h, "video/x-raw,format=RGB,width=64,height=48,framerate=25/1");
  GstBuffer *out = gst_harness_push_and_pull(h, buffer.release());
  ck_assert(out != nullptr && frame_identity(out) == identity);
  gst_buffer_unref(out);
  gst_harness_teardown(h);
}
GST_END_TEST

GST_START_TEST(errors_say_what_and_what_next) {
  GstElement *element = gst_element_factory_make("identity", nullptr);
  GstBus *bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  post_error(element, Status(Code::kCancelled, "stopped"));
  ck_assert(gst_bus_pop(bus) == nullptr);
  post_error(element, Status(Code::kNotFound, "no stage detect in job a", "stages: decode"));
  GstMessage *message = gst_bus_pop(bus);
  ck_assert(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR);
  GError *error = nullptr;
  gchar *debug = nullptr;
  const GstStructure *details = nullptr;
  gst_message_parse_error(message, &error, &debug);
  gst_message_parse_error_details(message, &details);
  ck_assert(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
  ck_assert_str_eq(error->message, "No stage detect in job a. Stages: decode.");
  ck_assert(strstr(debug, "not-found: ") && strstr(debug, "events.cpp"));
  ck_assert_str_eq(gst_structure_get_string(details, "code"), "not-found");
  g_error_free(error);
  g_free(debug);
  gst_message_unref(message);
  post_warning(element, Status(Code::kUnavailable, "größe"));
  message = gst_bus_pop(bus);
  ck_assert(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING);
  gst_message_unref(message);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}
GST_END_TEST

// A path may be any bytes, and so may what a damaged database holds.
GST_START_TEST(errors_are_valid_text) {
  GstElement *element = gst_element_factory_make("identity", nullptr);
  GstBus *bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  post_error(element, Status(Code::kCorrupt, "the database /tmp/\xff\xfe is damaged", "\xc3"));
  GstMessage *message = gst_bus_pop(bus);
  ck_assert(message != nullptr);
  GError *error = nullptr;
  gchar *debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  ck_assert(g_utf8_validate(error->message, -1, nullptr));
  ck_assert(strstr(error->message, "The database /tmp/") && strstr(error->message, " is damaged."));
  ck_assert(debug && g_utf8_validate(debug, -1, nullptr) && strstr(debug, "corrupt: "));
  g_error_free(error);
  g_free(debug);
  gst_message_unref(message);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
  gst_object_unref(element);
}
GST_END_TEST

static Suite *events_suite() {
  Suite *suite = suite_create("events");
  TCase *tc = tcase_create("events");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, lineage_comes_back_as_sent);
  tcase_add_test(tc, boundary_comes_back_as_sent);
  tcase_add_test(tc, identity_survives_copies_and_converters);
  tcase_add_test(tc, errors_say_what_and_what_next);
  tcase_add_test(tc, errors_are_valid_text);
  return suite;
}
GST_CHECK_MAIN(events);
