// SPDX-License-Identifier: LGPL-2.1-or-later
// The element in real pipelines, over a folder and SQLite; over stores that block where it has to
// wait.
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "elements/identity_meta.h"
#include "elements/lineage.h"
#include "support/check.h"
#include "support/gate.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

void expect_error(const BusLog &log, const std::string &domain_and_code, const std::string &text) {
  ck_assert(!log.eos);
  ck_assert_msg(log.errors.size() >= 1, "no error");
  ck_assert_msg(log.sources[0].find("checkpointsink") == 0, "first error from %s",
                log.sources[0].c_str());
  ck_assert_msg(log.errors[0].find(domain_and_code) == 0, "%s", log.errors[0].c_str());
  ck_assert_msg(log.errors[0].find(text) != std::string::npos, "%s", log.errors[0].c_str());
  int ours = 0;
  for (const std::string &from : log.sources) ours += from.find("checkpointsink") == 0;
  ck_assert_msg(ours == 1, "%s, %s", log.errors[0].c_str(), log.errors.back().c_str());
}

const std::string kSettings =
    "gst-resource-error-quark/" + std::to_string(GST_RESOURCE_ERROR_SETTINGS);

}  // namespace

GST_START_TEST(a_stream_becomes_a_complete_checkpoint) {
  SinkPlace folder;
  BusLog log = run_line(
      test_source(30) +
      "checkpointsink job-id=street stage=decode profile-name=fast video-path=/films/a.mp4" +
      folder.stores());
  ck_assert(log.eos && log.errors.empty() && log.warnings.empty());
  ck_assert(
      folder.value(
          "SELECT job_id || stage || stage_index || state || version || profile_name || video_path "
          "FROM stage_checkpoints") == "streetdecode0complete1fast/films/a.mp4");
  ck_assert(
      folder.value(
          "SELECT count(*) FROM json_each((SELECT frames_manifest FROM stage_checkpoints))") ==
      "30");
  const GstStructure *done = log.element("gst-checkpoint-complete");
  ck_assert(done != nullptr);
  guint64 frames = 0, bytes_new = 0;
  guint version = 0;
  ck_assert(gst_structure_get_uint64(done, "frames", &frames) && frames == 30);
  ck_assert(gst_structure_get_uint64(done, "bytes-new", &bytes_new) &&
            bytes_new == 30 * 64 * 48 * 3 / 2);
  ck_assert(gst_structure_get_uint(done, "version", &version) && version == 1);
  ck_assert(folder.value("SELECT id FROM stage_checkpoints") ==
            gst_structure_get_string(done, "checkpoint-id"));
}
GST_END_TEST

GST_START_TEST(no_message_where_none_is_wanted) {
  SinkPlace folder;
  BusLog log = run_line(test_source(3) + "checkpointsink job-id=j stage=s post-messages=false" +
                        folder.stores());
  ck_assert(log.eos && log.elements.empty());
}
GST_END_TEST

GST_START_TEST(settings_that_cannot_work_are_named) {
  SinkPlace folder;
  expect_error(run_line(test_source(3) + "checkpointsink job-id=j" + folder.stores()), kSettings,
               "stage");
  expect_error(run_line(test_source(3) + "checkpointsink job-id=j stage=s parent-id=nonsense" +
                        folder.stores()),
               kSettings, "arent-id");
  expect_error(run_line(test_source(3) +
                        "checkpointsink job-id=j stage=s frame-store=gopher://x metadata-store=" +
                        folder.database()),
               kSettings, "gopher");
  ck_assert(access(folder.file("frames").c_str(), F_OK) != 0);
  // Until data comes an element before it may still tell the job, so the stores are open by then.
  expect_error(run_line(test_source(3) + "checkpointsink stage=s" + folder.stores()), kSettings,
               "job-id");
  ck_assert(folder.value("SELECT count(*) FROM checkpoint") == "0");
}
GST_END_TEST

