// SPDX-License-Identifier: LGPL-2.1-or-later
// S3's requests by libs3. Debian's 2.0 signs Version 2, knows neither regions nor session tokens,
// and checks no certificate; 4.x signs Version 4. What either says is not taken at its word where
// it is known to be wrong: see put(), get() and list().
#include <libs3.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "backends/s3/client.h"
#include "backends/s3/config.h"
#include "backends/s3/credentials.h"
#include "backends/s3/libs3_transfer.h"
#include "backends/s3/xml.h"
#include "store/uri.h"

// 4.x takes a time limit with each request; ours are others.
#ifdef LIBS3_TIME_LIMITS
#define NO_TIME_LIMIT 0,
#else
#define NO_TIME_LIMIT
#endif

namespace checkpoint {

namespace {

using Outcome = HttpAnswer::Outcome;

#ifdef LIBS3_SIGNS_V4
constexpr bool kSignsV4 = true;
#else
constexpr bool kSignsV4 = false;
#endif
#ifdef S3_INIT_VERIFY_PEER
constexpr bool kChecksCertificates = true;
#else
constexpr bool kChecksCertificates = false;
#endif

constexpr int kPage = 1000;
// libs3 ends by itself what hardly moves for that long.
constexpr std::chrono::milliseconds kLongestTimeout{15000};

class Transfer : public Libs3Transfer {
 public:
  using Call = std::function<void(Transfer &, S3RequestContext *)>;

  Transfer(const S3Config &config, S3Keys keys, Call call)
      : config_(config),
        host_(config.endpoint.substr(config.endpoint.find("://") + 3)),
        keys_(std::move(keys)),
        call_(std::move(call)) {}

  // Lent by the caller.
  std::span<const ByteView> body;
  MutableByteView into;

  // What libs3 said.
  S3Status status = S3StatusInternalError;
  std::string message;
  bool has_etag = false;
  uint64_t length = 0;  // of the answer's body, as its headers say; 0 also where they don't
  std::string sha256;
  size_t received = 0;
  bool too_much = false;  // there was more than `into` holds
  std::vector<S3Listing::Object> objects;

  S3BucketContext bucket() const {
    S3BucketContext bucket{};
    bucket.hostName = host_.c_str();
    bucket.bucketName = config_.bucket.c_str();
    bucket.protocol = config_.endpoint.starts_with("https:") ? S3ProtocolHTTPS : S3ProtocolHTTP;
    bucket.uriStyle = config_.path_style ? S3UriStylePath : S3UriStyleVirtualHost;
    bucket.accessKeyId = keys_.access_key.c_str();
    bucket.secretAccessKey = keys_.secret_key.c_str();
#ifdef LIBS3_SIGNS_V4
    bucket.securityToken = keys_.session_token.empty() ? nullptr : keys_.session_token.c_str();
    bucket.authRegion = config_.region.c_str();
#endif
    return bucket;
  }

  static S3ResponseHandler answers() { return {&on_properties, &on_complete}; }
  static S3PutObjectHandler puts() { return {answers(), &on_send}; }
  static S3GetObjectHandler gets() { return {answers(), &on_receive}; }
  static S3ListBucketHandler lists() { return {answers(), &on_list}; }

 private:
  void begin(S3RequestContext *context) override { call_(*this, context); }

  static Transfer &of(void *data) { return *static_cast<Transfer *>(data); }

  static S3Status on_properties(const S3ResponseProperties *properties, void *data) {
    Transfer &t = of(data);
    t.moved();
    t.has_etag = properties->eTag != nullptr;
    t.length = properties->contentLength;
    for (int i = 0; i < properties->metaDataCount; i++)
      if (std::strcmp(properties->metaData[i].name, kSha256Name) == 0)
        t.sha256 = properties->metaData[i].value;
    return S3StatusOK;
  }

  static void on_complete(S3Status status, const S3ErrorDetails *details, void *data) {
    Transfer &t = of(data);
    t.status = status;
    if (details && details->message) t.message = printable(details->message);
    t.complete();
  }

  static int on_send(int room, char *out, void *data) {
    Transfer &t = of(data);
    t.moved();
    int filled = 0;
    const bool ours = t.with_lent([&] {
      for (; filled < room && t.part_ < t.body.size(); t.part_at_ = 0, t.part_++) {
        const ByteView rest = t.body[t.part_].subspan(t.part_at_);
        const size_t n = std::min(static_cast<size_t>(room - filled), rest.size());
        if (n > 0) std::memcpy(out + filled, rest.data(), n);
        filled += static_cast<int>(n);
        t.part_at_ += n;
        if (n < rest.size()) break;
      }
    });
    return ours ? filled : -1;
  }

