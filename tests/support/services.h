// SPDX-License-Identifier: LGPL-2.1-or-later
// The servers that the tests were given, started, stopped and bounded by their own scripts.
#pragma once

#include <string>
#include <vector>

namespace checkpoint {

// tests/services/NAME VERB DIR [MORE]..., which has to succeed.
void run_service(const std::string &name, const std::string &verb,
                 const std::vector<std::string> &more = {});

}  // namespace checkpoint
