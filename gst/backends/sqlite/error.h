// SPDX-License-Identifier: LGPL-2.1-or-later
// What SQLite's result codes mean for a person.
#pragma once

#include "backends/sqlite/location.h"
#include "common/status.h"

namespace checkpoint::sqlite {

// `message` is SQLite's own, `error` the system's errno behind it (0: none).
Status status_of(int rc, const char *message, int error, const Location &location);

}  // namespace checkpoint::sqlite
