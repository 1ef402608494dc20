// SPDX-License-Identifier: LGPL-2.1-or-later
// The S3 store by libs3: what that library gets wrong does not get past its client, what it can't
// do is refused, and its waits end like others.
#include <fcntl.h>
#include <glib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/log.h"
#include "store/digest.h"
#include "support/bucket_stand_in.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

using End = Reply::End;

const std::string kLibs3 = "&s3-client=libs3";

// A server that keeps objects, and answers a request as `spoil` wants where it says something.
class Objects {
 public:
  using Spoil = std::function<std::optional<Reply>(const Request &)>;
  explicit Objects(Spoil spoil, const std::string &options = "")
      : bucket([this, spoil = std::move(spoil)](const Request &r) { return answer(r, spoil); },
               kLibs3 + options, false) {}

  // How many requests of that method were for objects.
  size_t count(const std::string &method) const {
    size_t n = 0;
    for (const Request &r : bucket.asked()) n += r.method == method;
    return n;
  }

 private:
  Reply answer(const Request &r, const Spoil &spoil) {
    if (auto other = spoil(r)) return *other;
    std::lock_guard lock(mutex_);
    if (r.method == "PUT") {
      objects_[r.target] = r;
      return {};
    }
    auto found = objects_.find(r.target);
    if (found == objects_.end()) return error(404, "NoSuchKey");
    Reply reply = r.method == "HEAD" ? head_of(found->second) : whole_object();
    reply.headers.push_back("ETag: \"x\"");
    return reply;
  }

  std::mutex mutex_;
  std::map<std::string, Request> objects_;  // protected by mutex_

 public:
  Bucket bucket;  // its server stops before what it uses goes
};

std::optional<Reply> nothing(const Request &) { return std::nullopt; }

}  // namespace

GST_START_TEST(a_put_is_checked_and_looked_at) {
  Objects objects(&nothing);
  assert_code(put(objects.bucket), Code::kOk);
  std::string text;
  assert_code(get(objects.bucket, &text), Code::kOk);
  ck_assert(text == "0123456789");
  assert_code(put(objects.bucket), Code::kAlreadyExists);
  for (const Request &r : objects.bucket.asked()) {
    if (r.method != "PUT") continue;
    const std::array<ByteView, 1> parts{as_bytes(r.body)};
    ck_assert(r.body == "0123456789");
    ck_assert(r.headers.at("content-md5") == base64(*md5_of(parts)));
    ck_assert(r.headers.at("x-amz-meta-gst-checkpoint-sha256") == hex(*sha256_of(parts)));
    ck_assert(r.headers.at("authorization").find(":") != std::string::npos);
  }
  ck_assert_int_eq(objects.count("PUT"), 1);
  ck_assert_int_eq(objects.count("HEAD"), 3);
}
GST_END_TEST

GST_START_TEST(g03_a_put_that_was_refused_without_a_word_did_not_succeed) {
  for (int status : {503, 500, 403, 404, 412, 507}) {
    std::atomic<int> left{2};
    Objects objects([&](const Request &r) -> std::optional<Reply> {
      if (r.method != "PUT" || left-- <= 0) return std::nullopt;
      Reply reply;
      reply.status = status;
      return reply;
    });
    // libs3 says that each of them was ok.
    assert_code(put(objects.bucket), Code::kOk);
    ck_assert_int_eq(objects.count("PUT"), 3);
    ck_assert_int_eq(objects.bucket.retries, 2);
    left = 1000;
    Bucket &bucket = objects.bucket;
    const std::array<ByteView, 1> parts{as_bytes("x")};
    Status failed = bucket.store->put("job/frames/b", parts, std::nullopt, bucket.cancel);
    assert_code(failed, Code::kUnavailable);
    ck_assert(failed.retryable());
    assert_code(bucket.store->stat("job/frames/b", bucket.cancel).status(), Code::kMissing);
  }
}
GST_END_TEST

GST_START_TEST(a_put_that_another_one_replaced_is_not_ours) {
  std::atomic<int> looks{0};
  Objects objects([&](const Request &r) -> std::optional<Reply> {
    if (r.method != "HEAD" || ++looks != 2) return std::nullopt;
    Reply reply;
    reply.headers = {"Content-Length: 10", "ETag: \"x\"",
                     "x-amz-meta-gst-checkpoint-sha256: another"};
    return reply;
  });
  assert_code(put(objects.bucket), Code::kAlreadyExists);
}
GST_END_TEST

