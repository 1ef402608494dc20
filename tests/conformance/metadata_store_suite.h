// SPDX-License-Identifier: LGPL-2.1-or-later
// What every metadata store has to do alike: one suite, run over a list of stores. A backend's test
// program gives the list and adds the suite to its own tests:
//
//   add_metadata_store_suite(suite, {{"sqlite", [] { return std::make_unique<SqlitePlace>(); }}});
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/metadata_store.h"

typedef struct Suite Suite;

namespace checkpoint {

// SQL past the store, as an administrator would write it. The tables are found without a prefix.
class SqlAccess {
 public:
  virtual ~SqlAccess() = default;
  virtual Status execute(const std::string &sql) = 0;
  // The rows as text; NULL is "NULL".
  virtual Result<std::vector<std::vector<std::string>>> query(const std::string &sql) = 0;
  // The names of the columns.
  virtual Result<std::vector<std::string>> columns(const std::string &sql) = 0;
};

// An empty place for one test's data; its destructor removes it. What a store can't do is nullptr
// or nullopt, and then the tests that need it pass without doing anything.
class MetadataStorePlace {
 public:
  static constexpr std::chrono::milliseconds kLong{600000};

  virtual ~MetadataStorePlace() = default;
  // A store on this place that is not open yet and shares no object with another one; waits this
  // long for locks.
  virtual std::shared_ptr<MetadataStore> make(std::chrono::milliseconds busy_timeout = kLong) = 0;
  virtual std::unique_ptr<SqlAccess> sql() { return nullptr; }
  // Before the first store is opened: makes what release `version` of the schema was, with some
  // rows (tests/conformance/released).
  virtual bool make_released(int /* version */) { return false; }
  // As long as it lives, no store here gets to write.
  virtual std::shared_ptr<void> lock_out_writers() { return nullptr; }
  // Returns when a call waits for that lock.
  virtual void wait_until_a_call_waits() {}
  // A measure of the rows that the stores here have touched so far.
  virtual std::optional<uint64_t> work_done() { return std::nullopt; }
  // What a server does by itself when a table has grown.
  virtual void gather_statistics() {}
};

struct MetadataStoreCase {
  std::string name;
  std::function<std::unique_ptr<MetadataStorePlace>()> make_place;
};

void add_metadata_store_suite(Suite *suite, std::vector<MetadataStoreCase> cases);

}  // namespace checkpoint
