// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/schema.h"

#include <array>

#include "backends/sqlite/schema_sql.h"
#include "common/log.h"

namespace checkpoint::sqlite {

namespace {

// Marks a file as ours ("gCkp"), so that another program's database is never taken for one.
constexpr int64_t kApplicationId = 0x67436b70;

// migrations[n] makes version n + 1 of version n.
constexpr std::array<const char *, kSchemaVersion> kMigrations = {kSchema1, kSchema2};

Result<int64_t> number(Connection &connection, const char *sql) {
  Query query = connection.query(sql);
  int64_t value = query.next() ? query.i64(0) : 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return value;
}

// The version of the schema, 0 for an empty database; an error for what is not ours to touch.
Result<int64_t> schema_version(Connection &connection) {
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t objects,
                              number(connection, "SELECT count(*) FROM sqlite_schema"));
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t version, number(connection, "PRAGMA user_version"));
  // Last: when another process makes the schema meanwhile, what was seen of it is marked by now.
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t application, number(connection, "PRAGMA application_id"));
  const std::string where = connection.location().display();
  if (application != kApplicationId && (version != 0 || objects != 0))
    return Status(Code::kInvalidArgument, where + " is the database of another program",
                  "choose another path");
  if (version > kSchemaVersion)
    return Status(Code::kNewerSchema,
                  "the database " + where + " has schema version " + std::to_string(version) +
                      ", and this release of gst-checkpoint knows versions up to " +
                      std::to_string(kSchemaVersion),
                  "update gst-checkpoint on this machine");
  return version;
}

Status migrate(Connection &connection) {
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t seen, schema_version(connection));
  if (seen == kSchemaVersion) return Status::ok();
  Transaction transaction(connection);
  CHECKPOINT_RETURN_IF_ERROR(transaction.begin_write());
  // Again, under the lock: another process may have been first.
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t version, schema_version(connection));
  if (version == kSchemaVersion) return transaction.commit();
  for (size_t from = static_cast<size_t>(version); from < kMigrations.size(); from++)
    CHECKPOINT_RETURN_IF_ERROR(connection.execute(kMigrations[from]));
  if (version == 0)
    CHECKPOINT_RETURN_IF_ERROR(
        connection.query("INSERT INTO store (id, uuid) VALUES (1, ?1)").bind(Uuid::random()).run());
  const std::string marks = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                            "; PRAGMA user_version = " + std::to_string(kSchemaVersion);
  CHECKPOINT_RETURN_IF_ERROR(connection.execute(marks.c_str()));
  CHECKPOINT_RETURN_IF_ERROR(transaction.commit());
  log(LogLevel::kInfo, "sqlite",
      connection.location().display() + ": schema version " + std::to_string(version) + " became " +
          std::to_string(kSchemaVersion));
  return Status::ok();
}

Status set_journal(Connection &connection, Journal journal) {
  const char *wanted = journal == Journal::kDelete ? "delete" : "wal";
  {
    Query query = connection.query("PRAGMA journal_mode");
    if (query.next() && query.text(0) == wanted) return Status::ok();
    CHECKPOINT_RETURN_IF_ERROR(query.status());
  }
  Query query = connection.query(journal == Journal::kDelete ? "PRAGMA journal_mode = delete"
                                                             : "PRAGMA journal_mode = wal");
  std::string got = query.next() ? query.text(0) : "";
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (got != wanted)
    log(LogLevel::kWarning, "sqlite",
        connection.location().display() + ": journal mode " + got + " instead of " + wanted);
  return Status::ok();
}

Status prepare_once(Connection &connection, Journal journal) {
  // Before the first write, and not in a database of another program.
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t version, schema_version(connection));
  static_cast<void>(version);
  if (!connection.location().memory) CHECKPOINT_RETURN_IF_ERROR(set_journal(connection, journal));
  return migrate(connection);
}

}  // namespace

Status prepare_database(Connection &connection, Journal journal, Cancellation &cancel) {
  // SQLite does not wait for a lock while the journal mode changes, so this does.
  auto deadline = std::chrono::steady_clock::now() + connection.location().busy_timeout;
  for (;;) {
    Status status = prepare_once(connection, journal);
    if (!status.is(Code::kBusy) || std::chrono::steady_clock::now() >= deadline) return status;
    if (!cancel.sleep_for(std::chrono::milliseconds(5))) return {Code::kCancelled, "cancelled"};
  }
}

}  // namespace checkpoint::sqlite
