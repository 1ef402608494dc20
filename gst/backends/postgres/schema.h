// SPDX-License-Identifier: LGPL-2.1-or-later
// The tables, and how an older schema becomes a current one.
#pragma once

#include "backends/postgres/connection.h"

namespace checkpoint::postgres {

// store.schema_version.
inline constexpr int kSchemaVersion = 2;

// The version of the schema that is there; 0: none, or an empty one.
Result<int64_t> schema_version(Connection &connection);

// Makes the schema or migrates it, under an advisory lock; changes nothing when it is current. Any
// number of processes may do it at once. kNewerSchema: made by a newer release.
Status prepare_schema(Connection &connection);

}  // namespace checkpoint::postgres
