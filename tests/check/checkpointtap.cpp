// SPDX-License-Identifier: LGPL-2.1-or-later
// The element in real pipelines, over a folder and SQLite; over stores that block where it has to
// wait.
#include "elements/checkpointtap.h"

#include <gst/check/gstharness.h>

#include <memory>
#include <string>
#include <thread>

#include "elements/gst_handles.h"
#include "elements/identity_meta.h"
#include "elements/lineage.h"
#include "support/check.h"
#include "support/gate.h"
#include "support/pipeline.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

constexpr const char *kGray = "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1";
constexpr size_t kFrameBytes = 64;

struct Folder : SinkPlace {
  Folder() { GST_ELEMENT_REGISTER(checkpointtap, nullptr); }
};

void must_be_good(const BusLog &log) {
  ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "%s %s",
                log.errors.empty() ? "" : log.errors[0].c_str(),
                log.warnings.empty() ? "" : log.warnings[0].c_str());
}

// A tap between a test's hands.
struct Harness {
  explicit Harness(const std::string &properties) {
    GError *error = nullptr;
    tap = gst_parse_launch(("checkpointtap name=tap " + properties).c_str(), &error);
    ck_assert_msg(!error, "%s", error ? error->message : "");
    h = gst_harness_new_with_element(tap, "sink", "src");
    gst_harness_set_src_caps_str(h, kGray);
  }
  ~Harness() {
    gst_harness_teardown(h);
    gst_object_unref(tap);
  }
  Harness(const Harness &) = delete;
  Harness &operator=(const Harness &) = delete;

  GstFlowReturn push(guint64 second, guint8 value) {
    GstBuffer *buffer = gst_buffer_new_allocate(nullptr, kFrameBytes, nullptr);
    gst_buffer_memset(buffer, 0, value, kFrameBytes);
    GST_BUFFER_PTS(buffer) = second * GST_SECOND;
    GST_BUFFER_DURATION(buffer) = GST_SECOND;
    return gst_harness_push(h, buffer);
  }
  // The types and names of the events that came out since the last call.
  std::string events() {
    std::string all;
    while (GstEvent *event = gst_harness_try_pull_event(h)) {
      const GstStructure *s = gst_event_get_structure(event);
      const bool custom = GST_EVENT_TYPE(event) >= GST_EVENT_CUSTOM_UPSTREAM;
      all += std::string(all.empty() ? "" : " ") +
             (custom && s ? gst_structure_get_name(s) : GST_EVENT_TYPE_NAME(event));
      gst_event_unref(event);
    }
    return all;
  }

  GstElement *tap;
  GstHarness *h;
};

}  // namespace

GST_START_TEST(a_line_with_stages_records_them_all) {
  Folder folder;
  must_be_good(run_line(test_source(30) + "checkpointtap job-id=street stage=decode" +
                        folder.stores() + "! identity ! checkpointtap stage=filter" +
                        folder.stores() + "! queue ! checkpointtap stage=detect" + folder.stores() +
                        "! fakesink"));
  ck_assert(folder.value("SELECT group_concat(job_id || stage || stage_index || state, ' ') FROM "
                         "(SELECT * FROM stage_checkpoints ORDER BY stage_index)") ==
            "streetdecode0complete streetfilter1complete streetdetect2complete");
  ck_assert(folder.value("SELECT count(*) FROM stage_checkpoints AS c JOIN stage_checkpoints AS p "
                         "ON c.parent_id = p.id AND c.stage_index = p.stage_index + 1") == "2");
  ck_assert(folder.value("SELECT count(DISTINCT frames_manifest) FROM stage_checkpoints") == "1");
}
GST_END_TEST

GST_START_TEST(g15_two_taps_of_one_pipeline_store_a_frame_once) {
  Folder folder;
  must_be_good(run_line(test_source(60) + "checkpointtap job-id=j stage=a" + folder.stores() +
                        "! checkpointtap stage=b" + folder.stores() + "! fakesink"));
  const std::string all = std::to_string(60 * 64 * 48 * 3 / 2);
  ck_assert(folder.value("SELECT sum(bytes_new) FROM checkpoint") == all);
  ck_assert(folder.value("SELECT sum(bytes_reused) FROM checkpoint") == all);
}
GST_END_TEST

