// SPDX-License-Identifier: LGPL-2.1-or-later
// Places for the metadata store of PostgreSQL: schemas in the database that
// GST_CHECKPOINT_TEST_POSTGRES names, a URI of libpq's whose user may create schemas.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "conformance/metadata_store_suite.h"

typedef struct pg_conn PGconn;

namespace checkpoint {

// The URI of the server; '' when the tests have none.
std::string postgres_server();
// Tells on stdout why the program's tests are skipped when there is no server. A main() that gets
// false ends with exit code 77.
bool have_postgres_server();

// One of the settings in that URI.
std::string postgres_setting(const std::string &name);
// A store there, not yet open.
std::shared_ptr<MetadataStore> postgres_store_at(const std::string &uri);

// A connection past the store; `schema`: its tables are found without a prefix.
class PostgresAccess : public SqlAccess {
 public:
  explicit PostgresAccess(const std::string &uri, const std::string &schema = {});
  ~PostgresAccess() override;
  Status execute(const std::string &sql) override;
  Result<std::vector<std::vector<std::string>>> query(const std::string &sql) override;
  Result<std::vector<std::string>> columns(const std::string &sql) override;

 private:
  PGconn *connection_;
};

class PostgresPlace : public MetadataStorePlace {
 public:
  // `query`: more of the URI's options, such as "&prepared-statements=false".
  // `server`: as the stores reach it.
  explicit PostgresPlace(std::string query = {}, std::string server = postgres_server());
  ~PostgresPlace() override;

  const std::string &schema() const { return schema_; }
  // The URI of a store here that shares no connection with another one.
  std::string uri(std::chrono::milliseconds busy_timeout = kLong);
  std::shared_ptr<MetadataStore> make(std::chrono::milliseconds busy_timeout = kLong) override;
  std::unique_ptr<SqlAccess> sql() override;
  bool make_released(int version) override;
  std::shared_ptr<void> lock_out_writers() override;
  void wait_until_a_call_waits() override;
  std::optional<uint64_t> work_done() override;  // blocks
  void gather_statistics() override;

 private:
  const std::string query_, server_;
  const std::string schema_;
  std::atomic<int> stores_ = 0;
};

}  // namespace checkpoint
