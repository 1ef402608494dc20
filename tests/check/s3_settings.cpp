// SPDX-License-Identifier: LGPL-2.1-or-later
// Where an S3 store is and who we are there: URI, environment, AWS files, roles.
#include <glib.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/s3/config.h"
#include "backends/s3/credentials.h"
#include "backends/s3/store.h"
#include "support/check.h"
#include "support/http_stand_in.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

using Variables = std::map<std::string, std::string>;

Environment environment_of(Variables variables) {
  variables.emplace("HOME", "/nonexistent");
  variables.emplace("AWS_EC2_METADATA_DISABLED", "true");
  return [variables](const char *name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
}

Result<S3Config> config_of(const std::string &uri, const Variables &variables = {}) {
  auto parsed = parse_store_uri(uri, "file");
  ck_assert_msg(parsed.is_ok(), "%s", uri.c_str());
  return read_s3_config(*parsed, environment_of(variables));
}

Result<S3Keys> keys_of(const std::string &uri, const Variables &variables) {
  auto config = config_of(uri, variables);
  ck_assert(config.is_ok());
  Cancellation cancel;
  return CredentialsSource(*config, environment_of(variables), make_curl_transfers()).get(cancel);
}

void assert_text(const std::string &is, const std::string &wanted) {
  ck_assert_msg(is == wanted, "'%s', wanted '%s'", is.c_str(), wanted.c_str());
}

void assert_key(const Result<S3Keys> &keys, const std::string &access) {
  ck_assert_msg(keys.is_ok(), "%s", keys.status().to_string().c_str());
  assert_text(keys.value().access_key, access);
}

void assert_refused(const Status &status, Code code, const std::string &says) {
  const std::string text = status.to_string();
  ck_assert_msg(status.is(code) && text.find(says) != std::string::npos, "%s", text.c_str());
}

void write_file(const std::string &path, const std::string &text) {
  ck_assert(
      g_file_set_contents(path.c_str(), text.data(), static_cast<gssize>(text.size()), nullptr));
}

// Keys as the two services hand them out.
std::string role_json(const std::string &access, const std::string &expires) {
  return "{\"Code\":\"Success\",\"AccessKeyId\":\"" + access +
         "\",\"SecretAccessKey\":\"role-secret\",\"Token\":\"role-token\",\"Expiration\":\"" +
         expires + "\"}";
}

std::atomic<int64_t> now_seconds{0};
std::chrono::system_clock::time_point fake_now() {
  return std::chrono::system_clock::time_point(std::chrono::seconds(now_seconds.load()));
}
int64_t unix_time(const char *text) {
  GTimeZone *utc = g_time_zone_new_utc();
  GDateTime *time = g_date_time_new_from_iso8601(text, utc);
  int64_t seconds = g_date_time_to_unix(time);
  g_date_time_unref(time);
  g_time_zone_unref(utc);
  return seconds;
}

}  // namespace

GST_START_TEST(a_bucket_is_found_at_aws) {
  auto config = config_of("s3://films");
  ck_assert(config.is_ok());
  assert_text(config->base_url(), "https://films.s3.us-east-1.amazonaws.com/");
  assert_text(config->display_uri(), "s3://films");
  config = config_of("s3://my.films/a/b/?region=eu-west-1");
  assert_text(config->base_url(), "https://s3.eu-west-1.amazonaws.com/my.films/");
  assert_text(config->prefix, "a/b/");
  assert_text(config->display_uri(), "s3://my.films/a/b");
  config = config_of("s3://films?region=cn-north-1");
  assert_text(config->base_url(), "https://films.s3.cn-north-1.amazonaws.com.cn/");
}
GST_END_TEST

