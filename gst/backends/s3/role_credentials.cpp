// SPDX-License-Identifier: LGPL-2.1-or-later
// Keys that a service beside the process hands out: to a container, to an EC2 instance.
#include <glib.h>
#include <json-glib/json-glib.h>

#include "backends/s3/credentials.h"
#include "common/log.h"

namespace checkpoint {

namespace {

constexpr const char *kArea = "s3";
constexpr int kAttempts = 3;
// The service is next door or it does not exist.
constexpr std::chrono::milliseconds kPatience{1000};

// {"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": …}
std::optional<S3Credentials> parse(const std::string &json) {
  std::unique_ptr<JsonParser, decltype(&g_object_unref)> parser(json_parser_new(), g_object_unref);
  if (!g_utf8_validate(json.data(), static_cast<gssize>(json.size()), nullptr) ||
      !json_parser_load_from_data(parser.get(), json.data(), static_cast<gssize>(json.size()),
                                  nullptr))
    return std::nullopt;
  JsonNode *root = json_parser_get_root(parser.get());
  if (!root || !JSON_NODE_HOLDS_OBJECT(root)) return std::nullopt;
  JsonObject *object = json_node_get_object(root);
  auto text = [&](const char *name) -> std::string {
    JsonNode *node = json_object_get_member(object, name);
    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
      return {};
    return json_node_get_string(node);
  };
  S3Credentials found{{text("AccessKeyId"), text("SecretAccessKey"), text("Token")}, std::nullopt};
  if (found.keys.access_key.empty() || found.keys.secret_key.empty()) return std::nullopt;
  if (std::string ends = text("Expiration"); !ends.empty()) {
    std::unique_ptr<GTimeZone, decltype(&g_time_zone_unref)> utc(g_time_zone_new_utc(),
                                                                 g_time_zone_unref);
    GDateTime *time = g_date_time_new_from_iso8601(ends.c_str(), utc.get());
    if (!time) return std::nullopt;
    found.expires =
        std::chrono::system_clock::time_point(std::chrono::seconds(g_date_time_to_unix(time)));
    g_date_time_unref(time);
  }
  return found;
}

HttpRequest request(const std::string &url) {
  HttpRequest r;
  r.url = url;
  r.patience = kPatience;
  r.proxy = false;
  return r;
}

// Answers of a service that is there but busy are asked for again.
HttpAnswer ask(HttpTransfers &transfers, const HttpRequest &r, int attempts, Cancellation &cancel) {
  for (int attempt = 1;; attempt++) {
    HttpAnswer answer = transfers.run(r, cancel);
    bool again = answer.outcome == HttpAnswer::Outcome::kAnswered
                     ? answer.status == 429 || answer.status >= 500
                     : answer.outcome != HttpAnswer::Outcome::kCancelled;
    if (!again || attempt >= attempts) return answer;
    if (!cancel.sleep_for(std::chrono::milliseconds(50 << attempt))) {
      answer.outcome = HttpAnswer::Outcome::kCancelled;
      return answer;
    }
  }
}

Status refused(const char *who, const HttpAnswer &answer) {
  if (answer.outcome == HttpAnswer::Outcome::kCancelled) return {Code::kCancelled, "cancelled"};
  std::string what = answer.outcome == HttpAnswer::Outcome::kAnswered
                         ? "answered " + std::to_string(answer.status)
                         : "does not answer: " + answer.error;
  Status status(answer.outcome == HttpAnswer::Outcome::kAnswered && answer.status / 100 == 4
                    ? Code::kPermissionDenied
                    : Code::kUnavailable,
                std::string(who) + " " + what,
                "no keys for S3 could be got from it; where there is no role to have, set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`");
  if (status.is(Code::kUnavailable)) status.set_retryable();
  return status;
}

// Plain http goes to this host, or to the two addresses that AWS has for containers.
bool may_be_asked(const std::string &url) {
  if (url.rfind("https://", 0) == 0) return true;
  if (url.rfind("http://", 0) != 0) return false;
  std::string host = url.substr(7, url.find_first_of("/?#", 7) - 7);
  if (host.find('@') != std::string::npos) return false;
  if (host.rfind("[", 0) == 0)
    host = host.substr(0, host.find(']') + 1);
  else
    host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "[::1]" || host == "169.254.170.2" ||
         host == "169.254.170.23" || host == "[fd00:ec2::23]" ||
         (host.rfind("127.", 0) == 0 && host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace

Result<std::optional<S3Credentials>> container_credentials(const Environment &environment,
                                                           HttpTransfers &transfers,
                                                           Cancellation &cancel) {
  std::string url;
  if (auto relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))
    url = "http://169.254.170.2" + *relative;
  else if (auto full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    url = *full;
  else
    return std::optional<S3Credentials>();
  if (!may_be_asked(url))
    return Status(Code::kPermissionDenied,
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this host",
                  "keys are not asked for over an open network");
  HttpRequest r = request(url);
  std::string token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  if (auto file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    gchar *content = nullptr;
    if (!g_file_get_contents(file->c_str(), &content, nullptr, nullptr))
      return Status(Code::kPermissionDenied,
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE can't be read: " + *file);
    token = g_strstrip(content);
    g_free(content);
  }
  if (token.find_first_of("\r\n") != std::string::npos)
    return Status(Code::kPermissionDenied, "the container's authorization token has two lines");
  if (!token.empty()) r.headers.push_back("Authorization: " + token);
  HttpAnswer answer = ask(transfers, r, kAttempts, cancel);
  if (!answer.success()) return refused("the credentials service of the container", answer);
  auto found = parse(answer.text);
  if (!found)
    return Status(Code::kPermissionDenied,
                  "the credentials service of the container answers something that is no key");
  log(LogLevel::kDebug, kArea, "credentials of the container's role");
  return found;
}

Result<std::optional<S3Credentials>> instance_credentials(const Environment &environment,
                                                          HttpTransfers &transfers,
                                                          Cancellation &cancel) {
  const std::optional<S3Credentials> none;
  std::string off = environment("AWS_EC2_METADATA_DISABLED").value_or("");
  if (off == "true" || off == "TRUE" || off == "True") return none;
  std::string base =
      environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
  while (!base.empty() && base.back() == '/') base.pop_back();
  base += "/latest/";
  HttpRequest r = request(base + "api/token");
  r.method = HttpMethod::kPut;
  r.headers.push_back("X-aws-ec2-metadata-token-ttl-seconds: 21600");
  HttpAnswer token = ask(transfers, r, 1, cancel);
  if (token.outcome == HttpAnswer::Outcome::kCancelled) return refused("", token);
  // Not on EC2, in most cases.
  if (token.outcome != HttpAnswer::Outcome::kAnswered || token.status == 404) return none;
  if (token.success() && token.text.find_first_of("\r\n") != std::string::npos) return none;
  if (!token.success()) return refused("the metadata service of the instance", token);

  r = request(base + "meta-data/iam/security-credentials/");
  r.headers.push_back("X-aws-ec2-metadata-token: " + token.text);
  HttpAnswer role = ask(transfers, r, kAttempts, cancel);
  if (role.outcome == HttpAnswer::Outcome::kAnswered && role.status == 404) return none;
  if (!role.success()) return refused("the metadata service of the instance", role);
  std::string name = role.text.substr(0, role.text.find_first_of("\r\n"));
  r.url += percent_encode(name);
  HttpAnswer answer = ask(transfers, r, kAttempts, cancel);
  if (!answer.success()) return refused("the metadata service of the instance", answer);
  auto found = parse(answer.text);
  if (!found)
    return Status(Code::kPermissionDenied,
                  "the metadata service of the instance has no key for its role");
  log(LogLevel::kDebug, kArea, "credentials of the instance's role");
  return found;
}

}  // namespace checkpoint
