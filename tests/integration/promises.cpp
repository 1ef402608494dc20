// SPDX-License-Identifier: LGPL-2.1-or-later
// Promises that are kept on every pair of stores, as a user of gst-launch-1.0 sees it.
#include <signal.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/half_run.h"
#include "support/outcome.h"

using namespace checkpoint;

namespace {

const std::string kPlay = "checkpointsrc job-id=j stage=s ";

std::string contents(const std::string &path) {
  gchar *text = nullptr;
  gsize size = 0;
  ck_assert_msg(g_file_get_contents(path.c_str(), &text, &size, nullptr), "%s", path.c_str());
  std::string out(text, size);
  g_free(text);
  return out;
}

// As a disk or a server that does not keep what it was given.
void flip_byte(FrameStore &store, const std::string &object, uint64_t offset) {
  Cancellation cancel;
  auto info = store.stat(object, cancel);
  ck_assert_msg(info.is_ok(), "%s", info.status().to_string().c_str());
  Bytes bytes(info->size);
  ck_assert(store.get(object, 0, bytes, cancel).is_ok());
  bytes[offset] ^= std::byte{0x10};
  ck_assert(store.remove(object, cancel).is_ok());
  const ByteView part(bytes);
  const Status put = store.put(object, {&part, 1}, {}, cancel);
  ck_assert_msg(put.is_ok(), "%s", put.to_string().c_str());
}

}  // namespace

GST_START_TEST(g09_a_flipped_byte_is_found_and_the_rest_still_plays) {
  SmallFilm film;
  for (const char *how :
       {"pack-size=10000", "pack-size=10000 codec=lz4", "pack-size=10000000 codec=zstd",
        "pack-size=0", "pack-size=0 codec=zstd"}) {
    Home home;
    must_succeed(SmallFilm::line() + "checkpointsink job-id=j stage=s " + how);
    constexpr size_t kBad = 8;
    const bool plain = std::string(how).find("size=0") != std::string::npos;
    const std::string of_frame = " FROM frame JOIN pack ON pack.key = frame.pack WHERE idx = 8";
    const std::string manifest =
        home.value("SELECT value FROM stage_checkpoints, json_each" +
                   std::string(store_pair().rows == "postgres" ? "_text" : "") +
                   "(frames_manifest) AS frame WHERE frame.key = '8'");
    const std::string object = manifest.substr(0, manifest.find('#'));
    const std::string offset = plain ? "0" : home.value("SELECT payload_offset" + of_frame);
    const uint64_t length = std::stoull(home.value("SELECT payload_length" + of_frame));
    flip_byte(*home.open_frames(), object, std::stoull(offset) + length / 2);

    must_fail(kPlay + "! filesink location=" + home.file("before.raw"), "checkpointsrc0",
              {home.value("SELECT id FROM stage_checkpoints"), "sequence 8", object,
               "offset " + offset, "checksum"});
    must_succeed(kPlay + "stop-index=8 ! filesink location=" + home.file("before.raw"));
    ck_assert(contents(home.file("before.raw")) ==
              film.bytes.substr(0, kBad * SmallFilm::kFrameBytes));
    must_succeed(kPlay + "start-index=9 ! filesink location=" + home.file("behind.raw"));
    ck_assert(contents(home.file("behind.raw")) ==
              film.bytes.substr((kBad + 1) * SmallFilm::kFrameBytes));
  }
}
GST_END_TEST