GST_START_TEST(g35_absurd_names_are_stored_safely_or_refused_by_name) {
  SinkPlace folder;
  for (const char *name :
       {"../../etc", "'; drop table checkpoint; --", "a \\\"b\\\" c", "größe 🎬", "."}) {
    BusLog log = run_line(test_source(2) + "checkpointsink job-id=\"" + name + "\" stage=\"" +
                          name + "\"" + folder.stores());
    ck_assert_msg(log.eos, "%s: %s", name, log.errors.empty() ? "" : log.errors[0].c_str());
  }
  ck_assert(
      folder.value(
          "SELECT count(*) FROM stage_checkpoints WHERE job_id = stage AND state = 'complete'") ==
      "5");
  ck_assert(access(folder.file("../etc").c_str(), F_OK) != 0);
  expect_error(run_line(test_source(2) + "checkpointsink job-id=" + std::string(513, 'x') +
                        " stage=s" + folder.stores()),
               kSettings, "512");
  GstElement *pipeline =
      parse_line(test_source(2) + "checkpointsink name=checkpointsink stage=s" + folder.stores());
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "checkpointsink");
  g_object_set(sink, "job-id", "line\nbreak", nullptr);
  gst_object_unref(sink);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  expect_error(wait_for_end(pipeline), kSettings, "control character");
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
}
GST_END_TEST

GST_START_TEST(g03_a_store_that_cannot_be_written_is_one_error) {
  SinkPlace folder;
  std::string blocked = folder.file("a-file");
  ck_assert(g_file_set_contents(blocked.c_str(), "a letter", -1, nullptr));
  expect_error(run_line(test_source(3) + "checkpointsink job-id=j stage=s frame-store=" + blocked +
                        "/frames metadata-store=" + folder.database()),
               "gst-", blocked);
  expect_error(run_line(test_source(3) + "checkpointsink job-id=j stage=s frame-store=" +
                        folder.file("frames") + " metadata-store=" + blocked),
               "gst-", blocked);
}
GST_END_TEST

GST_START_TEST(g03_a_full_store_ends_with_an_error_and_a_loadable_part) {
  SinkPlace folder;
  GstElement *pipeline =
      parse_line(test_source(200) + "checkpointsink job-id=j stage=s pack-size=20000" +
                 folder.faulty_stores());
  int puts = 0;
  folder.frames().before("put", [&puts](const FrameStoreCall &, Cancellation &) {
    return ++puts > 5 ? Status(Code::kNoSpace, "the disk is full") : Status::ok();
  });
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  BusLog log = wait_for_end(pipeline);
  expect_error(log, "gst-resource-error-quark/" + std::to_string(GST_RESOURCE_ERROR_NO_SPACE_LEFT),
               "he disk is full");
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT state FROM stage_checkpoints") == "partial");
  // Nothing of a pack that was not put.
  ck_assert(folder.value("SELECT count(*) FROM frame JOIN pack ON pack.key = frame.pack WHERE "
                         "pack.state <> 'ready'") == "0");
}
GST_END_TEST

GST_START_TEST(g19_an_error_upstream_never_completes) {
  SinkPlace folder;
  BusLog log =
      run_line(test_source(100) + "identity error-after=50 ! checkpointsink job-id=j stage=s" +
               folder.stores());
  ck_assert(!log.errors.empty() && log.sources[0].find("identity") == 0);
  ck_assert(folder.value("SELECT state FROM stage_checkpoints") == "partial");
}
GST_END_TEST

GST_START_TEST(g19_an_error_while_the_end_drains_never_completes) {
  SinkPlace folder;
  auto gate = std::make_shared<Gate>();
  GstElement *pipeline =
      parse_line(test_source(5) + "identity name=filter ! checkpointsink job-id=j stage=s" +
                 folder.faulty_stores());
  folder.frames().before(
      "put", [gate](const FrameStoreCall &, Cancellation &cancel) { return gate->pass(cancel); });
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  gate->wait_for_arrivals(1);  // no pack was full, so this is the last one
  GstElement *filter = gst_bin_get_by_name(GST_BIN(pipeline), "filter");
  GST_ELEMENT_ERROR(filter, STREAM, FAILED, ("the filter broke"), (nullptr));
  gst_object_unref(filter);
  gate->open();
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *eos = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS);
  ck_assert(eos != nullptr);
  gst_message_unref(eos);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT state || frames FROM checkpoint") == "partial5");
  ck_assert(folder.value("SELECT reason LIKE '%the filter broke%' FROM checkpoint") == "1");
}
GST_END_TEST

GST_START_TEST(g05_eos_waits_for_the_last_commit) {
  SinkPlace folder;
  Gate gate;
  GstElement *pipeline =
      parse_line(test_source(5) + "checkpointsink job-id=j stage=s commit-timeout=1000" +
                 folder.faulty_stores());
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  expect_error(wait_for_end(pipeline), "gst-resource-error-quark/", "1000 ms");
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT state FROM stage_checkpoints") == "partial");
}
GST_END_TEST

