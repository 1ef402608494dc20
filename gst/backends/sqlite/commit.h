// SPDX-License-Identifier: LGPL-2.1-or-later
// The rows of one commit, within the caller's write transaction.
#pragma once

#include <optional>

#include "backends/sqlite/rows.h"
#include "store/metadata_store.h"

namespace checkpoint::sqlite {

// kInvalidArgument unless it is a partial checkpoint of what is leased.
Result<WritableCheckpoint> writable_checkpoint(Connection &db, const Lease &lease,
                                               CheckpointKey checkpoint);

// nullopt: no such pack.
Result<std::optional<PackState>> pack_state(Connection &db, PackKey pack);

// Makes the checkpoint hold the pack, so that no collector takes it.
Status reference_pack(Connection &db, CheckpointKey checkpoint, PackKey pack);

Status write_commit(Connection &db, const Lease &lease, const CommitBatch &batch);

}  // namespace checkpoint::sqlite
