// SPDX-License-Identifier: LGPL-2.1-or-later
// Servers that are away, slow, or whose answers get lost, between a real sink or source and real
// servers. Whatever happens, a run ends; what it announced is there, and what is shown loads.
#include <fcntl.h>
#include <glib.h>
#include <signal.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/fault_proxy.h"
#include "support/half_run.h"
#include "support/launch.h"
#include "support/outcome.h"
#include "support/pipeline.h"
#include "support/services.h"

using namespace checkpoint;

namespace {

using Fault = FaultProxy::Fault;
using What = FaultProxy::Fault::What;

Launch::Options through(const Home &home, const FaultProxy *s3, const FaultProxy *postgres) {
  Launch::Options options;
  options.environment = {
      "GST_CHECKPOINT_FRAME_STORE=" + home.frame_store(s3 ? s3->port() : 0),
      "GST_CHECKPOINT_METADATA_STORE=" + home.metadata_store(postgres ? postgres->port() : 0),
      "PGSSLMODE=disable"};  // what is encrypted can't be told apart
  return options;
}

void must_be_complete(DurablePlace &place, const Launch &launch, const std::string &what) {
  place.must_hold_what_was_announced(launch);
  place.must_load();
  ck_assert_msg(place.value("SELECT state FROM stage_checkpoints WHERE version = " +
                            std::to_string(place.last_version())) == "complete",
                "%s", what.c_str());
}

// One WARNING, however often it was tried. For what libcurl does not try again by itself, as it
// does when a connection that it kept turns out to be gone.
void must_have_warned(const Launch &launch, const std::string &what) {
  const auto warnings = launch.warnings();
  ck_assert_msg(warnings.size() == 1 && warnings[0].find("is tried again") != std::string::npos,
                "%s: %s", what.c_str(), launch.tail().c_str());
}

Fault at_puts(Fault fault) {
  fault.request = "PUT ";
  fault.skip = 3;
  return fault;
}

std::vector<std::string> s3_clients() {
  std::vector<std::string> options = {""};
#ifdef HAVE_LIBS3
  options.emplace_back("&s3-client=libs3");
#endif
  return options;
}

}  // namespace

GST_START_TEST(a_put_that_fails_on_the_wire_is_made_again) {
  SmallFilm film;
  const std::vector<std::pair<std::string, Fault>> faults = {
      {"503", {.what = What::kAnswer, .times = 2, .answer = s3_error(503, "SlowDown")}},
      {"429", {.what = What::kAnswer, .answer = s3_error(429, "TooManyRequests")}},
      {"500", {.what = What::kAnswer, .answer = s3_error(500, "InternalError")}},
      {"reset before", {.what = What::kReset, .times = 3}},
      {"reset within", {.what = What::kReset, .sent = 5000}},
      {"closed within", {.what = What::kClose, .sent = 5000}},
      {"stored, but the answer lost", {.what = What::kReset, .received = 0, .times = 2}},
      {"half an answer", {.what = What::kClose, .received = 20}},
      {"slow", {.what = What::kDelay, .received = 0, .delay = std::chrono::milliseconds(300)}},
  };
  for (const auto &[what, fault] : faults) {
    DurablePlace place(film);
    FaultProxy s3(s3_port());
    s3.inject(at_puts(fault));
    Launch launch(SmallFilm::line() + DurablePlace::sink(), through(place, &s3, nullptr));
    must_succeed(launch, what);
    ck_assert_msg(s3.struck() == fault.times, "%s", what.c_str());
    if (fault.what == What::kAnswer) must_have_warned(launch, what);
    must_be_complete(place, launch, what);
  }
}
GST_END_TEST

