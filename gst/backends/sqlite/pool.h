// SPDX-License-Identifier: LGPL-2.1-or-later
// Connections shared by the threads of a process.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/sqlite/database.h"

namespace checkpoint::sqlite {

// Up to `size` connections, opened when they are first needed. Who waits longest is next.
class Pool {
 public:
  Pool(const Location &location, Connection::Use use, size_t size)
      : location_(location), use_(use), size_(size) {}

  Result<std::unique_ptr<Connection>> take(Cancellation &cancel);
  void give_back(std::unique_ptr<Connection> connection);

 private:
  struct Waiter {
    bool cancelled = false;
  };

  const Location location_;
  const Connection::Use use_;
  const size_t size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Connection>> free_;  // protected by mutex_
  size_t taken_ = 0;                               // protected by mutex_
  std::deque<const Waiter *> queue_;               // protected by mutex_; the first is next
};

// One call's use of a connection: it obeys the call's Cancellation and goes back afterwards.
class Session {
 public:
  Session(Pool &pool, Cancellation &cancel);
  ~Session();
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  const Status &status() const { return status_; }
  Connection &connection() { return *connection_; }

 private:
  Pool &pool_;
  Status status_;
  std::unique_ptr<Connection> connection_;
  std::optional<Cancellation::Hook> hook_;
};

}  // namespace checkpoint::sqlite
