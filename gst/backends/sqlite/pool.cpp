// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/pool.h"

#include <algorithm>

#include "common/log.h"

namespace checkpoint::sqlite {

Result<std::unique_ptr<Connection>> Pool::take(Cancellation &cancel) {
  Waiter me;  // `cancelled` is protected by mutex_
  // Lock order: the Cancellation's, then ours. So the hook is made and ended without ours.
  Cancellation::Hook hook(cancel, [&] {
    std::lock_guard lock(mutex_);
    me.cancelled = true;
    changed_.notify_all();
  });
  {
    std::unique_lock lock(mutex_);
    queue_.push_back(&me);
    if (queue_.front() != &me || taken_ >= size_)
      log(LogLevel::kTrace, "sqlite", "waiting for a connection to " + location_.display());
    changed_.wait(lock, [&] { return me.cancelled || (queue_.front() == &me && taken_ < size_); });
    queue_.erase(std::find(queue_.begin(), queue_.end(), &me));
    changed_.notify_all();
    if (me.cancelled) return Status(Code::kCancelled, "cancelled");
    taken_++;
    if (!free_.empty()) {
      std::unique_ptr<Connection> connection = std::move(free_.back());
      free_.pop_back();
      return connection;
    }
  }
  Result<std::unique_ptr<Connection>> opened = Connection::open(location_, use_, cancel);
  if (!opened.is_ok()) {
    std::lock_guard lock(mutex_);
    taken_--;
    changed_.notify_all();
  }
  return opened;
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  const bool good = connection->clean_up();
  // Closing it takes time, so without the lock. One in memory is the data itself.
  if (!good && !location_.memory) connection.reset();
  std::lock_guard lock(mutex_);
  taken_--;
  if (connection) free_.push_back(std::move(connection));
  changed_.notify_all();
}

Session::Session(Pool &pool, Cancellation &cancel) : pool_(pool) {
  Result<std::unique_ptr<Connection>> taken = pool.take(cancel);
  if (!taken.is_ok()) {
    status_ = taken.status();
    return;
  }
  connection_ = std::move(taken).value();
  connection_->set_cancellation(&cancel);
  hook_.emplace(cancel, [connection = connection_.get()] { connection->interrupt(); });
  status_ = connection_->check_file();
}

Session::~Session() {
  hook_.reset();
  if (!connection_) return;
  connection_->set_cancellation(nullptr);
  pool_.give_back(std::move(connection_));
}

}  // namespace checkpoint::sqlite