GST_START_TEST(g10_a_get_that_fails_on_the_wire_is_made_again) {
  SmallFilm film;
  DurablePlace place(film);
  Launch store(SmallFilm::line() + DurablePlace::sink());
  must_succeed(store, "store");
  const std::vector<std::pair<std::string, Fault>> faults = {
      {"503", {.what = What::kAnswer, .answer = s3_error(503, "SlowDown")}},
      {"reset", {.what = What::kReset, .received = 2000}},
      {"truncated", {.what = What::kClose, .received = 2000}},
      {"slow", {.what = What::kDelay, .received = 0, .delay = std::chrono::milliseconds(300)}},
  };
  for (auto [what, fault] : faults) {
    FaultProxy s3(s3_port());
    fault.request = "/frames/";
    fault.skip = 2;
    s3.inject(fault);
    Launch play("checkpointsrc job-id=j stage=s ! filesink location=" + place.file("played.raw"),
                through(place, &s3, nullptr));
    must_succeed(play, what);
    ck_assert_msg(s3.struck() == 1, "%s", what.c_str());
    if (fault.what == What::kAnswer) must_have_warned(play, what);
    ck_assert_msg(same_files(film.file("film.raw"), place.file("played.raw")), "%s", what.c_str());
  }
}
GST_END_TEST

GST_START_TEST(g04_a_lost_answer_to_commit_is_asked_for) {
  SmallFilm film;
  for (unsigned skip : {0, 1, 2, 3, 4, 5, 6, 8, 11, 15}) {
    DurablePlace place(film);
    // The tables are there: what is lost is the answer to what a run does.
    Launch first(
        "videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8,width=64,height=48 ! "
        "checkpointsink job-id=other stage=s");
    must_succeed(first, "first");
    FaultProxy postgres(postgres_port());
    postgres.inject({.what = What::kReset, .reply = postgres_commit_reply(), .skip = skip});
    Launch launch(SmallFilm::line() + DurablePlace::sink(), through(place, nullptr, &postgres));
    const std::string what = "commit " + std::to_string(skip);
    must_succeed(launch, what);
    ck_assert_msg(postgres.struck() == 1, "%s", what.c_str());
    place.look_at_all_again();
    ck_assert(place.value("SELECT frames FROM checkpoint JOIN job ON job.key = checkpoint.job "
                          "WHERE job_id = 'j'") == std::to_string(SmallFilm::kFrames));
    Launch play("checkpointsrc job-id=j stage=s ! filesink location=" + place.file("played.raw"));
    must_succeed(play, what);
    ck_assert_msg(same_files(film.file("film.raw"), place.file("played.raw")), "%s", what.c_str());
  }
}
GST_END_TEST

GST_START_TEST(a_connection_to_the_database_that_breaks_is_made_again) {
  SmallFilm film;
  for (unsigned skip = 2; skip < 80; skip += 7) {
    DurablePlace place(film);
    FaultProxy postgres(postgres_port());
    // In what is sent, and in what comes back.
    postgres.inject({.what = What::kReset, .sent = 20, .skip = skip});
    postgres.inject({.what = What::kReset, .received = 5, .skip = skip + 30});
    Launch launch(SmallFilm::line() + DurablePlace::sink(), through(place, nullptr, &postgres));
    const int code = launch.wait();
    ck_assert_uint_ge(postgres.struck(), 1);
    place.must_hold_what_was_announced(launch);
    place.must_load();
    // It may fail at once, before there is anything to lose; a run that stores goes on.
    if (code == 0 || launch.output().find("gst-checkpoint-commit") != std::string::npos) {
      ck_assert_msg(code == 0 && launch.errors().empty(), "exchange %u: %d\n%s", skip, code,
                    launch.tail().c_str());
      must_be_complete(place, launch, std::to_string(skip));
    } else {
      place.must_work_again();
    }
  }
}
GST_END_TEST

GST_START_TEST(postgresql_is_restarted_within_a_run) {
  SmallFilm film;
  for (const char *end : {"stop", "crash"}) {
    DurablePlace place(film);
    HalfRun run(film, {});
    run_service("postgres", end);
    run.feed_some_more();
    run_service("postgres", "start");
    run.feed_the_rest();
    must_succeed(run, end);
    must_have_warned(run, end);
    must_be_complete(place, run, end);
  }
}
GST_END_TEST

