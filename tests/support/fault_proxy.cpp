// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/fault_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

namespace checkpoint {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kHead = 4096;
constexpr size_t kMostPending = 1 << 20;

[[noreturn]] void give_up(const char *what) {
  std::perror(what);
  std::abort();
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void close_fd(int &fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

void reset_fd(int &fd) {
  const linger at_once{1, 0};
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close_fd(fd);
}

}  // namespace

struct FaultProxy::Armed : Fault {
  explicit Armed(Fault fault) : Fault(std::move(fault)) {}
};

struct FaultProxy::Connection {
  int client = -1, server = -1;
  std::string to_server, to_client;  // not passed on yet
  // Of this exchange:
  std::string request;     // its first kHead bytes
  std::string last_reply;  // what the end of one piece and the begin of the next may share
  size_t sent = 0, received = 0;
  bool replied = false;
  std::set<const Armed *> spared;
  // What a fault left:
  bool swallowing = false;  // what the client sends goes nowhere
  bool hanging = false;
  bool ending = false;  // when to_client is empty
  bool server_ended = false, client_ended = false;
  Clock::time_point held_until{};
};

FaultProxy::FaultProxy(uint16_t server_port) : server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) != 0 ||
      pipe2(wake_, O_CLOEXEC) != 0)
    give_up("fault proxy");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

FaultProxy::~FaultProxy() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  if (write(wake_[1], "", 1) != 1) give_up("fault proxy");
  thread_.join();
  for (int fd : {listener_, wake_[0], wake_[1]}) close(fd);
}

void FaultProxy::inject(Fault fault) {
  std::lock_guard lock(mutex_);
  faults_.emplace_back(std::move(fault));
}

void FaultProxy::set_away(bool away) {
  {
    std::lock_guard lock(mutex_);
    away_ = away;
  }
  if (write(wake_[1], "", 1) != 1) give_up("fault proxy");
}

bool FaultProxy::is_away() const {
  std::lock_guard lock(mutex_);
  return away_;
}

unsigned FaultProxy::struck() const {
  std::lock_guard lock(mutex_);
  return struck_;
}

bool FaultProxy::wait_until_struck(unsigned times) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return struck_ >= times; });
}

bool FaultProxy::wait_until_refused(unsigned times) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return refused_ >= times; });
}

void FaultProxy::accept_one() {
  Connection connection;
  connection.client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection.client < 0) return;
  // On this machine a connection is there, or refused, at once.
  connection.server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(server_port_);
  if (is_away() || connect(connection.server, reinterpret_cast<const sockaddr *>(&address),
                           sizeof address) != 0) {
    reset_fd(connection.client);
    close_fd(connection.server);
    std::lock_guard lock(mutex_);
    refused_++;
    changed_.notify_all();
    return;
  }
  fcntl(connection.server, F_SETFL, O_NONBLOCK);
  connections_.push_back(std::move(connection));
}

FaultProxy::Armed *FaultProxy::striking(Connection &c, bool reply, std::string &chunk) {
  for (Armed &fault : faults_) {
    if (fault.times == 0 || c.spared.count(&fault) > 0 ||
        c.request.find(fault.request) == std::string::npos)
      continue;
    const auto &most = reply ? fault.received : fault.sent;
    size_t passed = chunk.size();
    bool strikes = false;
    if (!fault.reply.empty()) {
      const size_t at = reply ? (c.last_reply + chunk).find(fault.reply) : std::string::npos;
      strikes = at != std::string::npos;
      passed = at < c.last_reply.size() ? 0 : at - c.last_reply.size();
    } else if (fault.sent || fault.received) {
      const size_t before = reply ? c.received : c.sent;
      strikes = most && before + chunk.size() >= *most;
      if (strikes) passed = *most - before;
    } else {
      strikes = !reply;
      passed = 0;
    }
    if (!strikes) continue;
    if (fault.skip > 0) {
      fault.skip--;
      c.spared.insert(&fault);
      continue;
    }
    if (fault.what != Fault::What::kDelay) chunk.resize(passed);
    return &fault;
  }
  return nullptr;
}

void FaultProxy::strike(Connection &c, Armed &fault) {
  switch (fault.what) {
    case Fault::What::kReset:
      reset_fd(c.client);
      close_fd(c.server);
      break;
    case Fault::What::kClose:
      close_fd(c.server);
      c.swallowing = c.ending = true;
      break;
    case Fault::What::kAnswer:
      close_fd(c.server);
      c.to_client += fault.answer;
      c.swallowing = c.ending = true;
      break;
    case Fault::What::kDelay:
      c.held_until = Clock::now() + fault.delay;
      break;
    case Fault::What::kHang:
      c.hanging = true;
      break;
  }
  fault.times--;
  c.spared.insert(&fault);
  struck_++;
  changed_.notify_all();
}

