// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON that is stored, as json-glib's tree, and as a person reads it.
#pragma once

#include <json-glib/json-glib.h>

#include <memory>
#include <string>
#include <string_view>

namespace checkpoint {

struct FreeJsonNode {
  void operator()(JsonNode *node) const { json_node_unref(node); }
};
using JsonNodePtr = std::unique_ptr<JsonNode, FreeJsonNode>;

// Null: it is no JSON, or nested deeper than strict_json.h takes. A row may be anybody's.
JsonNodePtr parse_json(const std::string &text);

// A text as a JSON string; broken UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

// Numbers in their shortest text: json-glib writes 1.1 as 1.1000000000000001.
std::string node_text(JsonNode *node);

}  // namespace checkpoint
