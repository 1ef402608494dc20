// SPDX-License-Identifier: LGPL-2.1-or-later
// What the project is for, from a shell: a stage is stored, played, and another one run from it.
#include <gst/gst.h>

#include <string>

#include "support/check.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

constexpr int kFrames = 300;
constexpr uint64_t kFrameBytes = 320 * 240 * 3 / 2;

// The film, and its bytes in a file, made without any of our elements.
std::string film(int frames = kFrames) {
  return "videotestsrc pattern=smpte num-buffers=" + std::to_string(frames) +
         " ! video/x-raw,format=NV12,width=320,height=240,framerate=30/1 ! ";
}

std::string make_reference(const Home &home, int frames = kFrames) {
  const std::string path = home.file("reference.raw");
  ck_assert(run_line(film(frames) + "filesink location=" + path).eos);
  return path;
}

void must_be_good(const BusLog &log) {
  ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "%s%s",
                log.errors.empty() ? "" : log.errors[0].c_str(),
                log.warnings.empty() ? "" : log.warnings[0].c_str());
}

void must_succeed(Launch &launch) {
  const int code = launch.wait();
  ck_assert_msg(code == 0 && launch.errors().empty() && launch.warnings().empty(), "%d\n%s", code,
                launch.tail().c_str());
}

// PTS and bytes of what the sink shows.
void must_show(GstElement *sink, const std::string &reference, uint64_t index) {
  GstSample *sample = nullptr;
  g_object_get(sink, "last-sample", &sample, nullptr);
  ck_assert(sample != nullptr);
  GstBuffer *buffer = gst_sample_get_buffer(sample);
  ck_assert_uint_eq(GST_BUFFER_PTS(buffer), gst_util_uint64_scale(index, GST_SECOND, 30));
  GstMapInfo map;
  ck_assert(gst_buffer_map(buffer, &map, GST_MAP_READ));
  ck_assert_uint_eq(map.size, kFrameBytes);
  ck_assert(reference.compare(index * kFrameBytes, kFrameBytes,
                              reinterpret_cast<const char *>(map.data), map.size) == 0);
  gst_buffer_unmap(buffer, &map);
  gst_sample_unref(sample);
}

}  // namespace

GST_START_TEST(g13_a_stage_stored_and_played_from_the_shell) {
  Home home;
  const std::string reference = make_reference(home);
  Launch store(film() + "checkpointsink job-id=a stage=s");
  must_succeed(store);
  // One message for each commit, one for the end, with what a script wants to know.
  const size_t at = store.output().find("gst-checkpoint-complete");
  ck_assert(at != std::string::npos);
  const std::string message = store.output().substr(at);
  ck_assert(printed_number(message, "frames") == kFrames);
  ck_assert(printed_number(message, "bytes-new") == kFrames * kFrameBytes);
  ck_assert(printed_number(message, "bytes-reused") == 0);
  ck_assert(printed_number(message, "version") == 1);

  Launch play("checkpointsrc job-id=a stage=s ! filesink location=" + home.file("played.raw"));
  must_succeed(play);
  ck_assert(same_files(reference, home.file("played.raw")));
  Launch by_uri("urisourcebin uri=checkpoint://a/s ! filesink location=" + home.file("by_uri.raw"));
  must_succeed(by_uri);
  ck_assert(same_files(reference, home.file("by_uri.raw")));
}
GST_END_TEST

