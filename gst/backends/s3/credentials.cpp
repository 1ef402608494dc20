// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/credentials.h"

#include "common/log.h"

namespace checkpoint {

namespace {

constexpr const char *kArea = "s3";
constexpr std::chrono::minutes kRenewBefore{5};

std::string value_of(const AwsProfile &profile, const char *name) {
  auto found = profile.find(name);
  return found == profile.end() ? "" : found->second;
}

// What other tools could get keys from, and we don't.
const char *unknown_way(const AwsProfile &profile) {
  for (const char *name : {"credential_process", "sso_session", "sso_start_url", "role_arn",
                           "web_identity_token_file"})
    if (profile.count(name)) return name;
  return nullptr;
}

}  // namespace

CredentialsSource::CredentialsSource(const S3Config &config, Environment environment,
                                     std::shared_ptr<HttpTransfers> transfers, Now clock)
    : config_(config),
      environment_(std::move(environment)),
      transfers_(std::move(transfers)),
      now_(clock) {}

Result<S3Credentials> CredentialsSource::look(Cancellation &cancel) {
  if (config_.keys) return S3Credentials{*config_.keys, std::nullopt};
  if (!config_.profile_chosen) {
    auto access = environment_("AWS_ACCESS_KEY_ID"), secret = environment_("AWS_SECRET_ACCESS_KEY");
    if (access && secret) {
      log(LogLevel::kDebug, kArea, "credentials from the environment");
      return S3Credentials{{*access, *secret, environment_("AWS_SESSION_TOKEN").value_or("")},
                           std::nullopt};
    }
    if (access || secret)
      return Status(Code::kPermissionDenied,
                    access ? "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"
                           : "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not",
                    "set both, or neither");
  }
  const AwsProfile profile = read_aws_profile(config_.profile, environment_);
  S3Keys keys{value_of(profile, "aws_access_key_id"), value_of(profile, "aws_secret_access_key"),
              value_of(profile, "aws_session_token")};
  if (!keys.access_key.empty() && !keys.secret_key.empty()) {
    log(LogLevel::kDebug, kArea, "credentials of the profile " + config_.profile);
    return S3Credentials{keys, std::nullopt};
  }
  if (const char *way = unknown_way(profile))
    return Status(Code::kPermissionDenied,
                  "the AWS profile '" + config_.profile + "' gets its keys by " + way +
                      ", which this program can't",
                  "let the AWS tools do it: eval \"$(aws configure export-credentials --profile " +
                      config_.profile + " --format env)\"");
  if (config_.profile_chosen || environment_("AWS_PROFILE"))
    return Status(Code::kPermissionDenied,
                  "there is no AWS profile '" + config_.profile + "' with keys",
                  "look into ~/.aws/credentials and ~/.aws/config");
  CHECKPOINT_ASSIGN_OR_RETURN(auto container,
                              container_credentials(environment_, *transfers_, cancel));
  if (container) return *std::move(container);
  CHECKPOINT_ASSIGN_OR_RETURN(auto instance,
                              instance_credentials(environment_, *transfers_, cancel));
  if (instance) return *std::move(instance);
  return Status(
      Code::kPermissionDenied, "there are no credentials for " + config_.display_uri(),
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`; looked in "
      "the environment, the AWS files, the container's and the instance's role");
}

Result<S3Keys> CredentialsSource::get(Cancellation &cancel) {
  // Lives longer than the hook, which locks nothing that is held while it is made.
  bool cancelled = false;  // protected by mutex_
  Cancellation::Hook hook(cancel, [&] {
    std::lock_guard lock(mutex_);
    cancelled = true;
    changed_.notify_all();
  });
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (cancelled) return Status(Code::kCancelled, "cancelled");
      if (found_ && (!found_->expires || *found_->expires - kRenewBefore > now_()))
        return found_->keys;
      if (!asking_) break;
      changed_.wait(lock);
    }
    asking_ = true;
  }
  auto found = look(cancel);
  std::lock_guard lock(mutex_);
  asking_ = false;
  changed_.notify_all();
  if (found.is_ok()) {
    found_ = *std::move(found);
    return found_->keys;
  }
  // Nobody hands out new ones at the moment; the old ones are good for some minutes.
  if (found_ && found_->expires && *found_->expires > now_() && !cancelled) {
    log(LogLevel::kWarning, kArea,
        "the credentials could not be renewed: " + found.status().to_string());
    return found_->keys;
  }
  return found.status();
}

void CredentialsSource::forget() {
  std::lock_guard lock(mutex_);
  found_.reset();
}

}  // namespace checkpoint