GST_START_TEST(g28_pausing_a_full_queue_or_a_draining_end_loses_nothing) {
  for (bool at_the_end : {false, true}) {
    SinkPlace folder;
    Gate gate;
    std::string tiny = at_the_end ? " " : " max-size-buffers=2 pack-size=9000 ";
    GstElement *pipeline = parse_line(test_source(40) + "checkpointsink job-id=j stage=s" + tiny +
                                      folder.faulty_stores());
    folder.frames().before(
        "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    gate.wait_for_arrivals(1);
    for (int i = 0; i < 10; i++) {
      gst_element_set_state(pipeline, GST_STATE_PAUSED);
      ck_assert(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND) !=
                GST_STATE_CHANGE_FAILURE);
      gst_element_set_state(pipeline, GST_STATE_PLAYING);
    }
    gate.open();
    BusLog log = wait_for_end(pipeline);
    ck_assert_msg(log.eos && log.errors.empty(), "%s",
                  log.errors.empty() ? "no eos" : log.errors[0].c_str());
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    ck_assert(folder.value("SELECT state FROM stage_checkpoints") == "complete");
    ck_assert(folder.value("SELECT count(*) FROM frame") == "40");
  }
}
GST_END_TEST

GST_START_TEST(g28_stopping_while_the_store_is_blocked_returns) {
  SinkPlace folder;
  Gate gate;
  GstElement *pipeline = parse_line(
      test_source(-1) + "checkpointsink job-id=j stage=s stop-timeout=20 pack-size=9000" +
      folder.faulty_stores());
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  gate.wait_for_arrivals(1);
  ck_assert(gst_element_set_state(pipeline, GST_STATE_NULL) == GST_STATE_CHANGE_SUCCESS);
  GstBus *bus = gst_element_get_bus(pipeline);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT state FROM stage_checkpoints") == "partial");
}
GST_END_TEST

GST_START_TEST(stopped_without_eos_keeps_what_came) {
  SinkPlace folder;
  GstElement *pipeline =
      parse_line(test_source(20) + "checkpointsink name=k job-id=j stage=s commit-interval=1" +
                 folder.stores());
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "k");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  guint64 stored = 0;
  while (stored < 5) {
    GstStructure *stats = nullptr;
    g_object_get(sink, "stats", &stats, nullptr);
    ck_assert(gst_structure_get_uint64(stats, "frames-stored", &stored));
    ck_assert(gst_structure_has_field_typed(stats, "rendered", G_TYPE_UINT64));  // the base class's
    gst_structure_free(stats);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(sink);
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT count(*) >= 5 FROM frame") == "1");
}
GST_END_TEST

GST_START_TEST(a_property_can_not_change_while_running) {
  SinkPlace folder;
  GstElement *pipeline =
      parse_line(test_source(-1) + "checkpointsink name=k job-id=j stage=s" + folder.stores());
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "k");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND);
  g_object_set(sink, "job-id", "other", nullptr);
  gchar *job = nullptr;
  g_object_get(sink, "job-id", &job, nullptr);
  ck_assert_str_eq(job, "j");
  g_free(job);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *warning = gst_bus_timed_pop_filtered(bus, GST_SECOND, GST_MESSAGE_WARNING);
  ck_assert(warning != nullptr);
  gst_message_unref(warning);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(sink);
  gst_object_unref(pipeline);
}
GST_END_TEST

