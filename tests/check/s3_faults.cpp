// SPDX-License-Identifier: LGPL-2.1-or-later
// What the S3 store makes of each answer, from a server that answers as the test wants.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/log.h"
#include "support/bucket_stand_in.h"
#include "support/check.h"

using namespace checkpoint;

GST_START_TEST(what_may_pass_is_tried_again) {
  const std::vector<Reply> replies = {error(503, "SlowDown"),
                                      error(429, "TooManyRequests"),
                                      error(500, "InternalError"),
                                      error(400, "RequestTimeout"),
                                      error(409, "ConditionalRequestConflict"),
                                      error(400, "XAmzContentSHA256Mismatch"),
                                      ending(Reply::End::kReset),
                                      ending(Reply::End::kCut)};
  for (const Reply &bad : replies) {
    std::atomic<int> n{0};
    Bucket bucket([&](const Request &) { return ++n <= 3 ? bad : whole_object(); });
    std::string text;
    assert_code(get(bucket, &text), Code::kOk);
    ck_assert(text == "0123456789");
    ck_assert_int_eq(n, 4);
    ck_assert_int_eq(bucket.retries, 3);
    n = 0;
    assert_code(put(bucket), Code::kOk);
    ck_assert_int_eq(n, 4);
    ck_assert_int_eq(bucket.retries, 6);
  }
}
GST_END_TEST

GST_START_TEST(attempts_end) {
  for (const Reply &bad : {error(503, "SlowDown"), ending(Reply::End::kReset)}) {
    Bucket bucket([&](const Request &) { return bad; }, "&retry-attempts=3");
    Status status = get(bucket);
    assert_code(status, Code::kUnavailable);
    ck_assert(status.retryable());
    ck_assert_int_eq(bucket.asked().size(), 3);
  }
}
GST_END_TEST

GST_START_TEST(what_is_permanent_is_told_at_once) {
  struct Case {
    Reply reply;
    Code code;
    const char *says;
  };
  Reply moved = error(301, "PermanentRedirect");
  moved.headers = {"x-amz-bucket-region: eu-north-1", "Location: http://127.0.0.1:1/films"};
  Reply full = error(507, "");
  for (const Case &c :
       {Case{error(403, "AccessDenied"), Code::kPermissionDenied, "s3:GetObject"},
        {error(403, "SignatureDoesNotMatch"), Code::kPermissionDenied, "secret key"},
        {error(403, "InvalidAccessKeyId"), Code::kPermissionDenied, "access key"},
        {error(403, "RequestTimeTooSkewed"), Code::kPermissionDenied, "clock"},
        {error(403, "InvalidObjectState"), Code::kArchived, "restore"},
        {error(403, "QuotaExceeded"), Code::kNoSpace, "quota"},
        {error(404, "NoSuchBucket"), Code::kUnavailable, "films"},
        {error(400, "AuthorizationHeaderMalformed"), Code::kInvalidArgument, "region"},
        {moved, Code::kInvalidArgument, "eu-north-1"},
        {full, Code::kNoSpace, "quota"},
        {error(400, "InvalidStorageClass"), Code::kInvalidArgument, "InvalidStorageClass"}}) {
    Bucket bucket([&](const Request &) { return c.reply; });
    for (const Status &status : {get(bucket), put(bucket)}) {
      assert_code(status, c.code);
      const std::string text = status.to_string();
      ck_assert_msg(text.find(c.says) != std::string::npos, "%s", text.c_str());
      ck_assert(!status.retryable());
    }
    ck_assert_int_eq(bucket.asked().size(), 2);
  }
}
GST_END_TEST

GST_START_TEST(nobody_there_is_unavailable) {
  std::string url;
  {
    HttpStandIn gone([](const Request &) { return Reply{}; });
    url = gone.url();
  }
  auto uri = parse_store_uri("s3://K:S@films?retry-attempts=1&endpoint=" + url, "file");
  auto store = make_s3_store(*uri);
  ck_assert(store.is_ok());
  Cancellation cancel;
  Status status = (*store)->open(cancel);
  assert_code(status, Code::kUnavailable);
  ck_assert(status.retryable());
}
GST_END_TEST

