// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace checkpoint {

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool write_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

Relay::Relay(int server_port)
    : server_port_(server_port), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto *any = reinterpret_cast<sockaddr *>(&address);
  if (listener_ < 0 || bind(listener_, any, size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, any, &size) != 0 || pipe(wake_) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept_all(); });
}

Relay::~Relay() {
  close(wake_[1]);
  accepting_.join();
  for (std::thread &thread : threads_) thread.join();
  close(wake_[0]);
  close(listener_);
}

void Relay::accept_all() {
  for (;;) {
    pollfd fds[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 || fds[1].revents != 0) return;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    std::lock_guard lock(mutex_);
    threads_.emplace_back([this, client] { pass(client); });
  }
}

void Relay::pass(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(server_port_);
  bool open = connect(server, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
  std::string buffer(65536, '\0');
  while (open) {
    pollfd fds[3] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (poll(fds, 3, -1) < 0 || fds[2].revents != 0) break;
    for (int from = 0; from < 2 && open; from++) {
      if (fds[from].revents == 0) continue;
      const ssize_t n = recv(fds[from].fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) {
        open = false;
        break;
      }
      const std::string_view bytes(buffer.data(), static_cast<size_t>(n));
      // A statement's text and an answer's tag both stand in the stream as they are, with their
      // final zero.
      constexpr std::string_view kCommit("COMMIT", sizeof "COMMIT");
      const bool commit = bytes.find(kCommit) != std::string_view::npos;
      Cut wanted = from == 0 ? Cut::kCommitItself : Cut::kAnswerToCommit;
      if (commit && cut_.compare_exchange_strong(wanted, Cut::kNothing)) {
        before_();
        cuts_++;
        open = false;
        break;
      }
      open = write_all(fds[1 - from].fd, bytes.data(), bytes.size());
    }
  }
  close(client);
  close(server);
}

}  // namespace checkpoint
