// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpoint:// URIs.
#include <string>
#include <vector>

#include "core/checkpoint_uri.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

CheckpointUri must_parse(const std::string &text) {
  auto uri = parse_checkpoint_uri(text);
  if (!uri.is_ok()) ck_abort_msg("%s: %s", text.c_str(), uri.status().to_string().c_str());
  return *uri;
}

}  // namespace

GST_START_TEST(names_are_decoded_and_keep_their_case) {
  struct Case {
    const char *text, *job, *stage;
  };
  for (const Case &c :
       {Case{"checkpoint://street/detect", "street", "detect"},
        {"CheckPoint://Street/Detect", "Street", "Detect"},
        {"checkpoint://a%3Ab%40c/x%2Fy%3Fz%23%25", "a:b@c", "x/y?z#%"},
        {"checkpoint://stra%C3%9Fe/%E6%A4%9C%E5%87%BA", "straße", "検出"},
        {"checkpoint://straße/検出", "straße", "検出"},
        {"checkpoint://..%2F..%2Fetc/';%20drop%20table", "../../etc", "'; drop table"},
        {"checkpoint://a%2fb/%2e", "a/b", "."}}) {
    const CheckpointUri uri = must_parse(c.text);
    ck_assert_str_eq(uri.job_id.c_str(), c.job);
    ck_assert_str_eq(uri.stage.c_str(), c.stage);
    ck_assert(must_parse(format_checkpoint_uri(uri)) == uri);
  }
}
GST_END_TEST

GST_START_TEST(all_keys) {
  const CheckpointUri uri = must_parse(
      "checkpoint://j/s?scenario=b%20r%26&version=3&checkpoint-id="
      "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b&start-index=10&stop-index=20&loop=true&allow-partial="
      "1");
  ck_assert(uri.scenario && *uri.scenario == "b r&");
  ck_assert_uint_eq(uri.version, 3);
  ck_assert(uri.checkpoint_id == Uuid::parse("1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"));
  ck_assert_int_eq(uri.start_index, 10);
  ck_assert_int_eq(uri.stop_index, 20);
  ck_assert(uri.loop && uri.allow_partial);
  const std::string text = format_checkpoint_uri(uri);
  ck_assert_str_eq(text.c_str(),
                   "checkpoint://j/s?scenario=b%20r%26&version=3&checkpoint-id="
                   "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b&start-index=10&stop-index=20&loop=true&"
                   "allow-partial=true");
  ck_assert(must_parse(text) == uri);

  const CheckpointUri plain = must_parse(
      "checkpoint://j/s?version=0&start-index=0&stop-index=-1&loop=false&allow-partial=0&");
  const std::string shortest = format_checkpoint_uri(plain);
  ck_assert_str_eq(shortest.c_str(), "checkpoint://j/s");
  // No scenario is the base, and one without a label is not.
  ck_assert(!must_parse("checkpoint://j/s").scenario);
  const CheckpointUri unnamed = must_parse("checkpoint://j/s?scenario=");
  ck_assert(unnamed.scenario && unnamed.scenario->empty());
  ck_assert(must_parse(format_checkpoint_uri(unnamed)) == unnamed);
}
GST_END_TEST

GST_START_TEST(an_id_is_enough) {
  for (const char *text : {"checkpoint://?checkpoint-id=1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b",
                           "checkpoint:///?checkpoint-id=1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b"}) {
    const CheckpointUri uri = must_parse(text);
    ck_assert(uri.checkpoint_id && uri.job_id.empty() && uri.stage.empty());
    ck_assert(must_parse(format_checkpoint_uri(uri)) == uri);
  }
  ck_assert(format_checkpoint_uri(CheckpointUri()).empty());
}
GST_END_TEST

GST_START_TEST(g35_what_is_refused) {
  const std::string long_name(513, 'x');
  const std::vector<std::string> texts = {
      "",
      "checkpoint",
      "checkpoint:",
      "checkpoint:/a/b",
      "checkpoint://",
      "checkpoint:///",
      "checkpoint://job",
      "checkpoint://job/",
      "checkpoint:///stage",
      "checkpoint://job/stage/",
      "checkpoint://job/stage/more",
      "checkpoint://job//stage",
      "checkpoint://user@job/stage",
      "checkpoint://job:80/stage",
      "checkpoint://job/sta:ge",
      "checkpoint://job/stage#frame",
      "checkpoint://jo%b/stage",
      "checkpoint://jo%00b/stage",
      "checkpoint://jo%0Ab/stage",
      "checkpoint://jo%ff%feb/stage",
      "checkpoint://" + long_name + "/stage",
      "file:///job/stage",
      "checkpoint://j/s?frame-store=s3%3A%2F%2Fb",
      "checkpoint://j/s?metadata-store=x",
      "checkpoint://j/s?endpoint-uri=http%3A%2F%2Fevil",
      "checkpoint://j/s?region=x",
      "checkpoint://j/s?Version=1",
      "checkpoint://j/s?version",
      "checkpoint://j/s?version=",
      "checkpoint://j/s?version=-1",
      "checkpoint://j/s?version=4294967296",
      "checkpoint://j/s?version=1&version=2",
      "checkpoint://j/s?version=1&%76ersion=2",
      "checkpoint://j/s?start-index=-1",
      "checkpoint://j/s?start-index=1.5",
      "checkpoint://j/s?start-index=0x10",
      "checkpoint://j/s?start-index=%201",
      "checkpoint://j/s?start-index=9223372036854775808",
      "checkpoint://j/s?stop-index=-2",
      "checkpoint://j/s?loop=yes",
      "checkpoint://j/s?checkpoint-id=1",
      "checkpoint://j/s?scenario=%0A",
      "checkpoint://j/s?scenario=" + long_name,
      std::string("checkpoint://j\0b/s", 18),
  };
  for (const std::string &text : texts) {
    auto uri = parse_checkpoint_uri(text);
    if (uri.is_ok()) ck_abort_msg("taken: %s", text.c_str());
    ck_assert(uri.status().is(Code::kInvalidArgument));
    ck_assert(!uri.status().message().empty());
  }
}
GST_END_TEST

static Suite *checkpoint_uri_suite() {
  Suite *suite = suite_create("checkpoint_uri");
  TCase *tc = tcase_create("checkpoint_uri");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, names_are_decoded_and_keep_their_case);
  tcase_add_test(tc, all_keys);
  tcase_add_test(tc, an_id_is_enough);
  tcase_add_test(tc, g35_what_is_refused);
  return suite;
}

GST_CHECK_MAIN(checkpoint_uri);