GST_START_TEST(what_may_pass_is_tried_again) {
  const std::vector<Reply> replies = {
      error(503, "SlowDown"),      error(500, "InternalError"), error(503, "ServiceUnavailable"),
      error(400, "BadDigest"),     ending(End::kReset),         error(429, "TooManyRequests"),
      error(400, "RequestTimeout")};
  for (const Reply &bad : replies) {
    std::atomic<int> puts{0}, gets{0};
    Objects objects([&](const Request &r) -> std::optional<Reply> {
      if (r.method == "PUT" && ++puts <= 2) return bad;
      if (r.method == "GET" && ++gets <= 2) return bad;
      return std::nullopt;
    });
    assert_code(put(objects.bucket), Code::kOk);
    ck_assert_int_eq(puts, 3);
    std::string text;
    assert_code(get(objects.bucket, &text), Code::kOk);
    ck_assert(text == "0123456789");
    ck_assert_int_eq(gets, 3);
    ck_assert_int_eq(objects.bucket.retries, 4);
  }
}
GST_END_TEST

GST_START_TEST(what_is_permanent_is_told_at_once) {
  struct Case {
    Reply reply;
    Code code;
    const char *says;
  };
  Reply bare;
  bare.status = 403;
  for (const Case &c :
       {Case{error(403, "AccessDenied"), Code::kPermissionDenied, "s3:GetObject"},
        {error(403, "SignatureDoesNotMatch"), Code::kPermissionDenied, "secret key"},
        {error(403, "InvalidAccessKeyId"), Code::kPermissionDenied, "access key"},
        {error(403, "RequestTimeTooSkewed"), Code::kPermissionDenied, "clock"},
        {error(404, "NoSuchBucket"), Code::kUnavailable, "films"},
        {error(301, "PermanentRedirect"), Code::kInvalidArgument, "region"},
        {error(400, "InvalidStorageClass"), Code::kInvalidArgument, "InvalidStorageClass"},
        {bare, Code::kPermissionDenied, "403"}}) {
    Bucket bucket([&](const Request &) { return c.reply; }, kLibs3, false);
    const Status status = get(bucket);
    assert_code(status, c.code);
    const std::string text = status.to_string();
    ck_assert_msg(text.find(c.says) != std::string::npos, "%s", text.c_str());
    ck_assert(!status.retryable());
    ck_assert_int_eq(bucket.asked().size(), 1);
  }
}
GST_END_TEST

GST_START_TEST(g10_an_answer_that_ends_early_is_no_success) {
  // libs3 calls it ok.
  std::atomic<int> gets{0};
  Objects cut([&](const Request &r) -> std::optional<Reply> {
    if (r.method != "GET" || ++gets > 2) return std::nullopt;
    Reply reply = whole_object();
    reply.end = End::kCut;
    return reply;
  });
  assert_code(put(cut.bucket), Code::kOk);
  std::string text;
  assert_code(get(cut.bucket, &text), Code::kOk);
  ck_assert(text == "0123456789");
  ck_assert_int_eq(gets, 3);
  // The object ends there.
  Bucket ends(
      [&](const Request &) {
        Reply reply = whole_object();
        reply.body = "01234";
        return reply;
      },
      kLibs3, false);
  assert_code(get(ends), Code::kTruncated);
  // More than was asked for: of which part?
  Bucket all(
      [&](const Request &) {
        Reply reply;
        reply.body = "xxxxx0123456789yyyyy";
        return reply;
      },
      kLibs3 + "&retry-attempts=2", false);
  Bytes out(10);
  assert_code(all.store->get("job/frames/a", 5, out, all.cancel), Code::kUnavailable);
}
GST_END_TEST