GST_START_TEST(g13_every_codec_and_pack_size_gives_the_same_bytes) {
  // Fewer frames: each is a file that is synced, with pack-size=0.
  constexpr int kSome = 90;
  Home home;
  const std::string reference = make_reference(home, kSome);
  for (const char *codec : {"none", "lz4", "zstd"}) {
    for (const char *pack_size : {"", " pack-size=0", " pack-size=200000"}) {
      const std::string job = " job-id=\"" + std::string(codec) + pack_size + "\" stage=s";
      must_be_good(run_line(film(kSome) + "checkpointsink codec=" + codec + pack_size + job));
      must_be_good(
          run_line("checkpointsrc" + job + " ! filesink location=" + home.file("played.raw")));
      ck_assert_msg(same_files(reference, home.file("played.raw")), "%s%s", codec, pack_size);
    }
  }
  // The settings did something: frames in objects of their own, and fewer bytes with a codec.
  const auto size_of = [&](const std::string &job) {
    return std::stoull(
        home.value("SELECT sum(payload_length) FROM frame JOIN checkpoint ON checkpoint.key = "
                   "frame.checkpoint JOIN job ON job.key = checkpoint.job WHERE job_id = '" +
                   job + "'"));
  };
  ck_assert_uint_eq(size_of("none"), kSome * kFrameBytes);
  ck_assert_uint_lt(size_of("zstd"), size_of("none") / 2);
  ck_assert_uint_lt(size_of("lz4"), size_of("none") / 2);
  const auto packs_of = [&](const std::string &job) {
    return std::stoul(home.value(
        "SELECT count(DISTINCT frame.pack) FROM frame JOIN checkpoint ON checkpoint.key = "
        "frame.checkpoint JOIN job ON job.key = checkpoint.job WHERE job_id = '" +
        job + "'"));
  };
  ck_assert_uint_eq(packs_of("none"), 1);
  ck_assert_uint_ge(packs_of("none pack-size=200000"), kSome / 2);
  ck_assert(home.value("SELECT frames_manifest FROM stage_checkpoints WHERE job_id = "
                       "'none pack-size=0'")
                .find('#') == std::string::npos);
}
GST_END_TEST

GST_START_TEST(g25_players_show_the_exact_frame) {
  Home home;
  gchar *bytes = nullptr;
  gsize size = 0;
  ck_assert(g_file_get_contents(make_reference(home).c_str(), &bytes, &size, nullptr));
  const std::string reference(bytes, size);
  g_free(bytes);
  must_be_good(run_line(film() + "checkpointsink job-id=a stage=s codec=zstd pack-size=2000000"));

  for (const char *line : {"playbin uri=checkpoint://a/s video-sink=\"fakesink name=k\"",
                           "uridecodebin uri=checkpoint://a/s ! fakesink name=k"}) {
    GstElement *pipeline = parse_line(line);
    GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "k");
    if (!sink) g_object_get(pipeline, "video-sink", &sink, nullptr);
    const auto settle = [&] {
      ck_assert_int_eq(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND),
                       GST_STATE_CHANGE_SUCCESS);
    };
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    settle();
    must_show(sink, reference, 0);
    gint64 duration = 0;
    ck_assert(gst_element_query_duration(pipeline, GST_FORMAT_TIME, &duration));
    ck_assert_int_eq(duration, 10 * GST_SECOND);
    for (uint64_t index : {150, 7, 299, 0, 298, 1}) {
      // Anywhere within the frame's time.
      for (uint64_t into : {uint64_t{0}, uint64_t{1}, uint64_t{33} * GST_MSECOND}) {
        const auto time = static_cast<gint64>(gst_util_uint64_scale(index, GST_SECOND, 30) + into);
        ck_assert(gst_element_seek_simple(
            pipeline, GST_FORMAT_TIME,
            static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE), time));
        settle();
        must_show(sink, reference, index);
      }
    }
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    BusLog log = wait_for_end(pipeline);
    must_be_good(log);
    must_show(sink, reference, 299);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
  }
}
GST_END_TEST

