// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/store.h"

#include <algorithm>
#include <limits>

#include "backends/s3/credentials.h"
#include "backends/s3/error.h"
#include "backends/s3/store_impl.h"
#include "common/log.h"
#include "common/uuid.h"
#include "store/digest.h"
#include "store/object_name.h"

namespace checkpoint {

namespace {

constexpr const char *kArea = "s3";
constexpr size_t kMaxKey = 1024;
constexpr size_t kMaxMarker = 64 << 10;
// A wrong address is to be told soon; who has once reached the store can wait longer for it.
constexpr unsigned kFirstAttempts = 3;
constexpr std::chrono::milliseconds kLongestPause{20000};

// Evenly between nothing and what doubles with each attempt: writers that failed together don't
// come back together.
std::chrono::milliseconds pause_after(unsigned attempt, std::chrono::milliseconds first) {
  std::chrono::milliseconds most = first;
  for (unsigned i = 1; i < attempt && most < kLongestPause; i++) most *= 2;
  most = std::min(most, std::max(first, kLongestPause));
  uint32_t random = 0;
  random_bytes(reinterpret_cast<uint8_t *>(&random), sizeof random);
  return std::chrono::milliseconds(most.count() * random / std::numeric_limits<uint32_t>::max());
}

std::string in_quotes(const std::string &name) { return "'" + name + "'"; }

}  // namespace

S3FrameStore::S3FrameStore(const S3Config &config, std::shared_ptr<S3Client> client)
    : config_(config),
      client_(std::move(client)),
      conditional_(config.conditional_puts && client_->puts_conditionally()) {}

Result<S3Answer> S3FrameStore::request(const char *what, unsigned attempts, const Attempt &attempt,
                                       Cancellation &cancel, bool *unknown) {
  bool renewed = false;
  for (unsigned n = 1;; n++) {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer, attempt());
    if (unknown && s3_outcome_unknown(answer)) *unknown = true;
    S3Verdict verdict = s3_verdict(answer);
    if (verdict == S3Verdict::kRenew && !renewed) {
      renewed = true;
      client_->renew_credentials();
      continue;
    }
    if (verdict != S3Verdict::kAgain || n >= attempts) return answer;
    std::chrono::milliseconds pause = pause_after(n, config_.backoff);
    const Status failure = s3_error(answer, std::string(what) + " in " + display_uri(), config_);
    log(warned_.exchange(true) ? LogLevel::kInfo : LogLevel::kWarning, kArea,
        failure.message() + "; tried again in " + std::to_string(pause.count()) + " ms");
    cancel.retried(failure);
    if (!cancel.sleep_for(pause)) return cancel.check();
  }
}

Result<S3Answer> S3FrameStore::look_at(const std::string &key, Cancellation &cancel) {
  return request(
      "looking at an object", config_.retry_attempts,
      [&]() -> Result<S3Answer> {
        CHECKPOINT_ASSIGN_OR_RETURN(S3Answer head, client_->head(key, cancel));
        if (head.outcome != HttpAnswer::Outcome::kAnswered || head.status / 100 != 4 ||
            head.status == 404 || !head.code.empty())
          return head;
        std::byte byte;
        return client_->get(key, 0, {&byte, 1}, cancel);
      },
      cancel);
}

Status S3FrameStore::check_name(const std::string &name) const {
  CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
  if (config_.prefix.size() + name.size() > kMaxKey)
    return {Code::kInvalidArgument, "an object's key is over 1024 bytes, the prefix included",
            "choose a shorter prefix"};
  return client_->check_key(key_of(name));
}

Result<std::optional<StoreMarker>> S3FrameStore::load_marker(unsigned attempts,
                                                             Cancellation &cancel,
                                                             bool *no_bucket) {
  const std::string key = key_of(std::string(kMarkerName));
  Bytes json(kMaxMarker);
  CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer,
                              request(
                                  "reading the marker", attempts,
                                  [&] { return client_->get(key, 0, json, cancel); }, cancel));
  if (s3_no_such_object(answer)) return std::optional<StoreMarker>();
  const std::string where = "the marker of " + display_uri();
  if (answer.status == 416)  // an empty object
    return Status(Code::kCorrupt, where + " is not the marker of a frame store");
  if (no_bucket) *no_bucket = s3_no_such_bucket(answer);
  if (!answer.success()) return s3_error(answer, "can't read " + where, config_);
  json.resize(answer.received);
  CHECKPOINT_ASSIGN_OR_RETURN(StoreMarker marker, marker_from_json(json, where));
  return std::optional<StoreMarker>(marker);
}

Status S3FrameStore::open(Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  bool no_bucket = false;
  auto marker = load_marker(std::min(kFirstAttempts, config_.retry_attempts), cancel, &no_bucket);
  // What the marker says is for who reads it.
  if (marker.is_ok() || marker.status().is(Code::kCorrupt) ||
      marker.status().is(Code::kNewerSchema))
    return Status::ok();
  if (no_bucket) return {Code::kNotFound, marker.status().message(), marker.status().hint()};
  return marker.status();
}

