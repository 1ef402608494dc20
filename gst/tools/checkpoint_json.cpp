// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/checkpoint_json.h"
#include "store/state_name.h"

#include "core/checkpoint_uri.h"
#include "tools/checkpoint_name.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

std::string uri_of(const CheckpointRow &row) {
  CheckpointUri uri;
  uri.job_id = row.fields.job_id;
  uri.stage = row.fields.stage;
  if (row.fields.branch.is_scenario) uri.scenario = row.fields.branch.label;
  uri.version = row.version;
  uri.allow_partial = row.state == CheckpointState::kPartial;
  return format_checkpoint_uri(uri);
}

void time_field(Json &json, const char *name, uint64_t nanoseconds) {
  json.key(name);
  nanoseconds == kNone ? json.null() : json.value(nanoseconds);
}

void date_field(Json &json, const char *name, int64_t milliseconds) {
  json.key(name);
  milliseconds == 0 ? json.null() : json.value(iso_time(milliseconds));
}

}  // namespace

void checkpoint_members(Json &json, const CheckpointRow &row) {
  const CheckpointFields &fields = row.fields;
  json.field("checkpoint", checkpoint_name(row))
      .field("uri", uri_of(row))
      .field("id", row.id.to_string())
      .field("job_id", fields.job_id)
      .field("stage", fields.stage)
      .field("stage_index", fields.stage_index)
      .field("version", row.version)
      .field("is_scenario", fields.branch.is_scenario)
      .field("scenario_label", fields.branch.label)
      .field("state", state_name(row.state))
      .field("reason", row.reason)
      .key("parent_id");
  fields.parent ? json.value(fields.parent->to_string()) : json.null();
  json.field("frames", row.frames)
      .field("commits", row.commit_no)
      .field("bytes_new", row.bytes_new)
      .field("bytes_reused", row.bytes_reused);
  time_field(json, "first_time", row.first_time);
  time_field(json, "end_time", row.end_time);
  date_field(json, "created_at", row.created_at);
  date_field(json, "completed_at", row.completed_at);
  json.field("frames_prefix", fields.frames_prefix)
      .field("stage_output_key", fields.stage_output_key)
      .field("video_path", fields.video_path)
      .field("profile_name", fields.profile_name);
  json.key("stats").stored(fields.stats);
  json.key("config_snapshot").stored(fields.config_snapshot);
  json.key("config_overrides").stored(fields.config_overrides);
  json.key("config_declared").stored(fields.config_declared);
}

void checkpoint_json(Json &json, const CheckpointRow &row) {
  json.begin_object();
  checkpoint_members(json, row);
  json.end_object();
}

}  // namespace checkpoint::tool