GST_START_TEST(frames_keep_their_number_when_some_are_dropped_between_taps) {
  Folder folder;
  // One of two frames is dropped.
  must_be_good(run_line(test_source(20) + "checkpointtap job-id=j stage=a" + folder.stores() +
                        "! videorate drop-only=true max-rate=15 ! checkpointtap stage=b" +
                        folder.stores() + "! fakesink"));
  ck_assert(folder.value("SELECT count(*) FROM stage_checkpoints, "
                         "json_each(filtered_frame_sequences) AS s WHERE stage = 'b'") == "10");
  // The same number means the same time.
  ck_assert(folder.value("SELECT count(*) FROM frame AS a JOIN frame AS b ON a.sequence = "
                         "b.sequence AND a.pts = b.pts JOIN checkpoint AS ca ON ca.key = "
                         "a.checkpoint AND ca.stage = 'a' JOIN checkpoint AS cb ON cb.key = "
                         "b.checkpoint AND cb.stage = 'b'") == "10");
  ck_assert(folder.value("SELECT max(sequence) >= 18 FROM frame") == "1");
}
GST_END_TEST

GST_START_TEST(all_passes_in_order_and_the_lineage_is_its_own) {
  Folder folder;
  Harness tap("job-id=j stage=s" + folder.stores());
  Lineage before{"other", Uuid::random(), "earlier", 3, "/films/a.mp4", {}};
  gst_harness_push_event(tap.h, make_lineage_event(before).release());
  gst_harness_push_event(tap.h,
                         gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "a title", nullptr)));
  ck_assert(tap.events() == "stream-start caps segment tag");
  ck_assert_int_eq(tap.push(0, 1), GST_FLOW_OK);
  ck_assert(tap.events() == "gst-checkpoint-lineage");
  GstEvent *sticky =
      gst_pad_get_sticky_event(tap.h->sinkpad, GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, 0);
  const auto own = parse_lineage_event(sticky);
  gst_event_unref(sticky);
  ck_assert(own && own->job_id == "j" && own->stage == "s" && own->stage_index == 0);
  ck_assert(gst_harness_push_event(tap.h, gst_event_new_gap(GST_SECOND, GST_SECOND)));
  ck_assert_int_eq(tap.push(2, 2), GST_FLOW_OK);
  ck_assert(gst_harness_push_event(tap.h, gst_event_new_eos()));
  ck_assert(tap.events() == "gap eos");
  ck_assert(own->checkpoint.to_string() == folder.value("SELECT id FROM stage_checkpoints"));
  GstBuffer *buffer = gst_harness_pull(tap.h);
  ck_assert(frame_identity(buffer) == (FrameIdentity{"j", 0, false}));
  gst_buffer_unref(buffer);
}
GST_END_TEST

GST_START_TEST(g08_a_filter_behind_the_tap_does_not_change_what_is_stored) {
  Folder folder;
  Gate gate;
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  Harness tap("job-id=j stage=s pack-size=64 max-size-buffers=3" + folder.faulty_stores());
  // A pool of two buffers, as an upstream decoder may have.
  BufferPtr first, second;
  GstBufferPool *pool = gst_buffer_pool_new();
  GstStructure *config = gst_buffer_pool_get_config(pool);
  GstCaps *caps = gst_caps_from_string(kGray);
  gst_buffer_pool_config_set_params(config, caps, kFrameBytes, 2, 2);
  gst_caps_unref(caps);
  ck_assert(gst_buffer_pool_set_config(pool, config));
  ck_assert(gst_buffer_pool_set_active(pool, TRUE));
  gst_harness_set_drop_buffers(tap.h, TRUE);
  constexpr guint8 kFrames = 12;
  std::thread opener([&] {
    gate.wait_for_arrivals(1);
    gate.open();
  });
  for (guint8 i = 0; i < kFrames; i++) {
    GstBuffer *buffer = nullptr;
    ck_assert_int_eq(gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr), GST_FLOW_OK);
    gst_buffer_memset(buffer, 0, i, kFrameBytes);
    GST_BUFFER_PTS(buffer) = i * GST_SECOND;
    ck_assert_int_eq(gst_harness_push(tap.h, buffer), GST_FLOW_OK);
  }
  opener.join();
  ck_assert(gst_harness_push_event(tap.h, gst_event_new_eos()));
  gst_buffer_pool_set_active(pool, FALSE);
  gst_object_unref(pool);
  ck_assert(folder.value("SELECT state || frames FROM checkpoint") ==
            "complete" + std::to_string(kFrames));
  ck_assert(folder.value("SELECT count(DISTINCT payload_offset || '/' || pack) FROM frame") ==
            std::to_string(kFrames));
}
GST_END_TEST

