// SPDX-License-Identifier: LGPL-2.1-or-later
// S3's requests as HTTP ones, signed with Signature Version 4.
#include <glib.h>

#include "backends/s3/client.h"
#include "backends/s3/config.h"
#include "backends/s3/credentials.h"
#include "backends/s3/xml.h"
#include "store/digest.h"

namespace checkpoint {

namespace {

// SHA-256 of nothing.
constexpr const char *kNoBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kShaHeader = std::string("x-amz-meta-") + kSha256Name;
constexpr size_t kMaxListing = 16 << 20;

uint64_t number(const std::string &text) {
  return text.empty() ? 0 : g_ascii_strtoull(text.c_str(), nullptr, 10);
}

class CurlClient : public S3Client {
 public:
  CurlClient(const S3Config &config, std::shared_ptr<HttpTransfers> transfers,
             std::shared_ptr<CredentialsSource> credentials)
      : config_(config),
        base_(config.base_url()),
        transfers_(std::move(transfers)),
        credentials_(std::move(credentials)) {}

  bool puts_conditionally() const override { return true; }
  void renew_credentials() override { credentials_->forget(); }

  Result<S3Answer> put(const std::string &key, std::span<const ByteView> parts,
                       const Sha256 &sha256, bool if_absent, Cancellation &cancel) override {
    HttpRequest r = request(HttpMethod::kPut, key);
    r.body = parts;
    r.headers = {"x-amz-content-sha256: " + hex(sha256),
                 // Buckets with Object Lock ask for one of these; and it is kept with the object.
                 "x-amz-checksum-sha256: " + base64(sha256), kShaHeader + ": " + hex(sha256),
                 "Content-Type: application/octet-stream"};
    if (if_absent) r.headers.emplace_back("If-None-Match: *");
    auto add = [&](const char *name, const std::string &value) {
      if (!value.empty()) r.headers.push_back(name + value);
    };
    add("x-amz-storage-class: ", config_.storage_class);
    add("x-amz-server-side-encryption: ", config_.sse);
    add("x-amz-server-side-encryption-aws-kms-key-id: ", config_.sse_kms_key_id);
    return run(r, cancel);
  }

  Result<S3Answer> get(const std::string &key, uint64_t offset, MutableByteView out,
                       Cancellation &cancel) override {
    HttpRequest r = request(HttpMethod::kGet, key);
    r.headers = {
        std::string("x-amz-content-sha256: ") + kNoBody,
        "Range: bytes=" + std::to_string(offset) + "-" + std::to_string(offset + out.size() - 1)};
    r.into = out;
    r.offset = offset;
    return run(r, cancel);
  }

  Result<S3Answer> head(const std::string &key, Cancellation &cancel) override {
    HttpRequest r = request(HttpMethod::kHead, key);
    r.headers = {std::string("x-amz-content-sha256: ") + kNoBody};
    return run(r, cancel);
  }

  Result<S3Answer> remove(const std::string &key, Cancellation &cancel) override {
    HttpRequest r = request(HttpMethod::kDelete, key);
    r.headers = {std::string("x-amz-content-sha256: ") + kNoBody};
    return run(r, cancel);
  }

  Result<S3Answer> list(const std::string &prefix, const std::string &from, S3Listing &listing,
                        Cancellation &cancel) override {
    HttpRequest r = bucket_request();
    // As it is signed: sorted, and every character encoded that can be.
    if (!from.empty()) r.url += "continuation-token=" + percent_encode(from) + "&";
    r.url += "encoding-type=url&list-type=2&max-keys=1000";
    if (!prefix.empty()) r.url += "&prefix=" + percent_encode(prefix);
    r.max_text = kMaxListing;
    std::string text;
    CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer, run(r, cancel, &text));
    if (answer.success() && !read_s3_listing(text, listing)) {
      answer.outcome = HttpAnswer::Outcome::kBroken;
      answer.message = "the answer is no listing of a bucket";
    }
    return answer;
  }

  Result<S3Answer> get_rules(const std::string &resource, std::string &text,
                             Cancellation &cancel) override {
    HttpRequest r = bucket_request();
    r.url += resource + "=";
    return run(r, cancel, &text);
  }

 private:
  // Of the bucket itself; its query is still to come.
  HttpRequest bucket_request() const {
    HttpRequest r = request(HttpMethod::kGet, "");
    if (config_.path_style) r.url.pop_back();
    r.url += "?";
    r.headers = {std::string("x-amz-content-sha256: ") + kNoBody};
    return r;
  }
  HttpRequest request(HttpMethod method, const std::string &key) const {
    HttpRequest r;
    r.method = method;
    r.url = base_ + percent_encode(key, "/");
    r.patience = config_.request_timeout;
    r.ca_file = config_.ca_file;
    return r;
  }

  Result<S3Answer> run(HttpRequest &r, Cancellation &cancel, std::string *text = nullptr) {
    CHECKPOINT_ASSIGN_OR_RETURN(S3Keys keys, credentials_->get(cancel));
    if (!keys.session_token.empty())
      r.headers.push_back("x-amz-security-token: " + keys.session_token);
    r.signer = HttpSigner{keys.access_key, keys.secret_key, config_.region};
    HttpAnswer http = transfers_->run(r, cancel);
    S3Answer answer;
    answer.outcome = http.outcome;
    answer.status = http.status;
    answer.message = http.error;
    answer.region = http.header("x-amz-bucket-region");
    answer.date = http.header("date");
    answer.sha256 = http.header(kShaHeader);
    answer.received = http.received;
    if (http.outcome != HttpAnswer::Outcome::kAnswered) return answer;
    answer.size = number(http.header("content-length"));
    const std::string &range = http.header("content-range");  // "bytes 0-9/100"
    if (http.status == 206) {
      if (size_t slash = range.find('/'); slash != std::string::npos)
        answer.size = number(range.substr(slash + 1));
      // Another part than the one that was asked for would be taken for it.
      if (range.rfind("bytes " + std::to_string(r.offset) + "-", 0) != 0) {
        answer.outcome = HttpAnswer::Outcome::kBroken;
        answer.message = "the server sent another range than it was asked for";
      }
    }
    if (!answer.success()) read_s3_error(http.text, answer);
    if (text) *text = std::move(http.text);
    return answer;
  }

  const S3Config config_;
  const std::string base_;
  const std::shared_ptr<HttpTransfers> transfers_;
  const std::shared_ptr<CredentialsSource> credentials_;
};

}  // namespace

std::shared_ptr<S3Client> make_curl_client(const S3Config &config,
                                           std::shared_ptr<HttpTransfers> transfers,
                                           std::shared_ptr<CredentialsSource> credentials) {
  return std::make_shared<CurlClient>(config, std::move(transfers), std::move(credentials));
}

}  // namespace checkpoint
