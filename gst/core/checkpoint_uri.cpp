// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/checkpoint_uri.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/condition_parser.h"
#include "core/names.h"
#include "store/uri.h"

namespace checkpoint {

namespace {

constexpr std::string_view kForm = "write checkpoint://JOB/STAGE?KEY=VALUE&…";
constexpr std::string_view kKeys =
    "scenario, version, checkpoint-id, start-index, stop-index, select, select-before, "
    "select-after, filtered, loop, allow-partial";

Status invalid(std::string message, std::string hint = {}) {
  return {Code::kInvalidArgument, std::move(message), std::move(hint)};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

// A job or stage as it stands in the URI.
Result<std::string> parse_name(std::string_view what, std::string_view text) {
  if (size_t at = text.find_first_of(":@"); at != std::string_view::npos)
    return invalid(
        "the " + std::string(what) + " of a checkpoint URI holds an unencoded '" + text[at] + "'",
        text[at] == ':' ? "write it as %3A" : "write it as %40");
  Result<std::string> name = percent_decode(text);
  if (!name.is_ok()) return name.status().with_context("the " + std::string(what));
  CHECKPOINT_RETURN_IF_ERROR(check_name(what, *name));
  return name;
}

template <typename T>
Result<T> parse_number(std::string_view key, std::string_view text, T lowest, T highest) {
  T value = 0;
  const char *end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end || value < lowest || value > highest)
    return invalid(std::string(key) + " is not a whole number from " + std::to_string(lowest) +
                   " to " + std::to_string(highest));
  return value;
}

Result<bool> parse_bool(std::string_view key, std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return invalid(std::string(key) + " is neither true nor false");
}

// A key as it may stand in a message.
std::string shown(std::string_view key) {
  const bool plain =
      !key.empty() && key.size() <= 40 && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
      });
  return plain ? " '" + std::string(key) + "'" : " of that name";
}

Status set_field(CheckpointUri &uri, const std::string &key, const std::string &value) {
  if (key == "scenario") {
    if (!value.empty()) CHECKPOINT_RETURN_IF_ERROR(check_name(key, value));
    uri.scenario = value;
  } else if (key == "version") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.version, parse_number<uint32_t>(key, value, 0, UINT32_MAX));
  } else if (key == "checkpoint-id") {
    uri.checkpoint_id = Uuid::parse(value);
    if (!uri.checkpoint_id) return invalid("checkpoint-id is not a UUID");
  } else if (key == "start-index") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.start_index, parse_number<int64_t>(key, value, 0, INT64_MAX));
  } else if (key == "stop-index") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.stop_index, parse_number<int64_t>(key, value, -1, INT64_MAX));
  } else if (key == "select") {
    if (!value.empty()) CHECKPOINT_RETURN_IF_ERROR(parse_condition(value).status());
    uri.select = value;
  } else if (key == "select-before") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.select_before,
                                parse_number<uint32_t>(key, value, 0, UINT32_MAX));
  } else if (key == "select-after") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.select_after,
                                parse_number<uint32_t>(key, value, 0, UINT32_MAX));
  } else if (key == "filtered") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.filtered, parse_bool(key, value));
  } else if (key == "loop") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.loop, parse_bool(key, value));
  } else if (key == "allow-partial") {
    CHECKPOINT_ASSIGN_OR_RETURN(uri.allow_partial, parse_bool(key, value));
  } else {
    return invalid("a checkpoint URI has no key" + shown(key),
                   "its keys are " + std::string(kKeys) +
                       "; stores are named by properties or the environment");
  }
  return Status::ok();
}

Status parse_query(CheckpointUri &uri, std::string_view query) {
  std::set<std::string> seen;
  while (!query.empty()) {
    std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), item.size() + 1));
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos)
      return invalid("a key of a checkpoint URI has no value", std::string(kForm));
    CHECKPOINT_ASSIGN_OR_RETURN(std::string key, percent_decode(item.substr(0, equals)));
    CHECKPOINT_ASSIGN_OR_RETURN(std::string value, percent_decode(item.substr(equals + 1)));
    if (!seen.insert(key).second)
      return invalid("a checkpoint URI has the key" + shown(key) + " twice");
    CHECKPOINT_RETURN_IF_ERROR(set_field(uri, key, value));
  }
  return Status::ok();
}

}  // namespace

Result<CheckpointUri> parse_checkpoint_uri(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos ||
      !equal_ignoring_case(text.substr(0, colon), kCheckpointScheme) ||
      text.substr(colon, 3) != "://")
    return invalid("this is no checkpoint URI", std::string(kForm));
  text.remove_prefix(colon + 3);
  if (text.find('#') != std::string_view::npos)
    return invalid("a checkpoint URI has no fragment", "write '#' as %23");

  CheckpointUri uri;
  std::string_view path = text.substr(0, text.find('?'));
  text.remove_prefix(path.size());
  if (!text.empty()) CHECKPOINT_RETURN_IF_ERROR(parse_query(uri, text.substr(1)));

  if (path.empty() || path == "/") {
    if (!uri.checkpoint_id)
      return invalid("a checkpoint URI needs a job and a stage, or a checkpoint-id",
                     std::string(kForm));
    return uri;
  }
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos)
    return invalid("the checkpoint URI has no stage", std::string(kForm));
  const std::string_view stage = path.substr(slash + 1);
  if (stage.find('/') != std::string_view::npos)
    return invalid("a checkpoint URI has one job and one stage", "write '/' in a name as %2F");
  CHECKPOINT_ASSIGN_OR_RETURN(uri.job_id, parse_name("job-id", path.substr(0, slash)));
  CHECKPOINT_ASSIGN_OR_RETURN(uri.stage, parse_name("stage", stage));
  return uri;
}

std::string format_checkpoint_uri(const CheckpointUri &uri) {
  const bool named = !uri.job_id.empty() && !uri.stage.empty();
  if (!named && !uri.checkpoint_id) return {};
  std::string text = std::string(kCheckpointScheme) + "://";
  text += named ? percent_encode(uri.job_id) + "/" + percent_encode(uri.stage) : "/";
  char before = '?';
  const auto add = [&](const char *key, const std::string &value) {
    text += before + (key + ("=" + percent_encode(value)));
    before = '&';
  };
  if (uri.scenario) add("scenario", *uri.scenario);
  if (uri.version != 0) add("version", std::to_string(uri.version));
  if (uri.checkpoint_id) add("checkpoint-id", uri.checkpoint_id->to_string());
  if (uri.start_index != 0) add("start-index", std::to_string(uri.start_index));
  if (uri.stop_index != -1) add("stop-index", std::to_string(uri.stop_index));
  if (!uri.select.empty()) add("select", uri.select);
  if (uri.select_before != 0) add("select-before", std::to_string(uri.select_before));
  if (uri.select_after != 0) add("select-after", std::to_string(uri.select_after));
  if (uri.filtered) add("filtered", "true");
  if (uri.loop) add("loop", "true");
  if (uri.allow_partial) add("allow-partial", "true");
  return text;
}

}  // namespace checkpoint