GST_START_TEST(g08_a_frame_that_waits_is_not_written_into) {
  Folder folder;
  Gate gate;
  // The worker waits with the first pack, so that all others wait with their buffers.
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  std::string frames = folder.file("raw");
  std::thread opener([&] {
    gate.wait_for_arrivals(1);
    gate.open();
  });
  // videobalance writes in place into what it is given, where it may.
  must_be_good(run_line(test_source(20) + "checkpointtap job-id=j stage=s pack-size=4608" +
                        folder.faulty_stores() +
                        "! videobalance brightness=1 ! tee name=t ! "
                        "checkpointsink stage=changed" +
                        folder.faulty_stores()));
  opener.join();
  must_be_good(
      run_line(test_source(20) + "checkpointsink job-id=j stage=again" + folder.faulty_stores()));
  // The same frames without the filter: all of them are stored already.
  ck_assert(folder.value("SELECT bytes_new FROM checkpoint WHERE stage = 'again'") == "0");
  ck_assert(folder.value("SELECT bytes_new > 0 FROM checkpoint WHERE stage = 'changed'") == "1");
}
GST_END_TEST

GST_START_TEST(g19_a_stream_that_ends_downstream_never_completes) {
  Folder folder;
  BusLog log = run_line(test_source(50) + "checkpointtap job-id=j stage=s" + folder.stores() +
                        "! checkpointtap stage=t" + folder.stores() + "! fakesink num-buffers=10");
  ck_assert(log.eos && log.errors.empty());
  ck_assert_uint_eq(log.warnings.size(), 2);
  ck_assert(log.warnings[0].find("partial") != std::string::npos);
  ck_assert(folder.value("SELECT group_concat(state || frames, ' ') FROM checkpoint") ==
            "partial10 partial10");
  ck_assert(folder.value("SELECT count(*) FROM checkpoint WHERE reason LIKE '%eos%'") == "2");
}
GST_END_TEST

GST_START_TEST(g19_an_error_on_either_side_never_completes) {
  for (const char *line :
       {"identity error-after=20 ! checkpointtap job-id=j stage=s%s ! fakesink",
        "checkpointtap job-id=j stage=s%s ! identity error-after=20 ! fakesink"}) {
    Folder folder;
    std::string whole = line;
    whole.replace(whole.find("%s"), 2, folder.stores());
    BusLog log = run_line(test_source(50) + whole);
    ck_assert(!log.errors.empty() && log.sources[0].find("identity") == 0);
    ck_assert(folder.value("SELECT state FROM stage_checkpoints") == "partial");
  }
}
GST_END_TEST

GST_START_TEST(g05_eos_is_passed_on_after_the_last_commit) {
  Folder folder;
  Gate gate;
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  Harness tap("job-id=j stage=s" + folder.faulty_stores());
  ck_assert_int_eq(tap.push(0, 1), GST_FLOW_OK);
  gboolean ended = FALSE;
  std::thread stream([&] { ended = gst_harness_push_event(tap.h, gst_event_new_eos()); });
  gate.wait_for_arrivals(1);
  ck_assert(tap.events().find("eos") == std::string::npos);
  gate.open();
  stream.join();
  ck_assert(ended && tap.events() == "eos");
  ck_assert(folder.value("SELECT state FROM checkpoint") == "complete");
}
GST_END_TEST

GST_START_TEST(g05_a_blocked_store_is_an_error_in_time) {
  Folder folder;
  Gate gate;
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  BusLog log = run_line(test_source(5) + "checkpointtap job-id=j stage=s commit-timeout=1000" +
                        folder.faulty_stores() + "! fakesink");
  ck_assert(!log.eos && log.errors.size() == 1);
  ck_assert(log.errors[0].find("1000 ms") != std::string::npos);
  ck_assert(folder.value("SELECT state FROM checkpoint") == "partial");
}
GST_END_TEST