GST_START_TEST(a_bucket_is_found_elsewhere) {
  auto config = config_of("s3://films/x?endpoint=http://127.0.0.1:9000/");
  ck_assert(config.is_ok());
  assert_text(config->base_url(), "http://127.0.0.1:9000/films/");
  assert_text(config->display_uri(), "s3://films/x?endpoint=http://127.0.0.1:9000");
  config = config_of("s3://films?endpoint=https%3A%2F%2Fs3.example&path-style=no");
  assert_text(config->base_url(), "https://films.s3.example/");
  config = config_of("s3://films", {{"AWS_ENDPOINT_URL", "http://general"},
                                    {"AWS_ENDPOINT_URL_S3", "http://special"},
                                    {"AWS_DEFAULT_REGION", "r1"}});
  assert_text(config->base_url(), "http://special/films/");
  assert_text(config->region, "r1");
  config = config_of("s3://films?region=r3&endpoint=http://uri",
                     {{"AWS_ENDPOINT_URL_S3", "http://special"}, {"AWS_REGION", "r2"}});
  assert_text(config->base_url(), "http://uri/films/");
  assert_text(config->region, "r3");
}
GST_END_TEST

GST_START_TEST(options_are_read) {
  auto config = config_of(
      "s3://films?ca-file=/etc/ca.pem&request-timeout=250&retry-attempts=3&storage-class="
      "STANDARD_IA&sse=aws:kms&sse-kms-key-id=arn:x&puts-in-flight=4&conditional-puts=no");
  ck_assert_msg(config.is_ok(), "%s", config.status().to_string().c_str());
  assert_text(config->ca_file, "/etc/ca.pem");
  ck_assert_int_eq(config->request_timeout.count(), 250);
  ck_assert_int_eq(config->retry_attempts, 3);
  assert_text(config->storage_class, "STANDARD_IA");
  assert_text(config->sse_kms_key_id, "arn:x");
  ck_assert_int_eq(config->puts_in_flight, 4);
  ck_assert(!config->conditional_puts);
}
GST_END_TEST

GST_START_TEST(what_is_wrong_with_a_uri_is_said) {
  for (auto [uri, says] : std::vector<std::pair<const char *, const char *>>{
           {"s3:///prefix", "bucket"},
           {"s3://a", "bucket"},
           {"s3://../x", "bucket"},
           {"s3://films/../x", "prefix"},
           {"s3://films/a//b", "prefix"},
           {"s3://films?endpoint=127.0.0.1:9000", "http://"},
           {"s3://films?endpoint=ftp://host", "http://"},
           {"s3://films?endpoint=http://user:pw4711@host", "password"},
           {"s3://films?endpoint=http://host/path", "host and a port"},
           {"s3://films?retry-attempts=0", "retry-attempts"},
           {"s3://films?request-timeout=soon", "request-timeout"},
           {"s3://films?region=a%20b", "region"},
           {"s3://films?storage-class=a%20b", "storage-class"},
           {"s3://films?s3-client=wget", "s3-client"},
           {"s3://films?sse-kms-key-id=k", "sse=aws:kms"},
           {"s3://films?colour=blue", "colour"},
           {"s3://key@films", "KEY:SECRET"},
       }) {
    auto config = config_of(uri);
    ck_assert_msg(!config.is_ok(), "%s", uri);
    assert_refused(config.status(), Code::kInvalidArgument, says);
    ck_assert(config.status().to_string().find("pw4711") == std::string::npos);
  }
}
GST_END_TEST

GST_START_TEST(a_client_is_chosen) {
  ck_assert(config_of("s3://films")->client == S3ClientKind::kCurl);
  ck_assert(config_of("s3://films?s3-client=curl")->client == S3ClientKind::kCurl);
  ck_assert(config_of("s3://films?s3-client=libs3")->client == S3ClientKind::kLibs3);
#ifndef HAVE_LIBS3
  assert_refused(make_s3_store(*parse_store_uri("s3://films?s3-client=libs3", "file")).status(),
                 Code::kUnsupported, "-Dlibs3=enabled");
#endif
}
GST_END_TEST

