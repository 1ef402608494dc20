// SPDX-License-Identifier: LGPL-2.1-or-later
// Between rows of the tables and the values of store/model.h: what is PostgreSQL's own of it.
#pragma once

#include "backends/postgres/connection.h"
#include "backends/sql/rows.h"

namespace checkpoint::postgres {

// The columns that sql::read_checkpoint() takes.
#define CHECKPOINT_ROW_COLUMNS                            \
  CHECKPOINT_ROW_COLUMNS_BUT_TIMES                        \
  ", (extract(epoch FROM c.created_at) * 1000)::bigint, " \
  "(extract(epoch FROM c.completed_at) * 1000)::bigint, " \
  "EXISTS (SELECT FROM @checkpoint_pin AS p WHERE p.checkpoint = c.key)"

using namespace sql;  // NOLINT(google-build-using-namespace)

}  // namespace checkpoint::postgres
