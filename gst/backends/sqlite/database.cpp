// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/database.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "backends/sqlite/error.h"
#include "common/log.h"

namespace checkpoint::sqlite {

// --- Query

Query::Query(Connection *connection, sqlite3_stmt *statement, Status status, bool kept)
    : connection_(connection), statement_(statement), status_(std::move(status)), kept_(kept) {}

Query::~Query() {
  if (kept_)
    reset();
  else
    sqlite3_finalize(statement_);
}

void Query::reset() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
  parameters_ = 0;
  fresh_ = true;
}

void Query::check(int rc) {
  if (rc != SQLITE_OK && status_.is_ok()) status_ = connection_->failure(rc);
}

void Query::put_null() {
  if (status_.is_ok()) check(sqlite3_bind_null(statement_, ++parameters_));
}

void Query::put_int(int64_t value) {
  if (status_.is_ok()) check(sqlite3_bind_int64(statement_, ++parameters_, value));
}

void Query::put_double(double value) {
  if (status_.is_ok()) check(sqlite3_bind_double(statement_, ++parameters_, value));
}

void Query::put_text(std::string_view value) {
  if (!status_.is_ok()) return;
  // A null pointer would be NULL, not an empty text.
  const char *data = value.data() == nullptr ? "" : value.data();
  check(sqlite3_bind_text64(statement_, ++parameters_, data, value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}

void Query::put_blob(ByteView value) {
  if (!status_.is_ok()) return;
  const void *data = value.empty() ? static_cast<const void *>("") : value.data();
  check(sqlite3_bind_blob64(statement_, ++parameters_, data, value.size(), SQLITE_TRANSIENT));
}

bool Query::next() {
  if (!status_.is_ok()) return false;
  if (fresh_ && connection_->cancel_ != nullptr) {
    status_ = connection_->cancel_->check();
    if (!status_.is_ok()) return false;
  }
  fresh_ = false;
  int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc != SQLITE_DONE) check(rc);
  return false;
}

Status Query::run() {
  while (next()) {
  }
  Status status = status_;
  reset();
  return status;
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Query::i64(int column) const { return sqlite3_column_int64(statement_, column); }

double Query::f64(int column) const { return sqlite3_column_double(statement_, column); }

std::string Query::text(int column) const {
  const unsigned char *data = sqlite3_column_text(statement_, column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char *>(data),
          static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Bytes Query::blob(int column) const {
  const auto *data = static_cast<const std::byte *>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, data + sqlite3_column_bytes(statement_, column)};
}

void Query::copy_blob(int column, uint8_t *out, size_t size) {
  const void *data = sqlite3_column_blob(statement_, column);
  if (data != nullptr && static_cast<size_t>(sqlite3_column_bytes(statement_, column)) == size) {
    std::memcpy(out, data, size);
  } else if (status_.is_ok()) {
    status_ = Status(Code::kCorrupt, "the database " + connection_->location_.display() +
                                         " holds a value of the wrong length");
  }
}

Uuid Query::uuid(int column) {
  std::string value = text(column);
  std::optional<Uuid> uuid = Uuid::parse(value);
  if (!uuid && status_.is_ok())
    status_ = Status(Code::kCorrupt, "the database " + connection_->location_.display() +
                                         " holds a value that should be a UUID and is not");
  return uuid.value_or(Uuid{});
}

// --- Connection

Result<std::unique_ptr<Connection>> Connection::open(const Location &location, Use use,
                                                     Cancellation &cancel) {
  std::unique_ptr<Connection> connection(new Connection(location));
  connection->cancel_ = &cancel;
  // A connection is used by one thread at a time, so SQLite need not lock it.
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
              SQLITE_OPEN_EXRESCODE | (location.memory ? SQLITE_OPEN_MEMORY : 0);
  const char *path = location.memory ? ":memory:" : location.path.c_str();
  int rc = sqlite3_open_v2(path, &connection->db_, flags, nullptr);
  if (rc != SQLITE_OK) return connection->failure(rc);
  CHECKPOINT_RETURN_IF_ERROR(connection->configure(use));
  connection->cancel_ = nullptr;
  return connection;
}

Status Connection::configure(Use use) {
  sqlite3_busy_handler(
      db_,
      [](void *self, int attempt) -> int {
        return static_cast<Connection *>(self)->wait_for_lock(attempt) ? 1 : 0;
      },
      this);
  // A file made by somebody else can't make us call functions of his choice.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  CHECKPOINT_RETURN_IF_ERROR(
      execute("PRAGMA synchronous = EXTRA;"  // FULL, and the folder of a journal that is removed
              "PRAGMA foreign_keys = ON;"
              "PRAGMA temp_store = MEMORY;"
              "PRAGMA cache_size = -16000;"
              "PRAGMA journal_size_limit = 67108864;"));
  if (use == Use::kRead && !location_.memory)
    CHECKPOINT_RETURN_IF_ERROR(execute("PRAGMA query_only = ON"));
  return Status::ok();
}

Connection::~Connection() {
  for (auto &[sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void Connection::interrupt() { sqlite3_interrupt(db_); }

bool Connection::wait_for_lock(int attempt) {
  auto now = std::chrono::steady_clock::now();
  if (attempt == 0) {
    lock_deadline_ = now + location_.busy_timeout;
    log(LogLevel::kDebug, "sqlite", "waiting for a lock on " + location_.display());
  }
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(lock_deadline_ - now);
  if (left.count() <= 0) return false;
  std::chrono::milliseconds pause(std::min<int64_t>({1 << std::min(attempt, 5), 25, left.count()}));
  if (cancel_ != nullptr) return cancel_->sleep_for(pause);
  Cancellation nobody;
  return nobody.sleep_for(pause);
}

Status Connection::failure(int rc) {
  if (cancel_ != nullptr && cancel_->cancelled()) return {Code::kCancelled, "cancelled"};
  const int primary = rc & 0xff;
  const int error = db_ == nullptr || primary == SQLITE_NOMEM ? 0 : sqlite3_system_errno(db_);
  return status_of(rc, db_ == nullptr ? "" : sqlite3_errmsg(db_), error, location_);
}

Query Connection::query(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found != statements_.end()) return {this, found->second, Status::ok()};
  sqlite3_stmt *statement = nullptr;
  int rc = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                              SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (rc != SQLITE_OK) return {this, nullptr, failure(rc)};
  statements_.emplace(sql, statement);
  return {this, statement, Status::ok()};
}

Query Connection::query_once(const std::string &sql) {
  sqlite3_stmt *statement = nullptr;
  const int rc = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
  return {this, statement, rc == SQLITE_OK ? Status::ok() : failure(rc), false};
}

Status Connection::execute(const char *sql) {
  int rc = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? Status::ok() : failure(rc);
}

int64_t Connection::changes() const { return sqlite3_changes64(db_); }

int64_t Connection::last_key() const { return sqlite3_last_insert_rowid(db_); }

Status Connection::check_file() {
  int moved = 0;
  if (location_.memory) return Status::ok();
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0)
    return {Code::kUnavailable,
            "the database " + location_.display() + " was moved, replaced or deleted while in use",
            "put it back, or start again"};
  return Status::ok();
}

bool Connection::clean_up() {
  if (sqlite3_get_autocommit(db_) != 0) return true;
  return sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK;
}

// --- Transaction

Transaction::~Transaction() {
  // Some failures have rolled it back already.
  if (open_) connection_.clean_up();
}

Status Transaction::begin(const char *sql) {
  CHECKPOINT_RETURN_IF_ERROR(connection_.query(sql).run());
  open_ = true;
  return Status::ok();
}

Status Transaction::commit() {
  CHECKPOINT_RETURN_IF_ERROR(connection_.query("COMMIT").run());
  open_ = false;
  return Status::ok();
}

}  // namespace checkpoint::sqlite
