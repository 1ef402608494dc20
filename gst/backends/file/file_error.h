// SPDX-License-Identifier: LGPL-2.1-or-later
// errno as a Status for a person: what, where, and what to do next.
#pragma once

#include <string>

#include "common/status.h"

namespace checkpoint {

// `doing` as in "can't write", `path` is where.
Status file_error(int error, const std::string &doing, const std::string &path);

}  // namespace checkpoint
