// SPDX-License-Identifier: LGPL-2.1-or-later
// What real servers refuse because of this machine's clock or their own bounds. Needs a bucket that
// takes no more, and the program faketime.
#include <glib.h>

#include <string>

#include "common/uuid.h"
#include "support/check.h"
#include "support/durable_place.h"
#include "support/launch.h"
#include "support/outcome.h"
#include "support/services.h"

using namespace checkpoint;

namespace {

#ifdef FAKETIME
// The line under a clock that is off by so much, in processes of its own.
Launch::Options clock_off(const std::string &by) {
  Launch::Options options;
  options.program = std::string(FAKETIME) + " -f " + by + " " + g_getenv("GST_LAUNCH") + " -m";
  // A wait lasts as long as ever.
  options.environment = {"FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"};
  return options;
}

#endif

void use_frame_store(const std::string &uri) {
  g_setenv("GST_CHECKPOINT_FRAME_STORE", uri.c_str(), TRUE);
}

}  // namespace

#ifdef FAKETIME
// The server allows a quarter of an hour.
GST_START_TEST(a_clock_that_is_off_is_named) {
  SmallFilm film;
  for (const std::string by : {"-20m", "+20m"}) {
    DurablePlace place(film);
    const std::string line = SmallFilm::line() + DurablePlace::sink();
    must_fail(line, "checkpointsink0", {"RequestTimeTooSkewed"}, clock_off(by));
    ck_assert_uint_eq(place.last_version(), 0);
    must_succeed(line);
    must_fail("checkpointsrc job-id=j stage=s ! fakesink", "checkpointsrc0",
              {"RequestTimeTooSkewed"}, clock_off(by));
    place.must_load();
  }
}
GST_END_TEST

// Leases go by the database's clock: a writer whose own is off holds and loses them like any other.
GST_START_TEST(a_clock_that_is_off_means_nothing_to_the_database) {
  SmallFilm film;
  DurablePlace place(film);
  use_frame_store(place.file("frames"));
  const std::string line = SmallFilm::line() + DurablePlace::sink();
  for (const std::string by : {"-20m", "+20m"}) {
    Launch store(line, clock_off(by));
    must_succeed(store, by);
    place.must_hold_what_was_announced(store);
  }
  place.must_load();
  ck_assert_uint_eq(place.last_version(), 2);
  ck_assert_uint_eq(place.number("SELECT count(*) FROM stage_checkpoints WHERE "
                                 "created_at BETWEEN now() - interval '10 min' AND now()"),
                    2);
}
GST_END_TEST

#endif

GST_START_TEST(g03_a_store_that_is_full_keeps_what_was_announced) {
  SmallFilm film;
  struct Client {
    std::string option;
    const char *says;
  };
  // libs3 tells a full quota from no other trouble.
  for (const Client &client : {Client{"", "QuotaExceeded"},
                               Client{"&s3-client=libs3&retry-attempts=2", "has no name for"}}) {
#ifndef HAVE_LIBS3
    if (!client.option.empty()) continue;
#endif
    DurablePlace place(film);
    const std::string bucket = "full-" + Uuid::random().to_string();
    run_service("s3", "bucket", {bucket, "200000"});
    std::string there = place.frame_store();
    there.replace(there.find("://") + 3, there.find('/', 5) - 5, bucket);
    use_frame_store(there + client.option);
    Launch launch(SmallFilm::line() + DurablePlace::sink());
    must_fail(launch, "checkpointsink0", {client.says});
    place.must_hold_what_was_announced(launch);
    ck_assert(place.value("SELECT state FROM checkpoint") == "partial");
    ck_assert_uint_lt(place.number("SELECT frames FROM checkpoint"), SmallFilm::kFrames);
    ck_assert_uint_gt(place.number("SELECT frames FROM checkpoint"), 0);
    place.must_load();
    run_service("s3", "bucket", {bucket, "20000000"});
    place.must_work_again();
  }
}
GST_END_TEST

static Suite *server_limits_suite() {
  Suite *suite = suite_create("server limits");
  TCase *tc = tcase_create("server limits");
  suite_add_tcase(suite, tc);
#ifdef FAKETIME
  tcase_add_test(tc, a_clock_that_is_off_is_named);
  tcase_add_test(tc, a_clock_that_is_off_means_nothing_to_the_database);
#endif
  tcase_add_test(tc, g03_a_store_that_is_full_keeps_what_was_announced);
  return suite;
}
CHECKPOINT_CHECK_MAIN(server_limits);
