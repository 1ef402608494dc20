// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/sqlite_place.h"

#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "backends/sqlite/sqlite_store.h"
#include "common/log.h"
#include "support/released.h"

namespace checkpoint {

namespace {

// --- what the stores say and do

std::mutex mutex;
std::condition_variable changed;
uint64_t waits = 0;  // protected by mutex

void on_log(LogLevel, const char *, const std::string &line) {
  if (line.find("waiting for a ") == std::string::npos) return;
  std::lock_guard lock(mutex);
  waits++;
  changed.notify_all();
}

std::atomic<uint64_t> steps{0};

std::function<void(const std::string &, sqlite3 *)> statement_hook;

int on_trace(unsigned type, void *, void *p, void *) {
  auto *statement = static_cast<sqlite3_stmt *>(p);
  if (type == SQLITE_TRACE_STMT) {
    if (statement_hook) statement_hook(sqlite3_sql(statement), sqlite3_db_handle(statement));
    return 0;
  }
  steps += static_cast<uint64_t>(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1));
  return 0;
}

int on_connection(sqlite3 *db, char **, const void *) {
  return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE | SQLITE_TRACE_STMT, on_trace, nullptr);
}

// Every connection of the process counts its steps and tells when it waits.
void watch_connections() {
  static const bool once = [] {
    set_log_function(on_log);
    return sqlite3_auto_extension(reinterpret_cast<void (*)()>(on_connection)) == SQLITE_OK;
  }();
  if (!once) std::abort();
}

// --- SQL past the store

class SqliteAccess : public SqlAccess {
 public:
  explicit SqliteAccess(const std::string &path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) std::abort();
    sqlite3_busy_timeout(db_, 10000);
  }
  ~SqliteAccess() override { sqlite3_close_v2(db_); }

  Status execute(const std::string &sql) override {
    return check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr));
  }
  Result<std::vector<std::vector<std::string>>> query(const std::string &sql) override {
    std::vector<std::vector<std::string>> rows;
    sqlite3_stmt *statement = nullptr;
    Status status = check(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr));
    while (status.is_ok()) {
      int rc = sqlite3_step(statement);
      if (rc != SQLITE_ROW) {
        if (rc != SQLITE_DONE) status = check(rc);
        break;
      }
      std::vector<std::string> &row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); i++) {
        const unsigned char *text = sqlite3_column_text(statement, i);
        row.emplace_back(text == nullptr ? "NULL" : reinterpret_cast<const char *>(text));
      }
    }
    sqlite3_finalize(statement);
    if (!status.is_ok()) return status;
    return rows;
  }
  Result<std::vector<std::string>> columns(const std::string &sql) override {
    std::vector<std::string> names;
    sqlite3_stmt *statement = nullptr;
    Status status = check(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr));
    for (int i = 0; i < sqlite3_column_count(statement); i++)
      names.emplace_back(sqlite3_column_name(statement, i));
    sqlite3_finalize(statement);
    if (!status.is_ok()) return status;
    return names;
  }

 private:
  Status check(int rc) {
    return rc == SQLITE_OK ? Status::ok() : Status(Code::kInternal, sqlite3_errmsg(db_));
  }
  sqlite3 *db_ = nullptr;
};

}  // namespace

void on_sqlite_statement(std::function<void(const std::string &, sqlite3 *)> hook) {
  watch_connections();
  statement_hook = std::move(hook);
}

void wait_until_a_sqlite_call_waits(uint64_t &seen) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return waits > seen; });
  seen = waits;
}

std::unique_ptr<SqlAccess> open_sqlite(const std::string &path) {
  return std::make_unique<SqliteAccess>(path);
}

SqlitePlace::SqlitePlace(std::string query) : query_(std::move(query)) {
  watch_connections();
  std::lock_guard lock(mutex);
  waits_seen_ = waits;
}

std::shared_ptr<MetadataStore> SqlitePlace::make(std::chrono::milliseconds busy_timeout) {
  const std::string uri =
      "sqlite://" + path() + "?busy-timeout=" + std::to_string(busy_timeout.count()) + query_;
  Result<StoreUri> parsed = parse_store_uri(uri, "sqlite");
  if (!parsed.is_ok()) std::abort();
  Result<std::shared_ptr<MetadataStore>> store = make_sqlite_store(*parsed);
  if (!store.is_ok()) std::abort();
  return *store;
}

std::unique_ptr<SqlAccess> SqlitePlace::sql() { return open_sqlite(path()); }

bool SqlitePlace::make_released(int version) {
  const std::string number = std::to_string(version);
  std::string rows = replace_all(released_sql("rows-" + number + ".sql"), "VERSION_COLUMN", "");
  rows = replace_all(rows, "VERSION_VALUE", "");
  const Status made =
      sql()->execute(released_sql("sqlite-" + number + ".sql") + rows +
                     "PRAGMA application_id = 1732471664; PRAGMA user_version = " + number);
  if (!made.is_ok()) std::fprintf(stderr, "%s\n", made.to_string().c_str());
  if (!made.is_ok()) std::abort();
  return true;
}

std::shared_ptr<void> SqlitePlace::lock_out_writers() {
  std::shared_ptr<SqlAccess> holder = open_sqlite(path());
  if (!holder->execute("BEGIN IMMEDIATE").is_ok()) std::abort();
  return holder;
}

void SqlitePlace::wait_until_a_call_waits() { wait_until_a_sqlite_call_waits(waits_seen_); }

std::optional<uint64_t> SqlitePlace::work_done() { return steps; }

SqliteMemoryPlace::SqliteMemoryPlace() : name_(Uuid::random().to_string()) {
  watch_connections();
  std::lock_guard lock(mutex);
  waits_seen_ = waits;
}

std::shared_ptr<MetadataStore> SqliteMemoryPlace::make(std::chrono::milliseconds) {
  StoreUri uri;
  uri.scheme = "memory";
  uri.authority = name_;
  Result<std::shared_ptr<MetadataStore>> store = make_sqlite_store(uri);
  if (!store.is_ok()) std::abort();
  return *store;
}

void SqliteMemoryPlace::wait_until_a_call_waits() { wait_until_a_sqlite_call_waits(waits_seen_); }

std::optional<uint64_t> SqliteMemoryPlace::work_done() { return steps; }

}  // namespace checkpoint
