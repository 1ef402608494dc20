// SPDX-License-Identifier: LGPL-2.1-or-later
// Which checkpoints are kept, and deleting the others. The bytes go later: see collector.h.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/metadata_store.h"

namespace checkpoint {

// A rule that is not set deletes nothing; a pinned checkpoint is always kept.
struct RetentionPolicy {
  // Only checkpoints of these are looked at.
  std::optional<std::string> job_id, stage;
  std::optional<Branch> branch;
  // Complete ones go that are not among the last so many versions of their job, branch and stage,
  // and were completed at least so long ago. One of the two may be left out.
  std::optional<unsigned> keep_last;
  std::optional<std::chrono::milliseconds> older_than;
  // Partial ones go that were begun at least so long ago, unless a writer holds their stage.
  std::optional<std::chrono::milliseconds> partial_older_than;
};

struct DeletionPlan {
  std::vector<CheckpointRow> checkpoints;
  PackTotals frees;  // packs that nobody else refers to
  // They stay, and find frames of their filtered list only in or through those that go. Only
  // children of the same job are looked at.
  std::vector<CheckpointRow> bereaved;
};

// What the policy would delete now. Changes nothing, so it is the dry run, too.
Result<DeletionPlan> plan_retention(MetadataStore &store, const RetentionPolicy &policy,
                                    Cancellation &cancel);
// The same for checkpoints that somebody named.
Result<DeletionPlan> plan_deletion(MetadataStore &store, std::vector<CheckpointRow> checkpoints,
                                   Cancellation &cancel);

struct DeletionResult {
  uint64_t deleted = 0;
  uint64_t purged = 0;  // of those, whose rows are gone; the others' go with the next collection
  uint64_t kept = 0;    // pinned or written meanwhile
};

// Gets each checkpoint that was tried, and what became of it: ok, or why it is kept.
using DeletionListener = std::function<void(const CheckpointRow &, const Status &)>;

// Deletes what the plan names. One that can't be deleted (pinned meanwhile, being written) is kept
// and told. Interrupted anywhere it can be called again.
Status delete_checkpoints(MetadataStore &store, std::span<const CheckpointRow> checkpoints,
                          const DeletionListener &listener, DeletionResult &result,
                          Cancellation &cancel);

// Removes the rows of a checkpoint that is marked deleted. kBusy: a reader holds them.
Status purge_rows(MetadataStore &store, CheckpointKey checkpoint, Cancellation &cancel);

}  // namespace checkpoint