GST_START_TEST(null_to_playing_a_hundred_times) {
  SinkPlace folder;
  GstElement *pipeline =
      parse_line(test_source(2) + "checkpointsink job-id=j stage=s" + folder.stores());
  for (int i = 0; i < 100; i++) {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    if (i % 2) {
      BusLog log = wait_for_end(pipeline);
      ck_assert_msg(log.eos, "%s", log.errors.empty() ? "" : log.errors[0].c_str());
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT count(*) >= 50 FROM stage_checkpoints WHERE state = 'complete'") ==
            "1");
}
GST_END_TEST

GST_START_TEST(g15_two_sinks_of_one_pipeline_store_a_frame_once) {
  SinkPlace folder;
  BusLog log =
      run_line(test_source(60) + "tee name=t t. ! queue ! checkpointsink job-id=j stage=a" +
               folder.stores() + "t. ! queue ! checkpointsink job-id=j stage=b" + folder.stores());
  ck_assert(log.eos && log.errors.empty());
  std::string all = std::to_string(60 * 64 * 48 * 3 / 2);
  ck_assert(folder.value("SELECT sum(bytes_new) FROM checkpoint") == all);
  ck_assert(folder.value("SELECT sum(bytes_reused) FROM checkpoint") == all);
}
GST_END_TEST

GST_START_TEST(g16_no_frame_is_a_checkpoint_too) {
  SinkPlace folder;
  BusLog log = run_line(
      "videotestsrc num-buffers=0 ! video/x-raw,format=I420 ! checkpointsink job-id=j stage=s" +
      folder.stores());
  ck_assert(log.eos && log.errors.empty());
  ck_assert(folder.value("SELECT state || frames_manifest FROM stage_checkpoints") == "complete{}");
}
GST_END_TEST

GST_START_TEST(job_and_parent_come_with_the_lineage) {
  SinkPlace folder;
  ck_assert(
      run_line(test_source(3) + "checkpointsink job-id=street stage=decode" + folder.stores()).eos);
  Lineage lineage;
  lineage.job_id = "street";
  lineage.checkpoint = *Uuid::parse(folder.value("SELECT id FROM stage_checkpoints"));
  lineage.stage = "decode";
  lineage.stage_index = 4;
  lineage.video_path = "/films/street.mp4";
  GstElement *sink = gst_element_factory_make("checkpointsink", nullptr);
  g_object_set(sink, "stage", "detect", "frame-store", folder.file("frames").c_str(),
               "metadata-store", folder.database().c_str(), nullptr);
  GstHarness *harness = gst_harness_new_with_element(sink, "sink", nullptr);
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
  gst_harness_push_event(harness, make_lineage_event(lineage).release());
  GstBuffer *buffer = small_frame(7);
  set_frame_identity(buffer, {"street", 41});
  ck_assert_int_eq(gst_harness_push(harness, buffer), GST_FLOW_OK);
  ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
  gst_harness_teardown(harness);
  gst_object_unref(sink);
  ck_assert(folder.value("SELECT job_id || stage_index || video_path FROM stage_checkpoints WHERE "
                         "stage = 'detect'") == "street5/films/street.mp4");
  ck_assert(folder.value("SELECT parent_id FROM stage_checkpoints WHERE stage = 'detect'") ==
            lineage.checkpoint.to_string());
  ck_assert(folder.value(
                "SELECT filtered_frame_sequences FROM stage_checkpoints WHERE stage = 'detect'") ==
            "[41]");
}
GST_END_TEST

GST_START_TEST(data_after_eos_opens_the_next_version) {
  SinkPlace folder;
  GstElement *sink = gst_element_factory_make("checkpointsink", nullptr);
  g_object_set(sink, "stage", "s", "job-id", "j", "frame-store", folder.file("frames").c_str(),
               "metadata-store", folder.database().c_str(), nullptr);
  GstHarness *harness = gst_harness_new_with_element(sink, "sink", nullptr);
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
  for (int version = 1; version <= 2; version++) {
    for (int i = 0; i < version; i++)
      ck_assert_int_eq(gst_harness_push(harness, small_frame()), GST_FLOW_OK);
    ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
    gst_harness_push_event(harness, gst_event_new_flush_start());
    gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_harness_push_event(harness, gst_event_new_segment(&segment));
  }
  gst_harness_teardown(harness);
  gst_object_unref(sink);
  ck_assert(folder.value("SELECT group_concat(version || state, ' ') FROM (SELECT * FROM "
                         "stage_checkpoints ORDER BY version)") == "1complete 2complete");
}
GST_END_TEST

GST_START_TEST(the_next_version_begins_with_all_that_still_holds) {
  SinkPlace folder;
  GstElement *sink = gst_element_factory_make("checkpointsink", nullptr);
  g_object_set(sink, "stage", "s", "job-id", "j", "frame-store", folder.file("frames").c_str(),
               "metadata-store", folder.database().c_str(), nullptr);
  GstHarness *harness = gst_harness_new_with_element(sink, "sink", nullptr);
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
  gst_harness_push_event(harness,
                         gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "a title", nullptr)));
  for (const char *name : {"x-camera", "x-lens"})
    gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY,
                                                         gst_structure_new_empty(name)));
  for (int version = 1; version <= 2; version++) {
    ck_assert_int_eq(gst_harness_push(harness, small_frame()), GST_FLOW_OK);
    ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
    gst_harness_push_event(harness, gst_event_new_flush_start());
    gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_harness_push_event(harness, gst_event_new_segment(&segment));
  }
  gst_harness_teardown(harness);
  gst_object_unref(sink);
  for (const char *version : {"1", "2"})
    ck_assert(folder.value("SELECT group_concat(type, ' ') FROM (SELECT type FROM event JOIN "
                           "checkpoint ON key = event.checkpoint WHERE version = " +
                           std::string(version) + " ORDER BY type)") ==
              "custom-downstream-sticky custom-downstream-sticky segment tag");
}
GST_END_TEST