GST_START_TEST(a_put_whose_answer_was_lost_is_ok) {
  for (bool same : {true, false}) {
    std::mutex stored_mutex;
    std::optional<Request> stored;
    Bucket bucket([&](const Request &r) {
      std::lock_guard lock(stored_mutex);
      if (r.method == "HEAD") return head_of(*stored);
      ck_assert(r.headers.at("if-none-match") == "*");
      if (stored) return error(412, "PreconditionFailed");
      stored = r;
      if (!same) stored->headers["x-amz-meta-gst-checkpoint-sha256"] = "another";
      return ending(Reply::End::kReset);
    });
    assert_code(put(bucket), same ? Code::kOk : Code::kAlreadyExists);
    // Settled: who comes with that name now is another.
    assert_code(put(bucket), Code::kAlreadyExists);
  }
}
GST_END_TEST

GST_START_TEST(a_put_made_again_after_a_lost_answer_is_ok) {
  std::mutex stored_mutex;
  std::optional<Request> stored;
  Bucket bucket(
      [&](const Request &r) {
        std::lock_guard lock(stored_mutex);
        if (r.method == "HEAD") return head_of(*stored);
        if (stored) return error(412, "PreconditionFailed");
        stored = r;
        return ending(Reply::End::kReset);
      },
      "&retry-attempts=1");
  Status first = put(bucket);
  assert_code(first, Code::kUnavailable);
  ck_assert(first.retryable());
  assert_code(put(bucket), Code::kOk);
  assert_code(put(bucket), Code::kAlreadyExists);
}
GST_END_TEST

GST_START_TEST(a_name_that_is_taken_is_told_without_a_look) {
  Bucket bucket([&](const Request &) { return error(412, "PreconditionFailed"); });
  assert_code(put(bucket), Code::kAlreadyExists);
  ck_assert_int_eq(bucket.asked().size(), 1);
}
GST_END_TEST

GST_START_TEST(a_server_without_conditional_puts_is_asked_first) {
  std::atomic<bool> there{false};
  Bucket bucket([&](const Request &r) {
    if (r.method == "HEAD") return there ? Reply{} : error(404, "");
    if (r.headers.count("if-none-match")) return error(501, "NotImplemented");
    there = true;
    return Reply{};
  });
  assert_code(put(bucket), Code::kOk);
  assert_code(put(bucket), Code::kAlreadyExists);
  ck_assert_int_eq(bucket.asked().size(), 4);  // put, look, put; look
}
GST_END_TEST

GST_START_TEST(g10_a_short_answer_is_no_success) {
  // The object ends early.
  Bucket ends([&](const Request &) {
    Reply reply;
    reply.status = 206;
    reply.body = "01234";
    reply.headers = {"Content-Range: bytes 0-4/5"};
    return reply;
  });
  assert_code(get(ends), Code::kTruncated);
  // Not the range that was asked for.
  Bucket shifted(
      [&](const Request &) {
        Reply reply = whole_object();
        reply.headers = {"Content-Range: bytes 10-19/20"};
        return reply;
      },
      "&retry-attempts=2");
  assert_code(get(shifted), Code::kUnavailable);
  // A server that knows no ranges sends all.
  Bucket all([&](const Request &) {
    Reply reply;
    reply.body = "xxxxx0123456789yyyyy";
    return reply;
  });
  Bytes out(10);
  assert_code(all.store->get("job/frames/a", 5, out, all.cancel), Code::kOk);
  ck_assert(as_text(out) == "0123456789");
}
GST_END_TEST

GST_START_TEST(expired_keys_are_asked_for_anew_once) {
  std::atomic<int> n{0};
  Bucket bucket([&](const Request &r) {
    ck_assert(r.headers.at("x-amz-security-token") == kToken);
    return ++n == 1 ? error(400, "ExpiredToken") : whole_object();
  });
  assert_code(get(bucket), Code::kOk);
  ck_assert_int_eq(bucket.looked_for_keys, 2);
  Bucket ended([&](const Request &) { return error(400, "ExpiredToken"); });
  assert_code(get(ended), Code::kPermissionDenied);
  ck_assert_int_eq(ended.asked().size(), 2);
}
GST_END_TEST