GST_START_TEST(g14_every_field_that_was_given_comes_back) {
  Home home;
  const auto write = [&](const char *name, const std::string &text) {
    ck_assert(g_file_set_contents(home.file(name).c_str(), text.data(),
                                  static_cast<gssize>(text.size()), nullptr));
    return "@" + home.file(name);
  };
  const std::string overrides = R"({"threshold": 0.25, "text": "a'b \"c\""})";
  const std::string snapshot = R"({"größe": [1, 2.5, null], "deep": {"a": true}})";
  const std::string stats = R"({"faces": 3})";
  must_succeed(
      SmallFilm::line() +
      "checkpointsink job-id=j stage=detect stage-index=4 scenario=dim "
      "video-path=/films/a.mp4 profile-name=night stage-output-key=out/faces.json "
      "config-overrides=" +
      write("overrides.json", overrides) + " config-snapshot=" + write("snapshot.json", snapshot) +
      " stage-stats=" + write("stats.json", stats) +
      " filtered-frame-sequences=" + write("filtered.json", "[3, 0, \"18446744073709551615\"]"));
  const auto row = [&](const std::string &what) {
    return home.value("SELECT " + what + " FROM stage_checkpoints");
  };
  ck_assert(row("job_id") == "j");
  ck_assert(row("stage") == "detect");
  ck_assert(row("stage_index") == "4");
  ck_assert(row("is_scenario") == (store_pair().rows == "postgres" ? "t" : "1"));
  ck_assert(row("scenario_label") == "dim");
  ck_assert(row("video_path") == "/films/a.mp4");
  ck_assert(row("profile_name") == "night");
  ck_assert(row("stage_output_key") == "out/faces.json");
  ck_assert(row("config_overrides") == overrides);
  ck_assert(row("config_snapshot") == snapshot);
  ck_assert(row("stats") == stats);
  ck_assert(row("filtered_frame_sequences") == "[3,0,\"18446744073709551615\"]");
  const std::string prefix = row("frames_prefix");
  ck_assert(prefix == "j/frames/");
  const std::string each = store_pair().rows == "postgres" ? "json_each_text" : "json_each";
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints, " + each +
                       "(frames_manifest) AS f WHERE f.value LIKE 'j/frames/%'") ==
            std::to_string(SmallFilm::kFrames));
  ck_assert(row("json_array_length(frames_meta)") == std::to_string(SmallFilm::kFrames));

  must_fail(SmallFilm::line() + "checkpointsink job-id=j stage=s config-overrides=" +
                write("overrides.json", "[1]"),
            "checkpointsink0", {"Config-overrides", "one JSON object"});
  must_fail(SmallFilm::line() + "checkpointsink job-id=j stage=s stage-stats=@/nowhere",
            "checkpointsink0", {"Stage-stats", "/nowhere"});
}
GST_END_TEST

GST_START_TEST(g16_no_frame_is_a_checkpoint_too) {
  Home home;
  must_succeed(
      "videotestsrc num-buffers=0 ! video/x-raw,format=GRAY8,width=64,height=48 ! "
      "checkpointsink job-id=j stage=s");
  ck_assert(home.value("SELECT state FROM stage_checkpoints") == "complete");
  ck_assert(home.value("SELECT frames FROM checkpoint") == "0");
  ck_assert(home.value("SELECT frames_manifest FROM stage_checkpoints") == "{}");
  must_succeed(kPlay + "! filesink location=" + home.file("played.raw"));
  ck_assert(contents(home.file("played.raw")).empty());
  // It is a stage like any other: what is run from it is empty, too.
  must_succeed(kPlay + "! checkpointsink stage=next");
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints WHERE state = 'complete'") == "2");
}
GST_END_TEST

