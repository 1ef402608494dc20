// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON as a person reads it.
#pragma once

#include <string>

typedef struct _JsonNode JsonNode;

namespace checkpoint {

// Numbers in their shortest text: json-glib writes 1.1 as 1.1000000000000001.
std::string node_text(JsonNode *node);

}  // namespace checkpoint