GST_START_TEST(the_gateway_is_away_within_a_run) {
  SmallFilm film;
  DurablePlace place(film);
  FaultProxy s3(s3_port());
  HalfRun run(film, through(place, &s3, nullptr));
  run_service("s3", "stop");
  run.feed_some_more();
  const bool noticed = s3.wait_until_refused(3);
  run_service("s3", "start");
  run.feed_the_rest();
  ck_assert_msg(noticed, "%s", run.tail().c_str());
  must_succeed(run, "gateway");
  must_have_warned(run, "gateway");
  must_be_complete(place, run, "gateway");
}
GST_END_TEST

GST_START_TEST(with_a_spool_a_run_goes_on_while_servers_are_away) {
  SmallFilm film;
  for (const auto &[frames, rows] : {std::pair(true, false), {false, true}, {true, true}}) {
    DurablePlace place(film);
    FaultProxy s3(s3_port()), postgres(postgres_port());
    HalfRun run(film, through(place, &s3, &postgres), "spool=" + place.file("spool"));
    s3.set_away(frames);
    postgres.set_away(rows);
    run.feed_some_more();
    for (uint64_t spooled = 0; spooled < run.fed_frames();) {
      const auto line = run.wait_for("gst-checkpoint-spooled");
      ck_assert_msg(line.has_value(), "%s", run.tail().c_str());
      spooled = *printed_number(*line, "frames");
    }
    const std::string &said = run.output();
    const size_t commit = said.rfind("gst-checkpoint-commit");
    ck_assert_uint_lt(*printed_number(said.substr(commit), "frames"), run.fed_frames());
    s3.set_away(false);
    postgres.set_away(false);
    run.feed_the_rest();
    must_succeed(run, "spool");
    must_be_complete(place, run, "spool");
    ck_assert_uint_eq(place.last_version(), 1);
    place.must_be_consistent();
  }
}
GST_END_TEST

GST_START_TEST(g01_killed_while_a_server_does_not_answer) {
  SmallFilm film;
  for (unsigned skip : {8, 20, 40}) {
    for (bool at_postgres : {false, true}) {
      DurablePlace place(film);
      FaultProxy s3(s3_port()), postgres(postgres_port());
      FaultProxy &hanging = at_postgres ? postgres : s3;
      hanging.inject({.what = What::kHang, .skip = skip, .times = 1000});
      Launch launch(SmallFilm::line() + DurablePlace::sink(), through(place, &s3, &postgres));
      ck_assert_msg(hanging.wait_until_struck(1), "%u\n%s", skip, launch.tail().c_str());
      launch.kill();
      launch.wait();
      place.must_hold_what_was_announced(launch);
      place.must_load();
      if (skip == 20) place.must_work_again();
    }
  }
}
GST_END_TEST

GST_START_TEST(g07_behind_a_slow_server_upstream_waits_in_bounded_memory) {
  // 30 MB, of which 1 MB may wait and eight packs of 128 kB be on their way.
  const std::string film = " pattern=snow ! video/x-raw,format=GRAY8,width=320,height=240 ! ";
  constexpr uint64_t kBytes = 400 * 320 * 240;
  const std::string sink =
      "checkpointsink job-id=j stage=s pack-size=131072 max-size-bytes=1000000";
  uint64_t peaks[2] = {};
  for (const bool slow : {false, true}) {
    Home home;
    FaultProxy s3(s3_port());
    if (slow)
      s3.inject({.what = What::kDelay,
                 .request = "PUT ",
                 .received = 0,
                 .times = 100000,
                 .delay = std::chrono::milliseconds(40)});
    Launch::Options options = through(home, &s3, nullptr);
    Launch launch("videotestsrc num-buffers=" + std::string(slow ? "400" : "8") + film + sink,
                  options);
    must_succeed(launch, slow ? "slow" : "short");
    if (slow) {
      ck_assert_uint_ge(s3.struck(), 200);
      ck_assert(home.value("SELECT frames FROM checkpoint") == "400");
      ck_assert_uint_ge(home.stored_bytes(), kBytes);
    }
    peaks[slow] = launch.peak_memory();
  }
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  ck_assert_msg(peaks[1] < peaks[0] + kBytes / 2, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                peaks[0], peaks[1]);
#endif
}
GST_END_TEST