GST_START_TEST(g28_stopping_and_flushing_wake_a_full_queue) {
  for (bool flush : {false, true}) {
    Folder folder;
    Gate gate;
    folder.frames().before(
        "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
    auto tap = std::make_unique<Harness>(
        "job-id=j stage=s max-size-buffers=1 pack-size=64 stop-timeout=20" +
        folder.faulty_stores());
    GstFlowReturn flow = GST_FLOW_OK;
    std::thread stream([&] {
      for (guint8 i = 0; flow == GST_FLOW_OK; i++) flow = tap->push(i, i);
    });
    gate.wait_for_arrivals(1);
    if (flush)
      gst_harness_push_event(tap->h, gst_event_new_flush_start());
    else
      gst_element_set_state(tap->tap, GST_STATE_READY);
    stream.join();
    ck_assert_int_eq(flow, GST_FLOW_FLUSHING);
    if (flush) {
      // Then it goes on, with all that was taken before.
      gst_harness_push_event(tap->h, gst_event_new_flush_stop(TRUE));
      GstSegment segment;
      gst_segment_init(&segment, GST_FORMAT_TIME);
      gst_harness_push_event(tap->h, gst_event_new_segment(&segment));
      gate.open();
      ck_assert_int_eq(tap->push(200, 200), GST_FLOW_OK);
      ck_assert(gst_harness_push_event(tap->h, gst_event_new_eos()));
      ck_assert(folder.value("SELECT state FROM checkpoint") == "complete");
      ck_assert(folder.value("SELECT max(pts) FROM frame") == "200000000000");
      ck_assert(folder.value("SELECT count(*) FROM event WHERE type = 'flush-stop'") == "1");
    }
    tap.reset();
  }
}
GST_END_TEST

GST_START_TEST(g28_pausing_a_full_queue_or_a_draining_end_loses_nothing) {
  for (bool at_the_end : {false, true}) {
    Folder folder;
    Gate gate;
    folder.frames().before(
        "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
    const std::string tiny = at_the_end ? " " : " max-size-buffers=2 pack-size=9000 ";
    GstElement *pipeline = parse_line(test_source(40) + "checkpointtap job-id=j stage=s" + tiny +
                                      folder.faulty_stores() + "! fakesink async=false");
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    gate.wait_for_arrivals(1);
    for (int i = 0; i < 10; i++) {
      gst_element_set_state(pipeline, GST_STATE_PAUSED);
      ck_assert(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND) !=
                GST_STATE_CHANGE_FAILURE);
      gst_element_set_state(pipeline, GST_STATE_PLAYING);
    }
    gate.open();
    must_be_good(wait_for_end(pipeline));
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    ck_assert(folder.value("SELECT state || frames FROM checkpoint") == "complete40");
  }
}
GST_END_TEST

GST_START_TEST(g39_a_late_display_asks_the_tap_in_vain) {
  Folder folder;
  Harness tap("job-id=j stage=s" + folder.stores());
  ck_assert_int_eq(tap.push(0, 1), GST_FLOW_OK);
  while (GstEvent *event = gst_harness_try_pull_upstream_event(tap.h)) gst_event_unref(event);
  ck_assert(gst_harness_push_upstream_event(
      tap.h, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 2.0, GST_SECOND, 0)));
  ck_assert(gst_harness_try_pull_upstream_event(tap.h) == nullptr);
  // Others go on.
  ck_assert(gst_harness_push_upstream_event(tap.h, gst_event_new_reconfigure()));
  GstEvent *event = gst_harness_try_pull_upstream_event(tap.h);
  ck_assert(event && GST_EVENT_TYPE(event) == GST_EVENT_RECONFIGURE);
  gst_event_unref(event);
}
GST_END_TEST

GST_START_TEST(latency_and_scheduling_are_those_of_upstream) {
  Folder folder;
  Harness tap("job-id=j stage=s" + folder.stores());
  gst_harness_set_upstream_latency(tap.h, 40 * GST_MSECOND);
  ck_assert_uint_eq(gst_harness_query_latency(tap.h), 40 * GST_MSECOND);
  GstElement *line =
      parse_line("filesrc location=/dev/null ! checkpointtap name=t job-id=j stage=s");
  GstElement *element = gst_bin_get_by_name(GST_BIN(line), "t");
  GstPad *pad = gst_element_get_static_pad(element, "src");
  GstQuery *query = gst_query_new_scheduling();
  ck_assert(gst_pad_query(pad, query));
  ck_assert(gst_query_has_scheduling_mode(query, GST_PAD_MODE_PUSH));
  ck_assert(!gst_query_has_scheduling_mode(query, GST_PAD_MODE_PULL));
  gst_query_unref(query);
  gst_object_unref(pad);
  gst_object_unref(element);
  gst_object_unref(line);
}
GST_END_TEST

