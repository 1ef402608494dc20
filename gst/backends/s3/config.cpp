// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/config.h"

#include <glib.h>

#include <algorithm>
#include <charconv>

#include "store/object_name.h"

namespace checkpoint {

namespace {

constexpr const char *kOptions =
    "endpoint, region, path-style, ca-file, profile, request-timeout, retry-attempts, "
    "storage-class, sse, sse-kms-key-id, puts-in-flight, conditional-puts, s3-client";
constexpr size_t kMaxFile = 1 << 20;

Status bad(const std::string &what, const std::string &hint = {}) {
  return {Code::kInvalidArgument, what, hint};
}

bool valid_bucket(const std::string &name) {
  return name.size() >= 3 && name.size() <= 255 && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return g_ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; });
}

// Of a header's value or a region, which go into requests as they are.
bool plain(const std::string &text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Status parse_endpoint(const std::string &text, S3Config &config) {
  size_t scheme = text.find("://");
  if (scheme == std::string::npos)
    return bad("the S3 endpoint has no http:// or https://", "write it as https://host:port");
  const std::string kind = text.substr(0, scheme);
  std::string host = text.substr(scheme + 3);
  while (!host.empty() && host.back() == '/') host.pop_back();
  if (kind != "http" && kind != "https")
    return bad("the S3 endpoint is neither http:// nor https://", "write it as https://host:port");
  if (host.find('@') != std::string::npos)
    return bad("the S3 endpoint holds a user or a password",
               "give the keys in the environment or in ~/.aws/credentials");
  if (host.empty() || !plain(host) || host.find_first_of("/?#\\") != std::string::npos)
    return bad("the S3 endpoint is more or less than a host and a port",
               "write it as https://host:port");
  config.endpoint = kind + "://" + host;
  config.aws = host.size() > 14 && host.find(".amazonaws.com") != std::string::npos;
  return Status::ok();
}

template <typename Number>
bool parse_number(const std::string &text, Number low, Number high, Number &out) {
  Number value{};
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < low ||
      value > high)
    return false;
  out = value;
  return true;
}

bool parse_yes_no(const std::string &text, bool &out) {
  out = text == "yes" || text == "true" || text == "1";
  return out || text == "no" || text == "false" || text == "0";
}

Status parse_option(const std::string &key, const std::string &value, S3Config &config,
                    std::optional<bool> &path_style) {
  bool yes = false;
  int64_t timeout = 0;
  if (key == "endpoint") return parse_endpoint(value, config);
  if (key == "region" && !value.empty() && plain(value)) {
    config.region = value;
  } else if (key == "path-style" && parse_yes_no(value, yes)) {
    path_style = yes;
  } else if (key == "ca-file" && !value.empty()) {
    config.ca_file = value;
  } else if (key == "profile" && !value.empty()) {
    config.profile = value;
    config.profile_chosen = true;
  } else if (key == "request-timeout" &&
             parse_number<int64_t>(value, 1, INT64_C(86400000), timeout)) {
    config.request_timeout = std::chrono::milliseconds(timeout);
  } else if (key == "retry-attempts" && parse_number(value, 1U, 100U, config.retry_attempts)) {
  } else if (key == "puts-in-flight" && parse_number(value, 1U, 64U, config.puts_in_flight)) {
  } else if (key == "conditional-puts" && parse_yes_no(value, yes)) {
    config.conditional_puts = yes;
  } else if (key == "s3-client" && (value == "curl" || value == "libs3")) {
    config.client = value == "libs3" ? S3ClientKind::kLibs3 : S3ClientKind::kCurl;
  } else if (key == "storage-class" && !value.empty() && plain(value)) {
    config.storage_class = value;
  } else if (key == "sse" && (value == "AES256" || value == "aws:kms" || value == "aws:kms:dsse")) {
    config.sse = value;
  } else if (key == "sse-kms-key-id" && !value.empty() && plain(value)) {
    config.sse_kms_key_id = value;
  } else {
    return bad("a frame store on S3 has no option '" + key + "' with that value",
               std::string("it has ") + kOptions + "; docs/stores/s3.md describes them");
  }
  return Status::ok();
}

Status parse_user_info(const std::string &user_info, S3Config &config) {
  if (user_info.empty()) return Status::ok();
  size_t colon = user_info.find(':');
  auto access = percent_decode(user_info.substr(0, colon));
  auto secret = percent_decode(colon == std::string::npos ? "" : user_info.substr(colon + 1));
  if (!access.is_ok() || !secret.is_ok() || access->empty() || secret->empty())
    return bad("the keys in the URI of the S3 store are not KEY:SECRET",
               "encode special characters as %XX, or give the keys in the environment");
  config.keys = S3Keys{*access, *secret, ""};
  return Status::ok();
}

std::string aws_host(const std::string &region) {
  return "https://s3." + region + ".amazonaws.com" + (region.rfind("cn-", 0) == 0 ? ".cn" : "");
}

