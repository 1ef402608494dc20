// SPDX-License-Identifier: LGPL-2.1-or-later
#include <thread>

#include "common/bytes.h"
#include "common/cancel.h"
#include "common/status.h"
#include "common/uuid.h"
#include "support/check.h"

using namespace checkpoint;

GST_START_TEST(bytes_round_trip) {
  ByteWriter w;
  w.u8(7);
  w.u16(0xbeef);
  w.u64(UINT64_MAX - 1);
  w.f64(-0.5);
  w.text("größe");
  Bytes bytes = w.take();
  ck_assert_int_eq(static_cast<int>(bytes[1]), 0xef);  // little-endian
  ByteReader r(bytes);
  ck_assert_int_eq(r.u8(), 7);
  ck_assert_int_eq(r.u16(), 0xbeef);
  ck_assert(r.u64() == UINT64_MAX - 1);
  ck_assert(r.f64() == -0.5);
  ck_assert(r.text() == "größe");
  ck_assert(!r.failed());
  ck_assert_int_eq(r.u32(), 0);
  ck_assert(r.failed());
}
GST_END_TEST

GST_START_TEST(a_length_past_the_end_reads_nothing) {
  ByteWriter w;
  w.u32(UINT32_MAX);
  w.u8(1);
  ByteReader r(w.bytes());
  ck_assert(r.blob().empty());
  ck_assert(r.failed());
}
GST_END_TEST

GST_START_TEST(uuid_text) {
  Uuid u = Uuid::random();
  ck_assert(Uuid::parse(u.to_string()) == u);
  ck_assert(!Uuid::parse("1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633"));
  ck_assert(!Uuid::parse("1b4e28ba-2fa1-4d3b-a3f5_ef19b5a7633b"));
  ck_assert(!(Uuid::random() == u));
}
GST_END_TEST

GST_START_TEST(cancel_ends_a_sleep_and_runs_hooks) {
  Cancellation cancel;
  int hooked = 0;
  {
    Cancellation::Hook gone(cancel, [&] { hooked += 100; });
  }
  Cancellation::Hook hook(cancel, [&] { hooked++; });
  std::thread other([&] { cancel.cancel(); });
  ck_assert(!cancel.sleep_for(std::chrono::hours(1)));
  other.join();
  ck_assert_int_eq(hooked, 1);
  Cancellation::Hook late(cancel, [&] { hooked++; });
  ck_assert_int_eq(hooked, 2);
  ck_assert(cancel.check().is(Code::kCancelled));
}
GST_END_TEST

GST_START_TEST(status_says_what_and_what_next) {
  Status s(Code::kNotFound, "no stage x", "stages: a, b");
  ck_assert(s.with_context("load").to_string() == "not-found: load: no stage x (stages: a, b)");
  Result<int> r = s;
  ck_assert(!r.is_ok() && r.status().is(Code::kNotFound));
}
GST_END_TEST

static Suite *common_suite() {
  Suite *suite = suite_create("common");
  TCase *tc = tcase_create("common");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, bytes_round_trip);
  tcase_add_test(tc, a_length_past_the_end_reads_nothing);
  tcase_add_test(tc, uuid_text);
  tcase_add_test(tc, cancel_ends_a_sleep_and_runs_hooks);
  tcase_add_test(tc, status_says_what_and_what_next);
  return suite;
}
GST_CHECK_MAIN(common);