GST_START_TEST(a_handler_on_the_bus_may_stop_the_element) {
  SinkPlace folder;
  GstElement *pipeline =
      parse_line(test_source(-1) + "checkpointsink name=k job-id=j stage=s stop-timeout=0 " +
                 "commit-interval=1" + folder.stores());
  struct Handler {
    GstElement *pipeline;
    Gate playing, done;
    std::atomic<bool> once{false};
    static GstBusSyncReply handle(GstBus *, GstMessage *message, gpointer data) {
      // The test may be over before this returns.
      const auto held = *static_cast<std::shared_ptr<Handler> *>(data);
      Handler &self = *held;
      Cancellation none;
      guint64 frames = 0;  // a commit may have none: a pack whose frames are not in order yet
      if (gst_message_has_name(message, "gst-checkpoint-commit"))
        gst_structure_get_uint64(gst_message_get_structure(message), "frames", &frames);
      if (frames > 0 && !self.once.exchange(true)) {
        (void)self.playing.pass(none);
        GstStructure *stats = nullptr;
        g_object_get(GST_MESSAGE_SRC(message), "stats", &stats, nullptr);
        gst_structure_free(stats);
        gst_element_set_state(self.pipeline, GST_STATE_NULL);
        self.done.open();
      }
      gst_message_unref(message);
      return GST_BUS_DROP;
    }
    static void drop(gpointer data) { delete static_cast<std::shared_ptr<Handler> *>(data); }
  };
  auto handler = std::make_shared<Handler>();
  handler->pipeline = pipeline;
  GstBus *bus = gst_element_get_bus(pipeline);
  gst_bus_set_sync_handler(bus, Handler::handle, new std::shared_ptr<Handler>(handler),
                           Handler::drop);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND);
  handler->playing.open();
  Cancellation none;
  ck_assert(handler->done.pass(none).is_ok());
  gst_bus_set_sync_handler(bus, nullptr, nullptr, nullptr);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  ck_assert(folder.value("SELECT frames > 0 FROM checkpoint") == "1");
}
GST_END_TEST

GST_START_TEST(g13_a_gap_keeps_its_place) {
  SinkPlace folder;
  GstElement *sink = gst_element_factory_make("checkpointsink", nullptr);
  g_object_set(sink, "stage", "s", "job-id", "j", "frame-store", folder.file("frames").c_str(),
               "metadata-store", folder.database().c_str(), nullptr);
  GstHarness *harness = gst_harness_new_with_element(sink, "sink", nullptr);
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
  for (guint64 second = 0; second < 3; second++) {
    if (second != 1)
      ck_assert_int_eq(gst_harness_push(harness, small_frame()), GST_FLOW_OK);
    else
      ck_assert(gst_harness_push_event(harness, gst_event_new_gap(GST_SECOND, GST_SECOND)));
  }
  ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
  gst_harness_teardown(harness);
  gst_object_unref(sink);
  ck_assert(folder.value("SELECT group_concat(idx, ' ') FROM event WHERE type = 'gap'") == "1");
}
GST_END_TEST

