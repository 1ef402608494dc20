// SPDX-License-Identifier: LGPL-2.1-or-later
// What collecting looks for, as SQL for both databases.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "backends/sql/condition.h"
#include "store/finding.h"
#include "store/housekeeping.h"

namespace checkpoint::sql {

// "`time` was at least `milliseconds` ago", both being SQL.
std::string long_ago(const std::string &time, const std::string &milliseconds,
                     const Dialect &dialect);

// What `pack AS p` has to fulfil; `age` is the SQL of PackQuery's, in milliseconds.
std::string pack_filter_sql(PackFilter filter, const std::string &age, const Dialect &dialect);

// A page of packs: the columns of read_pack(). Its parameters are the frame store, `after`, the
// limit and the age in milliseconds.
std::string pack_page_sql(PackFilter filter, const Dialect &dialect);

// The lease of a checkpoint's stage, whose key is parameter 1, but for the time left.
std::string lease_of_checkpoint_sql(const std::string &left, const Dialect &dialect);

// What is left behind, as one row: packs that are condemned, their bytes, leases that ran out,
// partial checkpoints that nobody writes.
std::string leftovers_sql(const Dialect &dialect);
Findings leftover_findings(int64_t packs, int64_t bytes, int64_t leases, int64_t partial);
template <typename Query>
Findings leftovers(Query &query) {
  Findings none;
  if (!query.next()) return none;
  return leftover_findings(query.i64(0), query.i64(1), query.i64(2), query.i64(3));
}

// The tables with rows of a checkpoint, in the order in which those go, each with the column that
// orders them.
inline constexpr std::array<std::pair<const char *, const char *>, 5> kRowsOfCheckpoint = {
    {{"frame", "idx"},
     {"detection", "idx"},
     {"event", "idx"},
     {"caps", "number"},
     {"commits", "commit_no"}}};

Status pinned_failure(const std::string &what);
Status held_by_reader(const std::string &left);
Status moved_meanwhile();

}  // namespace checkpoint::sql
