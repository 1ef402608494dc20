// SPDX-License-Identifier: LGPL-2.1-or-later
// The metadata store in a SQLite file, and the one in memory (the same code over a private
// database). docs/stores/sqlite.md describes the tables.
#pragma once

#include <memory>

#include "common/status.h"
#include "store/metadata_store.h"
#include "store/registry.h"
#include "store/uri.h"

namespace checkpoint {

// `sqlite:///data/checkpoints.db`, a plain path, or `memory://name`. Options: busy-timeout (how
// long to wait for a lock, milliseconds), journal (auto, wal, delete). Checks the URI; touches no
// disk.
Result<std::shared_ptr<MetadataStore>> make_sqlite_store(const StoreUri &uri);

// The schemes "sqlite" and "memory".
void register_sqlite(StoreRegistry &registry);

}  // namespace checkpoint