GST_START_TEST(g16_an_empty_stream_is_an_empty_stage_behind_an_empty_stage) {
  Folder folder;
  must_be_good(
      run_line("videotestsrc num-buffers=0 ! video/x-raw,format=I420 ! "
               "checkpointtap job-id=j stage=a" +
               folder.stores() + "! checkpointtap stage=b" + folder.stores() + "! fakesink"));
  ck_assert(folder.value("SELECT group_concat(stage || state || frames_manifest, ' ') FROM (SELECT "
                         "* FROM stage_checkpoints ORDER BY stage)") == "acomplete{} bcomplete{}");
  ck_assert(folder.value("SELECT stage_index FROM stage_checkpoints WHERE stage = 'b'") == "1");
}
GST_END_TEST

GST_START_TEST(a_property_can_not_change_while_running) {
  Folder folder;
  Harness tap("job-id=j stage=s" + folder.stores());
  g_object_set(tap.tap, "job-id", "other", nullptr);
  gchar *job = nullptr;
  g_object_get(tap.tap, "job-id", &job, nullptr);
  ck_assert_str_eq(job, "j");
  g_free(job);
  GstStructure *stats = nullptr;
  ck_assert_int_eq(tap.push(0, 1), GST_FLOW_OK);
  g_object_get(tap.tap, "stats", &stats, nullptr);
  guint64 frames = 0;
  ck_assert(gst_structure_get_uint64(stats, "frames-in", &frames) && frames == 1);
  gst_structure_free(stats);
}
GST_END_TEST

GST_START_TEST(checkpoint_now_is_a_commit_with_its_token) {
  Folder folder;
  GstElement *pipeline = parse_line(test_source(-1) + "checkpointtap name=t job-id=j stage=s" +
                                    folder.stores() + "! fakesink");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND);
  GstElement *tap = gst_bin_get_by_name(GST_BIN(pipeline), "t");
  guint64 token = 0;
  g_signal_emit_by_name(tap, "checkpoint-now", &token);
  ck_assert_uint_gt(token, 0);
  GstBus *bus = gst_element_get_bus(pipeline);
  for (guint64 covered = 0; covered < token;) {
    GstMessage *message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_ELEMENT);
    ck_assert(message != nullptr);
    if (gst_message_has_name(message, "gst-checkpoint-commit"))
      covered = uint64_field(message, "token");
    gst_message_unref(message);
  }
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(tap);
  gst_object_unref(pipeline);
}
GST_END_TEST

static Suite *checkpointtap_suite() {
  Suite *suite = suite_create("checkpointtap");
  TCase *tc = tcase_create("checkpointtap");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_line_with_stages_records_them_all);
  tcase_add_test(tc, g15_two_taps_of_one_pipeline_store_a_frame_once);
  tcase_add_test(tc, frames_keep_their_number_when_some_are_dropped_between_taps);
  tcase_add_test(tc, all_passes_in_order_and_the_lineage_is_its_own);
  tcase_add_test(tc, g08_a_filter_behind_the_tap_does_not_change_what_is_stored);
  tcase_add_test(tc, g08_a_frame_that_waits_is_not_written_into);
  tcase_add_test(tc, g19_a_stream_that_ends_downstream_never_completes);
  tcase_add_test(tc, g19_an_error_on_either_side_never_completes);
  tcase_add_test(tc, g05_eos_is_passed_on_after_the_last_commit);
  tcase_add_test(tc, g05_a_blocked_store_is_an_error_in_time);
  tcase_add_test(tc, g28_stopping_and_flushing_wake_a_full_queue);
  tcase_add_test(tc, g28_pausing_a_full_queue_or_a_draining_end_loses_nothing);
  tcase_add_test(tc, g39_a_late_display_asks_the_tap_in_vain);
  tcase_add_test(tc, latency_and_scheduling_are_those_of_upstream);
  tcase_add_test(tc, g16_an_empty_stream_is_an_empty_stage_behind_an_empty_stage);
  tcase_add_test(tc, checkpoint_now_is_a_commit_with_its_token);
  tcase_add_test(tc, a_property_can_not_change_while_running);
  return suite;
}
GST_CHECK_MAIN(checkpointtap);
