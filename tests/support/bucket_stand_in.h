// SPDX-License-Identifier: LGPL-2.1-or-later
// A store in a bucket whose server answers as the test wants.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/s3/store.h"
#include "store/object_name.h"
#include "support/check.h"
#include "support/http_stand_in.h"

namespace checkpoint {

using Request = HttpStandIn::Request;
using Reply = HttpStandIn::Reply;

inline constexpr const char *kSecret = "a-secret-that-nobody-may-see";
inline constexpr const char *kToken = "a-token-that-nobody-may-see";

inline Reply error(int status, const std::string &code) {
  Reply reply;
  reply.status = status;
  reply.body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>It is " + code +
               ".</Message></Error>";
  return reply;
}

inline Reply ending(Reply::End end) {
  Reply reply;
  reply.end = end;
  reply.body = "0123456789";
  return reply;
}

// A bucket that has its marker and otherwise does what the test says.
class Bucket {
 public:
  using Handler = HttpStandIn::Handler;
  explicit Bucket(Handler handler, std::string options = "", bool with_token = true)
      : handler_(std::move(handler)), server_([this](const Request &r) { return answer(r); }) {
    auto uri = parse_store_uri("s3://films/p?endpoint=" + server_.url() + options, "file");
    ck_assert(uri.is_ok());
    auto environment = [this, with_token](const char *name) -> std::optional<std::string> {
      const std::string variable = name;
      if (variable == "AWS_ACCESS_KEY_ID") {
        looked_for_keys++;
        return "ACCESS";
      }
      if (variable == "AWS_SECRET_ACCESS_KEY") return kSecret;
      if (variable == "AWS_SESSION_TOKEN" && with_token) return kToken;
      if (variable == "HOME") return "/nonexistent";
      return std::nullopt;
    };
    auto config = read_s3_config(*uri, environment);
    ck_assert_msg(config.is_ok(), "%s", config.status().to_string().c_str());
    config->backoff = std::chrono::milliseconds(1);
    config_ = *config;
    auto client = make_s3_client(*uri, config_, environment);
    ck_assert_msg(client.is_ok(), "%s", client.status().to_string().c_str());
    store = make_s3_store(config_, std::move(*client));
  }

  // Requests that were not for the marker.
  std::vector<Request> asked() const {
    auto all = server_.requests();
    std::erase_if(all, [](const Request &r) { return is_marker(r); });
    return all;
  }
  HttpStandIn &server() { return server_; }

  std::atomic<int> looked_for_keys{0};
  std::shared_ptr<FrameStore> store;
  std::atomic<int> retries{0};
  Cancellation cancel{[this](const Status &why) {
    ck_assert(why.retryable() && why.message().find("s3://films/p") != std::string::npos);
    retries++;
  }};

 private:
  static bool is_marker(const Request &r) {
    return r.target.find("marker.json") != std::string::npos;
  }
  Reply answer(const Request &r) {
    if (!is_marker(r)) return handler_(r);
    Reply reply;
    reply.status = 206;
    reply.body = marker_to_json({uuid_, uuid_});
    reply.headers = {"Content-Range: bytes 0-" + std::to_string(reply.body.size() - 1) + "/" +
                     std::to_string(reply.body.size())};
    return reply;
  }

  const Uuid uuid_ = Uuid::random();
  const Handler handler_;
  S3Config config_;
  HttpStandIn server_;
};

inline Status put(Bucket &bucket, const std::string &text = "0123456789") {
  std::array<ByteView, 1> parts{as_bytes(text)};
  return bucket.store->put("job/frames/a", parts, std::nullopt, bucket.cancel);
}

inline Status get(Bucket &bucket, std::string *text = nullptr) {
  Bytes out(10);
  Status status = bucket.store->get("job/frames/a", 0, out, bucket.cancel);
  if (text) *text = as_text(out);
  return status;
}

inline Reply whole_object() {
  Reply reply;
  reply.status = 206;
  reply.body = "0123456789";
  reply.headers = {"Content-Range: bytes 0-9/10"};
  return reply;
}

// What HEAD says of an object that was put by `r`.
inline Reply head_of(const Request &r) {
  Reply reply;
  auto sha = r.headers.find("x-amz-meta-gst-checkpoint-sha256");
  reply.headers = {
      "Content-Length: " + std::to_string(r.body.size()),
      "x-amz-meta-gst-checkpoint-sha256: " + (sha == r.headers.end() ? "" : sha->second)};
  return reply;
}

inline void assert_code(const Status &status, Code code) {
  ck_assert_msg(status.is(code), "wanted %s, got %s", code_name(code), status.to_string().c_str());
}

}  // namespace checkpoint
