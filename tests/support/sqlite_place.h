// SPDX-License-Identifier: LGPL-2.1-or-later
// Places for the metadata stores of SQLite: a file in a folder of its own, or a name in memory.
#pragma once

#include "conformance/metadata_store_suite.h"
#include "support/temp_dir.h"

struct sqlite3;

namespace checkpoint {

class SqlitePlace : public MetadataStorePlace {
 public:
  // `query`: more of the URI's options, such as "&journal=delete".
  explicit SqlitePlace(std::string query = {});

  std::string path() const { return folder_.file("checkpoints.db"); }
  std::shared_ptr<MetadataStore> make(std::chrono::milliseconds busy_timeout = kLong) override;
  std::unique_ptr<SqlAccess> sql() override;
  bool make_released(int version) override;
  std::shared_ptr<void> lock_out_writers() override;
  void wait_until_a_call_waits() override;
  std::optional<uint64_t> work_done() override;

 private:
  const TempDir folder_;
  const std::string query_;
  uint64_t waits_seen_;
};

class SqliteMemoryPlace : public MetadataStorePlace {
 public:
  SqliteMemoryPlace();
  std::shared_ptr<MetadataStore> make(std::chrono::milliseconds busy_timeout = kLong) override;
  void wait_until_a_call_waits() override;
  std::optional<uint64_t> work_done() override;

 private:
  const std::string name_;
  uint64_t waits_seen_;
};

// Runs for every statement that a connection of this process begins from now on, with its text and
// the connection; empty: nothing runs. Not while other threads use connections.
void on_sqlite_statement(std::function<void(const std::string &sql, sqlite3 *db)> hook);

// Returns when more calls than `seen` have begun to wait, for a lock or for a connection.
void wait_until_a_sqlite_call_waits(uint64_t &seen);

// A connection past the store.
std::unique_ptr<SqlAccess> open_sqlite(const std::string &path);

}  // namespace checkpoint
