// SPDX-License-Identifier: LGPL-2.1-or-later
// The few requests that the store makes of an S3 server: each function is one attempt, and its
// answer is what the server or the transport said. What follows from it, tries included, is the
// store's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/s3/http.h"
#include "common/bytes.h"
#include "common/cancel.h"
#include "common/status.h"
#include "store/digest.h"

namespace checkpoint {

struct S3Answer {
  HttpAnswer::Outcome outcome = HttpAnswer::Outcome::kUnusable;
  int status = 0;       // HTTP's
  std::string code;     // of the server's error document: "NoSuchKey"; empty for HEAD
  std::string message;  // its text, or the transport's
  std::string region;   // where the bucket is, when the server says so
  std::string date;     // the server's clock
  uint64_t size = 0;    // of the whole object
  size_t received = 0;  // bytes that a get filled
  std::string sha256;   // hexadecimal; as it was stored with the object, "" when it was not

  bool success() const { return outcome == HttpAnswer::Outcome::kAnswered && status / 100 == 2; }
};

struct S3Listing {
  struct Object {
    std::string key;
    uint64_t size = 0;
  };
  std::vector<Object> objects;
  std::string next;  // to go on with; empty at the end
};

// With each object, as x-amz-meta-…: its SHA-256, hexadecimal.
inline constexpr const char *kSha256Name = "gst-checkpoint-sha256";

class S3Client {
 public:
  virtual ~S3Client() = default;

  // Can put() be told to leave an object alone that is there?
  virtual bool puts_conditionally() const = 0;
  // kInvalidArgument: it can't name an object so.
  virtual Status check_key(const std::string &) const { return Status::ok(); }
  // The server checks the SHA-256. A Status is about credentials, here and below.
  virtual Result<S3Answer> put(const std::string &key, std::span<const ByteView> parts,
                               const Sha256 &sha256, bool if_absent, Cancellation &cancel) = 0;
  // Fills `out`, which is not empty, as far as the object goes.
  virtual Result<S3Answer> get(const std::string &key, uint64_t offset, MutableByteView out,
                               Cancellation &cancel) = 0;
  virtual Result<S3Answer> head(const std::string &key, Cancellation &cancel) = 0;
  virtual Result<S3Answer> remove(const std::string &key, Cancellation &cancel) = 0;
  // One page of keys that begin with `prefix`, in the server's order; `from` is an earlier page's
  // `next`.
  virtual Result<S3Answer> list(const std::string &prefix, const std::string &from,
                                S3Listing &listing, Cancellation &cancel) = 0;
  // What the server tells of the bucket under "?resource", as text; "NotImplemented" where this
  // client can't ask.
  virtual Result<S3Answer> get_rules(const std::string &, std::string &, Cancellation &) {
    S3Answer answer;
    answer.outcome = HttpAnswer::Outcome::kAnswered;
    answer.status = 501;
    answer.code = "NotImplemented";
    answer.message = "s3-client=libs3 can't ask for it";
    return answer;
  }
  // The server takes the credentials for expired: they are asked for anew.
  virtual void renew_credentials() = 0;
};

struct S3Config;
struct StoreUri;
class CredentialsSource;

std::shared_ptr<S3Client> make_curl_client(const S3Config &config,
                                           std::shared_ptr<HttpTransfers> transfers,
                                           std::shared_ptr<CredentialsSource> credentials);

// Over libs3, where the build has it. It can do less: the first function says what of the settings,
// those of `uri` among them, it would have to ignore.
Status check_libs3_config(const StoreUri &uri, const S3Config &config);
std::shared_ptr<S3Client> make_libs3_client(const S3Config &config,
                                            std::shared_ptr<CredentialsSource> credentials);

}  // namespace checkpoint
