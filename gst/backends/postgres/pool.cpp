// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/pool.h"

#include <algorithm>
#include <map>
#include <random>

#include "common/log.h"

namespace checkpoint::postgres {

using std::chrono::milliseconds;

std::shared_ptr<Pool> Pool::shared(const Location &location) {
  // Never destroyed, so that a thread that still runs at exit finds them.
  static auto *mutex = new std::mutex;
  static auto *pools = new std::map<std::string, std::weak_ptr<Pool>>;
  std::lock_guard lock(*mutex);
  std::erase_if(*pools, [](const auto &entry) { return entry.second.expired(); });
  std::weak_ptr<Pool> &known = (*pools)[location.identity()];
  std::shared_ptr<Pool> pool = known.lock();
  if (!pool) known = pool = std::make_shared<Pool>(location);
  return pool;
}

Result<std::unique_ptr<Connection>> Pool::take(Cancellation &cancel) {
  Waiter me;  // `cancelled` is protected by mutex_
  // Lock order: the Cancellation's, then ours. So the hook is made and ended without ours.
  Cancellation::Hook hook(cancel, [&] {
    std::lock_guard lock(mutex_);
    me.cancelled = true;
    changed_.notify_all();
  });
  std::vector<std::unique_ptr<Connection>> dead;  // closed without the lock
  {
    std::unique_lock lock(mutex_);
    queue_.push_back(&me);
    if (queue_.front() != &me || taken_ >= location_.connections)
      log(LogLevel::kTrace, "postgres", "waiting for a connection to " + location_.display());
    changed_.wait(lock, [&] {
      return me.cancelled || (queue_.front() == &me && taken_ < location_.connections);
    });
    queue_.erase(std::find(queue_.begin(), queue_.end(), &me));
    changed_.notify_all();
    if (me.cancelled) return Status(Code::kCancelled, "cancelled");
    taken_++;
    while (!free_.empty()) {
      std::unique_ptr<Connection> connection = std::move(free_.back());
      free_.pop_back();
      if (connection->is_alive()) return connection;
      dead.push_back(std::move(connection));
    }
  }
  dead.clear();
  Result<std::unique_ptr<Connection>> opened = Connection::open(location_, cancel);
  if (!opened.is_ok()) {
    std::lock_guard lock(mutex_);
    taken_--;
    changed_.notify_all();
  }
  return opened;
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  // Closing it takes time, so without the lock.
  if (!connection->clean_up()) connection.reset();
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
}

Session::~Session() {
  hook_.reset();
  if (!connection_) return;
  connection_->set_cancellation(nullptr);
  pool_.give_back(std::move(connection_));
}

bool Retry::again(const Status &failure, Cancellation &cancel) {
  if (failure.is(Code::kConflict)) {
    constexpr int kMost = 6;
    if (++conflicts_ > kMost) return false;
    // Two that met once should not meet again.
    thread_local std::minstd_rand random{std::random_device{}()};
    return cancel.sleep_for(
        milliseconds(1 + random() % (uint32_t{4} << static_cast<unsigned>(conflicts_))));
  }
  if (!failure.is(Code::kUnavailable) || !failure.retryable()) return false;
  const auto now = std::chrono::steady_clock::now();
  if (!lost_since_) {
    lost_since_ = now;
    log(LogLevel::kWarning, "postgres", failure.message() + "; trying again");
  }
  if (now - *lost_since_ >= location_.reconnect_timeout) return false;
  // The first time at once: often only this connection was lost.
  const milliseconds pause(losses_ == 0 ? 0 : std::min(25 << std::min(losses_, 5), 500));
  losses_++;
  cancel.retried(failure);
  return cancel.sleep_for(pause);
}

}  // namespace checkpoint::postgres