GST_START_TEST(g28_a_run_is_interrupted_while_a_server_is_silent) {
  SmallFilm film;
  for (bool at_postgres : {false, true}) {
    DurablePlace place(film);
    FaultProxy s3(s3_port()), postgres(postgres_port());
    FaultProxy &hanging = at_postgres ? postgres : s3;
    HalfRun run(film, through(place, &s3, &postgres));
    hanging.inject({.what = What::kHang, .times = 1000});
    run.feed_some_more();
    ck_assert(hanging.wait_until_struck(1));
    run.send(SIGINT);
    ck_assert_int_ge(run.wait(), 0);
    place.must_hold_what_was_announced(run);
    place.must_load();
  }
}
GST_END_TEST

GST_START_TEST(g30_a_listing_that_hides_objects_hides_no_frame) {
  SmallFilm film;
  DurablePlace place(film);
  FaultProxy s3(s3_port());
  s3.inject({.what = What::kAnswer,
             .request = "list-type=2",
             .times = 1000,
             .answer = "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 70\r\n"
                       "Connection: close\r\n\r\n"
                       "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>\n"});
  Launch store(SmallFilm::line() + DurablePlace::sink(), through(place, &s3, nullptr));
  must_succeed(store, "store");
  Launch play("checkpointsrc job-id=j stage=s ! filesink location=" + place.file("played.raw"),
              through(place, &s3, nullptr));
  must_succeed(play, "play");
  ck_assert(same_files(film.file("film.raw"), place.file("played.raw")));
}
GST_END_TEST

GST_START_TEST(what_a_server_refuses_fails_at_once_and_is_named) {
  Home home;
  const std::string line = SmallFilm::line() + DurablePlace::sink();
  Launch::Options options;
  options.environment = {"AWS_SECRET_ACCESS_KEY=another"};
  must_fail(line, "checkpointsink0", {"SignatureDoesNotMatch"}, options);
  options.environment = {"AWS_ACCESS_KEY_ID=NOBODY"};
  must_fail(line, "checkpointsink0", {"InvalidAccessKeyId"}, options);
  std::string elsewhere = home.frame_store();
  elsewhere.replace(elsewhere.find("://") + 3, elsewhere.find('/', 5) - 5, "no-such-bucket");
  options.environment = {"GST_CHECKPOINT_FRAME_STORE=" + elsewhere};
  must_fail(line, "checkpointsink0", {"no-such-bucket"}, options);
  std::string stranger = home.metadata_store();
  stranger.replace(stranger.find("://") + 3, stranger.find(':', 13) - 13, "stranger");
  options.environment = {"GST_CHECKPOINT_METADATA_STORE=" + stranger};
  must_fail(line, "checkpointsink0", {"stranger"}, options);
}
GST_END_TEST

GST_START_TEST(g03_a_put_that_is_refused_shows_none_of_its_frames) {
  SmallFilm film;
  DurablePlace place(film);
  FaultProxy s3(s3_port());
  Fault refused{.what = What::kAnswer, .answer = s3_error(403, "AccessDenied")};
  refused.times = 1000;
  s3.inject(at_puts(refused));
  must_fail(SmallFilm::line() + DurablePlace::sink(), "checkpointsink0", {"AccessDenied"},
            through(place, &s3, nullptr));
  ck_assert_uint_lt(place.number("SELECT frames FROM checkpoint"), SmallFilm::kFrames);
  ck_assert(place.value("SELECT state FROM checkpoint") == "partial");
  place.must_load();
  place.must_work_again();
}
GST_END_TEST

