// SPDX-License-Identifier: LGPL-2.1-or-later
// The texts of select, and the SQL that is made of them.
#include "backends/sql/condition.h"
#include "core/condition_parser.h"
#include "fuzz/fuzz.h"

using namespace checkpoint;

namespace {

// Nothing of the text is in the SQL: it has words, numbers and signs of ours only.
void check_sql(const Condition &condition, const sql::Dialect &dialect) {
  const sql::MatchSql made = sql::match_sql({}, condition, dialect);
  FUZZ_CHECK(made.values.size() <= kMaxConditionValues);
  for (char c : made.text)
    FUZZ_CHECK((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view(" _.,()<>=*?$@").find(c) != std::string_view::npos);
  int open = 0;
  for (char c : made.text) {
    open += c == '(' ? 1 : c == ')' ? -1 : 0;
    FUZZ_CHECK(open >= 0);
  }
  FUZZ_CHECK(open == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text = as_text(fuzz_input(data, size));
  Result<Condition> condition = parse_condition(text);
  if (!condition.is_ok()) {
    FUZZ_CHECK(condition.status().message().starts_with("select"));
    for (char c : condition.status().to_string()) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20);
    return 0;
  }
  check_sql(*condition, sql::kSqlite);
  check_sql(*condition, sql::kPostgres);
  return 0;
}
