// SPDX-License-Identifier: LGPL-2.1-or-later
// Between rows of the tables and the values of store/model.h: what is SQLite's own of it.
#pragma once

#include "backends/sql/rows.h"
#include "backends/sqlite/database.h"

namespace checkpoint::sqlite {

// The columns that sql::read_checkpoint() takes.
#define CHECKPOINT_ROW_COLUMNS                                          \
  CHECKPOINT_ROW_COLUMNS_BUT_TIMES                                      \
  ", CAST(round((c.created_at - 2440587.5) * 86400000.0) AS INTEGER), " \
  "CAST(round((c.completed_at - 2440587.5) * 86400000.0) AS INTEGER), " \
  "EXISTS (SELECT 1 FROM checkpoint_pin AS p WHERE p.checkpoint = c.key)"

using namespace sql;  // NOLINT(google-build-using-namespace)

}  // namespace checkpoint::sqlite
