// SPDX-License-Identifier: LGPL-2.1-or-later
// The language of select: what a text means, and what is said about one that is wrong.
#include <string>
#include <vector>

#include "core/condition_parser.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

std::string text_of(const FieldValue &value) {
  if (const auto *text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  if (const auto *number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%gf", std::get<double>(value));
  return buffer;
}

// With all its parentheses.
std::string text_of(const Condition &c) {
  static const char *const kFields[] = {"label", "confidence", "area", "track", "time", "index"};
  static const char *const kOperators[] = {"=", "!=", "<", "<=", ">", ">="};
  const std::string field = kFields[static_cast<int>(c.field)];
  switch (c.kind) {
    case Condition::Kind::kNot:
      return "not " + text_of(c.parts.at(0));
    case Condition::Kind::kCompare:
      return field + kOperators[static_cast<int>(c.op)] + text_of(c.values.at(0));
    case Condition::Kind::kIn: {
      std::string list;
      for (const FieldValue &value : c.values) list += (list.empty() ? "" : ",") + text_of(value);
      return field + " in " + list;
    }
    default:
      break;
  }
  std::string all;
  for (const Condition &part : c.parts)
    all += (all.empty() ? "" : c.kind == Condition::Kind::kAnd ? " & " : " | ") + text_of(part);
  return "(" + all + ")";
}

void must_mean(const std::string &text, const std::string &meaning) {
  auto parsed = parse_condition(text);
  ck_assert_msg(parsed.is_ok(), "%s: %s", text.c_str(), parsed.status().message().c_str());
  const std::string found = text_of(*parsed);
  ck_assert_msg(found == meaning, "%s is %s", text.c_str(), found.c_str());
}

void must_fail(const std::string &text, const std::string &message) {
  auto parsed = parse_condition(text);
  ck_assert_msg(!parsed.is_ok(), "%s is taken", text.c_str());
  ck_assert(parsed.status().is(Code::kInvalidArgument));
  const std::string &said = parsed.status().message();
  ck_assert_msg(said.find(message) != std::string::npos, "%s: %s", text.c_str(), said.c_str());
}

}  // namespace

GST_START_TEST(g27_what_is_written_is_what_is_meant) {
  must_mean("label = 'face'", "label='face'");
  must_mean("  label==\"face\"  ", "label='face'");
  must_mean("label = 'face' and confidence > 0.5 or track = 3",
            "((label='face' & confidence>0.5f) | track=3)");
  must_mean("label = 'face' and (confidence > 0.5 or track = 3)",
            "(label='face' & (confidence>0.5f | track=3))");
  must_mean("not label='a' and label='b'", "(not label='a' & label='b')");
  must_mean("NOT (LABEL = 'A' OR Track = 1)", "not (label='A' | track=1)");
  must_mean("not not index=1", "not not index=1");
  must_mean("((index<>7))", "index!=7");
  must_mean("track in(1,-2 , 3)", "track in 1,-2,3");
  must_mean("label not in ('a','b')", "not label in 'a','b'");
  must_mean("area<=1e4 and area>=.5", "(area<=10000f & area>=0.5f)");
  must_mean("label = 'it''s' or label = \"say \"\"no\"\"\" or label=''",
            "(label='it's' | label='say \"no\"' | label='')");
  must_mean("label = 'gr\xc3\xbcn; drop table frame --'",
            "label='gr\xc3\xbcn; drop table frame --'");
  must_mean("time < 12.5", "time<12500000000");
  must_mean("time = 0.040000001 or time != -1 or time > 9223372036.854775807",
            "(time=40000001 | time!=-1000000000 | time>9223372036854775807)");
  must_mean("time > 1.5000000000", "time>1500000000");
  must_mean("index = 5.0 or track=-9223372036854775808", "(index=5 | track=-9223372036854775808)");
  must_mean(
      "a"
      "rea!=1\nand\tarea!=2",
      "(area!=1f & area!=2f)");
}
GST_END_TEST

GST_START_TEST(g27_what_is_wrong_is_pointed_at) {
  must_fail("", "column 1: it is empty");
  must_fail("   ", "column 1: it is empty");
  must_fail("faces = 'x'", "column 1: there is no field 'faces'");
  must_fail("label", "column 6: expected a comparison, not the end");
  must_fail("label 'x'", "column 7: expected a comparison, not a text");
  must_fail("label = face", "column 9: expected a value, not 'face'");
  must_fail("label = 3", "column 9: a label is a text");
  must_fail("confidence > 'high'", "column 14: confidence is a number");
  must_fail("label in ('a', 3)", "column 16: a label is a text");
  must_fail("label = 'gr\xc3\xbcn' & index = 1", "column 16: '&' has no meaning here");
  must_fail("label = 'gr\xc3\xbcn", "column 9: the quote that begins here does not end");
  must_fail("label = \xc3\xbc", "column 9: a character that has no meaning outside of quotes");
  must_fail("(label = 'a'", "column 1: the '(' that begins here is not closed");
  must_fail("(label = 'a' index", "column 14: expected ')', not 'index'");
  must_fail("label = 'a')", "column 12: this ')' closes nothing");
  must_fail("label = 'a' label = 'b'", "column 13: expected 'and', 'or' or the end, not 'label'");
  must_fail("label = 'a' and", "column 16: expected a field, not the end");
  must_fail("label = 'a' and or index=1", "column 17: there is no field 'or'");
  must_fail("3 < index", "column 1: a comparison begins with a field");
  must_fail("index in 3", "column 10: expected '(', not '3'");
  must_fail("index in ()", "column 11: expected a value, not ')'");
  must_fail("index in (1 2)", "column 13: expected ')', not '2'");
  must_fail("index not = 3", "column 11: expected 'in', not '='");
  must_fail("index = 1.5", "column 9: index is compared with a whole number");
  must_fail("index = 9223372036854775808", "column 9: index is compared with a whole number");
  must_fail("track = 1e3", "column 9: track is compared with a whole number");
  must_fail("time > 1.0000000001", "column 8: a time is a number of seconds");
  must_fail("time > 9223372036.9", "column 8: a time is a number of seconds");
  must_fail("time > 5ms", "column 8: this is no number");
  must_fail("area > 1e999", "column 8: this number is too large");
  must_fail("area > 1.2.3", "column 8: this is no number");
  must_fail("area > -", "column 8: '-' has no meaning here");
  must_fail("area > .", "column 8: '.' has no meaning here");
  must_fail("area > -.", "column 8: this is no number");
  must_fail("area > 1e", "column 8: this is no number");
  must_fail("label = 'a'; drop table frame", "column 12: ';' has no meaning here");
  must_fail("label = '\xff'", "column 10: this is not UTF-8");
  must_fail(std::string("label = 'a\0b'", 13), "column 11: this is not UTF-8");
}
GST_END_TEST

GST_START_TEST(g34_conditions_have_bounds) {
  const auto repeated = [](const std::string &what, size_t count) {
    std::string all;
    for (size_t i = 0; i < count; i++) all += what;
    return all;
  };
  ck_assert(parse_condition(repeated("not ", 11) + "index=1").is_ok());
  must_fail(repeated("not ", 12) + "index=1", "more than 12 levels");
  ck_assert(parse_condition(repeated("(", 11) + "index=1" + repeated(")", 11)).is_ok());
  must_fail(repeated("(", 2000), "more than 12 levels");
  ck_assert(parse_condition(repeated("index=1 or ", 199) + "index=1").is_ok());
  must_fail(repeated("index=1 or ", 200) + "index=1", "more than 200 values");
  must_fail("index in (" + repeated("1,", 200) + "1)", "more than 200 values");
  must_fail(repeated(" ", 4097), "longer than 4096 bytes");
}
GST_END_TEST

static Suite *condition_suite() {
  Suite *suite = suite_create("condition");
  TCase *tc = tcase_create("condition");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g27_what_is_written_is_what_is_meant);
  tcase_add_test(tc, g27_what_is_wrong_is_pointed_at);
  tcase_add_test(tc, g34_conditions_have_bounds);
  return suite;
}
GST_CHECK_MAIN(condition);
