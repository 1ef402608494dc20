// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsrc: what is said when something can't be had, and that it can be stopped at any time.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/gate.h"
#include "support/source_run.h"
// last
#include "support/check.h"

using namespace checkpoint;

GST_START_TEST(g11_failures_are_one_error_each) {
  SourcePlace place;
  const CheckpointRow row = make_source_frames(place, 10);
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "stage", "detect", nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
                  {"\"job\"", "\"detect\"", "\"stage\""});
    gst_element_set_state(run.pipeline(), GST_STATE_NULL);
    ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "job-id", nullptr, nullptr);
    ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, {"job-id"});
    ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "frame-store", "nosuch://x", nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, {"nosuch"});
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "checkpoint-id", "not a uuid", nullptr);
    ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, {"UUID"});
    // It can be put right.
    g_object_set(run.source(), "checkpoint-id", row.id.to_string().c_str(), nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_NULL);
    run.play_to_end();
    ck_assert_uint_eq(SourceRun::indexes(run.take()).size(), 10);
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "stage", "other", "checkpoint-id", row.id.to_string().c_str(),
                 nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, {"another stage"});
  }
  place.frames()->set_down(true);
  {
    SourceRun run(place.make_source());
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ_WRITE, {});
    gst_element_set_state(run.pipeline(), GST_STATE_NULL);
    // And again, when it is back.
    place.frames()->set_down(false);
    run.take();
    run.play_to_end();
    ck_assert_uint_eq(SourceRun::indexes(run.take()).size(), 10);
  }
}
GST_END_TEST

GST_START_TEST(g09_a_broken_frame_is_named) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  for (uint64_t i = 0; i < 9; i++) maker.add_frame(source_frame(i));
  const CheckpointRow row = maker.complete();
  place.frames()->flip_byte(maker.packs()[0], maker.rows()[5].payload.offset + 7);
  SourceRun run(place.make_source());
  gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
  must_be_error(run, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE,
                {row.id.to_string(), "sequence 5", maker.packs()[0],
                 "offset " + std::to_string(maker.rows()[5].payload.offset)});
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 5));
}
GST_END_TEST

GST_START_TEST(what_is_damaged_can_be_left_out) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  for (uint64_t i = 0; i < 12; i++) {
    maker.add_frame(source_frame(i));
    if (i == 7) maker.commit();
  }
  maker.complete();
  place.frames()->flip_byte(maker.packs()[0], maker.rows()[0].payload.offset + 7);
  place.frames()->flip_byte(maker.packs()[0], maker.rows()[5].payload.offset + 7);
  Cancellation cancel;
  ck_assert(place.stores()->frames->remove(maker.packs()[1], cancel).is_ok());  // frames 8 to 11
  for (bool reverse : {false, true}) {
    GstElement *source = place.make_source();
    gst_util_set_object_arg(G_OBJECT(source), "on-missing", "skip");
    SourceRun run(source);
    run.set_state(GST_STATE_READY);
    if (reverse)
      ck_assert(run.seek(-1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                         GST_SEEK_TYPE_END, 0));
    run.play_to_end();
    const auto passed = run.take();
    std::vector<uint64_t> order{1, 2, 3, 4, 6, 7}, gaps{0, 5, 8, 9, 10, 11}, seen;
    if (reverse) {
      std::reverse(order.begin(), order.end());
      std::reverse(gaps.begin(), gaps.end());
    }
    ck_assert(SourceRun::indexes(passed) == order);
    bool discont = true;  // also on the first one
    for (const Passed &item : passed) {
      if (item.buffer) {
        ck_assert(!discont || GST_BUFFER_FLAG_IS_SET(item.buffer.get(), GST_BUFFER_FLAG_DISCONT));
        discont = false;
      } else if (GST_EVENT_TYPE(item.event.get()) == GST_EVENT_GAP) {
        GstClockTime time = 0, duration = 0;
        gst_event_parse_gap(item.event.get(), &time, &duration);
        ck_assert_uint_eq(duration, kFrameTime);
        seen.push_back(time / kFrameTime);
        discont = true;
      }
    }
    ck_assert(seen == gaps);
    auto warnings = run.take_messages(GST_MESSAGE_WARNING);
    ck_assert_uint_eq(warnings.size(), 2);
    GError *error = nullptr;
    gst_message_parse_warning(warnings[1], &error, nullptr);
    ck_assert(strstr(error->message, "6 frames"));
    g_error_free(error);
    for (GstMessage *message : warnings) gst_message_unref(message);
  }
}
GST_END_TEST

