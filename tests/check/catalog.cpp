// SPDX-License-Identifier: LGPL-2.1-or-later
// Finding a checkpoint, and what is said when there is none.
#include <memory>
#include <string>

#include "core/catalog.h"
#include "support/checkpoint_maker.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

CheckpointRow make(const std::shared_ptr<Stores> &stores, const std::string &job,
                   const std::string &stage, const Branch &branch = {}, bool complete = true) {
  CheckpointMaker maker(stores, job, stage, branch);
  MadeFrame frame;
  frame.payload = made_payload(1, 10);
  maker.add_frame(frame);
  return complete ? maker.complete() : maker.leave_partial();
}

CheckpointSelector wanted(const std::string &job, const std::string &stage,
                          const Branch &branch = {}) {
  CheckpointSelector selector;
  selector.job_id = job;
  selector.stage = stage;
  selector.branch = branch;
  return selector;
}

void must_say(const Result<CheckpointRow> &result, std::initializer_list<const char *> words) {
  ck_assert(!result.is_ok());
  if (!result.status().is(Code::kNotFound)) ck_abort_msg("%s", result.status().to_string().c_str());
  const std::string text = result.status().to_string();
  for (const char *word : words)
    if (text.find(word) == std::string::npos) ck_abort_msg("no '%s' in: %s", word, text.c_str());
}

}  // namespace

GST_START_TEST(g17_the_newest_complete_version_is_found) {
  auto stores = memory_stores();
  Cancellation cancel;
  const CheckpointRow one = make(stores, "job", "decode");
  const CheckpointRow two = make(stores, "job", "decode");
  const CheckpointRow three = make(stores, "job", "decode", {}, false);

  auto selector = wanted("job", "decode");
  auto found = find_checkpoint(*stores->metadata, selector, cancel);
  ck_assert(found.is_ok());
  ck_assert(found->id == two.id);
  ck_assert_uint_eq(found->version, 2);

  selector.version = 1;
  found = find_checkpoint(*stores->metadata, selector, cancel);
  ck_assert(found.is_ok() && found->id == one.id);

  selector.version = 3;
  must_say(find_checkpoint(*stores->metadata, selector, cancel),
           {"\"job\"", "\"decode\"", "not complete"});
  selector.allow_partial = true;
  found = find_checkpoint(*stores->metadata, selector, cancel);
  ck_assert(found.is_ok() && found->id == three.id);
  selector.version.reset();
  found = find_checkpoint(*stores->metadata, selector, cancel);
  ck_assert(found.is_ok() && found->id == three.id);

  CheckpointSelector by_id;
  by_id.id = one.id;
  found = find_checkpoint(*stores->metadata, by_id, cancel);
  ck_assert(found.is_ok() && found->version == 1);
  by_id.id = three.id;
  ck_assert(!find_checkpoint(*stores->metadata, by_id, cancel).is_ok());
  by_id.allow_partial = true;
  ck_assert(find_checkpoint(*stores->metadata, by_id, cancel).is_ok());
  by_id.id = Uuid::random();
  ck_assert(find_checkpoint(*stores->metadata, by_id, cancel).status().is(Code::kNotFound));
}
GST_END_TEST

GST_START_TEST(an_old_version_among_many) {
  auto stores = memory_stores();
  Cancellation cancel;
  for (int i = 0; i < 120; i++) make(stores, "job", "decode");
  auto selector = wanted("job", "decode");
  for (uint32_t version : {1u, 60u, 120u}) {
    selector.version = version;
    auto found = find_checkpoint(*stores->metadata, selector, cancel);
    ck_assert(found.is_ok());
    ck_assert_uint_eq(found->version, version);
  }
  selector.version = 121;
  must_say(find_checkpoint(*stores->metadata, selector, cancel), {"version 121", "120", "…"});
}
GST_END_TEST

GST_START_TEST(g18_a_base_is_never_a_scenario) {
  auto stores = memory_stores();
  Cancellation cancel;
  const Branch bright{true, "bright"}, unnamed{true, ""};
  const CheckpointRow scenario = make(stores, "job", "detect", bright);
  must_say(find_checkpoint(*stores->metadata, wanted("job", "detect"), cancel),
           {"\"job\"", "\"detect\"", "in scenarios \"bright\""});
  must_say(find_checkpoint(*stores->metadata, wanted("job", "detect", unnamed), cancel),
           {"scenario \"\""});
  auto found = find_checkpoint(*stores->metadata, wanted("job", "detect", bright), cancel);
  ck_assert(found.is_ok() && found->id == scenario.id);

  const CheckpointRow base = make(stores, "job", "track");
  must_say(find_checkpoint(*stores->metadata, wanted("job", "track", bright), cancel),
           {"in scenario \"bright\"", "outside of scenarios", "\"detect\""});
  make(stores, "job", "track", unnamed);
  found = find_checkpoint(*stores->metadata, wanted("job", "track"), cancel);
  ck_assert(found.is_ok() && found->id == base.id);
}
GST_END_TEST

GST_START_TEST(what_exists_is_listed) {
  auto stores = memory_stores();
  Cancellation cancel;
  must_say(find_checkpoint(*stores->metadata, wanted("street", "decode"), cancel),
           {"\"street\"", "\"decode\"", "no such job", "nor any other"});
  make(stores, "street", "decode");
  make(stores, "street", "detect");
  make(stores, "square", "decode", {}, false);
  must_say(find_checkpoint(*stores->metadata, wanted("strete", "decode"), cancel),
           {"\"strete\"", "there are jobs \"square\", \"street\""});
  must_say(find_checkpoint(*stores->metadata, wanted("street", "track"), cancel),
           {"\"street\"", "\"track\"", "\"decode\"", "\"detect\""});
  must_say(find_checkpoint(*stores->metadata, wanted("square", "decode"), cancel),
           {"a partial one exists", "allow-partial"});
  for (int i = 0; i < 20; i++) make(stores, "job " + std::to_string(i), "decode");
  must_say(find_checkpoint(*stores->metadata, wanted("none", "decode"), cancel),
           {"\"job 0\"", ", …"});
}
GST_END_TEST

GST_START_TEST(g35_bad_names_are_refused) {
  auto stores = memory_stores();
  Cancellation cancel;
  for (const std::string &name :
       {std::string(), std::string(513, 'x'), std::string("a\nb"), std::string("\xff\xfe")}) {
    auto found = find_checkpoint(*stores->metadata, wanted(name, "decode"), cancel);
    ck_assert(found.status().is(Code::kInvalidArgument));
    ck_assert(found.status().message().find("job-id") != std::string::npos);
    found = find_checkpoint(*stores->metadata, wanted("job", name), cancel);
    ck_assert(found.status().is(Code::kInvalidArgument));
    ck_assert(found.status().message().find("stage") != std::string::npos);
  }
  make(stores, "'; drop table", "../../etc");
  ck_assert(
      find_checkpoint(*stores->metadata, wanted("'; drop table", "../../etc"), cancel).is_ok());
}
GST_END_TEST

static Suite *catalog_suite() {
  Suite *suite = suite_create("catalog");
  TCase *tc = tcase_create("catalog");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g17_the_newest_complete_version_is_found);
  tcase_add_test(tc, an_old_version_among_many);
  tcase_add_test(tc, g18_a_base_is_never_a_scenario);
  tcase_add_test(tc, what_exists_is_listed);
  tcase_add_test(tc, g35_bad_names_are_refused);
  return suite;
}

GST_CHECK_MAIN(catalog);
