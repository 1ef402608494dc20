// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/rows.h"

#include <glib.h>

#include <charconv>

namespace checkpoint::sqlite {

const char *state_name(CheckpointState state) {
  switch (state) {
    case CheckpointState::kPartial:
      return "partial";
    case CheckpointState::kComplete:
      return "complete";
    case CheckpointState::kDeleted:
      break;
  }
  return "deleted";
}

namespace {
CheckpointState state_from(const std::string &name) {
  if (name == "partial") return CheckpointState::kPartial;
  if (name == "complete") return CheckpointState::kComplete;
  return CheckpointState::kDeleted;
}
}  // namespace

PackState pack_state_from(const std::string &name) {
  if (name == "uploading") return PackState::kUploading;
  if (name == "ready") return PackState::kReady;
  if (name == "condemned") return PackState::kCondemned;
  return PackState::kDeleted;
}

CheckpointRow read_checkpoint(Query &query) {
  CheckpointRow row;
  int at = 0;
  row.key = query.i64(at++);
  row.id = query.uuid(at++);
  row.job = query.i64(at++);
  CheckpointFields &fields = row.fields;
  fields.job_id = query.text(at++);
  fields.stage = query.text(at++);
  fields.stage_index = static_cast<int32_t>(query.i64(at++));
  fields.branch.is_scenario = query.i64(at++) != 0;
  fields.branch.label = query.text(at++);
  if (!query.is_null(at)) fields.parent = query.uuid(at);
  at++;
  fields.frames_prefix = query.text(at++);
  fields.stage_output_key = query.text(at++);
  fields.stats = query.text(at++);
  fields.config_snapshot = query.text(at++);
  fields.config_overrides = query.text(at++);
  fields.config_declared = query.text(at++);
  fields.video_path = query.text(at++);
  fields.profile_name = query.text(at++);
  if (!query.is_null(at)) fields.filtered_frame_sequences = numbers_from_json(query.text(at));
  at++;
  row.version = static_cast<uint32_t>(query.i64(at++));
  row.state = state_from(query.text(at++));
  row.reason = query.text(at++);
  row.commit_no = query.u64(at++);
  row.frames = query.u64(at++);
  row.bytes_new = query.u64(at++);
  row.bytes_reused = query.u64(at++);
  row.first_time = query.u64_or_none(at++);
  row.end_time = query.u64_or_none(at++);
  row.created_at = query.i64(at++);
  row.completed_at = query.i64(at++);
  return row;
}

FrameRow read_frame(Query &query) {
  FrameRow row;
  int at = 0;
  row.index = query.u64(at++);
  row.sequence = query.u64(at++);
  row.payload.pack = query.i64(at++);
  row.payload.offset = query.u64(at++);
  row.payload.length = query.u64(at++);
  row.payload.raw_length = query.u64(at++);
  row.payload.checksum = query.u64(at++);
  row.payload.codec = static_cast<Codec>(query.i64(at++));
  row.payload.content = static_cast<Content>(query.i64(at++));
  row.record.pack = query.i64(at++);
  row.record.offset = query.u64(at++);
  row.record.length = query.u64(at++);
  row.has_metas = query.i64(at++) != 0;
  row.pts = query.u64_or_none(at++);
  row.dts = query.u64_or_none(at++);
  row.duration = query.u64_or_none(at++);
  row.stream_time = query.u64_or_none(at++);
  row.offset = query.u64_or_none(at++);
  row.offset_end = query.u64_or_none(at++);
  row.flags = static_cast<uint32_t>(query.i64(at++));
  row.caps = static_cast<uint32_t>(query.i64(at++));
  return row;
}

std::string numbers_to_json(const std::vector<uint64_t> &numbers) {
  std::string json = "[";
  for (uint64_t number : numbers) {
    if (json.size() > 1) json += ',';
    const bool large = number > INT64_MAX;
    if (large) json += '"';
    json += std::to_string(number);
    if (large) json += '"';
  }
  return json + "]";
}

std::vector<uint64_t> numbers_from_json(std::string_view json) {
  std::vector<uint64_t> numbers;
  const char *end = json.data() + json.size();
  for (const char *at = json.data(); at != end;) {
    uint64_t number = 0;
    auto [rest, error] = std::from_chars(at, end, number);
    if (error == std::errc{}) numbers.push_back(number);
    at = rest == at ? at + 1 : rest;
  }
  return numbers;
}

std::string clean_text(const std::string &text) {
  if (text.find('\0') == std::string::npos &&
      g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr))
    return text;
  char *valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
  std::string clean = valid;
  g_free(valid);
  return clean;
}

}  // namespace checkpoint::sqlite