GST_START_TEST(g34_a_payload_that_is_not_what_caps_imply) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps("video/x-raw, format=(string)GRAY8, width=(int)16, height=(int)17");
  maker.add_frame(source_frame(0));
  maker.complete();
  SourceRun run(place.make_source());
  gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
  must_be_error(run, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE, {"sequence 0", "256"});
}
GST_END_TEST

GST_START_TEST(states_go_up_and_down) {
  SourcePlace place;
  make_source_frames(place, 300);
  SourceRun run(place.make_source());
  for (int i = 0; i < 20; i++) {
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    if (i % 3 == 0) gst_element_get_state(run.pipeline(), nullptr, nullptr, GST_CLOCK_TIME_NONE);
    gst_element_set_state(run.pipeline(), i % 2 ? GST_STATE_NULL : GST_STATE_READY);
  }
  gst_element_set_state(run.pipeline(), GST_STATE_NULL);
  run.take();
  run.play_to_end();
  must_be_quiet(run);
  auto passed = run.take();
  ck_assert(SourceRun::indexes(passed) == numbers(0, 300));
  const std::string order = order_of(passed, 5);
  ck_assert_str_eq(order.c_str(), "stream-start caps segment lineage buffer");
  run.set_state(GST_STATE_READY);
  run.take();
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 300));
}
GST_END_TEST

// Blocks a call of one of the stores and sees that the state can be changed.
static void interrupt_in(const char *call, bool of_frames) {
  SourcePlace place;
  make_source_frames(place, 30);
  auto gate = std::make_shared<Gate>();
  if (of_frames)
    place.frames()->before(
        call, [gate](const FrameStoreCall &, Cancellation &c) { return gate->pass(c); });
  else
    place.metadata()->before(call, [gate](Cancellation &c) { return gate->pass(c); });
  for (GstState state : {GST_STATE_NULL, GST_STATE_READY}) {
    SourceRun run(place.make_source());
    ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_ASYNC);
    gate->wait_for_arrivals();
    ck_assert(gst_element_set_state(run.pipeline(), state) == GST_STATE_CHANGE_SUCCESS);
    must_be_quiet(run);
  }
  gate->open();
  SourceRun run(place.make_source());
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 30));
}

GST_START_TEST(g28_stopping_while_a_store_is_blocked) {
  interrupt_in("open", true);
  interrupt_in("read_marker", true);
  interrupt_in("get", true);
  for (const char *call :
       {"open", "list_checkpoints", "read_caps", "read_frames", "read_events", "get_packs"})
    interrupt_in(call, false);
}
GST_END_TEST

GST_START_TEST(g28_a_seek_while_a_store_is_blocked) {
  SourcePlace place;
  make_source_frames(place, 30);
  auto gate = std::make_shared<Gate>();
  place.frames()->before("get",
                         [gate](const FrameStoreCall &, Cancellation &c) { return gate->pass(c); });
  SourceRun run(place.make_source());
  gst_element_set_state(run.pipeline(), GST_STATE_PAUSED);
  gate->wait_for_arrivals(1);
  ck_assert(run.seek(1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 20,
                     GST_SEEK_TYPE_NONE, -1));
  gate->wait_for_arrivals(2);
  gate->open();
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(20, 30));
}
GST_END_TEST