GST_START_TEST(keys_are_looked_for_in_order) {
  TempDir dir;
  write_file(dir.file("credentials"),
             "# a comment\n[default]\naws_access_key_id = FILE\naws_secret_access_key=file-secret\n"
             "[other]\naws_access_key_id=OTHER\naws_secret_access_key=other-secret\n"
             "aws_session_token = other-token\n");
  write_file(dir.file("config"),
             "[default]\nregion = r-default\n[profile other]\nregion = r-other\ns3 =\n"
             "  aws_access_key_id = NESTED\nendpoint_url = http://other:1\n"
             "[profile config-only]\naws_access_key_id=CONFIG\naws_secret_access_key=s\n"
             "[profile made]\ncredential_process = /bin/x\n[other]\nregion = wrong\n");
  Variables v{{"AWS_SHARED_CREDENTIALS_FILE", dir.file("credentials")},
              {"AWS_CONFIG_FILE", dir.file("config")}};
  assert_key(keys_of("s3://films", v), "FILE");
  assert_text(config_of("s3://films", v)->region, "r-default");
  assert_key(keys_of("s3://films?profile=config-only", v), "CONFIG");
  assert_refused(keys_of("s3://films?profile=made", v).status(), Code::kPermissionDenied,
                 "credential_process");
  assert_refused(keys_of("s3://films?profile=none", v).status(), Code::kPermissionDenied, "'none'");
  v["AWS_PROFILE"] = "other";
  auto other = keys_of("s3://films", v);
  assert_key(other, "OTHER");
  assert_text(other->session_token, "other-token");
  auto config = config_of("s3://films", v);
  assert_text(config->region, "r-other");
  assert_text(config->endpoint, "http://other:1");
  v["AWS_ACCESS_KEY_ID"] = "ENVIRONMENT";
  assert_refused(keys_of("s3://films", v).status(), Code::kPermissionDenied,
                 "AWS_SECRET_ACCESS_KEY");
  v["AWS_SECRET_ACCESS_KEY"] = "environment-secret";
  assert_key(keys_of("s3://films", v), "ENVIRONMENT");
  assert_key(keys_of("s3://films?profile=other", v), "OTHER");
  auto uri = keys_of("s3://URI:uri%2Fsecret@films", v);
  assert_key(uri, "URI");
  assert_text(uri->secret_key, "uri/secret");
}
GST_END_TEST

GST_START_TEST(without_keys_the_next_step_is_said) {
  Status status = keys_of("s3://films", {}).status();
  assert_refused(status, Code::kPermissionDenied, "AWS_ACCESS_KEY_ID");
}
GST_END_TEST

