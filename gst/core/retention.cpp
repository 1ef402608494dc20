// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/retention.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/checkpoint_cursor.h"

namespace checkpoint {

namespace {

constexpr unsigned kPage = 200;
constexpr unsigned kFramesPerPurge = 5000;  // milliseconds of a database's write lock

// Newest first, as the pages come.
class Judge {
 public:
  Judge(const RetentionPolicy &policy, int64_t now) : policy_(policy), now_(now) {}

  bool goes(const CheckpointRow &row) {
    if (row.state == CheckpointState::kPartial)
      return !row.pinned && policy_.partial_older_than &&
             now_ - row.created_at >= policy_.partial_older_than->count();
    if (row.state != CheckpointState::kComplete) return false;
    const unsigned newer = complete_[{row.job, row.fields.branch.is_scenario,
                                      row.fields.branch.label, row.fields.stage}]++;
    if (row.pinned || (!policy_.keep_last && !policy_.older_than)) return false;
    const bool kept_as_last = policy_.keep_last && newer < *policy_.keep_last;
    const bool kept_as_young =
        policy_.older_than && now_ - row.completed_at < policy_.older_than->count();
    return !kept_as_last && !kept_as_young;
  }

 private:
  const RetentionPolicy &policy_;
  const int64_t now_;
  std::map<std::tuple<JobKey, bool, std::string, std::string>, unsigned> complete_;
};

// Whether frames of its filtered list lie in checkpoints that it was run from.
Result<bool> relies_on_others(MetadataStore &store, const CheckpointRow &row,
                              Cancellation &cancel) {
  std::span<const uint64_t> list = *row.fields.filtered_frame_sequences;
  while (!list.empty()) {
    const auto page = list.first(std::min<size_t>(list.size(), kPage));
    CHECKPOINT_ASSIGN_OR_RETURN(
        const auto frames, store.find_frames(row.key, FramePage::Order::kSequence, page, cancel));
    for (const auto &frame : frames)
      if (!frame) return true;
    list = list.subspan(page.size());
  }
  return false;
}

Result<std::vector<CheckpointRow>> find_bereaved(MetadataStore &store,
                                                 std::span<const CheckpointRow> doomed,
                                                 Cancellation &cancel) {
  std::set<std::string> jobs;
  std::set<Uuid> going;
  for (const CheckpointRow &row : doomed) {
    jobs.insert(row.fields.job_id);
    going.insert(row.id);
  }
  std::vector<CheckpointRow> bereaved;
  for (const std::string &job : jobs) {
    std::map<Uuid, Uuid> parents;
    std::vector<CheckpointRow> listed;
    CheckpointCursor cursor(store, {.job_id = job, .include_partial = true, .limit = kPage});
    for (;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const row, cursor.next(cancel));
      if (!row) break;
      if (!row->fields.parent) continue;
      parents[row->id] = *row->fields.parent;
      if (row->fields.filtered_frame_sequences && going.count(row->id) == 0)
        listed.push_back(std::move(*row));
    }
    for (CheckpointRow &row : listed) {
      // Stored parents could form a ring, where somebody wrote them by hand.
      auto link = parents.find(row.id);
      for (size_t left = parents.size(); link != parents.end() && left > 0; left--) {
        if (going.count(link->second) > 0) break;
        link = parents.find(link->second);
      }
      if (link == parents.end() || going.count(link->second) == 0) continue;
      CHECKPOINT_ASSIGN_OR_RETURN(const bool relies, relies_on_others(store, row, cancel));
      if (relies) bereaved.push_back(std::move(row));
    }
  }
  return bereaved;
}

}  // namespace

Result<DeletionPlan> plan_retention(MetadataStore &store, const RetentionPolicy &policy,
                                    Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t now, store.now(cancel));
  Judge judge(policy, now);
  CheckpointCursor cursor(store, {.job_id = policy.job_id,
                                  .stage = policy.stage,
                                  .branch = policy.branch,
                                  .include_partial = true,
                                  .limit = kPage});
  std::vector<CheckpointRow> doomed;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const row, cursor.next(cancel));
    if (!row) break;
    if (judge.goes(*row)) doomed.push_back(std::move(*row));
  }
  return plan_deletion(store, std::move(doomed), cancel);
}

Result<DeletionPlan> plan_deletion(MetadataStore &store, std::vector<CheckpointRow> checkpoints,
                                   Cancellation &cancel) {
  DeletionPlan plan;
  plan.checkpoints = std::move(checkpoints);
  std::vector<CheckpointKey> keys;
  for (const CheckpointRow &row : plan.checkpoints) keys.push_back(row.key);
  CHECKPOINT_ASSIGN_OR_RETURN(plan.frees, store.held_only_by(keys, cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(plan.bereaved, find_bereaved(store, plan.checkpoints, cancel));
  return plan;
}

Status delete_checkpoints(MetadataStore &store, std::span<const CheckpointRow> checkpoints,
                          const DeletionListener &listener, DeletionResult &result,
                          Cancellation &cancel) {
  for (const CheckpointRow &row : checkpoints) {
    const Status status = store.delete_checkpoint(row.id, cancel);
    const bool kept = status.is(Code::kBusy) || status.is(Code::kInvalidArgument);
    if (!status.is_ok() && !kept && !status.is(Code::kNotFound)) return status;
    if (kept) result.kept++;
    if (status.is_ok()) result.deleted++;
    if (listener) listener(row, status);
    if (!status.is_ok()) continue;
    const Status purged = purge_rows(store, row.key, cancel);
    if (purged.is_ok()) result.purged++;
    if (!purged.is_ok() && !purged.is(Code::kBusy)) return purged;
  }
  return Status::ok();
}

Status purge_rows(MetadataStore &store, CheckpointKey checkpoint, Cancellation &cancel) {
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(bool done,
                                store.purge_checkpoint(checkpoint, kFramesPerPurge, cancel));
    if (done) return Status::ok();
  }
}

}  // namespace checkpoint
