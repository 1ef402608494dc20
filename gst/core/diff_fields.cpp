// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <map>
#include <memory>

#include "core/diff.h"
#include "core/json_node.h"

namespace checkpoint {

namespace {

// A field's value by its path.
using Flat = std::map<std::string, std::string>;

constexpr int kMaxDepth = 32;  // what lies deeper is compared as one text

// One path for one field: a name that could be taken for two steps is quoted.
std::string step(const char *name) {
  const std::string text = name;
  if (!text.empty() && text.find_first_of(".[]\"") == std::string::npos) return "." + text;
  return "[" + json_string(text) + "]";
}

void flatten(const std::string &path, JsonNode *node, int depth, Flat &out) {
  if (depth < kMaxDepth && JSON_NODE_HOLDS_OBJECT(node) &&
      json_object_get_size(json_node_get_object(node)) > 0) {
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, &name, &member))
      flatten(path + step(name), member, depth + 1, out);
  } else if (depth < kMaxDepth && JSON_NODE_HOLDS_ARRAY(node) &&
             json_array_get_length(json_node_get_array(node)) > 0) {
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++)
      flatten(path + "[" + std::to_string(i) + "]", json_array_get_element(array, i), depth + 1,
              out);
  } else {
    out[path] = node_text(node);
  }
}

void flatten_text(const std::string &name, const std::string &json, Flat &out) {
  if (json.empty()) return;
  if (const JsonNodePtr node = parse_json(json)) {
    flatten(name, node.get(), 0, out);
  } else {
    out[name] = json_string(json);
  }
}

void add_text(const std::string &name, const std::string &text, Flat &out) {
  if (!text.empty()) out[name] = json_string(text);
}

Flat flat(const CheckpointFields &fields) {
  Flat out;
  flatten_text("config_declared", fields.config_declared, out);
  flatten_text("config_overrides", fields.config_overrides, out);
  flatten_text("config_snapshot", fields.config_snapshot, out);
  flatten_text("stats", fields.stats, out);
  add_text("video_path", fields.video_path, out);
  add_text("profile_name", fields.profile_name, out);
  return out;
}

}  // namespace

std::vector<FieldChange> diff_fields(const CheckpointFields &a, const CheckpointFields &b) {
  const Flat of_a = flat(a), of_b = flat(b);
  std::vector<FieldChange> changes;
  for (const auto &[field, value] : of_a) {
    auto other = of_b.find(field);
    if (other == of_b.end()) {
      changes.push_back({field, value, std::nullopt});
    } else if (other->second != value) {
      changes.push_back({field, value, other->second});
    }
  }
  for (const auto &[field, value] : of_b)
    if (of_a.count(field) == 0) changes.push_back({field, std::nullopt, value});
  std::sort(changes.begin(), changes.end(),
            [](const FieldChange &one, const FieldChange &two) { return one.field < two.field; });
  // What is declared is mostly part of the snapshot, too: once is enough.
  const std::string declared = "config_declared", snapshot = "config_snapshot";
  std::erase_if(changes, [&](const FieldChange &one) {
    if (!one.field.starts_with(declared)) return false;
    const std::string twin = snapshot + one.field.substr(declared.size());
    const auto value = [&](const Flat &flat) {
      const auto at = flat.find(twin);
      return at == flat.end() ? std::optional<std::string>() : at->second;
    };
    return value(of_a) == one.a && value(of_b) == one.b;
  });
  return changes;
}

}  // namespace checkpoint
