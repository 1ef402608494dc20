// SPDX-License-Identifier: LGPL-2.1-or-later
// A door in front of a PostgreSQL server on which a test can cut a connection at a chosen moment.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace checkpoint {

class Relay {
 public:
  // Which answer of the server the client never gets: the connection is cut in its place.
  enum class Cut { kNothing, kAnswerToCommit, kCommitItself };

  // To that port of 127.0.0.1.
  explicit Relay(int server_port);
  ~Relay();
  Relay(const Relay &) = delete;
  Relay &operator=(const Relay &) = delete;

  int port() const { return port_; }
  // Once; then all goes through again. `before` is called on the relay's thread.
  void cut_next(
      Cut what, std::function<void()> before = [] {}) {
    before_ = std::move(before);
    cut_ = what;
  }
  int cuts() const { return cuts_; }

 private:
  void accept_all();
  void pass(int client);

  const int server_port_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};  // a pipe; closed at its write end: stop
  int port_ = 0;
  std::atomic<Cut> cut_{Cut::kNothing};
  std::atomic<int> cuts_{0};
  std::function<void()> before_;  // set before cut_ is
  std::mutex mutex_;
  std::vector<std::thread> threads_;  // protected by mutex_
  std::thread accepting_;
};

}  // namespace checkpoint
