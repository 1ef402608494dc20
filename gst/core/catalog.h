// SPDX-License-Identifier: LGPL-2.1-or-later
// Finding checkpoints.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/checkpoint_uri.h"
#include "store/metadata_store.h"

namespace checkpoint {

struct CheckpointSelector {
  std::optional<Uuid> id;  // alone, or the rest
  std::string job_id;
  std::string stage;
  Branch branch;
  std::optional<uint32_t> version;  // else the highest complete one
  bool allow_partial =
      false;  // then the highest of any state; with an id or version too a partial one needs this
};

// Of what a URI names, with its range and selection left out.
CheckpointSelector selector_of(const CheckpointUri &what);

// "no checkpoint for job "street", stage "decode"": how every failure to find one begins.
std::string not_found_text(const CheckpointSelector &selector);

// kNotFound names job and stage and lists what exists (stages of the job, else jobs). A base is
// never found for a scenario, nor the reverse.
Result<CheckpointRow> find_checkpoint(MetadataStore &store, const CheckpointSelector &selector,
                                      Cancellation &cancel);

// What `checkpoint` was run from, what that was run from, and so on, as far as they are of one job
// and still there; one that is being deleted is left out.
Result<std::vector<CheckpointRow>> ancestors(MetadataStore &store, const CheckpointRow &checkpoint,
                                             Cancellation &cancel);

}  // namespace checkpoint
