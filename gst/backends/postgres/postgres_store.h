// SPDX-License-Identifier: LGPL-2.1-or-later
// The metadata store in a PostgreSQL database. docs/stores/postgres.md describes options and
// tables.
#pragma once

#include <memory>

#include "common/status.h"
#include "store/metadata_store.h"
#include "store/registry.h"
#include "store/uri.h"

namespace checkpoint {

// `postgresql://user@host:port/database?…` as libpq takes it; our own options are schema,
// prepared-statements, busy-timeout, statement-timeout, reconnect-timeout and connections. Checks
// the URI; touches no network.
Result<std::shared_ptr<MetadataStore>> make_postgres_store(const StoreUri &uri);

// The schemes "postgresql" and "postgres".
void register_postgres(StoreRegistry &registry);

}  // namespace checkpoint
