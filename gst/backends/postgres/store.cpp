// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/postgres_store.h"
#include "backends/postgres/rows.h"
#include "backends/postgres/schema.h"
#include "backends/postgres/store_impl.h"
#include "backends/sql/housekeeping.h"
#include "common/log.h"

namespace checkpoint::postgres {

PostgresStore::PostgresStore(const Location &location)
    : location_(location), pool_(Pool::shared(location)) {}

std::string PostgresStore::display_uri() const { return location_.display(); }

Result<bool> PostgresStore::exists(Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  Session session(*pool_, cancel);
  if (session.status().is(Code::kCancelled)) return session.status();
  // Whatever is wrong with the server or the database is for open() to say.
  if (!session.status().is_ok()) return true;
  Result<int64_t> version = schema_version(session.connection());
  if (version.status().is(Code::kCancelled)) return version.status();
  return !version.is_ok() || *version != 0;
}

namespace {

// Reading needs no more than the right to read; who can't pin what is read shall know it early.
Status warn_if_read_only(Connection &db) {
  Query query = db.query(
      "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' OR "
      "NOT has_table_privilege($1, 'INSERT')");
  query.bind(db.location().quoted_schema() + ".reader_pin");
  const bool read_only = query.next() && query.i64(0) != 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (read_only)
    log(LogLevel::kWarning, "postgres",
        db.location().display() +
            " can only be read by this user: what is read is not held against a collector");
  return Status::ok();
}

}  // namespace

Status PostgresStore::open(Cancellation &cancel) {
  if (open_) return Status::ok();
  Retry retry(location_);
  for (;;) {
    Status status;
    {
      Session session(*pool_, cancel);
      status = session.status();
      if (status.is_ok()) status = prepare_schema(session.connection());
      if (status.is_ok()) status = warn_if_read_only(session.connection());
    }
    if (status.is_ok()) break;
    // A server that is not there at the start is most often a mistake in the URI.
    if (!status.is(Code::kConflict) || !retry.again(status, cancel)) return status;
  }
  open_ = true;
  return Status::ok();
}

Status PostgresStore::check_open() const {
  if (open_) return Status::ok();
  return {Code::kUnavailable, "the database " + location_.display() + " is not open"};
}

Result<Uuid> PostgresStore::uuid(Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<Uuid> {
    Query query = db.query("SELECT uuid FROM @store");
    Uuid uuid = query.next() ? query.uuid(0) : Uuid{};
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return uuid;
  });
}

namespace {

// The roles of docs/stores/postgres.md: each right below is one that the one has and the other has
// not.
Status examine_rights(Connection &db, Findings &findings) {
  Query query = db.query(
      "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on', "
      "has_table_privilege($1, 'INSERT'), has_table_privilege($2, 'DELETE'), "
      "has_table_privilege($3, 'INSERT')");
  const std::string schema = db.location().quoted_schema();
  query.bind(schema + ".frame", schema + ".pack", schema + ".reader_pin");
  const bool known = query.next();
  const bool read_only = known && query.i64(0) != 0;
  const bool writes = known && query.i64(1) != 0, collects = known && query.i64(2) != 0;
  const bool pins = known && query.i64(3) != 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  using Level = Finding::Level;
  if (read_only)
    findings.push_back({"rights", Level::kWarning, "it is a standby, or read-only for this user",
                        "name the server that takes writes, where stages are to be stored"});
  else
    findings.push_back({"rights", pins ? Level::kOk : Level::kWarning,
                        std::string("this user may read") + (writes ? ", write" : "") +
                            (collects ? ", collect" : "") +
                            (pins ? "" : ", but not hold what it reads against a collector"),
                        pins ? "" : "grant what docs/stores/postgres.md names for its role"});
  return Status::ok();
}

}  // namespace

Status PostgresStore::examine(Findings &findings, Cancellation &cancel) {
  findings.push_back(
      {"schema", Finding::Level::kOk, "is version " + std::to_string(kSchemaVersion), ""});
  return read(cancel, [&](Connection &db) -> Status {
    // Made again when the connection is lost.
    Findings found;
    CHECKPOINT_RETURN_IF_ERROR(examine_rights(db, found));
    Query query = db.query(sql::leftovers_sql(sql::kPostgres));
    const Findings left = sql::leftovers(query);
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    findings.insert(findings.end(), found.begin(), found.end());
    findings.insert(findings.end(), left.begin(), left.end());
    return Status::ok();
  });
}

// --- frame stores