GST_START_TEST(g15_the_next_stage_knows_where_it_comes_from_and_stores_no_pixel) {
  Home home;
  const std::string reference = make_reference(home);
  Launch first("filesrc location=" + reference +
               " ! rawvideoparse format=nv12 width=320 height=240 framerate=30/1 ! checkpointsink "
               "job-id=street stage=decode");
  must_succeed(first);
  const uint64_t before = home.stored_bytes();
  ck_assert_uint_ge(before, kFrames * kFrameBytes);

  Launch second(
      "checkpointsrc job-id=street stage=decode ! identity ! checkpointsink stage=detect");
  must_succeed(second);
  const size_t at = second.output().find("gst-checkpoint-complete");
  ck_assert(at != std::string::npos);
  const std::string message = second.output().substr(at);
  ck_assert(printed_number(message, "frames") == kFrames);
  ck_assert(printed_number(message, "bytes-new") == 0);
  ck_assert(printed_number(message, "bytes-reused") == kFrames * kFrameBytes);
  const uint64_t after = home.stored_bytes();
  ck_assert_msg(after < before + before / 100, "%lu bytes became %lu",
                static_cast<unsigned long>(before), static_cast<unsigned long>(after));

  const std::string of_second = " FROM stage_checkpoints WHERE stage = 'detect'";
  ck_assert(home.value("SELECT job_id" + of_second) == "street");
  ck_assert(home.value("SELECT stage_index" + of_second) == "1");
  ck_assert(home.value("SELECT video_path" + of_second) == reference);
  ck_assert(home.value("SELECT state" + of_second) == "complete");
  ck_assert(home.value("SELECT parent_id" + of_second) ==
            home.value("SELECT id FROM stage_checkpoints WHERE stage = 'decode'"));

  Launch play("checkpointsrc job-id=street stage=detect ! filesink location=" +
              home.file("played.raw"));
  must_succeed(play);
  ck_assert(same_files(reference, home.file("played.raw")));
}
GST_END_TEST

GST_START_TEST(g15_a_line_with_three_stages_stores_each_pixel_once) {
  Home home;
  const std::string reference = make_reference(home);
  Launch line(film() +
              "checkpointtap job-id=street stage=decode ! identity ! checkpointtap stage=filter ! "
              "queue ! checkpointtap stage=detect ! filesink location=" +
              home.file("passed.raw"));
  must_succeed(line);
  ck_assert(same_files(reference, home.file("passed.raw")));
  // One stage's pixels, and under a hundredth for the other two.
  const uint64_t pixels = kFrames * kFrameBytes;
  ck_assert_uint_lt(home.stored_bytes(), pixels + pixels / 50);
  ck_assert(home.value("SELECT sum(bytes_new) FROM checkpoint") == std::to_string(pixels));
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints WHERE state = 'complete' AND job_id "
                       "= 'street'") == "3");
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints AS c JOIN stage_checkpoints AS p ON "
                       "c.parent_id = p.id AND c.stage_index = p.stage_index + 1") == "2");
  // What made the stage comes back with it.
  ck_assert(home.value("SELECT config_snapshot FROM stage_checkpoints WHERE stage = 'filter'")
                .find("identity") != std::string::npos);
  for (const char *stage : {"decode", "filter", "detect"}) {
    Launch play("checkpointsrc job-id=street stage=" + std::string(stage) +
                " ! filesink location=" + home.file("played.raw"));
    must_succeed(play);
    ck_assert(same_files(reference, home.file("played.raw")));
  }
}
GST_END_TEST

GST_START_TEST(g18_taps_behind_a_scenario_write_to_the_scenario) {
  Home home;
  Launch base(film(20) + "checkpointtap job-id=a stage=s ! checkpointtap stage=t ! fakesink");
  must_succeed(base);
  Launch scenario(
      "checkpointsrc job-id=a stage=s ! checkpointtap scenario=loose stage=t ! "
      "checkpointtap stage=u ! fakesink");
  must_succeed(scenario);
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints WHERE scenario_label = 'loose'") ==
            "2");
  Launch none("checkpointsrc job-id=a stage=u ! fakesink");
  ck_assert_int_ne(none.wait(), 0);
  ck_assert_msg(none.tail().find("o checkpoint for job") != std::string::npos, "%s",
                none.tail().c_str());
}
GST_END_TEST

GST_START_TEST(g19_a_line_that_ends_downstream_leaves_its_stages_partial) {
  Home home;
  Launch line(film(50) + "checkpointtap job-id=a stage=s ! fakesink num-buffers=10");
  ck_assert_int_eq(line.wait(), 0);
  ck_assert_uint_eq(line.warnings().size(), 1);
  ck_assert(home.value("SELECT state FROM stage_checkpoints") == "partial");
}
GST_END_TEST