  static S3Status on_receive(int size, const char *bytes, void *data) {
    Transfer &t = of(data);
    t.moved();
    const bool ours = t.with_lent([&] {
      const MutableByteView room = t.into.subspan(t.received);
      const size_t n = std::min(room.size(), static_cast<size_t>(size));
      if (n > 0) std::memcpy(room.data(), bytes, n);
      t.received += n;
      t.too_much = n < static_cast<size_t>(size);
    });
    return ours && !t.too_much ? S3StatusOK : S3StatusAbortedByCallback;
  }

  static S3Status on_list(int, const char *, int count, const S3ListBucketContent *contents, int,
                          const char **, void *data) {
    Transfer &t = of(data);
    t.moved();
    for (int i = 0; i < count; i++) t.objects.push_back({contents[i].key, contents[i].size});
    return S3StatusOK;
  }

  const S3Config config_;
  const std::string host_;
  const S3Keys keys_;
  const Call call_;
  size_t part_ = 0, part_at_ = 0;  // of the body, next to send
};

// HTTP's number for what libs3 has a name of its own for. What it can't name may be anything, so it
// is taken for a trouble that may pass.
int http_status(S3Status status) {
  switch (status) {
    case S3StatusOK:
      return 200;
    case S3StatusErrorPermanentRedirect:
      return 301;
    case S3StatusErrorRedirect:
    case S3StatusErrorTemporaryRedirect:
    case S3StatusHttpErrorMovedTemporarily:
      return 307;
    case S3StatusErrorAccessDenied:
    case S3StatusErrorAccountProblem:
    case S3StatusErrorInvalidAccessKeyId:
    case S3StatusErrorInvalidSecurity:
    case S3StatusErrorNotSignedUp:
    case S3StatusErrorRequestTimeTooSkewed:
    case S3StatusErrorSignatureDoesNotMatch:
    case S3StatusHttpErrorForbidden:
      return 403;
    case S3StatusErrorNoSuchBucket:
    case S3StatusErrorNoSuchKey:
    case S3StatusHttpErrorNotFound:
      return 404;
    case S3StatusErrorMethodNotAllowed:
      return 405;
    case S3StatusErrorOperationAborted:
    case S3StatusHttpErrorConflict:
      return 409;
    case S3StatusErrorPreconditionFailed:
      return 412;
    case S3StatusErrorInvalidRange:
      return 416;
    case S3StatusErrorInternalError:
    case S3StatusErrorUnknown:
    case S3StatusHttpErrorUnknown:
      return 500;
    case S3StatusErrorNotImplemented:
      return 501;
    case S3StatusErrorSlowDown:
      return 503;
    default:
      return 400;
  }
}

S3Answer broken(const std::string &why) {
  S3Answer answer;
  answer.outcome = Outcome::kBroken;
  answer.message = why;
  return answer;
}

// The answer that libs3 made of the server's, or of its own trouble.
S3Answer answer_of(const Transfer &t) {
  S3Answer answer;
  const std::string name = S3_get_status_name(t.status);
  answer.message = t.message;
  if (t.status == S3StatusOK || t.status >= S3StatusErrorAccessDenied) {
    answer.outcome = Outcome::kAnswered;
    answer.status = http_status(t.status);
    if (t.status == S3StatusErrorUnknown || t.status == S3StatusHttpErrorUnknown)
      answer.code = "an error that libs3 has no name for";
    else if (name.starts_with("Error"))  // "ErrorNoSuchKey"
      answer.code = name.substr(std::strlen("Error"));
    answer.size = t.length;
    answer.sha256 = t.sha256;
    answer.received = t.received;
    return answer;
  }
  answer.message = "libs3: " + name;
  switch (t.status) {
    case S3StatusNameLookupError:
    case S3StatusFailedToConnect:
      answer.outcome = Outcome::kNotSent;
      break;
    case S3StatusServerFailedVerification:
      answer.outcome = Outcome::kUntrusted;
      break;
    case S3StatusInternalError:  // also what libcurl can say and libs3 has no name for
    case S3StatusOutOfMemory:
    case S3StatusInterrupted:
    case S3StatusXmlParseFailure:
    case S3StatusConnectionFailed:
    case S3StatusAbortedByCallback:
      answer.outcome = Outcome::kBroken;
      break;
    default:  // the request can't be put together
      answer.outcome = Outcome::kUnusable;
  }
  return answer;
}

class Libs3Client : public S3Client {
 public:
  Libs3Client(const S3Config &config, std::shared_ptr<CredentialsSource> credentials)
      : config_(config), credentials_(std::move(credentials)) {}

  bool puts_conditionally() const override { return false; }
  void renew_credentials() override { credentials_->forget(); }

