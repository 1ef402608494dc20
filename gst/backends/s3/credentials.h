// SPDX-License-Identifier: LGPL-2.1-or-later
// Who we are to an S3 server: found where AWS's own tools look, in their order.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backends/s3/config.h"
#include "backends/s3/http.h"
#include "common/cancel.h"
#include "common/status.h"

namespace checkpoint {

struct S3Credentials {
  S3Keys keys;
  // Of a role's: when they end.
  std::optional<std::chrono::system_clock::time_point> expires;
};

class CredentialsSource {
 public:
  using Now = std::chrono::system_clock::time_point (*)();

  // `clock` is for tests.
  CredentialsSource(const S3Config &config, Environment environment,
                    std::shared_ptr<HttpTransfers> transfers,
                    Now clock = &std::chrono::system_clock::now);

  // In this order: the URI, the environment, the profile in the AWS files, the container's role,
  // the instance's role. What was found is kept; a role's keys are asked for anew some minutes
  // before they end. Any thread; one asks, others wait for it. kPermissionDenied: there are none.
  Result<S3Keys> get(Cancellation &cancel);
  // The server refuses them: the next get() looks again.
  void forget();

 private:
  Result<S3Credentials> look(Cancellation &cancel);

  const S3Config config_;
  const Environment environment_;
  const std::shared_ptr<HttpTransfers> transfers_;
  const Now now_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asking_ = false;                 // protected by mutex_
  std::optional<S3Credentials> found_;  // protected by mutex_
};

// The role of a container (ECS, EKS): nullopt where the environment names none.
Result<std::optional<S3Credentials>> container_credentials(const Environment &environment,
                                                           HttpTransfers &transfers,
                                                           Cancellation &cancel);
// The role of an EC2 instance, by metadata version 2: nullopt where there is no such service or it
// is switched off.
Result<std::optional<S3Credentials>> instance_credentials(const Environment &environment,
                                                          HttpTransfers &transfers,
                                                          Cancellation &cancel);

}  // namespace checkpoint
