// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sql/housekeeping.h"

#include "backends/sql/rows.h"

namespace checkpoint::sql {

namespace {

std::string parameter(int number, const Dialect &dialect) {
  return dialect.parameter + std::to_string(number);
}

std::string table(const char *name, const Dialect &dialect) {
  return dialect.tables + std::string(name);
}

std::string unreferenced(const std::string &age, const Dialect &dialect) {
  return "NOT EXISTS (SELECT 1 FROM " + table("checkpoint_pack", dialect) +
         " AS r WHERE r.pack = p.key) AND (p.state = 'ready' OR (p.state = 'uploading' AND " +
         long_ago("p.created_at", age, dialect) + " AND NOT EXISTS (SELECT 1 FROM " +
         table("checkpoint", dialect) + " AS c JOIN " + table("stage_lease", dialect) +
         " AS l ON l.job = c.job AND l.is_scenario = c.is_scenario AND "
         "l.scenario_label = c.scenario_label AND l.stage = c.stage WHERE c.key = p.checkpoint AND "
         "l.owner_instance IS NOT NULL AND l.expires_at > " +
         dialect.now + ")))";
}

std::string sparse(const Dialect &dialect) {
  const std::string checkpoints = table("checkpoint", dialect);
  const std::string uses = table("checkpoint_pack", dialect);
  return "p.state = 'ready' AND NOT p.plain AND NOT EXISTS (SELECT 1 FROM " + checkpoints +
         " AS c WHERE c.key = p.checkpoint AND c.state <> 'deleted') AND EXISTS (SELECT 1 FROM " +
         uses + " AS r WHERE r.pack = p.key) AND NOT EXISTS (SELECT 1 FROM " + uses +
         " AS r JOIN " + checkpoints +
         " AS c ON c.key = r.checkpoint WHERE r.pack = p.key AND c.state <> 'complete')";
}

}  // namespace

std::string long_ago(const std::string &time, const std::string &milliseconds,
                     const Dialect &dialect) {
  return dialect.elapsed_before + time + dialect.elapsed_after + " >= " + milliseconds;
}

std::string pack_filter_sql(PackFilter filter, const std::string &age, const Dialect &dialect) {
  switch (filter) {
    case PackFilter::kUploading:
      return "p.state = 'uploading'";
    case PackFilter::kReady:
      return "p.state = 'ready'";
    case PackFilter::kCondemned:
      return "p.state = 'condemned' AND " + long_ago("p.state_since", age, dialect);
    case PackFilter::kDeleted:
      return "p.state = 'deleted' AND " + long_ago("p.state_since", age, dialect);
    case PackFilter::kUnreferenced:
      return unreferenced(age, dialect);
    case PackFilter::kSparse:
      break;
  }
  return sparse(dialect);
}

std::string pack_page_sql(PackFilter filter, const Dialect &dialect) {
  // The age is always a parameter, so that every filter takes the same ones.
  const std::string age = parameter(4, dialect);
  return "SELECT " CHECKPOINT_PACK_COLUMNS " FROM " + table("pack", dialect) +
         " AS p WHERE p.frame_store = " + parameter(1, dialect) + " AND p.key > " +
         parameter(2, dialect) + " AND " + age + " >= 0 AND " +
         pack_filter_sql(filter, age, dialect) + " ORDER BY p.key LIMIT " + parameter(3, dialect);
}

std::string lease_of_checkpoint_sql(const std::string &left, const Dialect &dialect) {
  return "SELECT " CHECKPOINT_LEASE_COLUMNS ", " + left + " FROM " + table("stage_lease", dialect) +
         " WHERE (job, is_scenario, scenario_label, stage) = (SELECT job, is_scenario, "
         "scenario_label, stage FROM " +
         table("checkpoint", dialect) + " WHERE key = " + parameter(1, dialect) + ")";
}

std::string leftovers_sql(const Dialect &dialect) {
  const std::string condemned = " FROM " + table("pack", dialect) + " WHERE state = 'condemned')";
  const std::string leases = " FROM " + table("stage_lease", dialect) +
                             " AS l WHERE l.owner_instance IS NOT NULL AND l.expires_at ";
  return "SELECT (SELECT count(*)" + condemned +
         ", (SELECT CAST(coalesce(sum(size), 0) AS bigint)" + condemned + ", (SELECT count(*)" +
         leases + "<= " + dialect.now + "), (SELECT count(*) FROM " + table("checkpoint", dialect) +
         " AS c WHERE c.state = 'partial' AND NOT EXISTS (SELECT 1" + leases + "> " + dialect.now +
         " AND l.job = c.job AND l.is_scenario = c.is_scenario AND "
         "l.scenario_label = c.scenario_label AND l.stage = c.stage))";
}

Findings leftover_findings(int64_t packs, int64_t bytes, int64_t leases, int64_t partial) {
  using Level = Finding::Level;
  const auto worse = [](int64_t count) { return count > 0 ? Level::kWarning : Level::kOk; };
  return {
      {"packs", Level::kOk,
       std::to_string(packs) + " condemned, " + std::to_string(bytes) + " bytes",
       packs > 0 ? "gc removes them when their grace is over" : ""},
      {"leases", worse(leases), std::to_string(leases) + " ran out without being given back",
       leases > 0 ? "the writer died; the next one of that stage takes over" : ""},
      {"partial", worse(partial), std::to_string(partial) + " partial that nobody writes",
       partial > 0 ? "list --partial shows them; run the line again with resume=true, or delete "
                     "them with rm --partial-older-than"
                   : ""}};
}

Status pinned_failure(const std::string &what) {
  return {Code::kInvalidArgument, what + " is pinned", "unpin it first"};
}

Status held_by_reader(const std::string &left) {
  return {Code::kBusy, "a reader holds the checkpoint",
          "without a sign of life it does so for another " + left + " ms"};
}

Status moved_meanwhile() {
  return {Code::kBusy, "the packs are used in another way meanwhile",
          "the next collection looks at them again"};
}

}  // namespace checkpoint::sql
