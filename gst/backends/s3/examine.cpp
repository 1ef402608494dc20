// SPDX-License-Identifier: LGPL-2.1-or-later
// What a bucket's own rules do to packs: asked of the server, which may not tell.
#include <glib.h>

#include <cstdio>
#include <cstring>

#include "backends/s3/error.h"
#include "backends/s3/rules.h"
#include "backends/s3/store_impl.h"

namespace checkpoint {

namespace {

using Level = Finding::Level;

// "Sun, 29 Nov 2026 12:57:33 GMT", in milliseconds since 1970.
std::optional<int64_t> read_date(const std::string &date) {
  static constexpr const char *kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  char month[4] = {};
  if (std::sscanf(date.c_str(), "%*3s, %d %3s %d %d:%d:%d GMT", &day, month, &year, &hour, &minute,
                  &second) != 6)
    return std::nullopt;
  const char *at = std::strstr(kMonths, month);
  if (!at || std::strlen(month) != 3) return std::nullopt;
  GDateTime *time =
      g_date_time_new_utc(year, static_cast<int>(at - kMonths) / 3 + 1, day, hour, minute, second);
  if (!time) return std::nullopt;
  const int64_t milliseconds = g_date_time_to_unix(time) * 1000;
  g_date_time_unref(time);
  return milliseconds;
}

}  // namespace

Status S3FrameStore::examine(Findings &findings, Cancellation &cancel) {
  std::string date;
  // The answer's document, or nullopt and a finding; `none`: the code that says there are no rules.
  const auto ask = [&](const char *check, const char *resource,
                       const char *none) -> Result<std::optional<std::string>> {
    std::string text;
    CHECKPOINT_ASSIGN_OR_RETURN(
        const S3Answer answer,
        request(
            check, config_.retry_attempts,
            [&] { return client_->get_rules(resource, text, cancel); }, cancel));
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    if (!answer.date.empty()) date = answer.date;
    if (answer.success()) return std::optional<std::string>(text);
    if (answer.code == none) return std::optional<std::string>("");
    const Status why = s3_error(answer, "not told by this server", config_);
    findings.push_back({check, Level::kUnknown, why.message(), ""});
    return std::optional<std::string>();
  };

  CHECKPOINT_ASSIGN_OR_RETURN(const auto lifecycle,
                              ask("lifecycle", "lifecycle", "NoSuchLifecycleConfiguration"));
  S3Lifecycle rules;
  if (lifecycle) {
    rules = read_s3_lifecycle(*lifecycle, config_.prefix);
    for (const std::string &rule : rules.expiring)
      findings.push_back({"lifecycle", Level::kError,
                          "rule '" + rule + "' of the bucket removes objects under '" +
                              config_.prefix + "': packs will be missing",
                          "take the rule away, or let it begin with another prefix; gc removes "
                          "what nobody needs"});
    for (const std::string &rule : rules.archiving)
      findings.push_back({"lifecycle", Level::kWarning,
                          "rule '" + rule + "' of the bucket moves objects under '" +
                              config_.prefix + "' to an archive: they can't be read at once",
                          "take the rule away, or let it begin with another prefix"});
    if (rules.expiring.empty() && rules.archiving.empty())
      findings.push_back({"lifecycle", Level::kOk, "no rule touches packs", ""});
  }
  CHECKPOINT_ASSIGN_OR_RETURN(const auto versioning, ask("versioning", "versioning", ""));
  if (versioning) {
    const bool kept = s3_versions_are_kept(*versioning);
    if (!kept)
      findings.push_back({"versioning", Level::kOk, "what is removed is gone", ""});
    else if (rules.ends_old_versions)
      findings.push_back(
          {"versioning", Level::kOk, "the bucket keeps versions, and a rule ends old ones", ""});
    else
      findings.push_back({"versioning", Level::kWarning,
                          "the bucket keeps versions: what gc removes goes on to cost space",
                          "add a lifecycle rule that ends noncurrent versions"});
  }
  CHECKPOINT_ASSIGN_OR_RETURN(
      const auto lock, ask("object-lock", "object-lock", "ObjectLockConfigurationNotFoundError"));
  if (lock) {
    const std::string retention = s3_default_retention(*lock);
    if (retention.empty())
      findings.push_back({"object-lock", Level::kOk, "no object is locked by itself", ""});
    else
      findings.push_back({"object-lock", Level::kWarning,
                          "each object is locked for " + retention + ": gc can't remove it before",
                          "that is right for an archive; else take the default retention away"});
  }
  if (const auto theirs = read_date(date))
    findings.push_back(clock_difference(*theirs, this_clock()));
  else
    findings.push_back({"clock", Level::kUnknown, "not told by this server", ""});
  return Status::ok();
}

}  // namespace checkpoint
