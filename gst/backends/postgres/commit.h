// SPDX-License-Identifier: LGPL-2.1-or-later
// The rows of one commit, within the caller's write transaction.
#pragma once

#include "backends/postgres/rows.h"
#include "store/metadata_store.h"

namespace checkpoint::postgres {

// kInvalidArgument unless it is a partial checkpoint of what is leased.
Result<WritableCheckpoint> writable_checkpoint(Connection &db, const Lease &lease,
                                               CheckpointKey checkpoint);

// The states of these packs, each once and in order; they stay as they are until the transaction
// ends. A pack that is not known is left out.
Result<std::vector<std::pair<PackKey, PackState>>> hold_packs(Connection &db,
                                                              std::vector<PackKey> packs);

// Makes the checkpoint hold the packs, so that no collector takes them.
Status reference_packs(Connection &db, CheckpointKey checkpoint, const std::vector<PackKey> &packs);

Status write_commit(Connection &db, const Lease &lease, const CommitBatch &batch);

}  // namespace checkpoint::postgres
