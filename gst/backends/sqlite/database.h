// SPDX-License-Identifier: LGPL-2.1-or-later
// A connection to SQLite, its kept statements and transactions, and what its errors mean.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "backends/sqlite/location.h"
#include "common/bytes.h"
#include "common/cancel.h"
#include "common/status.h"
#include "common/uuid.h"
#include "store/model.h"

struct sqlite3;
struct sqlite3_stmt;

namespace checkpoint::sqlite {

class Connection;

// A statement in use, mostly a kept one. Its destructor resets it, so that no cursor stays open: an
// open one keeps the WAL from being reused. Failures are kept until status() is asked.
class Query {
 public:
  Query(const Query &) = delete;
  Query &operator=(const Query &) = delete;
  ~Query();

  // Values for the parameters, in order. uint64_t goes in as the int64_t of the same bits; an empty
  // optional as NULL; arrays as blobs; a Uuid as text.
  template <typename... T>
  Query &bind(const T &...values) {
    (put(values), ...);
    return *this;
  }
  // To the next row. False: there is none, or it failed.
  bool next();
  // Runs a statement that has no rows and makes it ready for the next bind().
  Status run();
  const Status &status() const { return status_; }

  bool is_null(int column) const;
  int64_t i64(int column) const;
  uint64_t u64(int column) const { return static_cast<uint64_t>(i64(column)); }
  double f64(int column) const;
  // NULL is kNone.
  uint64_t u64_or_none(int column) const { return is_null(column) ? kNone : u64(column); }
  std::string text(int column) const;
  Bytes blob(int column) const;
  // Anything that is not a UUID or not N bytes long makes the query fail with kCorrupt.
  Uuid uuid(int column);
  template <size_t N>
  std::array<uint8_t, N> array(int column) {
    std::array<uint8_t, N> out{};
    copy_blob(column, out.data(), N);
    return out;
  }

 private:
  friend class Connection;
  Query(Connection *connection, sqlite3_stmt *statement, Status status, bool kept = true);

  template <typename T>
  void put(const T &value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
      put_null();
    } else if constexpr (std::is_same_v<T, Uuid>) {
      put_text(value.to_string());
    } else if constexpr (std::integral<T>) {
      put_int(static_cast<int64_t>(value));
    } else if constexpr (std::floating_point<T>) {
      put_double(value);
    } else if constexpr (std::convertible_to<T, std::string_view>) {
      put_text(value);
    } else {
      put_blob({reinterpret_cast<const std::byte *>(value.data()), value.size()});
    }
  }
  template <typename T>
  void put(const std::optional<T> &value) {
    if (value) {
      put(*value);
    } else {
      put_null();
    }
  }
  void put_null();
  void put_int(int64_t value);
  void put_double(double value);
  void put_text(std::string_view value);
  void put_blob(ByteView value);
  void copy_blob(int column, uint8_t *out, size_t size);
  void check(int rc);
  void reset();

  Connection *connection_;
  sqlite3_stmt *statement_;
  Status status_;
  int parameters_ = 0;
  bool fresh_ = true;  // not stepped since the last reset
  const bool kept_;    // by the connection
};

// One thread at a time.
class Connection {
 public:
  enum class Use { kWrite, kRead };

  static Result<std::unique_ptr<Connection>> open(const Location &location, Use use,
                                                  Cancellation &cancel);
  ~Connection();
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  // Whose wish to stop the calls that follow obey; nullptr: nobody's.
  void set_cancellation(Cancellation *cancel) { cancel_ = cancel; }
  // Ends the call that runs now, from another thread.
  void interrupt();

  // The statement is prepared once and kept. The same one is not used twice at the same time.
  Query query(std::string_view sql);
  // One that is not kept: its text is one of very many.
  Query query_once(const std::string &sql);
  // Several statements, not kept.
  Status execute(const char *sql);
  // Rows that the last statement changed.
  int64_t changes() const;
  int64_t last_key() const;

  // The file is still where it was opened: else a commit would go to a file that nobody finds.
  Status check_file();
  // Ends whatever transaction a failed call may have left. False: the connection is no good.
  bool clean_up();

  const Location &location() const { return location_; }

 private:
  friend class Query;
  friend class Transaction;
  explicit Connection(const Location &location) : location_(location) {}

  Status configure(Use use);
  Status failure(int rc);
  bool wait_for_lock(int attempt);

  const Location location_;
  sqlite3 *db_ = nullptr;
  Cancellation *cancel_ = nullptr;
  std::chrono::steady_clock::time_point lock_deadline_;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, sqlite3_stmt *, Hash, std::equal_to<>> statements_;
};

// BEGIN … COMMIT. Rolls back when it goes out of scope before commit(). Declared before the
// queries that run in it.
class Transaction {
 public:
  explicit Transaction(Connection &connection) : connection_(connection) {}
  ~Transaction();
  Transaction(const Transaction &) = delete;
  Transaction &operator=(const Transaction &) = delete;

  // Takes the write lock at once: a transaction that begins with a read can't wait for it later.
  Status begin_write() { return begin("BEGIN IMMEDIATE"); }
  // One view of the data for several queries.
  Status begin_read() { return begin("BEGIN"); }
  Status commit();

 private:
  Status begin(const char *sql);
  Connection &connection_;
  bool open_ = false;
};

}  // namespace checkpoint::sqlite
