// SPDX-License-Identifier: LGPL-2.1-or-later
// A wire that fails: between a client and a server of this machine, with a thread of its own. What
// comes is passed on as it is until a fault strikes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace checkpoint {

class FaultProxy {
 public:
  struct Fault {
    enum class What {
      kReset,   // both sides see the connection reset
      kClose,   // the client gets what was passed on until then, and the connection ends
      kAnswer,  // the client gets `answer`; the server gets nothing of the request
      kDelay,   // the reply is kept back for a while
      kHang,    // nothing moves on this connection any more
    };
    What what = What::kReset;
    // Strikes in an exchange (what a client sends up to the server's reply, and that) whose
    // request has `request` in its first 4096 bytes, ...
    std::string request = {};
    // ... at once, before the server gets any of it; or, with one of these, when the reply has
    // `reply` in it (from there on nothing is passed on), or when so many bytes were passed on.
    std::string reply = {};
    std::optional<size_t> sent = {};      // to the server
    std::optional<size_t> received = {};  // to the client
    unsigned skip = 0;                    // so many exchanges are spared first
    unsigned times = 1;
    std::string answer = {};
    std::chrono::milliseconds delay{0};
  };

  explicit FaultProxy(uint16_t server_port);  // of 127.0.0.1
  ~FaultProxy();
  FaultProxy(const FaultProxy &) = delete;
  FaultProxy &operator=(const FaultProxy &) = delete;

  uint16_t port() const { return port_; }
  void inject(Fault fault);
  // Nobody reaches the server, nor keeps a connection, until it is back.
  void set_away(bool away);
  // How often faults have struck.
  unsigned struck() const;
  // False: not within 20 s.
  bool wait_until_struck(unsigned times);
  // The same, of connections that found no server.
  bool wait_until_refused(unsigned times);

 private:
  struct Armed;
  struct Connection;

  void run();
  bool is_away() const;
  void accept_one();
  void from_client(Connection &connection);
  void from_server(Connection &connection);
  void pass_on(Connection &connection);
  // The fault that strikes now that `chunk` came.
  Armed *striking(Connection &connection, bool reply, std::string &chunk);
  void strike(Connection &connection, Armed &fault);

  int listener_ = -1, wake_[2] = {-1, -1};
  uint16_t server_port_, port_ = 0;
  std::list<Connection> connections_;  // the thread's

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Armed> faults_;  // protected by mutex_
  unsigned struck_ = 0;      // protected by mutex_
  unsigned refused_ = 0;     // protected by mutex_
  bool away_ = false;        // protected by mutex_
  bool ending_ = false;      // protected by mutex_
  std::thread thread_;
};

// "HTTP/1.1 503 Slow Down" and the like, with S3's XML.
std::string s3_error(int status, const std::string &code);
// The server's word that a transaction is committed, as it goes over the wire.
std::string postgres_commit_reply();

}  // namespace checkpoint