GST_START_TEST(g17_a_stage_stored_again_is_the_next_version) {
  Home home;
  Launch first(film(20) + "checkpointsink job-id=a stage=s");
  must_succeed(first);
  Launch second(film(10) + "checkpointsink job-id=a stage=s");
  must_succeed(second);
  for (int version : {1, 2}) {
    Launch play("checkpointsrc job-id=a stage=s version=" + std::to_string(version) +
                " ! filesink location=" + home.file("played.raw"));
    must_succeed(play);
    ck_assert(same_files(make_reference(home, version == 1 ? 20 : 10), home.file("played.raw")));
  }
}
GST_END_TEST

GST_START_TEST(nothing_is_left_in_memory) {
  Home home;
  Launch::Options options;
  options.environment = {"GST_TRACERS=leaks", "GST_DEBUG=GST_TRACER:7", "GST_DEBUG_NO_COLOR=1"};
  for (const std::string &line :
       {film(20) +
            "tee name=t t. ! queue ! checkpointsink job-id=a stage=s codec=zstd t. ! queue ! "
            "checkpointsink job-id=a stage=u pack-size=0",
        std::string("checkpointsrc job-id=a stage=s ! checkpointsink stage=t"),
        film(20) +
            "checkpointtap job-id=a stage=v ! videobalance ! checkpointtap stage=w ! fakesink",
        std::string("checkpointsrc job-id=a stage=u start-index=3 ! fakesink"),
        std::string("checkpointsrc job-id=a stage=nothing ! fakesink"),
        film(20) + "identity error-after=10 ! checkpointsink job-id=a stage=s"}) {
    Launch launch(line, options);
    launch.wait();
    // The tracer was there, and says what its words mean.
    const std::string head = "object-alive, type-name=(string)";
    ck_assert_msg(launch.error_output().find(head + "%s") != std::string::npos, "%s",
                  launch.tail().c_str());
    for (size_t at = 0; (at = launch.error_output().find(head, at)) != std::string::npos; at++)
      if (launch.error_output()[at + head.size()] != '%')
        ck_abort_msg(
            "%s: %s", line.c_str(),
            launch.error_output().substr(at, launch.error_output().find('\n', at) - at).c_str());
  }
}
GST_END_TEST

GST_START_TEST(nothing_is_critical_at_any_log_level) {
  Home home;
  Launch::Options options;
  // Log lines print what is in their objects; a critical ends the process.
  options.environment = {"GST_DEBUG=*:6", "GST_DEBUG_NO_COLOR=1", "G_DEBUG=fatal-criticals"};
  for (const std::string &line :
       {film(10) +
            "tee name=t t. ! queue ! checkpointsink job-id=a stage=s codec=zstd t. ! queue ! "
            "checkpointtap job-id=a stage=u pack-size=0 ! fakesink",
        std::string("checkpointsrc job-id=a stage=s start-index=2 ! checkpointsink stage=t"),
        std::string("checkpointsrc job-id=a stage=s loop=true num-buffers=25 ! fakesink")}) {
    Launch launch(line, options);
    ck_assert_msg(launch.wait() == 0, "%s: %s", line.c_str(), launch.tail().c_str());
    ck_assert_msg(launch.error_output().find(" LOG ") != std::string::npos, "no log");
    ck_assert_msg(launch.error_output().find("-CRITICAL") == std::string::npos, "%s", line.c_str());
  }
}
GST_END_TEST

static Suite *main_job_suite() {
  Suite *suite = suite_create("main_job");
  TCase *tc = tcase_create("main_job");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_a_stage_stored_and_played_from_the_shell);
  tcase_add_test(tc, g13_every_codec_and_pack_size_gives_the_same_bytes);
  tcase_add_test(tc, g25_players_show_the_exact_frame);
  tcase_add_test(tc, g15_the_next_stage_knows_where_it_comes_from_and_stores_no_pixel);
  tcase_add_test(tc, g15_a_line_with_three_stages_stores_each_pixel_once);
  tcase_add_test(tc, g18_taps_behind_a_scenario_write_to_the_scenario);
  tcase_add_test(tc, g19_a_line_that_ends_downstream_leaves_its_stages_partial);
  tcase_add_test(tc, g17_a_stage_stored_again_is_the_next_version);
  tcase_add_test(tc, nothing_is_left_in_memory);
  tcase_add_test(tc, nothing_is_critical_at_any_log_level);
  return suite;
}
CHECKPOINT_CHECK_MAIN(main_job);
