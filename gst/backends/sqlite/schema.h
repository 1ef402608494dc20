// SPDX-License-Identifier: LGPL-2.1-or-later
// The tables, and how an older database becomes a current one.
#pragma once

#include "backends/sqlite/database.h"

namespace checkpoint::sqlite {

// PRAGMA user_version.
inline constexpr int kSchemaVersion = 2;

// Sets the journal mode, then makes the schema or migrates it, under the write lock. Any number of
// processes may do it at once. kNewerSchema: made by a newer release.
Status prepare_database(Connection &connection, Journal journal, Cancellation &cancel);

}  // namespace checkpoint::sqlite
