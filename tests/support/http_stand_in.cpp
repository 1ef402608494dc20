// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/http_stand_in.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace checkpoint {

namespace {

// Reads until `done` says so; false when the other side ends first.
template <typename Done>
bool read_until(int fd, std::string &text, Done done) {
  char buffer[65536];
  while (!done()) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    text.append(buffer, static_cast<size_t>(n));
  }
  return true;
}

void send_all(int fd, const std::string &text) {
  for (size_t at = 0; at < text.size();) {
    ssize_t n = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<size_t>(n);
  }
}

}  // namespace

HttpStandIn::HttpStandIn(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) != 0)
    abort();
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  acceptor_ = std::thread([this] { accept_all(); });
}

HttpStandIn::~HttpStandIn() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  acceptor_.join();
  threads.swap(threads_);  // nobody adds one any more
  for (auto &thread : threads) thread.join();
  close(listener_);
}

std::vector<HttpStandIn::Request> HttpStandIn::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void HttpStandIn::wait_for_requests(size_t n) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return requests_.size() >= n; });
}

void HttpStandIn::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock(mutex_);
    if (fd < 0 || stop_) {
      if (fd >= 0) close(fd);
      if (stop_) return;
      continue;
    }
    open_.push_back(fd);
    threads_.emplace_back([this, fd] {
      serve(fd);
      std::lock_guard inner(mutex_);
      std::erase(open_, fd);
      close(fd);
    });
  }
}

void HttpStandIn::serve(int fd) {
  std::string text;
  size_t head = std::string::npos;
  if (!read_until(fd, text, [&] { return (head = text.find("\r\n\r\n")) != std::string::npos; }))
    return;
  Request request;
  size_t line_end = text.find("\r\n");
  size_t first = text.find(' '), second = text.find(' ', first + 1);
  request.method = text.substr(0, first);
  request.target = text.substr(first + 1, second - first - 1);
  for (size_t at = line_end + 2; at < head + 2;) {
    size_t end = text.find("\r\n", at), colon = text.find(':', at);
    std::string name = text.substr(at, colon - at);
    for (char &c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    size_t value = text.find_first_not_of(' ', colon + 1);
    request.headers[name] = text.substr(value, end - value);
    at = end + 2;
  }
  request.body = text.substr(head + 4);
  size_t length = strtoull(request.headers["content-length"].c_str(), nullptr, 10);
  if (request.headers.count("expect") && request.body.empty())
    send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n");
  if (!read_until(fd, request.body, [&] { return request.body.size() >= length; })) return;
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
  }
  Reply reply = handler_(request);
  char byte;
  switch (reply.end) {
    case Reply::End::kReset: {
      linger now{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      return;
    }
    case Reply::End::kSilent:
      while (recv(fd, &byte, 1, 0) > 0) {
      }
      return;
    case Reply::End::kWhole:
    case Reply::End::kCut:
      break;
  }
  std::string answer =
      "HTTP/1.1 " + std::to_string(reply.status) + " answer\r\n" + "Connection: close\r\n";
  bool has_length = false;
  for (const std::string &header : reply.headers) {
    answer += header + "\r\n";
    has_length = has_length || header.rfind("Content-Length:", 0) == 0;
  }
  if (!has_length) answer += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  answer += "\r\n";
  if (request.method != "HEAD")
    answer +=
        reply.end == Reply::End::kCut ? reply.body.substr(0, reply.body.size() / 2) : reply.body;
  send_all(fd, answer);
  shutdown(fd, SHUT_WR);
  while (recv(fd, &byte, 1, 0) > 0) {  // a close with unread bytes would reset what was sent
  }
}

}  // namespace checkpoint
