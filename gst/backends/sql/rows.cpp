// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sql/rows.h"

#include <glib.h>

#include <charconv>

#include "common/log.h"
#include "store/process.h"

namespace checkpoint::sql {

CheckpointState state_from(const std::string &name) {
  if (name == "partial") return CheckpointState::kPartial;
  if (name == "complete") return CheckpointState::kComplete;
  return CheckpointState::kDeleted;
}

PackState pack_state_from(const std::string &name) {
  if (name == "uploading") return PackState::kUploading;
  if (name == "ready") return PackState::kReady;
  if (name == "condemned") return PackState::kCondemned;
  return PackState::kDeleted;
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

const char *column_of(FramePage::Order order) {
  switch (order) {
    case FramePage::Order::kPts:
      return "pts";
    case FramePage::Order::kSequence:
      return "sequence";
    case FramePage::Order::kIndex:
      break;
  }
  return "idx";
}

std::string frame_page_sql(const FramePage &page, char parameter) {
  const std::string column = column_of(page.order);
  const std::string down = page.reverse ? " DESC" : "";
  std::string sql = " WHERE checkpoint = ?1 AND " + column + (page.reverse ? " <= ?2" : " >= ?2") +
                    " ORDER BY checkpoint" + down + ", " + column + down;
  if (page.order != FramePage::Order::kIndex) sql += ", idx" + down;
  sql += " LIMIT ?3";
  std::replace(sql.begin(), sql.end(), '?', parameter);
  return sql;
}

std::string detection_page_sql(char parameter) {
  std::string sql =
      " WHERE checkpoint = ?1 AND (idx, ordinal) >= (?2, ?3) AND idx < ?4 "
      "ORDER BY checkpoint, idx, ordinal LIMIT ?5";
  std::replace(sql.begin(), sql.end(), '?', parameter);
  return sql;
}

Status check_order(const CommitBatch &batch, const WritableCheckpoint &target) {
  if (batch.commit_no != target.commit_no + 1)
    return {Code::kInvalidArgument, "commit " + std::to_string(batch.commit_no) +
                                        " does not follow commit " +
                                        std::to_string(target.commit_no)};
  uint64_t next = target.frames;
  for (const FrameRow &frame : batch.frames) {
    if (frame.index != next)
      return {Code::kInvalidArgument, "frame " + std::to_string(frame.index) +
                                          " comes where frame " + std::to_string(next) + " should"};
    next++;
  }
  return Status::ok();
}

std::vector<PackKey> needed_packs(const CommitBatch &batch) {
  std::vector<PackKey> needed = batch.used_packs;
  for (const ReadyPack &pack : batch.ready_packs) needed.push_back(pack.key);
  if (batch.records.pack != 0) needed.push_back(batch.records.pack);
  std::sort(needed.begin(), needed.end());
  needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
  return needed;
}

Status check_needed_pack(PackKey pack, std::optional<PackState> state) {
  if (state == PackState::kUploading)
    return {Code::kInvalidArgument, "pack " + std::to_string(pack) + " is not stored yet"};
  if (state != PackState::kReady)
    return {Code::kExpired, "pack " + std::to_string(pack) + " was collected meanwhile"};
  return Status::ok();
}

Status check_free(const LeaseRow &row, const LeaseOwner &owner, const std::string &job_id,
                  const std::string &stage, std::chrono::milliseconds *expires_in) {
  // Its owner may ask again when an answer was lost.
  if (!row.owner || row.owner->instance == owner.instance || row.left <= 0) return Status::ok();
  const std::string pid = std::to_string(row.owner->pid);
  if (is_gone(*row.owner)) {
    log(LogLevel::kInfo, "metadata",
        "stage '" + stage + "' of job '" + job_id + "' is taken over from process " + pid +
            ", which is gone");
    return Status::ok();
  }
  if (expires_in != nullptr && !lives_here(*row.owner))
    *expires_in = std::chrono::milliseconds(row.left);
  return {Code::kBusy,
          "stage '" + stage + "' of job '" + job_id + "' is being written by process " + pid +
              " on host " + row.owner->host,
          "wait for it or stop it; without a sign of life its lease ends in " +
              std::to_string(row.left) + " ms"};
}

Status lease_lost(const Lease &lease) {
  return {Code::kLeaseLost, "another writer has taken over stage '" + lease.stage + "'",
          "nothing of this run became visible since; see who writes it, then run again"};
}

}  // namespace checkpoint::sql
