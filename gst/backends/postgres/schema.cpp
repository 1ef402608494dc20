// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/schema.h"

#include <array>

#include "backends/postgres/schema_sql.h"
#include "common/log.h"

namespace checkpoint::postgres {

namespace {

// migrations[n] makes version n + 1 of version n.
constexpr std::array<const char *, kSchemaVersion> kMigrations = {kSchema1, kSchema2};

Result<bool> yes(Connection &connection, std::string_view sql, const std::string &name) {
  Query query = connection.query(sql);
  const bool value = query.bind(name).next() && query.i64(0) != 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return value;
}

// Ours are a schema's `store` with these columns: another program may use the name.
Status check_version(Connection &connection, int64_t version) {
  if (version <= kSchemaVersion) return Status::ok();
  return {Code::kNewerSchema,
          connection.location().display() + " has schema version " + std::to_string(version) +
              ", and this release of gst-checkpoint knows versions up to " +
              std::to_string(kSchemaVersion),
          "update gst-checkpoint on this machine"};
}

Status another_program(Connection &connection) {
  return {Code::kInvalidArgument,
          "the schema of " + connection.location().display() +
              " has tables of another program with names that are needed",
          "choose another schema with ?schema="};
}

// Who makes the schema waits for who makes it already. The lock ends with the transaction, so that
// it also works through a pooler.
Status lock(Connection &connection) {
  Query query = connection.query("SELECT pg_advisory_xact_lock(1732471664, hashtext($1))");
  return query.bind(connection.location().schema).run();
}

Status migrate(Connection &connection) {
  Transaction transaction(connection);
  CHECKPOINT_RETURN_IF_ERROR(transaction.begin_write());
  CHECKPOINT_RETURN_IF_ERROR(lock(connection));
  // Again, under the lock: another process may have been first.
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t version, schema_version(connection));
  CHECKPOINT_RETURN_IF_ERROR(check_version(connection, version));
  if (version == kSchemaVersion) return transaction.commit();
  const Location &location = connection.location();
  CHECKPOINT_ASSIGN_OR_RETURN(
      bool exists, yes(connection, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)",
                       location.schema));
  if (!exists)
    CHECKPOINT_RETURN_IF_ERROR(connection.execute("CREATE SCHEMA " + location.quoted_schema()));
  CHECKPOINT_ASSIGN_OR_RETURN(
      bool foreign,
      yes(connection,
          "SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = "
          "c.relnamespace WHERE n.nspname = $1 AND c.relname IN ('store', 'frame_store', 'job', "
          "'stage_lease', 'checkpoint', 'pack', 'checkpoint_pack', 'digest', 'caps', 'frame', "
          "'detection', 'event', 'commits', 'checkpoint_pin', 'reader_pin', 'stage_checkpoints'))",
          location.schema));
  if (version == 0 && foreign) return another_program(connection);
  for (size_t from = static_cast<size_t>(version); from < kMigrations.size(); from++)
    CHECKPOINT_RETURN_IF_ERROR(connection.execute(kMigrations[from]));
  {
    Query query = version == 0 ? connection.query(
                                     "INSERT INTO @store (id, uuid, schema_version) "
                                     "VALUES (1, $2, $1)")
                               : connection.query("UPDATE @store SET schema_version = $1");
    query.bind(kSchemaVersion);
    if (version == 0) query.bind(Uuid::random());
    CHECKPOINT_RETURN_IF_ERROR(query.run());
  }
  CHECKPOINT_RETURN_IF_ERROR(transaction.commit());
  log(LogLevel::kInfo, "postgres",
      location.display() + ": schema version " + std::to_string(version) + " became " +
          std::to_string(kSchemaVersion));
  return Status::ok();
}

}  // namespace

Result<int64_t> schema_version(Connection &connection) {
  // The columns, not only the name: it may be another program's.
  CHECKPOINT_ASSIGN_OR_RETURN(
      bool ours,
      yes(connection,
          "SELECT 2 = (SELECT count(*) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = "
          "a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND "
          "c.relname = 'store' AND c.relkind = 'r' AND a.attname IN ('uuid', 'schema_version') AND "
          "NOT a.attisdropped)",
          connection.location().schema));
  if (!ours) return int64_t{0};
  Query query = connection.query("SELECT schema_version FROM @store");
  const int64_t version = query.next() ? query.i64(0) : 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return version;
}

Status prepare_schema(Connection &connection) {
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t version, schema_version(connection));
  CHECKPOINT_RETURN_IF_ERROR(check_version(connection, version));
  return version == kSchemaVersion ? Status::ok() : migrate(connection);
}

}  // namespace checkpoint::postgres
