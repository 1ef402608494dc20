// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/error.h"

#include <glib.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace checkpoint {

namespace {

using Outcome = HttpAnswer::Outcome;

template <size_t N>
bool is_one_of(const std::string &code, const std::array<std::string_view, N> &codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Keys of a role that has ended, or that the server does not know yet.
bool expired(const S3Answer &a) {
  static constexpr std::array<std::string_view, 4> kCodes = {
      "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"};
  return is_one_of(a.code, kCodes);
}

// Answered with a 4xx, and yet it may work in a moment.
bool passing(const S3Answer &a) {
  static constexpr std::array<std::string_view, 12> kCodes = {
      "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted",
      "ConditionalRequestConflict", "Throttling", "RequestLimitExceeded", "TooManyRequests",
      // The bytes were changed on their way to the server.
      "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"};
  return is_one_of(a.code, kCodes);
}

bool no_space(const S3Answer &a) {
  static constexpr std::array<std::string_view, 6> kCodes = {
      "QuotaExceeded",     "InsufficientStorage", "InsufficientCapacity",
      "XMinioStorageFull", "NoSpaceLeft",         "XAmzQuotaExceeded"};
  return a.status == 507 || is_one_of(a.code, kCodes);
}

std::string clocks(const S3Answer &a) {
  GDateTime *now = g_date_time_new_now_utc();
  gchar *ours = g_date_time_format(now, "%a, %d %b %Y %H:%M:%S GMT");
  g_date_time_unref(now);
  std::string text = std::string("this machine's clock says ") + ours;
  g_free(ours);
  if (!a.date.empty()) text += ", the server's " + a.date;
  return text;
}

std::string said(const S3Answer &a) {
  std::string text = a.code.empty() ? "HTTP " + std::to_string(a.status) : a.code;
  // The text for a wrong signature is long and holds the key's name.
  if (!a.message.empty() && a.code != "SignatureDoesNotMatch" && a.code != "InvalidAccessKeyId")
    text += " (" + a.message + ")";
  return text;
}

Status again(Status status) { return status.set_retryable(); }

Status transport_error(const S3Answer &a, const std::string &what, const S3Config &config) {
  const std::string text = what + ": " + config.endpoint + ": " + a.message;
  switch (a.outcome) {
    case Outcome::kCancelled:
      return {Code::kCancelled, "cancelled"};
    case Outcome::kUntrusted:
      return {Code::kUnavailable, text,
              "the server's certificate is checked always; for one of your own name the authority "
              "that signed it with ca-file=/path/ca.pem"};
    case Outcome::kUnusable:
      return {Code::kInvalidArgument, text, "look at the endpoint and the ca-file"};
    case Outcome::kTimeout:
      return again({Code::kUnavailable, text,
                    "the server is slow, or its storage is full (Ceph then answers a put no more), "
                    "or the network drops packets; request-timeout is " +
                        std::to_string(config.request_timeout.count()) + " ms"});
    default:
      return again({Code::kUnavailable, text, "look whether the server runs and can be reached"});
  }
}

Status forbidden(const S3Answer &a, const std::string &text, const S3Config &config) {
  auto denied = [&](const std::string &hint) {
    return Status(Code::kPermissionDenied, text, hint);
  };
  if (a.code == "RequestTimeTooSkewed" || a.code == "RequestExpired")
    return denied("set the clock (NTP): " + clocks(a));
  if (a.code == "SignatureDoesNotMatch")
    return denied(
        "the secret key does not belong to the access key; look for a blank or a sign "
        "that was lost when it was copied, and at the region");
  if (a.code == "InvalidAccessKeyId")
    return denied("the server does not know the access key: is it for this endpoint (" +
                  config.endpoint + ")?");
  if (expired(a)) return denied("the session token has ended: get a new one (aws sso login)");
  return denied(
      "the keys lack a right: the policy has to grant s3:GetObject, s3:PutObject and "
      "s3:ListBucket (without the last a missing object looks like a forbidden one)");
}

}  // namespace

S3Verdict s3_verdict(const S3Answer &a) {
  switch (a.outcome) {
    case Outcome::kAnswered:
      break;
    case Outcome::kNotSent:
    case Outcome::kBroken:
    case Outcome::kTimeout:
      return S3Verdict::kAgain;
    default:
      return S3Verdict::kFinal;
  }
  if (a.success()) return S3Verdict::kDone;
  if (expired(a)) return S3Verdict::kRenew;
  if (no_space(a) || a.status == 501) return S3Verdict::kFinal;
  if (a.status >= 500 || a.status == 429 || a.status == 408 || a.status == 409 || passing(a))
    return S3Verdict::kAgain;
  return S3Verdict::kFinal;
}

bool s3_outcome_unknown(const S3Answer &a) {
  if (a.outcome == Outcome::kAnswered) return a.status >= 500 && a.status != 501;
  return a.outcome == Outcome::kBroken || a.outcome == Outcome::kTimeout ||
         a.outcome == Outcome::kCancelled;
}

bool s3_no_such_object(const S3Answer &a) {
  return a.outcome == Outcome::kAnswered && a.status == 404 && !s3_no_such_bucket(a);
}

bool s3_no_such_bucket(const S3Answer &a) {
  return a.outcome == Outcome::kAnswered && a.status == 404 && a.code == "NoSuchBucket";
}

Status s3_error(const S3Answer &a, const std::string &what, const S3Config &config) {
  if (a.outcome != Outcome::kAnswered) return transport_error(a, what, config);
  const std::string text = what + ": " + said(a);
  if (s3_no_such_bucket(a))
    return {Code::kUnavailable,
            what + ": there is no bucket '" + config.bucket + "' at " + config.endpoint,
            "create it, or correct the name; gst-checkpoint makes no buckets"};
  if (a.code == "InvalidObjectState")
    return {Code::kArchived, text,
            "the object is in an archive tier: restore it (aws s3api restore-object), then try "
            "again"};
  if (no_space(a)) return {Code::kNoSpace, text, "free space or raise the quota of the bucket"};
  if (a.code == "BadDigest" || a.code == "XAmzContentSHA256Mismatch")
    return again({Code::kUnavailable, text,
                  "the bytes that arrive are not those that were sent: look at proxies, network "
                  "cards and memory"});
  if (s3_verdict(a) == S3Verdict::kAgain)
    return again({Code::kUnavailable, text, "the server is overloaded or has trouble"});
  if (a.status == 301 || a.status == 307 || a.code == "AuthorizationHeaderMalformed" ||
      a.code == "PermanentRedirect" || a.code == "IllegalLocationConstraintException")
    return {Code::kInvalidArgument, text,
            a.region.empty()
                ? "the bucket is in another region than '" + config.region + "'"
                : "the bucket is in region '" + a.region + "': set region=" + a.region};
  if (a.status == 401 || a.status == 403 || expired(a)) return forbidden(a, text, config);
  if (a.status == 404)
    return {Code::kUnavailable, text, "look at the endpoint: is it an S3 server?"};
  if (a.status == 501) return {Code::kUnsupported, text, "this server can't do that"};
  return {a.status == 400 ? Code::kInvalidArgument : Code::kUnavailable, text};
}

}  // namespace checkpoint
