// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <cerrno>
#include <map>

#include "backends/sql/housekeeping.h"
#include "backends/sqlite/rows.h"
#include "backends/sqlite/schema.h"
#include "backends/sqlite/sqlite_store.h"
#include "backends/sqlite/store_impl.h"

namespace checkpoint::sqlite {

namespace {

constexpr size_t kReaders = 4;

// The databases in memory, which live as long as the process. Never destroyed, so that a thread
// that still runs at exit finds them.
Pools memory_pools(const Location &location) {
  static auto *mutex = new std::mutex;
  static auto *pools = new std::map<std::string, std::shared_ptr<Pool>>;
  std::lock_guard lock(*mutex);
  std::shared_ptr<Pool> &pool = (*pools)[location.path];
  if (!pool) pool = std::make_shared<Pool>(location, Connection::Use::kWrite, 1);
  return {pool, pool};
}

}  // namespace

SqliteStore::SqliteStore(const Location &location) : location_(location) {}

std::string SqliteStore::display_uri() const {
  return location_.memory ? location_.display() : "sqlite://" + location_.path;
}

Result<bool> SqliteStore::exists(Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  // Whatever else is wrong with the path is for open() to say.
  return location_.memory || access(location_.path.c_str(), F_OK) == 0 ||
         (errno != ENOENT && errno != ENOTDIR);
}

Status SqliteStore::open(Cancellation &cancel) {
  if (pools().is_ok()) return Status::ok();
  Pools made;
  if (location_.memory) {
    made = memory_pools(location_);
  } else {
    CHECKPOINT_RETURN_IF_ERROR(prepare_file(location_));
    made.writer = std::make_shared<Pool>(location_, Connection::Use::kWrite, 1);
    made.readers = std::make_shared<Pool>(location_, Connection::Use::kRead, kReaders);
  }
  {
    Session session(*made.writer, cancel);
    CHECKPOINT_RETURN_IF_ERROR(session.status());
    const Journal journal = location_.memory ? Journal::kAuto : choose_journal(location_);
    CHECKPOINT_RETURN_IF_ERROR(prepare_database(session.connection(), journal, cancel));
  }
  std::lock_guard lock(mutex_);
  if (!pools_.writer) pools_ = made;
  return Status::ok();
}

Result<Pools> SqliteStore::pools() {
  std::lock_guard lock(mutex_);
  if (!pools_.writer)
    return Status(Code::kUnavailable, "the database " + location_.display() + " is not open");
  return pools_;
}

Result<Uuid> SqliteStore::uuid(Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<Uuid> {
    Query query = db.query("SELECT uuid FROM store");
    Uuid uuid = query.next() ? query.uuid(0) : Uuid{};
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return uuid;
  });
}

Status SqliteStore::examine(Findings &findings, Cancellation &cancel) {
  // Whoever opened it could write, and its schema is ours.
  findings.push_back(
      {"schema", Finding::Level::kOk, "is version " + std::to_string(kSchemaVersion), ""});
  findings.push_back({"rights", Finding::Level::kOk, "may read, write and collect", ""});
  if (!location_.memory) findings.push_back(free_space(location_.path));
  return read(cancel, [&](Connection &db) -> Status {
    Query query = db.query(sql::leftovers_sql(sql::kSqlite));
    const Findings left = sql::leftovers(query);
    findings.insert(findings.end(), left.begin(), left.end());
    return query.status();
  });
}

// --- frame stores