std::string strip(const std::string &text) {
  size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Settings of the section `name`. In the config file its header is "[profile name]", but for the
// default.
void read_section(const std::string &path, const std::string &name, bool config_file,
                  AwsProfile &profile) {
  gchar *content = nullptr;
  gsize size = 0;
  if (!g_file_get_contents(path.c_str(), &content, &size, nullptr)) return;
  std::string text(content, std::min<size_t>(size, kMaxFile));
  g_free(content);
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    const std::string raw = text.substr(at, end - at);
    at = end + 1;
    const std::string line = strip(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string section = strip(line.substr(1, line.find(']') - 1));
      if (config_file && section.rfind("profile", 0) == 0 && section.size() > 7 &&
          (section[7] == ' ' || section[7] == '\t'))
        section = strip(section.substr(7));
      else if (config_file && section != "default")
        section.clear();  // sso-session, services
      inside = section == name;
      continue;
    }
    // An indented line belongs to a nested setting ("s3 =") that we don't know.
    size_t equals = line.find('=');
    if (!inside || equals == std::string::npos || raw[0] == ' ' || raw[0] == '\t') continue;
    std::string key = strip(line.substr(0, equals));
    for (char &c : key) c = g_ascii_tolower(c);
    profile[key] = strip(line.substr(equals + 1));
  }
}

}  // namespace

Environment process_environment() {
  return [](const char *name) -> std::optional<std::string> {
    const char *value = g_getenv(name);
    if (!value || !*value) return std::nullopt;
    return std::string(value);
  };
}

AwsProfile read_aws_profile(const std::string &name, const Environment &environment) {
  const std::string home = environment("HOME").value_or(g_get_home_dir());
  AwsProfile profile;
  read_section(environment("AWS_CONFIG_FILE").value_or(home + "/.aws/config"), name, true, profile);
  read_section(environment("AWS_SHARED_CREDENTIALS_FILE").value_or(home + "/.aws/credentials"),
               name, false, profile);
  return profile;
}

std::string S3Config::display_uri() const {
  StoreUri uri;
  uri.scheme = "s3";
  uri.authority = bucket;
  if (!prefix.empty()) uri.path = "/" + prefix.substr(0, prefix.size() - 1);
  return uri.display() + (aws ? "" : "?endpoint=" + endpoint);
}

std::string S3Config::base_url() const {
  if (path_style) return endpoint + "/" + bucket + "/";
  size_t host = endpoint.find("://") + 3;
  return endpoint.substr(0, host) + bucket + "." + endpoint.substr(host) + "/";
}

Result<S3Config> read_s3_config(const StoreUri &uri, const Environment &environment) {
  S3Config config;
  std::optional<bool> path_style;
  CHECKPOINT_ASSIGN_OR_RETURN(config.bucket, percent_decode(uri.authority));
  if (!valid_bucket(config.bucket))
    return bad("the URI of an S3 store names no bucket, or one that can't be",
               "write it as s3://bucket/prefix");
  config.prefix = uri.path;
  while (!config.prefix.empty() && config.prefix.front() == '/') config.prefix.erase(0, 1);
  while (!config.prefix.empty() && config.prefix.back() == '/') config.prefix.pop_back();
  if (!config.prefix.empty()) {
    if (config.prefix.size() > 512) return bad("the prefix of an S3 store is over 512 bytes");
    CHECKPOINT_RETURN_IF_ERROR(check_object_name(config.prefix + "/x").with_context("the prefix"));
    config.prefix += '/';
  }
  CHECKPOINT_RETURN_IF_ERROR(parse_user_info(uri.user_info, config));

  for (const auto &[key, value] : uri.query)
    CHECKPOINT_RETURN_IF_ERROR(parse_option(key, value, config, path_style));
  if (!config.profile_chosen)
    config.profile =
        environment("AWS_PROFILE").value_or(environment("AWS_DEFAULT_PROFILE").value_or("default"));
  const AwsProfile profile = read_aws_profile(config.profile, environment);
  auto setting = [&](const char *name) -> std::optional<std::string> {
    auto found = profile.find(name);
    if (found == profile.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
  auto first = [&](std::initializer_list<const char *> variables, const char *name) {
    for (const char *variable : variables)
      if (auto value = environment(variable)) return value;
    return setting(name);
  };

  if (config.region.empty()) {
    config.region = first({"AWS_REGION", "AWS_DEFAULT_REGION"}, "region").value_or("us-east-1");
    if (!plain(config.region)) return bad("the AWS region is no name of a region");
  }
  if (config.endpoint.empty()) {
    auto set = first({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, "endpoint_url");
    if (set) {
      CHECKPOINT_RETURN_IF_ERROR(parse_endpoint(*set, config));
    } else {
      config.endpoint = aws_host(config.region);
    }
  }
  if (config.ca_file.empty()) config.ca_file = first({"AWS_CA_BUNDLE"}, "ca_bundle").value_or("");
  // A certificate for *.host does not cover a bucket with dots, and other servers rarely have a
  // name for each bucket.
  config.path_style =
      path_style.value_or(!config.aws || config.bucket.find('.') != std::string::npos);
  if (!config.sse_kms_key_id.empty() && config.sse.rfind("aws:kms", 0) != 0)
    return bad("sse-kms-key-id needs sse=aws:kms");
  return config;
}

}  // namespace checkpoint