GST_START_TEST(a_container_hands_out_keys) {
  HttpStandIn service([](const HttpStandIn::Request &r) {
    HttpStandIn::Reply reply;
    auto token = r.headers.find("authorization");
    if (r.target != "/role?x" || token == r.headers.end() || token->second != "let me in")
      reply.status = 403;
    reply.body = role_json("CONTAINER", "2099-01-01T00:00:00Z");
    return reply;
  });
  TempDir dir;
  write_file(dir.file("token"), "let me in\n");
  Variables v{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", service.url() + "/role?x"},
              {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", dir.file("token")},
              {"http_proxy", "http://127.0.0.1:1"}};
  auto keys = keys_of("s3://films", v);
  assert_key(keys, "CONTAINER");
  assert_text(keys->session_token, "role-token");
  v["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "";
  v["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "wrong-token-4711";
  Status status = keys_of("s3://films", v).status();
  assert_refused(status, Code::kPermissionDenied, "403");
  ck_assert(status.to_string().find("4711") == std::string::npos);
  for (const char *far : {"http://192.0.2.1/x", "http://127.0.0.1.example.com/x",
                          "http://127.0.0.1@example.com/x", "file:///etc/passwd"}) {
    v["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = far;
    assert_refused(keys_of("s3://films", v).status(), Code::kPermissionDenied, "FULL_URI");
  }
}
GST_END_TEST

GST_START_TEST(an_instance_hands_out_keys_and_they_are_renewed) {
  std::atomic<int> given{0};
  std::atomic<bool> broken{false};
  HttpStandIn service([&](const HttpStandIn::Request &r) {
    HttpStandIn::Reply reply;
    auto header = [&](const char *name) {
      auto found = r.headers.find(name);
      return found == r.headers.end() ? std::string() : found->second;
    };
    const std::string place = "/latest/meta-data/iam/security-credentials/";
    if (broken) {
      reply.status = 500;
    } else if (r.method == "PUT" && r.target == "/latest/api/token" &&
               !header("x-aws-ec2-metadata-token-ttl-seconds").empty()) {
      reply.body = "metadata-token";
    } else if (header("x-aws-ec2-metadata-token") != "metadata-token") {
      reply.status = 401;
    } else if (r.target == place) {
      reply.body = "my-role\n";
    } else if (r.target == place + "my-role") {
      int n = ++given;
      reply.body = role_json("INSTANCE" + std::to_string(n),
                             n == 1 ? "2030-01-01T06:00:00Z" : "2030-01-01T12:00:00Z");
    } else {
      reply.status = 404;
    }
    return reply;
  });
  Variables v{{"AWS_EC2_METADATA_DISABLED", "false"},
              {"AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url()}};
  auto config = config_of("s3://films", v);
  CredentialsSource source(*config, environment_of(v), make_curl_transfers(), &fake_now);
  Cancellation cancel;
  now_seconds = unix_time("2030-01-01T00:00:00Z");
  assert_key(source.get(cancel), "INSTANCE1");
  size_t asked = service.requests().size();
  assert_key(source.get(cancel), "INSTANCE1");
  ck_assert_int_eq(service.requests().size(), asked);
  now_seconds = unix_time("2030-01-01T05:56:00Z");
  broken = true;  // then the old ones go on until they end
  assert_key(source.get(cancel), "INSTANCE1");
  broken = false;
  assert_key(source.get(cancel), "INSTANCE2");
  now_seconds = unix_time("2030-01-01T13:00:00Z");
  broken = true;
  assert_refused(source.get(cancel).status(), Code::kUnavailable, "500");
}
GST_END_TEST

GST_START_TEST(g28_waiting_for_keys_can_be_cancelled) {
  HttpStandIn service([](const HttpStandIn::Request &) {
    HttpStandIn::Reply reply;
    reply.end = HttpStandIn::Reply::End::kSilent;
    return reply;
  });
  Variables v{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", service.url() + "/role"}};
  auto config = config_of("s3://films", v);
  CredentialsSource source(*config, environment_of(v), make_curl_transfers());
  Cancellation cancel;
  std::thread canceller([&] {
    service.wait_for_requests(1);
    cancel.cancel();
  });
  ck_assert(source.get(cancel).status().is(Code::kCancelled));
  canceller.join();
}
GST_END_TEST

static Suite *s3_settings_suite() {
  Suite *suite = suite_create("s3_settings");
  TCase *tc = tcase_create("s3_settings");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_bucket_is_found_at_aws);
  tcase_add_test(tc, a_bucket_is_found_elsewhere);
  tcase_add_test(tc, options_are_read);
  tcase_add_test(tc, what_is_wrong_with_a_uri_is_said);
  tcase_add_test(tc, a_client_is_chosen);
  tcase_add_test(tc, keys_are_looked_for_in_order);
  tcase_add_test(tc, without_keys_the_next_step_is_said);
  tcase_add_test(tc, a_container_hands_out_keys);
  tcase_add_test(tc, an_instance_hands_out_keys_and_they_are_renewed);
  tcase_add_test(tc, g28_waiting_for_keys_can_be_cancelled);
  return suite;
}
GST_CHECK_MAIN(s3_settings);