// As a Ceph cluster does that is full.
GST_START_TEST(g03_puts_that_are_never_answered_are_an_error_that_names_the_store) {
  SmallFilm film;
  for (const std::string &client : s3_clients()) {
    // Before the end of the stream has its time-out, or after.
    for (const std::string timeout : {"60000", "1500"}) {
      DurablePlace place(film);
      FaultProxy s3(s3_port());
      s3.inject(at_puts({.what = What::kHang, .times = 1000}));
      Launch::Options options = through(place, &s3, nullptr);
      options.environment[0] += "&request-timeout=150&retry-attempts=2" + client;
      Launch launch(SmallFilm::line() + DurablePlace::sink() +
                        " max-size-buffers=0 max-size-bytes=0 commit-timeout=" + timeout,
                    options);
      const int code = launch.wait();
      const auto errors = launch.errors();
      ck_assert_msg(code > 0 && errors.size() >= 1, "%d\n%s", code, launch.tail().c_str());
      for (const char *word : {"s3://", "150 ms", "storage is full"})
        ck_assert_msg(errors[0].find(word) != std::string::npos, "no %s: %s", word,
                      errors[0].c_str());
      ck_assert((errors[0].find("not durable within 1500 ms") == std::string::npos) ==
                (timeout == "60000"));
      must_have_warned(launch, client);
      ck_assert_uint_ge(s3.struck(), 2);
      place.must_hold_what_was_announced(launch);
      ck_assert(place.value("SELECT state FROM checkpoint") == "partial");
      ck_assert_uint_lt(place.number("SELECT frames FROM checkpoint"), SmallFilm::kFrames);
      place.must_load();
      place.must_work_again();
    }
  }
}
GST_END_TEST

GST_START_TEST(g11_servers_that_can_not_be_reached_are_not_called_empty) {
  SmallFilm film;
  DurablePlace place(film);
  Launch store(SmallFilm::line() + DurablePlace::sink());
  must_succeed(store, "store");
  FaultProxy s3(s3_port()), postgres(postgres_port());
  s3.inject({.what = What::kReset, .times = 1000});
  postgres.inject({.what = What::kReset, .times = 1000});
  for (const FaultProxy *to_s3 : {static_cast<const FaultProxy *>(&s3), {}}) {
    Launch::Options options = through(place, to_s3, to_s3 ? nullptr : &postgres);
    // Not the whole patience of a run.
    if (to_s3) options.environment[0] += "&retry-attempts=2";
    if (!to_s3) options.environment[1] += "&reconnect-timeout=500";
    Launch play("checkpointsrc job-id=j stage=s ! fakesink", options);
    ck_assert_int_gt(play.wait(), 0);
    ck_assert_msg(!play.errors().empty() &&
                      play.errors()[0].find("o checkpoint for") == std::string::npos &&
                      play.errors()[0].find(std::to_string((to_s3 ? s3 : postgres).port())) !=
                          std::string::npos,
                  "%s", play.tail().c_str());
  }
}
GST_END_TEST

static Suite *wire_faults_suite() {
  Suite *suite = suite_create("wire_faults");
  TCase *tc = tcase_create("wire_faults");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_put_that_fails_on_the_wire_is_made_again);
  tcase_add_test(tc, g10_a_get_that_fails_on_the_wire_is_made_again);
  tcase_add_test(tc, g04_a_lost_answer_to_commit_is_asked_for);
  tcase_add_test(tc, a_connection_to_the_database_that_breaks_is_made_again);
  tcase_add_test(tc, postgresql_is_restarted_within_a_run);
  tcase_add_test(tc, the_gateway_is_away_within_a_run);
  tcase_add_test(tc, with_a_spool_a_run_goes_on_while_servers_are_away);
  tcase_add_test(tc, g01_killed_while_a_server_does_not_answer);
  tcase_add_test(tc, g03_a_put_that_is_refused_shows_none_of_its_frames);
  tcase_add_test(tc, g03_puts_that_are_never_answered_are_an_error_that_names_the_store);
  tcase_add_test(tc, g11_servers_that_can_not_be_reached_are_not_called_empty);
  tcase_add_test(tc, g07_behind_a_slow_server_upstream_waits_in_bounded_memory);
  tcase_add_test(tc, g28_a_run_is_interrupted_while_a_server_is_silent);
  tcase_add_test(tc, g30_a_listing_that_hides_objects_hides_no_frame);
  tcase_add_test(tc, what_a_server_refuses_fails_at_once_and_is_named);
  return suite;
}
CHECKPOINT_CHECK_MAIN(wire_faults);
