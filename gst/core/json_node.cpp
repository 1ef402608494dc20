// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/json_node.h"

#include <array>
#include <charconv>

#include "core/strict_json.h"

namespace checkpoint {

JsonNodePtr parse_json(const std::string &text) {
  return JsonNodePtr(json_stops_at(text) ? nullptr : json_from_string(text.c_str(), nullptr));
}

std::string json_string(std::string_view text) {
  const std::unique_ptr<char, decltype(&g_free)> valid(
      g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())), g_free);
  const JsonNodePtr node(json_node_new(JSON_NODE_VALUE));
  json_node_set_string(node.get(), valid.get());
  return node_text(node.get());
}

std::string node_text(JsonNode *node) {
  if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_DOUBLE) {
    std::array<char, 32> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), json_node_get_double(node));
    return {digits.data(), end.ptr};
  }
  const std::unique_ptr<char, decltype(&g_free)> text(json_to_string(node, FALSE), g_free);
  return text.get();
}

}  // namespace checkpoint