  Status check_key(const std::string &key) const override {
    if (kSignsV4 || key.find(' ') == std::string::npos) return Status::ok();
    return {Code::kInvalidArgument,
            "the key '" + key + "' has a blank, and this libs3 makes a plus of it",
            "choose another prefix, or leave s3-client=libs3 out"};
  }

  // The server checks an MD5, and that is all that libs3 can have it check.
  Result<S3Answer> put(const std::string &key, std::span<const ByteView> parts,
                       const Sha256 &sha256, bool, Cancellation &cancel) override {
    CHECKPOINT_ASSIGN_OR_RETURN(const Md5 md5, md5_of(parts));
    CHECKPOINT_ASSIGN_OR_RETURN(const Sha256 right, sha256_of(parts));
    if (right != sha256) return not_these_bytes();
    const uint64_t size = size_of(parts);
    auto call = [key, size, sum = hex(sha256), md5 = base64(md5)](Transfer &t,
                                                                  S3RequestContext *context) {
      const S3NameValue meta{kSha256Name, sum.c_str()};
      S3PutProperties properties{};
      properties.contentType = "application/octet-stream";
      properties.md5 = md5.c_str();
      properties.expires = -1;
      properties.metaDataCount = 1;
      properties.metaData = &meta;
      const S3BucketContext bucket = t.bucket();
      const S3PutObjectHandler handler = Transfer::puts();
      S3_put_object(&bucket, key.c_str(), size, &properties, context, NO_TIME_LIMIT & handler, &t);
    };
    CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer,
                                run(call, cancel, [&](Transfer &t) { t.body = parts; }));
    if (!answer.success()) return answer;
    // libs3 looks at the number of the answer before there is one, and calls a put ok that was
    // refused in few words. What the server has is what counts.
    CHECKPOINT_ASSIGN_OR_RETURN(S3Answer look, head(key, cancel));
    if (look.outcome == Outcome::kCancelled) return look;
    if (look.outcome != Outcome::kAnswered) return broken(look.message);
    if (look.status == 404) return broken("libs3 calls the put ok, and there is no such object");
    if (look.success() && (look.sha256 != hex(sha256) || look.size != size))
      look.status = 412;  // another was there first, or came between
    return look;
  }

  Result<S3Answer> get(const std::string &key, uint64_t offset, MutableByteView out,
                       Cancellation &cancel) override {
    auto call = [key, offset, size = out.size()](Transfer &t, S3RequestContext *context) {
      const S3BucketContext bucket = t.bucket();
      const S3GetObjectHandler handler = Transfer::gets();
      S3_get_object(&bucket, key.c_str(), nullptr, offset, size, context, NO_TIME_LIMIT & handler,
                    &t);
    };
    std::shared_ptr<const Transfer> transfer;
    CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer,
                                run(
                                    call, cancel, [&](Transfer &t) { t.into = out; }, &transfer));
    if (!transfer) return answer;
    if (transfer->too_much || (answer.success() && transfer->length > out.size()))
      return broken("the server sent another range than it was asked for");
    // libs3 calls a body ok that ends before its length.
    const bool whole = answer.received == (transfer->length ? transfer->length : out.size());
    if (answer.success() && !whole) return broken("the answer ended early");
    answer.size = offset + answer.received;
    return answer;
  }