namespace {

#define FRAME_STORE_COLUMNS                                                     \
  "f.key, f.uuid, f.uri, EXISTS (SELECT FROM @pack AS p WHERE p.frame_store = " \
  "f.key AND p.state = 'ready')"

Result<std::optional<FrameStoreRow>> first_frame_store(Query &query) {
  std::optional<FrameStoreRow> row;
  if (query.next()) row = read_frame_store(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row;
}

Result<std::optional<FrameStoreRow>> find_frame_store(Connection &db, const Uuid &uuid) {
  Query query = db.query("SELECT " FRAME_STORE_COLUMNS " FROM @frame_store AS f WHERE uuid = $1");
  return first_frame_store(query.bind(uuid));
}

Result<std::optional<FrameStoreRow>> find_frame_store(Connection &db, const std::string &uri) {
  Query query = db.query("SELECT " FRAME_STORE_COLUMNS
                         " FROM @frame_store AS f WHERE uri = $1 ORDER BY key LIMIT 1");
  return first_frame_store(query.bind(uri));
}

}  // namespace

Result<std::vector<FrameStoreRow>> PostgresStore::frame_stores(Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<FrameStoreRow>> {
    std::vector<FrameStoreRow> rows;
    Query query = db.query("SELECT " FRAME_STORE_COLUMNS " FROM @frame_store AS f ORDER BY key");
    while (query.next()) rows.push_back(read_frame_store(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<FrameStoreRow> PostgresStore::ensure_frame_store(const Uuid &uuid, const std::string &uri,
                                                        Cancellation &cancel) {
  // Mostly it is there already, and then no lock is needed.
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameStoreRow> known, read(cancel, [&](Connection &db) {
                                return find_frame_store(db, uuid);
                              }));
  if (known && known->uri == uri) return *known;
  return write(cancel, [&](Connection &db) -> Result<FrameStoreRow> {
    CHECKPOINT_RETURN_IF_ERROR(db.query("INSERT INTO @frame_store (uuid, uri) VALUES ($1, $2) "
                                        "ON CONFLICT (uuid) DO UPDATE SET uri = excluded.uri")
                                   .bind(uuid, uri)
                                   .run());
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameStoreRow> row, find_frame_store(db, uuid));
    if (!row) return Status(Code::kInternal, "a frame store's row is gone");
    return *row;
  });
}

Result<FrameStoreRow> PostgresStore::ensure_frame_store_at(const std::string &uri, const Uuid &uuid,
                                                           Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<FrameStoreRow> {
    // Of two at once the second waits here, and then sees the row of the first.
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("LOCK TABLE @frame_store IN SHARE ROW EXCLUSIVE MODE").run());
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameStoreRow> row, find_frame_store(db, uri));
    if (row) return *row;
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("INSERT INTO @frame_store (uuid, uri) VALUES ($1, $2)").bind(uuid, uri).run());
    CHECKPOINT_ASSIGN_OR_RETURN(row, find_frame_store(db, uuid));
    if (!row) return Status(Code::kInternal, "a frame store's row is gone");
    return *row;
  });
}

// --- jobs

namespace {

Result<std::optional<JobRow>> find_job_row(Connection &db, const std::string &job_id) {
  std::optional<JobRow> row;
  Query query = db.query("SELECT key, uuid, job_id, identity_key FROM @job WHERE job_id = $1");
  if (query.bind(job_id).next()) row = read_job(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row;
}

}  // namespace

Result<JobRow> PostgresStore::ensure_job(const std::string &job_id, const Uuid &uuid,
                                         const IdentityKey &key, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<JobRow> known, find_job(job_id, cancel));
  if (known) return *known;
  return write(cancel, [&](Connection &db) -> Result<JobRow> {
    CHECKPOINT_RETURN_IF_ERROR(db.query("INSERT INTO @job (uuid, job_id, identity_key) "
                                        "VALUES ($1, $2, $3) ON CONFLICT (job_id) DO NOTHING")
                                   .bind(uuid, job_id, key)
                                   .run());
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<JobRow> row, find_job_row(db, job_id));
    if (!row) return Status(Code::kInternal, "a job's row is gone");
    return *row;
  });
}

Result<std::optional<JobRow>> PostgresStore::find_job(const std::string &job_id,
                                                      Cancellation &cancel) {
  return read(cancel, [&](Connection &db) { return find_job_row(db, job_id); });
}

Result<std::vector<std::string>> PostgresStore::list_jobs(const std::string &after, unsigned limit,
                                                          Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::string>> {
    std::vector<std::string> ids;
    Query query = db.query("SELECT job_id FROM @job WHERE job_id > $1 ORDER BY job_id LIMIT $2");
    query.bind(after, limit);
    while (query.next()) ids.push_back(query.text(0));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return ids;
  });
}

}  // namespace checkpoint::postgres

namespace checkpoint {

Result<std::shared_ptr<MetadataStore>> make_postgres_store(const StoreUri &uri) {
  CHECKPOINT_ASSIGN_OR_RETURN(postgres::Location location, postgres::parse_location(uri));
  return std::shared_ptr<MetadataStore>(std::make_shared<postgres::PostgresStore>(location));
}

}  // namespace checkpoint
