// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a line that was run before starts again: the furthest stage whose checkpoint was made as
// the line says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "elements/line_stages.h"
#include "store/metadata_store.h"

namespace checkpoint {

struct PlanRequest {
  std::string job_id;
  std::optional<std::string> scenario;  // the branch that is written; it reads the base, too
  std::string from;                     // a tap's stage; '': found
  bool restart = false;                 // from the line's beginning, whatever is stored
  // For stages whose elements say nothing of it; '': the default places.
  std::string frame_store, metadata_store;
};

struct StaleStage {
  CheckpointRow checkpoint;
  std::vector<std::string> differences;  // "facedetect.scale-factor: 1.25, now 1.1"
};

struct StagePlan {
  // The tap that the run starts at, and what is played in its place. nullopt: at the beginning.
  std::optional<size_t> start;
  std::optional<CheckpointRow> from;
  bool nothing_to_do = false;           // every stage is complete...
  std::vector<CheckpointRow> complete;  // ...by these, in the order of the stages
  // Of stages, their partial checkpoints that were made as the line says: they go on with it.
  std::map<size_t, CheckpointRow> resumed;
  // Not made as the line says, but counted as if they were: for the caller to refuse.
  std::vector<StaleStage> stale;
  // Partial ones that are not gone on with, since they were made otherwise.
  std::vector<StaleStage> left;
};

// kNotFound: `from` has no complete checkpoint. kInvalidArgument: it is no tap of the line, or the
// line can't be cut there.
Result<StagePlan> plan_stages(const LineStages &stages, const PlanRequest &request,
                              MetadataStore *store, Cancellation &cancel);

// What two declared configurations have different, line by line.
std::vector<std::string> config_differences(const std::string &stored, const std::string &now);

}  // namespace checkpoint
