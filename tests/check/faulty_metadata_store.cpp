// SPDX-License-Identifier: LGPL-2.1-or-later
#include <thread>

#include "conformance/metadata_fixture.h"
#include "support/faulty_metadata_store.h"
#include "support/gate.h"
#include "support/sqlite_place.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

std::shared_ptr<FaultyMetadataStore> wrap(Fixture &f) {
  return std::make_shared<FaultyMetadataStore>(f.store);
}

Fixture in_memory() { return Fixture(std::make_unique<SqliteMemoryPlace>()); }

}  // namespace

// A wrapper that lost or changed an argument would make other tests lie.
static std::unique_ptr<MetadataStorePlace> wrapped_place() {
  struct Place : SqlitePlace {
    std::shared_ptr<MetadataStore> make(std::chrono::milliseconds busy_timeout) override {
      return std::make_shared<FaultyMetadataStore>(SqlitePlace::make(busy_timeout));
    }
  };
  return std::make_unique<Place>();
}

GST_START_TEST(a_failure_before_keeps_the_call_from_the_store) {
  Fixture f = in_memory();
  auto faulty = wrap(f);
  faulty->fail_next("ensure_job", Status(Code::kUnavailable, "down"), 2);
  for (int i = 0; i < 2; i++)
    FAILS_WITH(Code::kUnavailable,
               faulty->ensure_job("new", Uuid::random(), IdentityKey{}, f.cancel));
  ck_assert(!MUST(faulty->find_job("new", f.cancel)).has_value());
  MUST(faulty->ensure_job("new", Uuid::random(), IdentityKey{}, f.cancel));
  ck_assert(MUST(faulty->find_job("new", f.cancel)).has_value());
  ck_assert_int_eq(static_cast<int>(faulty->calls("ensure_job")), 3);
  ck_assert_int_eq(static_cast<int>(faulty->calls("find_job")), 2);
  ck_assert_int_eq(static_cast<int>(faulty->calls("commit")), 0);
  ck_assert(faulty->history() == (std::vector<std::string>{"ensure_job", "ensure_job", "find_job",
                                                           "ensure_job", "find_job"}));
}
GST_END_TEST

GST_START_TEST(a_failure_after_loses_only_the_answer) {
  Fixture f = in_memory();
  auto faulty = wrap(f);
  faulty->after("ensure_job",
                [](Cancellation &) { return Status(Code::kUnknownOutcome, "connection lost"); });
  FAILS_WITH(Code::kUnknownOutcome,
             faulty->ensure_job("new", Uuid::random(), IdentityKey{}, f.cancel));
  ck_assert(MUST(f.store->find_job("new", f.cancel)).has_value());
  faulty->after("ensure_job", {});
  MUST(faulty->ensure_job("new", Uuid::random(), IdentityKey{}, f.cancel));
}
GST_END_TEST

GST_START_TEST(a_gate_holds_a_call_until_it_is_opened_or_cancelled) {
  Fixture f = in_memory();
  auto faulty = wrap(f);
  Gate gate;
  faulty->before("list_jobs", [&](Cancellation &cancel) { return gate.pass(cancel); });
  Cancellation cancel;
  Status cancelled, passed;
  std::thread one([&] { cancelled = status_of(faulty->list_jobs("", 1, cancel)); });
  std::thread two([&] { passed = status_of(faulty->list_jobs("", 1, f.cancel)); });
  gate.wait_for_arrivals(2);
  MUST(faulty->uuid(f.cancel));  // others are not held
  cancel.cancel();
  one.join();
  FAILS_WITH(Code::kCancelled, cancelled);
  gate.open();
  two.join();
  MUST(passed);
  MUST(faulty->list_jobs("", 1, f.cancel));
}
GST_END_TEST

static Suite *faulty_metadata_store_suite() {
  Suite *suite = suite_create("faulty_metadata_store");
  add_metadata_store_suite(suite, {{"sqlite, wrapped", wrapped_place}});
  TCase *tc = tcase_create("faults");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_failure_before_keeps_the_call_from_the_store);
  tcase_add_test(tc, a_failure_after_loses_only_the_answer);
  tcase_add_test(tc, a_gate_holds_a_call_until_it_is_opened_or_cancelled);
  return suite;
}
GST_CHECK_MAIN(faulty_metadata_store);