namespace {

#define FRAME_STORE_COLUMNS                                                              \
  "key, uuid, uri, EXISTS (SELECT 1 FROM pack WHERE pack.frame_store = frame_store.key " \
  "AND pack.state = 'ready')"

Result<std::optional<FrameStoreRow>> first_frame_store(Query &query) {
  std::optional<FrameStoreRow> row;
  if (query.next()) row = read_frame_store(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row;
}

Result<std::optional<FrameStoreRow>> find_frame_store(Connection &db, const Uuid &uuid) {
  Query query = db.query("SELECT " FRAME_STORE_COLUMNS " FROM frame_store WHERE uuid = ?1");
  return first_frame_store(query.bind(uuid));
}

Result<std::optional<FrameStoreRow>> find_frame_store(Connection &db, const std::string &uri) {
  Query query = db.query("SELECT " FRAME_STORE_COLUMNS
                         " FROM frame_store WHERE uri = ?1 ORDER BY key LIMIT 1");
  return first_frame_store(query.bind(uri));
}

}  // namespace

Result<std::vector<FrameStoreRow>> SqliteStore::frame_stores(Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<FrameStoreRow>> {
    std::vector<FrameStoreRow> rows;
    Query query = db.query("SELECT " FRAME_STORE_COLUMNS " FROM frame_store ORDER BY key");
    while (query.next()) rows.push_back(read_frame_store(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<FrameStoreRow> SqliteStore::ensure_frame_store(const Uuid &uuid, const std::string &uri,
                                                      Cancellation &cancel) {
  // Mostly it is there already, and then no lock is needed.
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameStoreRow> known, read(cancel, [&](Connection &db) {
                                return find_frame_store(db, uuid);
                              }));
  if (known && known->uri == uri) return *known;
  return write(cancel, [&](Connection &db) -> Result<FrameStoreRow> {
    CHECKPOINT_RETURN_IF_ERROR(db.query("INSERT INTO frame_store (uuid, uri) VALUES (?1, ?2) "
                                        "ON CONFLICT (uuid) DO UPDATE SET uri = excluded.uri")
                                   .bind(uuid, uri)
                                   .run());
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameStoreRow> row, find_frame_store(db, uuid));
    if (!row) return Status(Code::kInternal, "a frame store's row is gone");
    return *row;
  });
}

Result<FrameStoreRow> SqliteStore::ensure_frame_store_at(const std::string &uri, const Uuid &uuid,
                                                         Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<FrameStoreRow> {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameStoreRow> row, find_frame_store(db, uri));
    if (row) return *row;
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("INSERT INTO frame_store (uuid, uri) VALUES (?1, ?2)").bind(uuid, uri).run());
    CHECKPOINT_ASSIGN_OR_RETURN(row, find_frame_store(db, uuid));
    if (!row) return Status(Code::kInternal, "a frame store's row is gone");
    return *row;
  });
}

// --- jobs

namespace {

Result<std::optional<JobRow>> find_job_row(Connection &db, const std::string &job_id) {
  std::optional<JobRow> row;
  Query query = db.query("SELECT key, uuid, job_id, identity_key FROM job WHERE job_id = ?1");
  if (query.bind(job_id).next()) row = read_job(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row;
}

}  // namespace

Result<JobRow> SqliteStore::ensure_job(const std::string &job_id, const Uuid &uuid,
                                       const IdentityKey &key, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<JobRow> known, find_job(job_id, cancel));
  if (known) return *known;
  return write(cancel, [&](Connection &db) -> Result<JobRow> {
    CHECKPOINT_RETURN_IF_ERROR(db.query("INSERT INTO job (uuid, job_id, identity_key) "
                                        "VALUES (?1, ?2, ?3) ON CONFLICT (job_id) DO NOTHING")
                                   .bind(uuid, job_id, key)
                                   .run());
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<JobRow> row, find_job_row(db, job_id));
    if (!row) return Status(Code::kInternal, "a job's row is gone");
    return *row;
  });
}

Result<std::optional<JobRow>> SqliteStore::find_job(const std::string &job_id,
                                                    Cancellation &cancel) {
  return read(cancel, [&](Connection &db) { return find_job_row(db, job_id); });
}

Result<std::vector<std::string>> SqliteStore::list_jobs(const std::string &after, unsigned limit,
                                                        Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::string>> {
    std::vector<std::string> ids;
    Query query = db.query("SELECT job_id FROM job WHERE job_id > ?1 ORDER BY job_id LIMIT ?2");
    query.bind(after, limit);
    while (query.next()) ids.push_back(query.text(0));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return ids;
  });
}

}  // namespace checkpoint::sqlite

namespace checkpoint {

Result<std::shared_ptr<MetadataStore>> make_sqlite_store(const StoreUri &uri) {
  CHECKPOINT_ASSIGN_OR_RETURN(sqlite::Location location, sqlite::parse_location(uri));
  return std::shared_ptr<MetadataStore>(std::make_shared<sqlite::SqliteStore>(location));
}

}  // namespace checkpoint
