// SPDX-License-Identifier: LGPL-2.1-or-later
// Where an S3 store is and how it is spoken to: from its URI, the AWS variables and the AWS files.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/status.h"
#include "store/uri.h"

namespace checkpoint {

// A variable's value; nullopt where it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char *name)>;
Environment process_environment();

// One section of an AWS file: its settings, names in lower case.
using AwsProfile = std::map<std::string, std::string>;
// The profile as ~/.aws/config and ~/.aws/credentials describe it (or AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE); the second wins. Empty when there is none.
AwsProfile read_aws_profile(const std::string &name, const Environment &environment);

// What speaks to the server.
enum class S3ClientKind { kCurl, kLibs3 };

struct S3Keys {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
};

struct S3Config {
  std::string bucket;
  std::string prefix;    // of all keys: "" or "a/b/"
  std::string endpoint;  // "https://host:port"
  bool aws = true;       // the endpoint is AWS's own
  S3ClientKind client = S3ClientKind::kCurl;
  std::string region;
  bool path_style = false;
  std::string ca_file;
  std::string profile = "default";
  bool profile_chosen = false;  // by the URI: then the environment's keys don't count
  std::optional<S3Keys> keys;   // of the URI's user info
  std::string storage_class;    // STANDARD_IA
  std::string sse;              // AES256, aws:kms
  std::string sse_kms_key_id;
  std::chrono::milliseconds request_timeout{15000};  // without a byte
  unsigned retry_attempts = 8;                       // in all, the first one included
  unsigned puts_in_flight = 8;
  bool conditional_puts = true;

  // For tests.
  std::chrono::milliseconds backoff{1000};     // longest wait before the second attempt
  std::chrono::milliseconds marker_age{5000};  // for which a put trusts the last look at it

  // Scheme, bucket, prefix and another's endpoint: names the place, and no secret.
  std::string display_uri() const;
  // "https://host/bucket/" or "https://bucket.host/": a key follows.
  std::string base_url() const;
};

// kInvalidArgument says which option is wrong. Reads the AWS files, which are small and local.
Result<S3Config> read_s3_config(const StoreUri &uri, const Environment &environment);

}  // namespace checkpoint