void FaultProxy::from_client(Connection &c) {
  char buffer[65536];
  const ssize_t got = read(c.client, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    c.client_ended = true;
    return;
  }
  if (c.swallowing) return;
  std::string chunk(buffer, static_cast<size_t>(got));
  if (c.replied) {
    c.request.clear();
    c.last_reply.clear();
    c.sent = c.received = 0;
    c.replied = false;
    c.spared.clear();
  }
  c.request += chunk.substr(0, kHead - std::min(kHead, c.request.size()));
  std::lock_guard lock(mutex_);
  Armed *fault = striking(c, false, chunk);
  c.sent += chunk.size();
  c.to_server += chunk;
  if (fault == nullptr) return;
  pass_on(c);  // the server is to get what it gets
  strike(c, *fault);
}

void FaultProxy::from_server(Connection &c) {
  char buffer[65536];
  const ssize_t got = read(c.server, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    c.server_ended = true;
    return;
  }
  std::string chunk(buffer, static_cast<size_t>(got));
  // "100 Continue" asks for the rest of the same request.
  if (chunk.rfind("HTTP/1.1 100", 0) != 0) c.replied = true;
  std::lock_guard lock(mutex_);
  std::string end = (c.last_reply + chunk);
  Armed *fault = striking(c, true, chunk);
  c.last_reply = end.substr(end.size() - std::min<size_t>(end.size(), 64));
  c.received += chunk.size();
  c.to_client += chunk;
  if (fault == nullptr) return;
  pass_on(c);
  strike(c, *fault);
}

void FaultProxy::pass_on(Connection &c) {
  const auto write_some = [](int fd, std::string &bytes) {
    while (fd >= 0 && !bytes.empty()) {
      const ssize_t written = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (written < 0) {
        if (errno != EAGAIN && errno != EINTR) bytes.clear();
        return;
      }
      bytes.erase(0, static_cast<size_t>(written));
    }
  };
  if (c.hanging || Clock::now() < c.held_until) return;
  write_some(c.server, c.to_server);
  write_some(c.client, c.to_client);
  if (c.server_ended && c.to_client.empty()) c.ending = true;
  if (c.ending && c.to_client.empty() && c.client >= 0) shutdown(c.client, SHUT_WR);
}

void FaultProxy::run() {
  for (;;) {
    std::vector<pollfd> fds{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    int wait = -1;
    for (Connection &c : connections_) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(c.held_until - Clock::now());
      const bool held = c.hanging || left.count() > 0;
      if (left.count() > 0)
        wait = wait < 0 ? static_cast<int>(left.count()) + 1
                        : std::min(wait, static_cast<int>(left.count()) + 1);
      const auto events = [&](bool reads, bool writes) {
        return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
      };
      fds.push_back(
          {c.client,
           events(!held && c.to_server.size() < kMostPending, !held && !c.to_client.empty()), 0});
      fds.push_back(
          {c.server_ended ? -1 : c.server,
           events(!held && c.to_client.size() < kMostPending, !held && !c.to_server.empty()), 0});
    }
    if (poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR) give_up("fault proxy");
    if (char told = 0; fds[0].revents != 0 && read(wake_[0], &told, 1) != 1) give_up("fault proxy");
    const bool away = is_away();
    size_t at = 2;
    for (auto c = connections_.begin(); c != connections_.end();) {
      const short client = fds[at++].revents, server = fds[at++].revents;
      const bool held = c->hanging || Clock::now() < c->held_until;
      // A client that has gone for good is told as an error also while nothing is read.
      if (held && (client & (POLLHUP | POLLERR)) != 0) c->client_ended = true;
      if (!held && (client & (POLLIN | POLLHUP | POLLERR)) != 0 && c->client >= 0) from_client(*c);
      if (!held && (server & (POLLIN | POLLHUP | POLLERR)) != 0 && c->server >= 0) from_server(*c);
      pass_on(*c);
      if (away && c->client >= 0) reset_fd(c->client);
      if (c->client_ended || c->client < 0) {
        close_fd(c->client);
        close_fd(c->server);
        c = connections_.erase(c);
      } else {
        ++c;
      }
    }
    if (fds[1].revents != 0) accept_one();
    std::lock_guard lock(mutex_);
    if (ending_) break;
  }
  for (Connection &c : connections_) {
    close_fd(c.client);
    close_fd(c.server);
  }
}

std::string s3_error(int status, const std::string &code) {
  const std::string body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>" + code +
                           "</Code><Message>made up by a test</Message></Error>";
  return "HTTP/1.1 " + std::to_string(status) + " " + code +
         "\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string postgres_commit_reply() { return std::string("C\0\0\0\x0b", 5) + "COMMIT"; }

}  // namespace checkpoint