GST_START_TEST(g18_a_scenario_and_the_base_never_stand_in_for_each_other) {
  Home home;
  const auto film = [](int frames) {
    return "videotestsrc num-buffers=" + std::to_string(frames) +
           " ! video/x-raw,format=GRAY8,width=64,height=48 ! checkpointsink job-id=j stage=";
  };
  const auto frames_of = [&](const std::string &what) {
    must_succeed("checkpointsrc job-id=j " + what +
                 " ! filesink location=" + home.file("played.raw"));
    return contents(home.file("played.raw")).size() / SmallFilm::kFrameBytes;
  };
  // One after the other: neither the newest nor the first is what is meant.
  must_succeed(film(3) + "decode");
  must_succeed(film(5) + "decode scenario=dim");
  must_succeed(film(7) + "decode scenario='\"\"'");
  must_succeed(film(2) + "only-dim scenario=dim");
  must_succeed(film(1) + "only-base");
  ck_assert_uint_eq(frames_of("stage=decode"), 3);
  ck_assert_uint_eq(frames_of("stage=decode scenario=dim"), 5);
  ck_assert_uint_eq(frames_of("stage=decode scenario='\"\"'"), 7);
  must_fail("checkpointsrc job-id=j stage=only-dim ! fakesink", "checkpointsrc0",
            {"\"only-dim\"", "in scenarios \"dim\""});
  must_fail("checkpointsrc job-id=j stage=only-base scenario=dim ! fakesink", "checkpointsrc0",
            {"\"only-base\" in scenario \"dim\""});

  // What is run from a scenario is part of it, and from the base of the base, unless it is said.
  must_succeed("checkpointsrc job-id=j stage=decode scenario=dim ! checkpointsink stage=detect");
  must_fail("checkpointsrc job-id=j stage=detect ! fakesink", "checkpointsrc0",
            {"\"detect\"", "in scenarios \"dim\""});
  ck_assert_uint_eq(frames_of("stage=detect scenario=dim"), 5);
  must_succeed("checkpointsrc job-id=j stage=decode ! checkpointsink stage=detect");
  ck_assert_uint_eq(frames_of("stage=detect"), 3);
  must_succeed("checkpointsrc job-id=j stage=decode ! checkpointsink stage=track scenario=bright");
  ck_assert_uint_eq(frames_of("stage=track scenario=bright"), 3);
  // Versions are counted for each.
  ck_assert(home.value("SELECT max(version) FROM stage_checkpoints") == "1");
}
GST_END_TEST

GST_START_TEST(g21_of_two_writers_of_a_stage_one_commits) {
  SmallFilm film;
  DurablePlace place(film);
  HalfRun first(film);
  must_fail(SmallFilm::line() + DurablePlace::sink(), "checkpointsink0",
            {"'s'", "'j'", "process " + std::to_string(first.pid())});
  ck_assert_uint_eq(place.last_version(), 1);
  first.feed_the_rest();
  must_succeed(first);
  place.must_hold_what_was_announced(first);
  place.must_load();
}
GST_END_TEST

GST_START_TEST(g22_a_writer_that_was_stopped_past_its_lease_commits_no_more) {
  SmallFilm film;
  DurablePlace place(film);
  HalfRun first(film);
  first.send(SIGSTOP);
  int status = 0;
  ck_assert_int_eq(waitpid(first.pid(), &status, WUNTRACED), first.pid());
  ck_assert(WIFSTOPPED(status));
  // So much time passes.
  place.value(store_pair().rows == "postgres"
                  ? "UPDATE stage_lease SET expires_at = now() - interval '1 s' RETURNING 1"
                  : "UPDATE stage_lease SET expires_at = expires_at - 1 RETURNING 1");
  must_succeed(SmallFilm::line() + DurablePlace::sink());
  ck_assert_uint_eq(place.last_version(), 2);
  const std::string all = "SELECT count(*) FROM frame";
  const std::string before = place.value(all);
  first.send(SIGCONT);
  first.feed_the_rest();
  must_fail(first, "checkpointsink0", {"'s'", "nother writer"});
  ck_assert(place.value(all) == before);
  ck_assert(place.value("SELECT state FROM stage_checkpoints WHERE version = 2") == "complete");
  ck_assert(place.value("SELECT state FROM stage_checkpoints WHERE version = 1") == "partial");
  place.must_load();
}
GST_END_TEST

GST_START_TEST(g40_an_empty_place_is_not_a_checkpoint_without_frames) {
  SmallFilm film;
  DurablePlace place(film);
  must_succeed(SmallFilm::line() + DurablePlace::sink());
  // As an unmounted disk, or a bucket that was made anew.
  Home elsewhere;
  Launch::Options options;
  options.environment = {"GST_CHECKPOINT_FRAME_STORE=" + elsewhere.frame_store(),
                         "GST_CHECKPOINT_METADATA_STORE=" + place.metadata_store()};
  Launch play(kPlay + "! fakesink", options);
  ck_assert_int_gt(play.wait(), 0);
  ck_assert_msg(!play.errors().empty() &&
                    play.errors()[0].find("o checkpoint for") == std::string::npos &&
                    play.errors()[0].find("missing") == std::string::npos,
                "%s", play.tail().c_str());
  options.environment[0] = "GST_CHECKPOINT_FRAME_STORE=" + place.frame_store();
  must_succeed(kPlay + "! filesink location=" + place.file("played.raw"), options);
  ck_assert(contents(place.file("played.raw")) == film.bytes);
}
GST_END_TEST

