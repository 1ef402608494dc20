// SPDX-License-Identifier: LGPL-2.1-or-later
// One HTTP request and its answer, as S3 and the places that hand out credentials need them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/cancel.h"

namespace checkpoint {

// What Signature Version 4 is computed with. Never shown.
struct HttpSigner {
  std::string access_key;
  std::string secret_key;
  std::string region;
};

enum class HttpMethod { kGet, kHead, kPut, kDelete };

struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string url;                   // encoded as it is sent
  std::vector<std::string> headers;  // "name: value"
  std::optional<HttpSigner> signer;
  // Of a put. Read by the transfer's thread until run() returns.
  std::span<const ByteView> body;
  // Where the body of an answer 200 or 206 goes. A 206 begins at `offset` of the whole, a 200 at 0:
  // what lies before is skipped. What does not fit ends the transfer, and is no error.
  std::optional<MutableByteView> into;
  uint64_t offset = 0;
  // Other bodies are kept as text up to that size; a longer one is an error.
  size_t max_text = 64 << 10;
  // The transfer ends when no byte moves for that long.
  std::chrono::milliseconds patience{15000};
  std::string ca_file;  // empty: the system's
  bool proxy = true;    // as the environment says
};

struct HttpAnswer {
  enum class Outcome {
    kAnswered,
    kNotSent,    // no connection, so the server has not seen the request
    kBroken,     // the connection ended early: the server may have done it
    kTimeout,    // the same
    kUntrusted,  // the server's certificate, or the file to check it with
    kUnusable,   // the request can't be made: a bad address
    kCancelled,
  };
  Outcome outcome = Outcome::kUnusable;
  std::string error;                           // of the transfer, for people; empty when answered
  int status = 0;                              // HTTP's
  std::map<std::string, std::string> headers;  // names in lower case
  std::string text;
  size_t received = 0;  // bytes in HttpRequest::into

  bool success() const { return outcome == Outcome::kAnswered && status / 100 == 2; }
  // The header, or "".
  const std::string &header(const std::string &name) const {
    static const std::string none;
    auto found = headers.find(name);
    return found == headers.end() ? none : found->second;
  }
};

class HttpTransfers {
 public:
  virtual ~HttpTransfers() = default;
  // Any thread, many at once; the memory that the request names is not touched after it returned.
  virtual HttpAnswer run(const HttpRequest &request, Cancellation &cancel) = 0;
};

// libcurl's: one thread, begun with the first request, drives all transfers over connections that
// are kept. A process that forks makes a new one in the child.
std::shared_ptr<HttpTransfers> make_curl_transfers();

}  // namespace checkpoint
