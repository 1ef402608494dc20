// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON as properties take it.
#include "elements/json_setting.h"

#include <fstream>
#include <string>
#include <vector>

#include "support/check.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

void must_be_refused(const Status &status, const std::string &part) {
  ck_assert(status.is(Code::kInvalidArgument));
  ck_assert_msg(status.message().find("the-property: ") == 0 &&
                    status.message().find(part) != std::string::npos,
                "%s", status.message().c_str());
  ck_assert(!status.hint().empty());
}

std::string in_file(const TempDir &dir, const std::string &text) {
  const std::string path = dir.file("value.json");
  std::ofstream(path, std::ios::binary) << text;
  return "@" + path;
}

}  // namespace

GST_START_TEST(g14_an_object_is_kept_as_it_was_written) {
  TempDir dir;
  const std::string text = "{ \"a\" : [1, 2.50, null],\n \"größe\": {\"b\": \"it's\"} }";
  ck_assert(*read_json_object("the-property", text) == text);
  ck_assert(*read_json_object("the-property", in_file(dir, text + "\n\n")) == text);
  for (const char *good : {"{}", "{\"\": -0.0e+5}", "{\"a\": [[], {}, true, false, 12e-3, 1E9]}",
                           "{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"}"})
    ck_assert_msg(*read_json_object("the-property", good) == good, "%s", good);
  ck_assert(*read_json_object("the-property", "") == "");
}
GST_END_TEST

GST_START_TEST(what_is_no_object_is_refused_by_name) {
  TempDir dir;
  const auto refused = [](const std::string &setting, const std::string &part) {
    must_be_refused(read_json_object("the-property", setting).status(), part);
  };
  for (const char *text : {"[1]", "1", "\"a\"", "null", "true"}) refused(text, "one JSON object");
  for (const char *text : {"{",
                           "{a}",
                           "{\"a\": }",
                           "{} {}",
                           "no",
                           "{'a': 1}",
                           "{\"a\": 1,}",
                           "{\"a\": 0x1f}",
                           "{\"a\": 01}",
                           "{\"a\": .5}",
                           "{\"a\": 1.}",
                           "{\"a\": 1e}",
                           "{\"a\": NaN}",
                           "{} // a",
                           "{\"a\": \"\\x\"}",
                           "{\"a\": \"\\u12\"}",
                           "{\"a\": \"\t\"}",
                           "{\"a\" 1}",
                           "-",
                           "{\"a",
                           "{\"a\\"})
    refused(text, "no JSON at byte ");
  refused("{\"a\": }", "at byte 6");
  refused(std::string(1000, '['), "no JSON at byte ");
  refused("{\"a\": \"\xff\"}", "UTF-8");
  refused("@" + dir.file("nowhere"), "nowhere can't be read");
  refused("@" + dir.path(), "can't be read");
  refused(in_file(dir, " \n"), "is empty");
  refused(in_file(dir, "{\"a\": \"" + std::string(1 << 20, 'a') + "\"}"), "1024 KiB");
}
GST_END_TEST

GST_START_TEST(g14_sequences_come_as_numbers_or_as_text) {
  TempDir dir;
  using Numbers = std::vector<uint64_t>;
  const auto read = [](const std::string &setting) {
    auto found = read_sequences("the-property", setting);
    ck_assert_msg(found.is_ok(), "%s", found.status().to_string().c_str());
    return *found;
  };
  ck_assert(!read(""));
  ck_assert(*read("[]") == Numbers());
  ck_assert(*read(in_file(dir, "[7, 0, \"18446744073709551615\"]\n")) ==
            (Numbers{7, 0, UINT64_MAX}));
  for (const char *text : {"{}", "[-1]", "[1.5]", "[\"x\"]", "[\"1 \"]", "[[1]]", "[null]",
                           "[\"\"]", "[\"18446744073709551616\"]"})
    must_be_refused(read_sequences("the-property", text).status(), "JSON array of sequences");
}
GST_END_TEST

static Suite *json_setting_suite() {
  Suite *suite = suite_create("json_setting");
  TCase *tc = tcase_create("json_setting");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g14_an_object_is_kept_as_it_was_written);
  tcase_add_test(tc, what_is_no_object_is_refused_by_name);
  tcase_add_test(tc, g14_sequences_come_as_numbers_or_as_text);
  return suite;
}
GST_CHECK_MAIN(json_setting);
