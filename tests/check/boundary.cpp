// SPDX-License-Identifier: LGPL-2.1-or-later
// The event checkpoint-boundary: one stage ends and the next one begins in the same element.
#include <thread>

#include "elements/checkpointtap.h"
#include "elements/lineage.h"
#include "support/check.h"
#include "support/gate.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

bool send_boundary(FedSink &sink, const Boundary &boundary) {
  return sink.send(make_boundary_event(boundary).release());
}

void push_frames(FedSink &sink, int count) {
  for (int i = 0; i < count; i++)
    ck_assert_int_eq(sink.push(static_cast<guint64>(i), 7), GST_FLOW_OK);
}

// "decode0 complete 3, detect1 complete 2"
std::string all(const SinkPlace &place) {
  return place.value(
      "SELECT group_concat(stage || stage_index || ' ' || state || ' ' || frames, ', ') FROM "
      "(SELECT * FROM checkpoint ORDER BY created_at, key)");
}

}  // namespace

GST_START_TEST(one_stage_ends_and_the_next_begins) {
  SinkPlace place;
  FedSink sink(place.stores(), "job-id=j stage=decode");
  sink.send(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "a title", nullptr)));
  push_frames(sink, 3);
  ck_assert(send_boundary(sink, {"decode", "detect", -1, R"({"faces": 3})"}));
  // It is durable when the event is through.
  EQUAL(all(place), "decode0 complete 3");
  gst_message_unref(sink.wait_for("gst-checkpoint-complete"));
  // What comes behind the boundary is the next stage's, also what does not stick.
  sink.send(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("x-flash")));
  push_frames(sink, 3);
  ck_assert(send_boundary(sink, {"detect", "track", 7, ""}));
  push_frames(sink, 1);
  ck_assert(sink.send(gst_event_new_eos()));
  EQUAL(all(place), "decode0 complete 3, detect1 complete 3, track7 complete 1");

  EQUAL(place.value("SELECT stats FROM stage_checkpoints WHERE stage = 'decode'"),
        R"({"faces": 3})");
  EQUAL(place.value("SELECT count(*) FROM checkpoint WHERE stats <> ''"), "1");
  EQUAL(place.value("SELECT group_concat(c.stage || '<' || p.stage, ' ') FROM checkpoint c "
                    "JOIN checkpoint p ON p.id = c.parent ORDER BY c.key"),
        "detect<decode track<detect");
  // The same frames keep their numbers, and their pixels are not stored again.
  EQUAL(
      place.value("SELECT filtered_frame_sequences FROM stage_checkpoints WHERE stage = 'detect'"),
      "[0,1,2]");
  EQUAL(place.value("SELECT sum(bytes_new) FROM checkpoint"), "64");
  // Each begins with what still holds, and none holds a boundary.
  EQUAL(place.value("SELECT group_concat(n, ' ') FROM (SELECT count(*) AS n FROM event "
                    "WHERE type IN ('segment', 'tag') GROUP BY checkpoint)"),
        "2 2 2");
  EQUAL(place.value("SELECT group_concat(stage || idx, ' ') FROM event JOIN checkpoint c ON "
                    "c.key = event.checkpoint WHERE type = 'custom-downstream'"),
        "detect0");
}
GST_END_TEST

GST_START_TEST(a_boundary_of_another_stage_changes_nothing) {
  SinkPlace place;
  FedSink sink(place.stores(), "job-id=j stage=decode");
  push_frames(sink, 1);
  ck_assert(send_boundary(sink, {"detect", "track", -1, ""}));
  push_frames(sink, 1);
  ck_assert(sink.send(gst_event_new_eos()));
  EQUAL(all(place), "decode0 complete 2");
  EQUAL(place.value("SELECT count(*) FROM event WHERE type LIKE 'custom%'"), "0");
}
GST_END_TEST

GST_START_TEST(g16_stages_between_boundaries_may_be_empty) {
  SinkPlace place;
  FedSink sink(place.stores(), "job-id=j stage=a");
  ck_assert(send_boundary(sink, {"a", "b", -1, ""}));
  ck_assert(send_boundary(sink, {"b", "c", -1, ""}));
  ck_assert(sink.send(gst_event_new_eos()));
  EQUAL(all(place), "a0 complete 0, b1 complete 0, c2 complete 0");
}
GST_END_TEST

GST_START_TEST(g28_a_flush_while_a_boundary_waits_loses_nothing) {
  SinkPlace place;
  Gate gate;
  place.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  FedSink sink(place.faulty_stores(), "job-id=j stage=decode");
  push_frames(sink, 2);
  bool passed = true;
  std::thread stream([&] { passed = send_boundary(sink, {"decode", "detect", -1, ""}); });
  gate.wait_for_arrivals(1);
  sink.send(gst_event_new_flush_start());
  stream.join();
  ck_assert(!passed);
  sink.send(gst_event_new_flush_stop(TRUE));
  sink.send_segment();
  gate.open();
  push_frames(sink, 1);
  ck_assert(sink.send(gst_event_new_eos()));
  EQUAL(all(place), "decode0 complete 2, detect1 complete 1");
}
GST_END_TEST

