// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/retention.h"

#include <map>
#include <tuple>

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

}  // namespace

Result<DeletionPlan> plan_retention(MetadataStore &store, const RetentionPolicy &policy,
                                    Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(int64_t now, store.now(cancel));
  Judge judge(policy, now);
  CheckpointQuery query;
  query.job_id = policy.job_id;
  query.stage = policy.stage;
  query.branch = policy.branch;
  query.include_partial = true;
  query.limit = kPage;
  std::vector<CheckpointRow> doomed;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CheckpointRow> rows,
                                store.list_checkpoints(query, cancel));
    for (const CheckpointRow &row : rows)
      if (judge.goes(row)) doomed.push_back(row);
    if (rows.size() < kPage) break;
    query.before = rows.back().key;
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