  Result<S3Answer> head(const std::string &key, Cancellation &cancel) override {
    auto call = [key](Transfer &t, S3RequestContext *context) {
      const S3BucketContext bucket = t.bucket();
      const S3ResponseHandler handler = Transfer::answers();
      S3_head_object(&bucket, key.c_str(), context, NO_TIME_LIMIT & handler, &t);
    };
    std::shared_ptr<const Transfer> transfer;
    CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer, run(call, cancel, {}, &transfer));
    if (answer.success() && !transfer->has_etag && transfer->length == 0) {
      // An object has an ETag; libs3 knows headers only as Amazon capitalizes them.
      answer.status = 501;
      answer.code = "libs3 can't read the headers of this server";
    }
    return answer;
  }

  Result<S3Answer> remove(const std::string &key, Cancellation &cancel) override {
    auto call = [key](Transfer &t, S3RequestContext *context) {
      const S3BucketContext bucket = t.bucket();
      const S3ResponseHandler handler = Transfer::answers();
      S3_delete_object(&bucket, key.c_str(), context, NO_TIME_LIMIT & handler, &t);
    };
    return run(call, cancel, {});
  }

  Result<S3Answer> list(const std::string &prefix, const std::string &from, S3Listing &listing,
                        Cancellation &cancel) override {
    auto call = [prefix, from](Transfer &t, S3RequestContext *context) {
      const S3BucketContext bucket = t.bucket();
      const S3ListBucketHandler handler = Transfer::lists();
      S3_list_bucket(&bucket, prefix.c_str(), from.empty() ? nullptr : from.c_str(), nullptr, kPage,
                     context, NO_TIME_LIMIT & handler, &t);
    };
    // To libs3 a page that ended early looks like the last one. So the last one is the one that has
    // no object, twice.
    S3Answer answer;
    for (int i = 0; i < 2; i++) {
      std::shared_ptr<const Transfer> transfer;
      CHECKPOINT_ASSIGN_OR_RETURN(answer, run(call, cancel, {}, &transfer));
      if (!answer.success()) return answer;
      listing.objects = transfer->objects;
      if (!listing.objects.empty()) break;
    }
    listing.next = listing.objects.empty() ? "" : listing.objects.back().key;
    return answer;
  }

 private:
  static S3Answer not_these_bytes() {
    S3Answer answer;
    answer.outcome = Outcome::kAnswered;
    answer.status = 400;
    answer.code = "BadDigest";
    answer.message = "the SHA-256 is of other bytes";
    return answer;
  }

  Result<S3Answer> run(Transfer::Call call, Cancellation &cancel,
                       const std::function<void(Transfer &)> &lend,
                       std::shared_ptr<const Transfer> *transfer = nullptr) {
    CHECKPOINT_ASSIGN_OR_RETURN(S3Keys keys, credentials_->get(cancel));
    if (!kSignsV4 && !keys.session_token.empty())
      return Status(Code::kInvalidArgument,
                    "the keys for " + config_.display_uri() +
                        " come with a session token, which this libs3 can't send",
                    "leave s3-client=libs3 out, or give keys that need no token");
    auto t = std::make_shared<Transfer>(config_, std::move(keys), std::move(call));
    if (lend) lend(*t);
    const Outcome outcome = t->run(contexts_, config_.request_timeout, cancel);
    if (outcome == Outcome::kAnswered) {
      if (transfer) *transfer = t;
      return answer_of(*t);
    }
    S3Answer answer;
    answer.outcome = outcome;
    answer.message =
        outcome == Outcome::kTimeout
            ? "no byte moved for " + std::to_string(config_.request_timeout.count()) + " ms"
            : "libs3 can't make the request";
    return answer;
  }

  const S3Config config_;
  const std::shared_ptr<CredentialsSource> credentials_;
  const std::shared_ptr<Libs3Contexts> contexts_ = std::make_shared<Libs3Contexts>();
};

Status beyond(const std::string &what, const std::string &hint) {
  return {Code::kInvalidArgument, "s3-client=libs3: " + what, hint};
}

}  // namespace

Status check_libs3_config(const StoreUri &uri, const S3Config &config) {
  const std::string leave_out = "leave it out, or use s3-client=curl";
  const bool tls = config.endpoint.starts_with("https:");
  if (tls && !kChecksCertificates)
    return beyond("this libs3 checks no certificate, so https is refused",
                  "use s3-client=curl, or an http:// endpoint within a network that you trust");
  if (uri.query.count("ca-file") || (tls && !config.ca_file.empty()))
    return beyond("libs3 can't be given a ca-file", leave_out);
  if (!config.storage_class.empty()) return beyond("libs3 can't set a storage-class", leave_out);
  if (!config.sse.empty()) return beyond("sse is not to be had with libs3", leave_out);
  if (uri.query.count("conditional-puts") && config.conditional_puts)
    return beyond("libs3 has no conditional-puts",
                  "leave it out: names are looked up before they are put");
  if (uri.query.count("region") && !kSignsV4)
    return beyond("this libs3 signs for no region", leave_out);
  if (config.request_timeout > kLongestTimeout)
    return beyond("a request-timeout above 15000 can't be kept: libs3 itself waits no longer",
                  "set 15000 or less, or use s3-client=curl");
  if (!kSignsV4 && config.prefix.find(' ') != std::string::npos)
    return beyond("this libs3 makes a plus of a blank, and the prefix has one",
                  "choose another prefix, or use s3-client=curl");
  const S3Status name = S3_validate_bucket_name(
      config.bucket.c_str(), config.path_style ? S3UriStylePath : S3UriStyleVirtualHost);
  if (name != S3StatusOK)
    return beyond(
        std::string("libs3 does not take the bucket's name (") + S3_get_status_name(name) + ")",
        "use s3-client=curl");
  return Status::ok();
}

std::shared_ptr<S3Client> make_libs3_client(const S3Config &config,
                                            std::shared_ptr<CredentialsSource> credentials) {
  return std::make_shared<Libs3Client>(config, std::move(credentials));
}

}  // namespace checkpoint