GST_START_TEST(why_a_look_is_refused_is_asked_for) {
  std::atomic<int> n{0};
  Bucket denied([&](const Request &) { return error(403, "RequestTimeTooSkewed"); });
  Status status = denied.store->stat("job/frames/a", denied.cancel).status();
  assert_code(status, Code::kPermissionDenied);
  ck_assert(status.hint().find("clock") != std::string::npos);
  Bucket expired([&](const Request &r) {
    if (++n <= 2) return error(400, "ExpiredToken");
    Reply reply;
    reply.headers = {"Content-Length: 10"};
    return reply;
  });
  auto info = expired.store->stat("job/frames/a", expired.cancel);
  assert_code(info.status(), Code::kOk);
  ck_assert_int_eq(info->size, 10);
  ck_assert_int_eq(n, 3);
}
GST_END_TEST

GST_START_TEST(a_request_that_stands_still_ends) {
  Bucket bucket([&](const Request &) { return ending(Reply::End::kSilent); },
                "&retry-attempts=1&request-timeout=100");
  Status status = get(bucket);
  assert_code(status, Code::kUnavailable);
  ck_assert(status.hint().find("request-timeout") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g28_a_wait_for_the_server_can_be_cancelled) {
  for (int round = 0; round < 2; round++) {
    Bucket silent([&](const Request &) { return ending(Reply::End::kSilent); });
    std::thread canceller([&] {
      silent.server().wait_for_requests(round == 0 ? 1 : 2);  // a put looks at the marker first
      silent.cancel.cancel();
    });
    assert_code(round == 0 ? get(silent) : put(silent), Code::kCancelled);
    canceller.join();
  }
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
  for (const Reply &bad :
       {error(503, "SlowDown"), error(403, "SignatureDoesNotMatch"), error(400, "ExpiredToken"),
        error(403, "AccessDenied"), ending(Reply::End::kReset), ending(Reply::End::kCut)}) {
    Bucket bucket([&](const Request &) { return bad; }, "&retry-attempts=2");
    shown += get(bucket).to_string() + put(bucket).to_string() + bucket.store->display_uri();
    auto asked = bucket.asked();
    ck_assert(!asked.empty());
    for (const Request &r : asked) {
      ck_assert(r.headers.at("authorization").find("AWS4-HMAC-SHA256 Credential=ACCESS/") == 0);
      ck_assert(r.headers.at("authorization").find("x-amz-content-sha256") != std::string::npos);
      ck_assert(r.headers.at("x-amz-content-sha256").size() == 64);
      for (const auto &[name, value] : r.headers)
        ck_assert(value.find(kSecret) == std::string::npos);
    }
  }
  auto uri = parse_store_uri("s3://KEY:" + std::string(kSecret) + "@films/p", "file");
  auto store = make_s3_store(*uri, [](const char *) { return std::optional<std::string>(); });
  ck_assert(store.is_ok());
  shown += (*store)->display_uri();
  std::lock_guard lock(log_mutex);
  ck_assert(log_text.find("tried again") != std::string::npos);
  shown += log_text;
  ck_assert_msg(shown.find(kSecret) == std::string::npos, "%s", shown.c_str());
  ck_assert_msg(shown.find(kToken) == std::string::npos, "%s", shown.c_str());
}
GST_END_TEST

static Suite *s3_faults_suite() {
  Suite *suite = suite_create("s3_faults");
  TCase *tc = tcase_create("s3_faults");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, what_may_pass_is_tried_again);
  tcase_add_test(tc, attempts_end);
  tcase_add_test(tc, what_is_permanent_is_told_at_once);
  tcase_add_test(tc, nobody_there_is_unavailable);
  tcase_add_test(tc, a_put_whose_answer_was_lost_is_ok);
  tcase_add_test(tc, a_put_made_again_after_a_lost_answer_is_ok);
  tcase_add_test(tc, a_name_that_is_taken_is_told_without_a_look);
  tcase_add_test(tc, a_server_without_conditional_puts_is_asked_first);
  tcase_add_test(tc, g10_a_short_answer_is_no_success);
  tcase_add_test(tc, expired_keys_are_asked_for_anew_once);
  tcase_add_test(tc, why_a_look_is_refused_is_asked_for);
  tcase_add_test(tc, a_request_that_stands_still_ends);
  tcase_add_test(tc, g28_a_wait_for_the_server_can_be_cancelled);
  tcase_add_test(tc, g36_no_secret_is_in_a_log_or_an_error);
  return suite;
}
GST_CHECK_MAIN(s3_faults);
