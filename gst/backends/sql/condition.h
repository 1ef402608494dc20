// SPDX-License-Identifier: LGPL-2.1-or-later
// A condition as SQL. Its values are never part of the text: they are bound.
#pragma once

#include <string>
#include <vector>

#include "store/condition.h"
#include "store/metadata_store.h"

namespace checkpoint::sql {

// What differs between the databases.
struct Dialect {
  char parameter;      // before its number
  const char *tables;  // before the name of a table
  // Around what few rows are thought to fulfil, so that an index is used; PostgreSQL counts them.
  const char *unlikely;
  const char *now;
  // Around a time: how long ago it was, in milliseconds.
  const char *elapsed_before, *elapsed_after;
};
inline constexpr Dialect kSqlite{
    '?', "", "unlikely", "julianday('now')", "(julianday('now') - ", ") * 86400000.0"};
inline constexpr Dialect kPostgres{
    '$', "@", "", "clock_timestamp()", "extract(epoch FROM clock_timestamp() - ", ") * 1000"};

// Indexes of the frames that match, in the order asked for. Its parameters are the checkpoint, the
// first index, the end, the limit, then `values`.
struct MatchSql {
  std::string text;
  std::vector<FieldValue> values;
};
MatchSql match_sql(const MatchQuery &query, const Condition &condition, const Dialect &dialect);

}  // namespace checkpoint::sql
