// SPDX-License-Identifier: LGPL-2.1-or-later
// A small HTTP server within the test, on a free port of the loopback: for answers that a real
// server gives only on a bad day.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace checkpoint {

class HttpStandIn {
 public:
  struct Request {
    std::string method;
    std::string target;                          // "/bucket/key?query"
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };
  struct Reply {
    int status = 200;
    std::string body;
    std::vector<std::string> headers;  // "Name: value"
    enum class End {
      kWhole,
      kReset,   // instead of an answer
      kCut,     // after half of the body
      kSilent,  // no answer until the client gives up
    };
    End end = End::kWhole;
  };
  // Called on a thread of the connection's; connections run side by side.
  using Handler = std::function<Reply(const Request &)>;

  explicit HttpStandIn(Handler handler);
  ~HttpStandIn();
  HttpStandIn(const HttpStandIn &) = delete;
  HttpStandIn &operator=(const HttpStandIn &) = delete;

  // "http://127.0.0.1:PORT"
  const std::string &url() const { return url_; }
  // What has come in so far.
  std::vector<Request> requests() const;
  // Waits until that many have come in.
  void wait_for_requests(size_t n);

 private:
  void accept_all();
  void serve(int fd);

  const Handler handler_;
  std::string url_;
  int listener_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Request> requests_;     // protected by mutex_
  std::vector<int> open_;             // protected by mutex_
  std::vector<std::thread> threads_;  // protected by mutex_
  bool stop_ = false;                 // protected by mutex_
  std::thread acceptor_;
};

}  // namespace checkpoint