GST_START_TEST(g30_a_listing_that_ends_early_goes_on) {
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e", "f", "g"};
  std::mutex cut_mutex;
  std::set<std::string> cut;  // protected by cut_mutex
  Bucket bucket(
      [&](const Request &r) {
        const size_t at = r.target.find("marker=p%2F");
        const size_t other = r.target.find("marker=p/");
        std::string after;
        if (at != std::string::npos) after = r.target.substr(at + 11, 1);
        if (other != std::string::npos) after = r.target.substr(other + 9, 1);
        Reply reply;
        reply.body = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>";
        for (const std::string &key : keys)
          if (key > after)
            reply.body += "<Contents><Key>p/" + key + "</Key><Size>3</Size></Contents>";
        reply.body += "</ListBucketResult>";
        std::lock_guard lock(cut_mutex);
        if (cut.insert(after).second) reply.end = End::kCut;  // each the first time
        return reply;
      },
      kLibs3, false);
  std::set<std::string> seen;
  Status status = bucket.store->list(
      "", [&](const ObjectInfo &object) { return seen.insert(object.name).second; }, bucket.cancel);
  assert_code(status, Code::kOk);
  ck_assert(seen == std::set<std::string>(keys.begin(), keys.end()));
}
GST_END_TEST

GST_START_TEST(headers_that_libs3_can_not_read_are_told) {
  Bucket bucket(
      [&](const Request &r) {
        Reply reply = r.method == "HEAD" ? Reply{} : whole_object();
        reply.headers = {"content-length: 10", "etag: \"x\"", "Content-Length:"};
        return reply;
      },
      kLibs3, false);
  assert_code(bucket.store->stat("job/frames/a", bucket.cancel).status(), Code::kUnsupported);
}
GST_END_TEST

GST_START_TEST(a_request_that_stands_still_ends) {
  for (const char *method : {"GET", "PUT"}) {
    Objects objects(
        [&](const Request &r) -> std::optional<Reply> {
          if (r.method != method) return std::nullopt;
          return ending(End::kSilent);
        },
        "&retry-attempts=2&request-timeout=100");
    const Status status = *method == 'G' ? get(objects.bucket) : put(objects.bucket);
    assert_code(status, Code::kUnavailable);
    ck_assert(status.message().find("100 ms") != std::string::npos);
    ck_assert(status.hint().find("request-timeout") != std::string::npos);
    ck_assert_int_eq(objects.count(method), 2);
    ck_assert_int_eq(objects.bucket.retries, 1);
  }
}
GST_END_TEST

GST_START_TEST(g28_a_wait_for_the_server_can_be_cancelled) {
  for (const char *method : {"GET", "PUT", "HEAD"}) {
    Bucket bucket(
        [&](const Request &r) {
          return r.method == method ? ending(End::kSilent) : error(404, "NoSuchKey");
        },
        kLibs3, false);
    // A get reads the marker only when the object is missing; a put looks at both first.
    const size_t before = *method == 'G' ? 0 : *method == 'P' ? 2 : 1;
    std::thread canceller([&] {
      bucket.server().wait_for_requests(before + 1);
      bucket.cancel.cancel();
    });
    assert_code(*method == 'G' ? get(bucket) : put(bucket), Code::kCancelled);
    canceller.join();
  }
}
GST_END_TEST

GST_START_TEST(many_requests_at_once_and_many_files) {
  // Sockets whose numbers an fd_set can't hold.
  rlimit limit{};
  ck_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<int> files;
  for (int i = 0; i < 1100; i++) {
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) break;
    files.push_back(fd);
  }
  Objects objects(&nothing);
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; t++)
    threads.emplace_back([&, t] {
      const std::string name = "job/frames/" + std::to_string(t);
      const std::string text(100000, static_cast<char>('a' + t));
      const std::array<ByteView, 2> parts{as_bytes(text), as_bytes(name)};
      assert_code(objects.bucket.store->put(name, parts, std::nullopt, objects.bucket.cancel),
                  Code::kOk);
    });
  for (auto &thread : threads) thread.join();
  for (int fd : files) close(fd);
  std::set<std::string> bodies;
  for (const Request &r : objects.bucket.asked())
    if (r.method == "PUT") bodies.insert(r.body);
  ck_assert_int_eq(bodies.size(), 16);
}
GST_END_TEST

