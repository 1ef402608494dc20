// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/postgres_place.h"

#include <libpq-fe.h>

#include <cstdio>
#include <cstdlib>

#include "backends/postgres/postgres_store.h"
#include "support/released.h"

namespace checkpoint {

std::string postgres_server() {
  const char *uri = std::getenv("GST_CHECKPOINT_TEST_POSTGRES");
  return uri == nullptr ? "" : uri;
}

bool have_postgres_server() {
  if (!postgres_server().empty()) return true;
  std::puts("skipped: GST_CHECKPOINT_TEST_POSTGRES names no PostgreSQL server");
  return false;
}

namespace {

struct Clear {
  void operator()(PGresult *result) const { PQclear(result); }
};
using Rows = std::unique_ptr<PGresult, Clear>;

Status check(PGconn *connection, const Rows &rows) {
  const ExecStatusType status = PQresultStatus(rows.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return Status::ok();
  return {Code::kInternal, PQerrorMessage(connection)};
}

Rows run(PGconn *connection, const std::string &sql) {
  return Rows(PQexec(connection, sql.c_str()));
}

void must(const Status &status) {
  if (status.is_ok()) return;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::abort();
}

}  // namespace

PostgresAccess::PostgresAccess(const std::string &uri, const std::string &schema)
    : connection_(PQconnectdb(uri.c_str())) {
  if (PQstatus(connection_) != CONNECTION_OK) must({Code::kInternal, PQerrorMessage(connection_)});
  PQsetNoticeReceiver(
      connection_, [](void *, const PGresult *) {}, nullptr);
  if (!schema.empty()) must(execute("SET search_path TO " + schema));
}

PostgresAccess::~PostgresAccess() { PQfinish(connection_); }

Status PostgresAccess::execute(const std::string &sql) {
  return check(connection_, run(connection_, sql));
}

Result<std::vector<std::vector<std::string>>> PostgresAccess::query(const std::string &sql) {
  Rows result = run(connection_, sql);
  CHECKPOINT_RETURN_IF_ERROR(check(connection_, result));
  std::vector<std::vector<std::string>> rows;
  for (int row = 0; row < PQntuples(result.get()); row++) {
    std::vector<std::string> &values = rows.emplace_back();
    for (int column = 0; column < PQnfields(result.get()); column++)
      values.emplace_back(PQgetisnull(result.get(), row, column) != 0
                              ? "NULL"
                              : PQgetvalue(result.get(), row, column));
  }
  return rows;
}

Result<std::vector<std::string>> PostgresAccess::columns(const std::string &sql) {
  Rows result = run(connection_, sql);
  CHECKPOINT_RETURN_IF_ERROR(check(connection_, result));
  std::vector<std::string> names;
  for (int column = 0; column < PQnfields(result.get()); column++)
    names.emplace_back(PQfname(result.get(), column));
  return names;
}

namespace {

std::string new_schema() {
  std::string name = "test_" + Uuid::random().to_string();
  for (char &c : name)
    if (c == '-') c = '_';
  return name;
}

}  // namespace

PostgresPlace::PostgresPlace(std::string query, std::string server)
    : query_(std::move(query)), server_(std::move(server)), schema_(new_schema()) {}

PostgresPlace::~PostgresPlace() {
  // Also those that a test dropped itself, or never made.
  must(PostgresAccess(postgres_server()).execute("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE"));
}

std::string PostgresPlace::uri(std::chrono::milliseconds busy_timeout) {
  std::string uri = server_;
  uri += uri.find('?') == std::string::npos ? '?' : '&';
  return uri + "schema=" + schema_ + "&busy-timeout=" + std::to_string(busy_timeout.count()) +
         "&application_name=" + std::to_string(++stores_) + '-' + schema_ + query_;
}

std::shared_ptr<MetadataStore> PostgresPlace::make(std::chrono::milliseconds busy_timeout) {
  return postgres_store_at(uri(busy_timeout));
}

std::unique_ptr<SqlAccess> PostgresPlace::sql() {
  return std::make_unique<PostgresAccess>(postgres_server(), schema_);
}

bool PostgresPlace::make_released(int version) {
  const std::string number = std::to_string(version);
  PostgresAccess access(postgres_server());
  must(access.execute("CREATE SCHEMA " + schema_));
  must(access.execute("SET search_path TO " + schema_));
  must(
      access.execute(replace_all(released_sql("postgres-" + number + ".sql"), "@", schema_ + ".")));
  std::string rows =
      replace_all(released_sql("rows-" + number + ".sql"), "VERSION_COLUMN", ", schema_version");
  rows = replace_all(replace_all(rows, "VERSION_VALUE", ", " + number), "X'", "'\\x");
  must(access.execute(rows));
  return true;
}

std::shared_ptr<void> PostgresPlace::lock_out_writers() {
  auto holder = std::make_shared<PostgresAccess>(postgres_server(), schema_);
  // Readers are let through.
  must(holder->execute(
      "BEGIN; LOCK TABLE store, frame_store, job, stage_lease, checkpoint, pack, checkpoint_pack, "
      "digest, caps, frame, detection, event, commits, checkpoint_pin, reader_pin IN EXCLUSIVE "
      "MODE"));
  return holder;
}

void PostgresPlace::wait_until_a_call_waits() {
  PostgresAccess access(postgres_server());
  for (;;) {
    auto rows = access.query(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation IN (SELECT oid FROM pg_class WHERE "
        "relnamespace = '" +
        schema_ + "'::regnamespace)");
    must(rows.is_ok() ? Status::ok() : rows.status());
    if (!rows->empty()) return;
  }
}

std::optional<uint64_t> PostgresPlace::work_done() {
  // An extension that not every server has.
  auto rows = PostgresAccess(postgres_server())
                  .query(
                      "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0) FROM "
                      "pg_stat_statements WHERE query LIKE '%" +
                      schema_ + "%'");
  if (!rows.is_ok()) return std::nullopt;
  return std::strtoull((*rows)[0][0].c_str(), nullptr, 10);
}

void PostgresPlace::gather_statistics() {
  PostgresAccess access(postgres_server(), schema_);
  for (const char *table : {"checkpoint", "frame", "event", "detection", "job"})
    must(access.execute(std::string("ANALYZE ") + table));
}

std::string postgres_setting(const std::string &name) {
  std::string value;
  PQconninfoOption *options = PQconninfoParse(postgres_server().c_str(), nullptr);
  for (PQconninfoOption *o = options; o != nullptr && o->keyword != nullptr; o++)
    if (name == o->keyword && o->val != nullptr) value = o->val;
  PQconninfoFree(options);
  return value;
}

std::shared_ptr<MetadataStore> postgres_store_at(const std::string &uri) {
  Result<StoreUri> parsed = parse_store_uri(uri, "sqlite");
  must(parsed.status());
  Result<std::shared_ptr<MetadataStore>> store = make_postgres_store(*parsed);
  must(store.status());
  return *store;
}

}  // namespace checkpoint
