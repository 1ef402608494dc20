// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/status.h"

namespace checkpoint::tool {

// All of a file. kNotFound: it can't be read, and why.
Result<std::string> read_file(const std::string &path);

}  // namespace checkpoint::tool