GST_START_TEST(g19_an_error_before_a_boundary_completes_nothing) {
  SinkPlace place;
  GstElement *pipeline = parse_line(test_source(-1) +
                                    "identity name=filter ! checkpointsink "
                                    "job-id=j stage=decode" +
                                    place.stores());
  GstElement *filter = gst_bin_get_by_name(GST_BIN(pipeline), "filter");
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND);
  GST_ELEMENT_ERROR(filter, STREAM, FAILED, ("the filter broke"), (nullptr));
  GstPad *pad = gst_element_get_static_pad(filter, "src");
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad *src, GstPadProbeInfo *, gpointer) {
        gst_pad_push_event(src, make_boundary_event({"decode", "detect", -1, ""}).release());
        gst_pad_push_event(src, gst_event_new_eos());
        return GST_PAD_PROBE_REMOVE;
      },
      nullptr, nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *eos = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS);
  ck_assert(eos != nullptr);
  gst_message_unref(eos);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  for (GstElement *element : {filter, pipeline}) gst_object_unref(element);
  gst_object_unref(pad);
  EQUAL(place.value("SELECT group_concat(state, ' ') FROM checkpoint"), "partial");
  EQUAL(place.value("SELECT count(*) FROM checkpoint WHERE reason LIKE '%the filter broke%'"), "1");
}
GST_END_TEST

GST_START_TEST(a_boundary_that_cannot_work_is_one_error) {
  const Boundary boundaries[] = {{"decode", "line\nbreak", -1, ""},
                                 {"decode", "detect", -1, "[1]"},
                                 {"decode", "detect", -1, "@/dev/null"}};
  SinkPlace place;
  FedSink sink(place.stores(), "job-id=j stage=decode");
  push_frames(sink, 1);
  ck_assert(!send_boundary(sink, boundaries[__i__]));
  GstMessage *message = gst_bus_timed_pop_filtered(sink.bus(), 20 * GST_SECOND, GST_MESSAGE_ERROR);
  ck_assert(message != nullptr);
  GError *error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  ck_assert(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
  ck_assert_msg(g_strrstr(error->message, "heckpoint-boundary: ") != nullptr, "%s", error->message);
  g_error_free(error);
  gst_message_unref(message);
  ck_assert_int_eq(sink.push(1, 1), GST_FLOW_ERROR);
  ck_assert(gst_bus_pop_filtered(sink.bus(), GST_MESSAGE_ERROR) == nullptr);
}
GST_END_TEST

GST_START_TEST(a_tap_takes_its_own_boundary_and_passes_others) {
  SinkPlace place;
  ck_assert(GST_ELEMENT_REGISTER(checkpointtap, nullptr));
  const std::string tap = "checkpointtap job-id=j" + place.stores();
  GstHarness *harness = gst_harness_new_parse((tap + "stage=a ! " + tap + "stage=b").c_str());
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
  const auto push = [&](guint64 second) {
    GstBuffer *buffer = small_frame(static_cast<guint8>(second));
    GST_BUFFER_PTS(buffer) = second * GST_SECOND;
    ck_assert_int_eq(gst_harness_push(harness, buffer), GST_FLOW_OK);
  };
  push(0);
  push(1);
  ck_assert(gst_harness_push_event(harness, make_boundary_event({"b", "c", -1, ""}).release()));
  push(2);
  ck_assert(gst_harness_push_event(harness, make_boundary_event({"z", "y", -1, ""}).release()));
  ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
  // What is behind hears of each stage in its turn, of nobody's boundary but the other one.
  std::string heard;
  while (GstEvent *event = gst_harness_try_pull_event(harness)) {
    if (auto lineage = parse_lineage_event(event)) heard += lineage->stage + " ";
    if (auto boundary = parse_boundary_event(event)) heard += boundary->from_stage + "! ";
    gst_event_unref(event);
  }
  EQUAL(heard, "b c z! ");
  gst_harness_teardown(harness);
  EQUAL(place.value("SELECT group_concat(c.stage || c.stage_index || c.state || c.frames || "
                    "ifnull(p.stage, '-'), ' ') FROM (SELECT * FROM checkpoint ORDER BY stage) c "
                    "LEFT JOIN checkpoint p ON p.id = c.parent"),
        "a0complete3- b1complete2a c2complete1b");
}
GST_END_TEST

static Suite *boundary_suite() {
  Suite *suite = suite_create("boundary");
  TCase *tc = tcase_create("boundary");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, one_stage_ends_and_the_next_begins);
  tcase_add_test(tc, a_tap_takes_its_own_boundary_and_passes_others);
  tcase_add_test(tc, a_boundary_of_another_stage_changes_nothing);
  tcase_add_test(tc, g16_stages_between_boundaries_may_be_empty);
  tcase_add_test(tc, g28_a_flush_while_a_boundary_waits_loses_nothing);
  tcase_add_test(tc, g19_an_error_before_a_boundary_completes_nothing);
  tcase_add_loop_test(tc, a_boundary_that_cannot_work_is_one_error, 0, 3);
  return suite;
}
GST_CHECK_MAIN(boundary);