GST_START_TEST(g28_a_flush_while_the_end_drains_loses_nothing) {
  SinkPlace folder;
  Gate gate;
  folder.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  GstElement *sink = gst_element_factory_make("checkpointsink", nullptr);
  g_object_set(sink, "stage", "s", "job-id", "j", "frame-store", "faulty://x", "metadata-store",
               folder.database().c_str(), nullptr);
  GstHarness *harness = gst_harness_new_with_element(sink, "sink", nullptr);
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=8,height=8,framerate=1/1");
  ck_assert_int_eq(gst_harness_push(harness, small_frame()), GST_FLOW_OK);
  gboolean ended = TRUE;
  std::thread stream([&] { ended = gst_harness_push_event(harness, gst_event_new_eos()); });
  gate.wait_for_arrivals(1);
  gst_harness_push_event(harness, gst_event_new_flush_start());
  stream.join();
  ck_assert(!ended);
  gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = 7;
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
  gate.open();
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(gst_harness_push(harness, small_frame()), GST_FLOW_OK);
  ck_assert(gst_harness_push_event(harness, gst_event_new_eos()));
  gst_harness_teardown(harness);
  gst_object_unref(sink);
  ck_assert(folder.value("SELECT group_concat(version || state || frames, ' ') FROM (SELECT * FROM "
                         "checkpoint ORDER BY version)") == "1complete1 2complete3");
  ck_assert(folder.value("SELECT count(*) FROM event JOIN checkpoint ON key = event.checkpoint "
                         "WHERE version = 2 AND type = 'segment'") == "1");
}
GST_END_TEST

// Another element's error may quote what it was to open.
GST_START_TEST(g36_no_secret_is_in_the_reason_of_a_partial_checkpoint) {
  SinkPlace place;
  GstElement *pipeline = parse_line(
      test_source(-1) + "identity name=i ! checkpointsink commit-interval=100 job-id=j stage=s" +
      place.stores());
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  for (bool begun = false; !begun;) {
    GstMessage *message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_ELEMENT);
    ck_assert(message != nullptr);
    begun = gst_message_has_name(message, "gst-checkpoint-commit");
    gst_message_unref(message);
  }
  gst_object_unref(bus);
  GstElement *identity = gst_bin_get_by_name(GST_BIN(pipeline), "i");
  GST_ELEMENT_ERROR(identity, RESOURCE, NOT_FOUND, ("Invalid URI rtsp://me:s3cr3t@camera/1"),
                    (nullptr));
  gst_object_unref(identity);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  EQUAL(place.value("SELECT reason FROM checkpoint"),
        "an element failed: i: Invalid URI rtsp://***@camera/1");
}
GST_END_TEST

static Suite *checkpointsink_suite() {
  Suite *suite = suite_create("checkpointsink");
  TCase *tc = tcase_create("checkpointsink");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_stream_becomes_a_complete_checkpoint);
  tcase_add_test(tc, no_message_where_none_is_wanted);
  tcase_add_test(tc, settings_that_cannot_work_are_named);
  tcase_add_test(tc, g35_absurd_names_are_stored_safely_or_refused_by_name);
  tcase_add_test(tc, g03_a_store_that_cannot_be_written_is_one_error);
  tcase_add_test(tc, g03_a_full_store_ends_with_an_error_and_a_loadable_part);
  tcase_add_test(tc, g19_an_error_upstream_never_completes);
  tcase_add_test(tc, g19_an_error_while_the_end_drains_never_completes);
  tcase_add_test(tc, g05_eos_waits_for_the_last_commit);
  tcase_add_test(tc, g28_pausing_a_full_queue_or_a_draining_end_loses_nothing);
  tcase_add_test(tc, g28_stopping_while_the_store_is_blocked_returns);
  tcase_add_test(tc, stopped_without_eos_keeps_what_came);
  tcase_add_test(tc, a_property_can_not_change_while_running);
  tcase_add_test(tc, null_to_playing_a_hundred_times);
  tcase_add_test(tc, g15_two_sinks_of_one_pipeline_store_a_frame_once);
  tcase_add_test(tc, g16_no_frame_is_a_checkpoint_too);
  tcase_add_test(tc, job_and_parent_come_with_the_lineage);
  tcase_add_test(tc, data_after_eos_opens_the_next_version);
  tcase_add_test(tc, the_next_version_begins_with_all_that_still_holds);
  tcase_add_test(tc, a_handler_on_the_bus_may_stop_the_element);
  tcase_add_test(tc, g13_a_gap_keeps_its_place);
  tcase_add_test(tc, g28_a_flush_while_the_end_drains_loses_nothing);
  tcase_add_test(tc, g36_no_secret_is_in_the_reason_of_a_partial_checkpoint);
  return suite;
}
GST_CHECK_MAIN(checkpointsink);