GST_START_TEST(what_libs3_can_not_do_is_refused_by_name) {
  const auto environment = [](const char *name) -> std::optional<std::string> {
    if (std::string(name) == "HOME") return "/nonexistent";
    if (std::string(name) == "AWS_REGION") return "eu-west-1";
    return std::nullopt;
  };
  const auto made = [&](const std::string &options, const std::string &prefix = "p") {
    auto uri = parse_store_uri("s3://films/" + prefix + "?s3-client=libs3&" + options, "file");
    ck_assert(uri.is_ok());
    return make_s3_store(*uri, environment).status();
  };
  const std::string there = "endpoint=http://127.0.0.1:1";
  // What is not said in the URI may be for others.
  assert_code(made(there), Code::kOk);
  assert_code(made(there + "&conditional-puts=no&request-timeout=15000&retry-attempts=2"),
              Code::kOk);
  std::vector<std::pair<std::string, std::string>> refused = {
      {"&conditional-puts=yes", "conditional-puts"},
      {"&storage-class=STANDARD_IA", "storage-class"},
      {"&sse=AES256", "sse"},
      {"&ca-file=/etc/ca.pem", "ca-file"},
      {"&request-timeout=15001", "request-timeout"},
  };
#ifndef LIBS3_SIGNS_V4
  refused.push_back({"&region=eu-west-1", "region"});
#endif
  for (const auto &[option, says] : refused) {
    const Status status = made(there + option);
    assert_code(status, Code::kInvalidArgument);
    ck_assert_msg(status.message().find(says) != std::string::npos, "%s",
                  status.to_string().c_str());
    ck_assert(!status.hint().empty());
  }
#ifndef LIBS3_SIGNS_V4
  assert_code(made(there, "two%20words"), Code::kInvalidArgument);
  // It would trust anybody. Amazon is reached by https.
  for (const char *endpoint : {"endpoint=https://127.0.0.1:1", "retry-attempts=1"}) {
    const Status status = made(endpoint);
    assert_code(status, Code::kInvalidArgument);
    ck_assert(status.message().find("certificate") != std::string::npos);
  }
  Bucket with_token([&](const Request &) { return whole_object(); }, kLibs3, true);
  const Status status = get(with_token);
  assert_code(status, Code::kInvalidArgument);
  ck_assert(status.message().find("session token") != std::string::npos);
  ck_assert(status.to_string().find(kToken) == std::string::npos);
  ck_assert(with_token.asked().empty());
#endif
}
GST_END_TEST

namespace {
std::mutex log_mutex;
std::string log_text;  // protected by log_mutex
void keep_log(LogLevel, const char *, const std::string &line) {
  std::lock_guard lock(log_mutex);
  log_text += line + "\n";
}
}  // namespace

GST_START_TEST(g36_no_secret_is_in_a_log_or_an_error) {
  set_log_function(&keep_log);
  std::string shown;
  for (const Reply &bad : {error(503, "SlowDown"), error(403, "SignatureDoesNotMatch"),
                           error(403, "AccessDenied"), ending(End::kReset)}) {
    Bucket bucket([&](const Request &) { return bad; }, kLibs3 + "&retry-attempts=2", false);
    shown += get(bucket).to_string() + put(bucket).to_string() + bucket.store->display_uri();
    ck_assert(!bucket.asked().empty());
    for (const Request &r : bucket.asked())
      for (const auto &[name, value] : r.headers)
        ck_assert(value.find(kSecret) == std::string::npos);
  }
  std::lock_guard lock(log_mutex);
  ck_assert(log_text.find("tried again") != std::string::npos);
  shown += log_text;
  ck_assert_msg(shown.find(kSecret) == std::string::npos, "%s", shown.c_str());
}
GST_END_TEST

static Suite *s3_libs3_suite() {
  Suite *suite = suite_create("s3_libs3");
  TCase *tc = tcase_create("s3_libs3");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_put_is_checked_and_looked_at);
  tcase_add_test(tc, g03_a_put_that_was_refused_without_a_word_did_not_succeed);
  tcase_add_test(tc, a_put_that_another_one_replaced_is_not_ours);
  tcase_add_test(tc, what_may_pass_is_tried_again);
  tcase_add_test(tc, what_is_permanent_is_told_at_once);
  tcase_add_test(tc, g10_an_answer_that_ends_early_is_no_success);
  tcase_add_test(tc, g30_a_listing_that_ends_early_goes_on);
  tcase_add_test(tc, headers_that_libs3_can_not_read_are_told);
  tcase_add_test(tc, a_request_that_stands_still_ends);
  tcase_add_test(tc, g28_a_wait_for_the_server_can_be_cancelled);
  tcase_add_test(tc, many_requests_at_once_and_many_files);
  tcase_add_test(tc, what_libs3_can_not_do_is_refused_by_name);
  tcase_add_test(tc, g36_no_secret_is_in_a_log_or_an_error);
  return suite;
}
GST_CHECK_MAIN(s3_libs3);