GST_START_TEST(g36_no_secret_is_shown_at_any_level) {
  SmallFilm film;
  DurablePlace place(film);
  const std::string rows = place.metadata_store();
  std::vector<std::string> secrets = {"s3cr3tvalue"};
  if (store_pair().rows == "postgres") {
    const size_t from = rows.find(':', rows.find("://") + 3) + 1;
    secrets.push_back(rows.substr(from, rows.find('@') - from));
  }
  if (store_pair().frames != "file") secrets.push_back(g_getenv("AWS_SECRET_ACCESS_KEY"));
  Launch::Options options;
  options.environment = {"GST_DEBUG=*:9", "GST_DEBUG_NO_COLOR=1"};
  for (const std::string &line :
       {"videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8,width=64,height=48 ! " +
            DurablePlace::sink() +
            "secret-access-key=s3cr3tvalue "
            "video-path=rtsp://me:s3cr3tvalue@camera/1?key=s3cr3tvalue",
        kPlay + "! fakesink"}) {
    // What a line of gst-launch-1.0 has in it, GStreamer itself logs.
    const bool with_secret = line.find("s3cr3tvalue") != std::string::npos;
    Launch launch(line, options);
    must_succeed(launch, line);
    for (const std::string &secret : secrets) {
      if (with_secret && secret == "s3cr3tvalue") continue;
      ck_assert_msg(launch.output().find(secret) == std::string::npos, "on standard output");
      ck_assert_msg(launch.error_output().find(secret) == std::string::npos, "in the log");
    }
    ck_assert(launch.error_output().find("checkpoint") != std::string::npos);
  }
  // What the tool makes of a line it does not put into the text that GStreamer logs.
  options.program = g_getenv("GST_CHECKPOINT_TOOL");
  const std::string run =
      "videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8,width=64,height=48 ! checkpointtap "
      "stage=a ! checkpointtap stage=b ! fakesink";
  for (const char *from : {"run --job r ", "run --job r --from a "}) {
    Launch launch(from + run, options);
    must_succeed(launch, from + run);
    ck_assert(launch.error_output().find("metadata-store=") == std::string::npos);
    for (const std::string &secret : secrets)
      ck_assert_msg(launch.error_output().find(secret) == std::string::npos, "in the log of run");
  }
  const std::string video =
      place.value("SELECT video_path FROM stage_checkpoints WHERE job_id = 'j'");
  ck_assert_msg(video.find("camera") != video.npos && video.find("s3cr3t") == video.npos, "%s",
                video.c_str());
  ck_assert(place.value("SELECT uri FROM frame_store").find("s3cr3t") == std::string::npos);
}
GST_END_TEST

static Suite *promises_suite() {
  Suite *suite = suite_create("promises");
  TCase *tc = tcase_create("promises");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g09_a_flipped_byte_is_found_and_the_rest_still_plays);
  tcase_add_test(tc, g14_every_field_that_was_given_comes_back);
  tcase_add_test(tc, g16_no_frame_is_a_checkpoint_too);
  tcase_add_test(tc, g18_a_scenario_and_the_base_never_stand_in_for_each_other);
  tcase_add_test(tc, g21_of_two_writers_of_a_stage_one_commits);
  tcase_add_test(tc, g22_a_writer_that_was_stopped_past_its_lease_commits_no_more);
  tcase_add_test(tc, g40_an_empty_place_is_not_a_checkpoint_without_frames);
  tcase_add_test(tc, g36_no_secret_is_shown_at_any_level);
  return suite;
}
CHECKPOINT_CHECK_MAIN(promises);