Result<std::optional<StoreMarker>> S3FrameStore::read_marker(Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_ASSIGN_OR_RETURN(auto marker, load_marker(config_.retry_attempts, cancel));
  std::lock_guard lock(mutex_);
  known_ = marker;
  seen_ = {};
  return marker;
}

Status S3FrameStore::write_marker(const StoreMarker &marker, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  const std::string json = marker_to_json(marker);
  const std::array<ByteView, 1> parts{as_bytes(json)};
  CHECKPOINT_ASSIGN_OR_RETURN(Sha256 sha256, sha256_of(parts));
  bool unknown = false;
  Status status = put_once(key_of(std::string(kMarkerName)), parts, sha256, &unknown, cancel);
  if (status.is(Code::kAlreadyExists))
    return {Code::kAlreadyExists, display_uri() + " has a marker already"};
  return status;
}

Status S3FrameStore::check_store(std::chrono::milliseconds age, Cancellation &cancel) {
  std::optional<StoreMarker> known;
  {
    std::lock_guard lock(mutex_);
    if (known_ && seen_ + age > std::chrono::steady_clock::now()) return Status::ok();
    known = known_;
  }
  const auto now = std::chrono::steady_clock::now();
  CHECKPOINT_ASSIGN_OR_RETURN(auto found, load_marker(config_.retry_attempts, cancel));
  if (!found)
    return {Code::kUnavailable, "there is no frame store at " + display_uri() + " (no marker)",
            "look at bucket, prefix and endpoint; a rule of the bucket may remove objects"};
  if (known && known->frame_store != found->frame_store)
    return {Code::kUnavailable,
            "the frame store at " + display_uri() + " is now " + found->frame_store.to_string() +
                ", it was " + known->frame_store.to_string(),
            "somebody has put another store there"};
  std::lock_guard lock(mutex_);
  known_ = found;
  seen_ = now;
  return Status::ok();
}

Status S3FrameStore::missing(const std::string &name, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_store(std::chrono::milliseconds(0), cancel));
  return {Code::kMissing, in_quotes(name) + " is not in " + display_uri()};
}

Result<bool> S3FrameStore::is_ours(const std::string &key, std::span<const ByteView> parts,
                                   const Sha256 &sha256, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer, look_at(key, cancel));
  if (!answer.success()) return s3_error(answer, "can't look at " + in_quotes(key), config_);
  return answer.size == size_of(parts) && answer.sha256 == hex(sha256);
}

Status S3FrameStore::put_once(const std::string &key, std::span<const ByteView> parts,
                              const Sha256 &sha256, bool *unknown, Cancellation &cancel) {
  const Status taken(Code::kAlreadyExists, in_quotes(key) + " is already in " + display_uri());
  const std::string what = "can't store " + in_quotes(key) + " in " + display_uri();
  for (;;) {
    const bool conditional = conditional_;
    if (!conditional) {
      CHECKPOINT_ASSIGN_OR_RETURN(S3Answer look, look_at(key, cancel));
      if (look.success()) {
        if (!*unknown) return taken;
        CHECKPOINT_ASSIGN_OR_RETURN(bool ours, is_ours(key, parts, sha256, cancel));
        *unknown = false;
        return ours ? Status::ok() : taken;
      }
      if (!s3_no_such_object(look)) return s3_error(look, what, config_);
    }
    CHECKPOINT_ASSIGN_OR_RETURN(
        S3Answer answer, request(
                             "storing an object", config_.retry_attempts,
                             [&] { return client_->put(key, parts, sha256, conditional, cancel); },
                             cancel, unknown));
    if (answer.success()) {
      *unknown = false;
      return Status::ok();
    }
    if (answer.status == 412) {
      if (!*unknown) return taken;
      CHECKPOINT_ASSIGN_OR_RETURN(bool ours, is_ours(key, parts, sha256, cancel));
      *unknown = false;
      return ours ? Status::ok() : taken;
    }
    if (conditional && (answer.status == 501 || answer.code == "NotImplemented")) {
      log(LogLevel::kInfo, kArea,
          display_uri() + " does not know If-None-Match: names are looked up before a put");
      conditional_ = false;
      continue;
    }
    return s3_error(answer, what, config_);
  }
}

Status S3FrameStore::put(const std::string &name, std::span<const ByteView> parts,
                         const std::optional<std::array<uint8_t, 32>> &sha256,
                         Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_RETURN_IF_ERROR(check_store(config_.marker_age, cancel));
  Sha256 digest{};
  if (sha256) {
    digest = *sha256;
  } else {
    CHECKPOINT_ASSIGN_OR_RETURN(digest, sha256_of(parts));
  }
  bool unknown = false;
  {
    std::lock_guard lock(mutex_);
    unknown = unsettled_.count(name) > 0;
  }
  Status status = put_once(key_of(name), parts, digest, &unknown, cancel);
  std::lock_guard lock(mutex_);
  if (unknown)
    unsettled_.insert(name);
  else
    unsettled_.erase(name);
  return status;
}

