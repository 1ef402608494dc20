// SPDX-License-Identifier: LGPL-2.1-or-later
// A connection to a PostgreSQL server. Every wait of it ends when the call's Cancellation is
// cancelled, or with a time-out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "backends/postgres/location.h"
#include "backends/postgres/query.h"
#include "common/cancel.h"
#include "common/status.h"

struct pg_conn;

namespace checkpoint::postgres {

// Connects, in a thread of its own: looking up a name can't be interrupted otherwise. Retryable
// when the server may come (back).
Result<pg_conn *> connect(const Location &location, Cancellation &cancel);

// One thread at a time. In all SQL, `@name` stands for that table, view or function of ours.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const Location &location, Cancellation &cancel);
  ~Connection();
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  // Whose wish to stop the calls that follow obey; nullptr: nobody's.
  void set_cancellation(Cancellation *cancel);
  // Ends the wait that is under way, from another thread; never blocks.
  void interrupt();

  // The statement is prepared at its first use and kept, unless that is switched off.
  Query query(std::string_view sql) { return {*this, sql}; }
  // One that is not kept: its text is one of very many.
  Query query_once(std::string_view sql) { return {*this, sql, false}; }
  Status run(const Query &query, ResultPtr &result);
  // One or several statements without parameters, not kept; rows are thrown away.
  Status execute(const std::string &sql);
  Status copy_in(std::string_view sql, const std::string &rows);
  // Runs `last` and COMMIT in one flush, so that no time passes between them. *tag: what the server
  // says it did at the end. *sent: false as long as COMMIT can't have happened.
  Status run_and_commit(const Query &last, std::string *tag, bool *sent);
  Status commit(std::string *tag);

  // Between two calls: the server has not hung up.
  bool is_alive();
  // Ends whatever transaction a failed call may have left. False: the connection is no good.
  bool clean_up();
  // After a failure: no answer came, or none will come.
  bool is_lost() const { return lost_; }
  // The server said something beside the last answer that is not just information.
  bool was_warned() const { return warned_; }

  const Location &location() const { return location_; }

 private:
  Connection(const Location &location, pg_conn *conn);

  using Time = std::chrono::steady_clock::time_point;
  struct Statement {
    std::string text;  // with the names of the schema
    std::string name;  // '' until it is prepared
  };

  Status begin_command();
  // Until the socket is ready for one of `events`.
  Status wait(short events);
  Status flush();
  // The next result, null at the end of a statement's.
  Status next_result(ResultPtr &result);
  // All results of one statement: the last one, or the failure.
  Status collect(ResultPtr &result);
  // Asks the server to end what it does, and gives it a moment to say so.
  void ask_to_stop();
  // Takes what the server says beside its answers; nobody is to read it.
  static void take_notice(void *self, const pg_result *notice);
  Status lost();
  Status failure(const pg_result *result);
  Statement &statement(std::string_view sql);
  Status send(const Query &query, const Statement &statement);
  Status prepare(const Query &query, Statement &statement);
  std::string expand(std::string_view sql) const;

  const Location location_;
  pg_conn *conn_;
  int wake_fd_ = -1;  // an eventfd: interrupt() was called
  Cancellation *cancel_ = nullptr;
  Time deadline_;
  bool stopping_ = false;  // the server was asked to stop
  bool timed_out_ = false;
  bool warned_ = false;  // by the server, within this command
  bool lost_ = false;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, Statement, Hash, std::equal_to<>> statements_;
  uint64_t prepared_ = 0;  // statements that the server was asked to prepare
};

// BEGIN … COMMIT. Rolls back when it goes out of scope before commit().
class Transaction {
 public:
  explicit Transaction(Connection &connection) : connection_(connection) {}
  ~Transaction();
  Transaction(const Transaction &) = delete;
  Transaction &operator=(const Transaction &) = delete;

  // Durable at its end, and ended by the server when its client stops in the middle of it.
  Status begin_write();
  // kUnknownOutcome: the answer was lost.
  Status commit();
  // The same, with a last statement that makes it fail when it fails.
  Status commit_after(const Query &last);

 private:
  Status check_end(const Status &status, const std::string &tag, bool sent);
  Connection &connection_;
  bool open_ = false;
};

}  // namespace checkpoint::postgres
