// SPDX-License-Identifier: LGPL-2.1-or-later
// Connections to one database, shared by the threads and the stores of a process.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/postgres/connection.h"

namespace checkpoint::postgres {

// Up to so many connections as the location says, opened when they are first needed. Who waits
// longest is next.
class Pool {
 public:
  explicit Pool(const Location &location) : location_(location) {}

  // The pool of this process for that location.
  static std::shared_ptr<Pool> shared(const Location &location);

  Result<std::unique_ptr<Connection>> take(Cancellation &cancel);
  void give_back(std::unique_ptr<Connection> connection);

  const Location &location() const { return location_; }

 private:
  struct Waiter {
    bool cancelled = false;
  };

  const Location location_;
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

// Whether a call that failed is made again, after a pause that grows.
class Retry {
 public:
  explicit Retry(const Location &location) : location_(location) {}
  // Waits and says true, or says false: then the failure is the caller's.
  bool again(const Status &failure, Cancellation &cancel);

 private:
  const Location &location_;
  std::optional<std::chrono::steady_clock::time_point> lost_since_;
  int losses_ = 0;
  int conflicts_ = 0;
};

}  // namespace checkpoint::postgres
