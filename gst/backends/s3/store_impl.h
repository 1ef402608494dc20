// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "backends/s3/client.h"
#include "backends/s3/config.h"
#include "store/frame_store.h"

namespace checkpoint {

class S3FrameStore : public FrameStore {
 public:
  S3FrameStore(const S3Config &config, std::shared_ptr<S3Client> client);

  Traits traits() const override { return {true, config_.puts_in_flight}; }
  std::string display_uri() const override { return config_.display_uri(); }
  Status open(Cancellation &cancel) override;
  Result<std::optional<StoreMarker>> read_marker(Cancellation &cancel) override;
  Status write_marker(const StoreMarker &marker, Cancellation &cancel) override;
  Status put(const std::string &name, std::span<const ByteView> parts,
             const std::optional<std::array<uint8_t, 32>> &sha256, Cancellation &cancel) override;
  Status get(const std::string &name, uint64_t offset, MutableByteView out,
             Cancellation &cancel) override;
  Result<ObjectInfo> stat(const std::string &name, Cancellation &cancel) override;
  Status list(const std::string &prefix, const std::function<bool(const ObjectInfo &)> &each,
              Cancellation &cancel) override;
  Status remove(const std::string &name, Cancellation &cancel) override;
  Status examine(Findings &findings, Cancellation &cancel) override;  // examine.cpp

 private:
  using Attempt = std::function<Result<S3Answer>()>;
  // Makes the request until its answer is final or `attempts` are used up, with pauses of random
  // length between them. `*unknown` becomes true when an attempt may have been carried out without
  // our being told.
  Result<S3Answer> request(const char *what, unsigned attempts, const Attempt &attempt,
                           Cancellation &cancel, bool *unknown = nullptr);

  // HEAD, tried again as above. Its errors have no document that says why: then a byte is asked
  // for.
  Result<S3Answer> look_at(const std::string &key, Cancellation &cancel);

  std::string key_of(const std::string &name) const { return config_.prefix + name; }
  // check_object_name, and that the key is not too long.
  Status check_name(const std::string &name) const;

  // nullopt: there is none. `*no_bucket` tells of a kUnavailable whether it is that.
  Result<std::optional<StoreMarker>> load_marker(unsigned attempts, Cancellation &cancel,
                                                 bool *no_bucket = nullptr);
  // Is this still the store that it was? Trusts a look that is younger than `age`.
  Status check_store(std::chrono::milliseconds age, Cancellation &cancel);
  // The error for an object that the server does not have.
  Status missing(const std::string &name, Cancellation &cancel);

  // Put-once. `unknown` tells, also on failure, that the object may be there all the same.
  Status put_once(const std::string &key, std::span<const ByteView> parts, const Sha256 &sha256,
                  bool *unknown, Cancellation &cancel);
  // Is the object with that key the one with these parts? Then an earlier attempt stored it.
  Result<bool> is_ours(const std::string &key, std::span<const ByteView> parts,
                       const Sha256 &sha256, Cancellation &cancel);

  const S3Config config_;
  const std::shared_ptr<S3Client> client_;
  std::atomic<bool> conditional_;  // the server knows If-None-Match, as far as we know
  std::atomic<bool> warned_{false};
  std::mutex mutex_;
  std::optional<StoreMarker> known_;              // protected by mutex_
  std::chrono::steady_clock::time_point seen_{};  // protected by mutex_
  std::set<std::string> unsettled_;  // names whose put may have worked; protected by mutex_
};

}  // namespace checkpoint