GST_START_TEST(g28_pausing_loses_nothing) {
  SourcePlace place;
  make_source_frames(place, 200);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  for (int i = 0; i < 10; i++) {
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    // A pipeline that is asked for the next state before it has prerolled may never get there, also
    // that of a videotestsrc and a fakesink.
    run.set_state(GST_STATE_PAUSED);
  }
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 200));
}
GST_END_TEST

GST_START_TEST(a_seek_before_the_start_is_done_at_the_start) {
  SourcePlace place;
  make_source_frames(place, 30);
  {
    SourceRun run(place.make_source());
    ck_assert(run.seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                       12 * kFrameTime, GST_SEEK_TYPE_NONE, -1));
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == numbers(12, 30));
  }
  {
    // While it connects.
    auto gate = std::make_shared<Gate>();
    place.metadata()->before("read_caps", [gate](Cancellation &c) { return gate->pass(c); });
    SourceRun run(place.make_source());
    gst_element_set_state(run.pipeline(), GST_STATE_PAUSED);
    gate->wait_for_arrivals();
    ck_assert(run.seek(1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 20,
                       GST_SEEK_TYPE_NONE, -1));
    gate->open();
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == numbers(20, 30));
  }
}
GST_END_TEST

GST_START_TEST(properties_stay_while_it_runs) {
  SourcePlace place;
  make_source_frames(place, 5);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  g_object_set(run.source(), "stage", "other", nullptr);
  auto warnings = run.take_messages(GST_MESSAGE_WARNING);
  ck_assert_uint_eq(warnings.size(), 1);
  gst_message_unref(warnings[0]);
  gchar *stage;
  g_object_get(run.source(), "stage", &stage, nullptr);
  ck_assert_str_eq(stage, "stage");
  g_free(stage);

  GError *error = nullptr;
  ck_assert(!gst_uri_handler_set_uri(GST_URI_HANDLER(run.source()), "checkpoint://a/b", &error));
  ck_assert(g_error_matches(error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE));
  g_clear_error(&error);
  gchar *uri = gst_uri_handler_get_uri(GST_URI_HANDLER(run.source()));
  ck_assert_str_eq(uri, "checkpoint://job/stage");
  g_free(uri);
}
GST_END_TEST

GST_START_TEST(g36_a_secret_in_a_uri_is_not_read_back) {
  SourcePlace place;
  SourceRun run(place.make_source());
  g_object_set(run.source(), "metadata-store", "postgresql://me:hunter2@host/db?sslkey=hunter3",
               nullptr);
  gchar *text;
  g_object_get(run.source(), "metadata-store", &text, nullptr);
  ck_assert(!std::strstr(text, "hunter"));
  ck_assert(std::strstr(text, "host"));
  g_free(text);
}
GST_END_TEST

static Suite *checkpointsrc_failures_suite() {
  Suite *suite = suite_create("checkpointsrc_failures");
  TCase *tc = tcase_create("checkpointsrc_failures");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g11_failures_are_one_error_each);
  tcase_add_test(tc, g09_a_broken_frame_is_named);
  tcase_add_test(tc, what_is_damaged_can_be_left_out);
  tcase_add_test(tc, g34_a_payload_that_is_not_what_caps_imply);
  tcase_add_test(tc, states_go_up_and_down);
  tcase_add_test(tc, g28_stopping_while_a_store_is_blocked);
  tcase_add_test(tc, g28_a_seek_while_a_store_is_blocked);
  tcase_add_test(tc, g28_pausing_loses_nothing);
  tcase_add_test(tc, a_seek_before_the_start_is_done_at_the_start);
  tcase_add_test(tc, properties_stay_while_it_runs);
  tcase_add_test(tc, g36_a_secret_in_a_uri_is_not_read_back);
  return suite;
}

GST_CHECK_MAIN(checkpointsrc_failures);
