// SPDX-License-Identifier: LGPL-2.1-or-later
// What the metadata stores in SQL databases do alike: between rows of the tables and the values of
// store/model.h, whatever the database. `Query` is the backend's class for a statement in use.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "store/metadata_store.h"
#include "store/model.h"
#include "store/state_name.h"

namespace checkpoint::sql {

CheckpointState state_from(const std::string &name);
PackState pack_state_from(const std::string &name);

// A list of numbers as JSON, those beyond int64 as strings; and back.
std::string numbers_to_json(const std::vector<uint64_t> &numbers);
std::vector<uint64_t> numbers_from_json(std::string_view json);

// A text that any JSON and any terminal takes: broken UTF-8 and U+0000 become U+FFFD.
std::string clean_text(const std::string &text);

// kNone as NULL.
inline std::optional<uint64_t> null_if_none(uint64_t value) {
  return value == kNone ? std::nullopt : std::optional<uint64_t>(value);
}
// A frame without bytes, or a commit without records, lies in no pack.
inline std::optional<PackKey> null_if_no_pack(PackKey pack) {
  return pack == 0 ? std::nullopt : std::optional<PackKey>(pack);
}
// Indexes are int64 in the tables; "to the end" and "from the end" fit too.
inline int64_t index_of(uint64_t index) {
  return static_cast<int64_t>(std::min<uint64_t>(index, INT64_MAX));
}

// The rows of a page behind its columns and its table; `$1` to `$3` are the checkpoint, `first` and
// the limit, with `parameter` for the `$`.
std::string frame_page_sql(const FramePage &page, char parameter);
const char *column_of(FramePage::Order order);
// What `first` is compared with.
inline int64_t first_of(const FramePage &page) {
  return page.order == FramePage::Order::kIndex ? index_of(page.first)
                                                : static_cast<int64_t>(page.first);
}

// What a commit meets: a partial checkpoint with so many commits and frames.
struct WritableCheckpoint {
  uint64_t commit_no = 0;
  uint64_t frames = 0;
};

// kInvalidArgument unless the batch is the next commit and its frames follow those there are.
Status check_order(const CommitBatch &batch, const WritableCheckpoint &target);
// The packs that have to be ready for the commit, each once, in the order of their keys.
std::vector<PackKey> needed_packs(const CommitBatch &batch);
// Ok for a pack that is ready; else why the commit can't have it.
Status check_needed_pack(PackKey pack, std::optional<PackState> state);

struct LeaseRow {
  int64_t key = 0;
  uint64_t epoch = 0;
  std::optional<LeaseOwner> owner;  // nullopt: released
  int64_t left = 0;                 // milliseconds until it expires; 0 or less: it has
};

// kBusy when the lease is held by another owner who may live; see acquire_lease().
Status check_free(const LeaseRow &row, const LeaseOwner &owner, const std::string &job_id,
                  const std::string &stage, std::chrono::milliseconds *expires_in);
Status lease_lost(const Lease &lease);

// The columns that read_lease() takes, but for the last: milliseconds until the lease expires.
#define CHECKPOINT_LEASE_COLUMNS \
  "key, epoch, owner_host, owner_boot, owner_pid, owner_start_time, owner_instance"

template <typename Query>
LeaseRow read_lease(Query &query) {
  LeaseRow row;
  row.key = query.i64(0);
  row.epoch = query.u64(1);
  if (query.is_null(6)) return row;
  row.owner.emplace();
  row.owner->host = query.text(2);
  row.owner->boot = query.text(3);
  row.owner->pid = query.i64(4);
  row.owner->start_time = query.u64(5);
  row.owner->instance = query.uuid(6);
  row.left = query.i64(7);
  return row;
}

// The columns that read_checkpoint() takes, of `checkpoint AS c` and `job`, but for the last three:
// created_at and completed_at in milliseconds, and whether it is pinned.
#define CHECKPOINT_ROW_COLUMNS_BUT_TIMES                                                      \
  "c.key, c.id, c.job, job.job_id, c.stage, c.stage_index, c.is_scenario, c.scenario_label, " \
  "c.parent, c.frames_prefix, c.stage_output_key, c.stats, c.config_snapshot, "               \
  "c.config_overrides, c.config_declared, c.video_path, c.profile_name, "                     \
  "c.filtered_frame_sequences, c.version, c.state, c.reason, c.commit_no, c.frames, "         \
  "c.bytes_new, c.bytes_reused, c.first_time, c.end_time"

template <typename Query>
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
  row.pinned = query.i64(at++) != 0;
  return row;
}

#define CHECKPOINT_FRAME_COLUMNS                                                                \
  "idx, sequence, pack, payload_offset, payload_length, raw_length, checksum, codec, content, " \
  "record_pack, record_offset, record_length, has_metas, pts, dts, duration, stream_time, "     \
  "buffer_offset, buffer_offset_end, flags, caps"
inline constexpr int kFrameColumns = 21;

template <typename Query>
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

// The rows of a page behind its columns and its table; the parameters are the checkpoint, the first
// index, its first ordinal, the end and the limit.
std::string detection_page_sql(char parameter);

#define CHECKPOINT_DETECTION_COLUMNS \
  "idx, ordinal, label, confidence, x, y, width, height, track, source"

template <typename Query>
DetectionRow read_detection(Query &query) {
  DetectionRow row;
  int at = 0;
  row.index = query.u64(at++);
  row.ordinal = static_cast<uint32_t>(query.i64(at++));
  row.label = query.text(at++);
  if (!query.is_null(at)) row.confidence = query.f64(at);
  at++;
  row.x = query.i64(at++);
  row.y = query.i64(at++);
  row.width = query.i64(at++);
  row.height = query.i64(at++);
  if (!query.is_null(at)) row.track = query.i64(at);
  at++;
  row.source = query.text(at++);
  return row;
}

// The seven columns of a payload from `at` on: pack, offset, length, raw_length, checksum, codec,
// content.
template <typename Query>
PayloadRef read_payload(Query &query, int at) {
  PayloadRef ref;
  ref.pack = query.i64(at++);
  ref.offset = query.u64(at++);
  ref.length = query.u64(at++);
  ref.raw_length = query.u64(at++);
  ref.checksum = query.u64(at++);
  ref.codec = static_cast<Codec>(query.i64(at++));
  ref.content = static_cast<Content>(query.i64(at++));
  return ref;
}

#define CHECKPOINT_PACK_COLUMNS "key, uuid, frame_store, object, plain, size, sha256, state"

template <typename Query>
PackRow read_pack(Query &query) {
  PackRow row;
  row.key = query.i64(0);
  row.uuid = query.uuid(1);
  row.frame_store = query.i64(2);
  row.object = query.text(3);
  row.plain = query.i64(4) != 0;
  row.size = query.u64(5);
  if (!query.is_null(6)) row.sha256 = query.template array<32>(6);
  row.state = pack_state_from(query.text(7));
  return row;
}

template <typename Query>
JobRow read_job(Query &query) {
  JobRow row;
  row.key = query.i64(0);
  row.uuid = query.uuid(1);
  row.job_id = query.text(2);
  row.identity_key = query.template array<std::tuple_size_v<IdentityKey>>(3);
  return row;
}

template <typename Query>
FrameStoreRow read_frame_store(Query &query) {
  FrameStoreRow row;
  row.key = query.i64(0);
  row.uuid = query.uuid(1);
  row.uri = query.text(2);
  row.has_packs = query.i64(3) != 0;
  return row;
}

}  // namespace checkpoint::sql