Status S3FrameStore::get(const std::string &name, uint64_t offset, MutableByteView out,
                         Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  auto ends_early = [&](const std::string &where) {
    return Status(Code::kTruncated, in_quotes(name) + " in " + display_uri() + " ends " + where +
                                        "before the " + std::to_string(out.size()) +
                                        " bytes from " + std::to_string(offset));
  };
  constexpr uint64_t kFar = std::numeric_limits<int64_t>::max();
  if (out.empty() || offset > kFar || out.size() > kFar - offset) {
    // What no Range header can ask for.
    CHECKPOINT_ASSIGN_OR_RETURN(ObjectInfo info, stat(name, cancel));
    if (offset <= info.size && out.size() <= info.size - offset) return Status::ok();
    return ends_early("");
  }
  const std::string key = key_of(name);
  CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer,
                              request(
                                  "reading an object", config_.retry_attempts,
                                  [&] { return client_->get(key, offset, out, cancel); }, cancel));
  if (s3_no_such_object(answer)) return missing(name, cancel);
  if (answer.outcome == HttpAnswer::Outcome::kAnswered && answer.status == 416)
    return ends_early("");
  if (!answer.success())
    return s3_error(answer, "can't read " + in_quotes(name) + " in " + display_uri(), config_);
  if (answer.received != out.size())
    return ends_early("at byte " + std::to_string(answer.size) + ", ");
  return Status::ok();
}

Result<ObjectInfo> S3FrameStore::stat(const std::string &name, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  const std::string key = key_of(name);
  CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer, look_at(key, cancel));
  if (s3_no_such_object(answer)) return missing(name, cancel);
  if (!answer.success())
    return s3_error(answer, "can't look at " + in_quotes(name) + " in " + display_uri(), config_);
  return ObjectInfo{name, answer.size};
}

Status S3FrameStore::list(const std::string &prefix,
                          const std::function<bool(const ObjectInfo &)> &each,
                          Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_object_prefix(prefix));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_RETURN_IF_ERROR(check_store(std::chrono::milliseconds(0), cancel));
  S3Listing page;
  do {
    const std::string from = page.next;
    CHECKPOINT_ASSIGN_OR_RETURN(
        S3Answer answer,
        request(
            "listing", config_.retry_attempts,
            [&] { return client_->list(key_of(prefix), from, page, cancel); }, cancel));
    if (!answer.success()) return s3_error(answer, "can't list " + display_uri(), config_);
    if (!from.empty() && page.next == from)
      return {Code::kUnavailable, display_uri() + " answers a listing with the same page again"};
    for (const S3Listing::Object &object : page.objects) {
      CHECKPOINT_RETURN_IF_ERROR(cancel.check());
      if (object.key.compare(0, config_.prefix.size(), config_.prefix) != 0) continue;
      std::string name = object.key.substr(config_.prefix.size());
      // What no name of ours leads to is nobody's object.
      if (name.compare(0, prefix.size(), prefix) != 0 || !check_object_name(name).is_ok()) continue;
      if (!each({std::move(name), object.size})) return Status::ok();
    }
  } while (!page.next.empty());
  return cancel.check();
}

Status S3FrameStore::remove(const std::string &name, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_name(name));
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  CHECKPOINT_RETURN_IF_ERROR(check_store(std::chrono::milliseconds(0), cancel));
  const std::string key = key_of(name);
  CHECKPOINT_ASSIGN_OR_RETURN(S3Answer answer,
                              request(
                                  "removing an object", config_.retry_attempts,
                                  [&] { return client_->remove(key, cancel); }, cancel));
  if (answer.success() || s3_no_such_object(answer)) return Status::ok();
  return s3_error(answer, "can't remove " + in_quotes(name) + " from " + display_uri(), config_);
}

std::shared_ptr<FrameStore> make_s3_store(const S3Config &config,
                                          std::shared_ptr<S3Client> client) {
  return std::make_shared<S3FrameStore>(config, std::move(client));
}

Result<std::shared_ptr<S3Client>> make_s3_client(const StoreUri &uri, const S3Config &config,
                                                 const Environment &environment) {
  auto transfers = make_curl_transfers();
  auto credentials = std::make_shared<CredentialsSource>(config, environment, transfers);
  if (config.client == S3ClientKind::kCurl) return make_curl_client(config, transfers, credentials);
#ifdef HAVE_LIBS3
  CHECKPOINT_RETURN_IF_ERROR(check_libs3_config(uri, config));
  return make_libs3_client(config, credentials);
#else
  return Status(Code::kUnsupported, "this build can't reach S3 by libs3",
                "leave s3-client=libs3 out, or install libs3's headers and build again with "
                "-Dlibs3=enabled");
#endif
}

Result<std::shared_ptr<FrameStore>> make_s3_store(const StoreUri &uri,
                                                  const Environment &environment) {
  CHECKPOINT_ASSIGN_OR_RETURN(S3Config config, read_s3_config(uri, environment));
  CHECKPOINT_ASSIGN_OR_RETURN(auto client, make_s3_client(uri, config, environment));
  return make_s3_store(config, std::move(client));
}

void register_s3(StoreRegistry &registry) {
  registry.add_frame_store("s3", [](const StoreUri &uri) { return make_s3_store(uri); });
}

}  // namespace checkpoint
