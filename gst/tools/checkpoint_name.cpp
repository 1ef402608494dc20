// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/checkpoint_name.h"

#include <charconv>

#include "core/checkpoint_uri.h"
#include "core/names.h"

namespace checkpoint::tool {

namespace {

bool is_uri(std::string_view name) { return name.substr(0, 13) == "checkpoint://"; }

// Takes "@3" off the end.
std::optional<uint32_t> take_version(std::string_view &name) {
  const size_t at = name.rfind('@');
  if (at == std::string_view::npos || at + 1 == name.size()) return std::nullopt;
  uint32_t version = 0;
  const char *end = name.data() + name.size();
  auto [stopped, error] = std::from_chars(name.data() + at + 1, end, version);
  if (error != std::errc() || stopped != end) return std::nullopt;
  name = name.substr(0, at);
  return version;
}

}  // namespace

Result<CheckpointSelector> parse_checkpoint_name(std::string_view name,
                                                 const std::optional<std::string> &scenario) {
  CheckpointSelector selector;
  if (is_uri(name)) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointUri uri, parse_checkpoint_uri(name));
    selector.id = uri.checkpoint_id;
    selector.job_id = uri.job_id;
    selector.stage = uri.stage;
    if (uri.version != 0) selector.version = uri.version;
    if (uri.scenario) selector.branch = {true, *uri.scenario};
    selector.allow_partial = uri.allow_partial;
    CheckpointUri named;
    named.job_id = uri.job_id;
    named.stage = uri.stage;
    named.scenario = uri.scenario;
    named.version = uri.version;
    named.checkpoint_id = uri.checkpoint_id;
    named.allow_partial = uri.allow_partial;
    if (uri != named)
      return Status(Code::kInvalidArgument, "this URI names a part of a checkpoint",
                    "leave out all but scenario, version, checkpoint-id and allow-partial; where a "
                    "command takes a part, it has options for that");
    if (scenario && uri.scenario && *scenario != *uri.scenario)
      return Status(Code::kInvalidArgument, "the URI names another scenario than --scenario does");
  } else if (auto id = Uuid::parse(name)) {
    selector.id = id;
  } else {
    selector.version = take_version(name);
    const size_t slash = name.rfind('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == name.size())
      return Status(Code::kInvalidArgument, "this names no checkpoint: " + std::string(name),
                    "write JOB/STAGE, JOB/STAGE@VERSION, a checkpoint:// URI, or an id");
    selector.job_id = name.substr(0, slash);
    selector.stage = name.substr(slash + 1);
    CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", selector.job_id));
    CHECKPOINT_RETURN_IF_ERROR(check_name("stage", selector.stage));
  }
  if (scenario) {
    if (!scenario->empty()) CHECKPOINT_RETURN_IF_ERROR(check_name("scenario", *scenario));
    selector.branch = {true, *scenario};
  }
  return selector;
}

std::string checkpoint_name(const CheckpointRow &row) {
  const std::string &job = row.fields.job_id, &stage = row.fields.stage;
  // "a/b" of job "c" is not to be taken for "b" of job "c/a".
  if (stage.find('/') == std::string::npos)
    return job + "/" + stage + "@" + std::to_string(row.version);
  CheckpointUri uri;
  uri.job_id = job;
  uri.stage = stage;
  if (row.fields.branch.is_scenario) uri.scenario = row.fields.branch.label;
  uri.version = row.version;
  return format_checkpoint_uri(uri);
}

std::string shown_name(const CheckpointRow &row) {
  const Branch &branch = row.fields.branch;
  const bool told = !branch.is_scenario || row.fields.stage.find('/') != std::string::npos;
  return checkpoint_name(row) + (told                   ? ""
                                 : branch.label.empty() ? " of a scenario"
                                                        : " of scenario " + branch.label);
}

}  // namespace checkpoint::tool
