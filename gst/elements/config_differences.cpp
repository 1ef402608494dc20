// SPDX-License-Identifier: LGPL-2.1-or-later
#include <json-glib/json-glib.h>

#include <algorithm>
#include <memory>
#include <set>

#include "core/json_node.h"
#include "elements/stage_plan.h"

namespace checkpoint {

namespace {

std::string text_of(JsonNode *node) {
  if (!node) return "not set";
  return node_text(node);
}

// Nanoseconds since 1970 as a person reads them.
std::string time_of(JsonNode *node) {
  using TimePtr = std::unique_ptr<GDateTime, decltype(&g_date_time_unref)>;
  const bool number = node && JSON_NODE_HOLDS_VALUE(node);
  const TimePtr time(
      number ? g_date_time_new_from_unix_local(json_node_get_int(node) / 1000000000) : nullptr,
      g_date_time_unref);
  gchar *text = time ? g_date_time_format(time.get(), "%Y-%m-%d %H:%M:%S") : nullptr;
  const std::string shown = text ? text : text_of(node);
  g_free(text);
  return shown;
}

const char *factory_of(JsonNode *node) {
  if (!node || !JSON_NODE_HOLDS_OBJECT(node)) return nullptr;
  return json_object_get_string_member_with_default(json_node_get_object(node), "factory", nullptr);
}

JsonNode *member(JsonNode *node, const std::string &name) {
  return node ? json_object_get_member(json_node_get_object(node), name.c_str()) : nullptr;
}

void compare(const std::string &where, JsonNode *before, JsonNode *now,
             std::vector<std::string> &out);

void compare_objects(const std::string &where, JsonNode *before, JsonNode *now,
                     std::vector<std::string> &out) {
  std::set<std::string> names;
  for (JsonNode *node : {before, now}) {
    GList *members = json_object_get_members(json_node_get_object(node));
    for (GList *one = members; one; one = one->next)
      names.insert(static_cast<const char *>(one->data));
    g_list_free(members);
  }
  for (const std::string &name : names) {
    // "facedetect.scale-factor", without the words that every element has.
    const bool wrapper = name == "properties" || name == "elements";
    const std::string inner = wrapper ? where : where + (where.empty() ? "" : ".") + name;
    compare(inner, member(before, name), member(now, name), out);
  }
}

// Elements are compared with those of their kind that have the same place among them.
void compare_arrays(const std::string &where, JsonArray *before, JsonArray *now,
                    std::vector<std::string> &out) {
  std::vector<JsonNode *> left;
  for (guint i = 0; i < json_array_get_length(before); i++)
    left.push_back(json_array_get_element(before, i));
  for (guint i = 0; i < json_array_get_length(now); i++) {
    JsonNode *node = json_array_get_element(now, i);
    const char *factory = factory_of(node);
    const auto same = std::find_if(left.begin(), left.end(), [&](JsonNode *other) {
      return factory ? g_strcmp0(factory, factory_of(other)) == 0 : !factory_of(other);
    });
    const std::string inner = factory ? where + (where.empty() ? "" : "/") + factory : where;
    if (same == left.end()) {
      out.push_back((inner.empty() ? text_of(node) : inner) + ": new");
      continue;
    }
    compare(inner, *same, node, out);
    left.erase(same);
  }
  for (JsonNode *node : left) {
    const char *factory = factory_of(node);
    out.push_back((factory ? where + (where.empty() ? "" : "/") + factory : where + text_of(node)) +
                  ": no longer there");
  }
}

void compare(const std::string &where, JsonNode *before, JsonNode *now,
             std::vector<std::string> &out) {
  const std::string a = text_of(before), b = text_of(now);
  if (a == b) return;
  if (before && now && JSON_NODE_HOLDS_OBJECT(before) && JSON_NODE_HOLDS_OBJECT(now))
    return compare_objects(where, before, now, out);
  if (before && now && JSON_NODE_HOLDS_ARRAY(before) && JSON_NODE_HOLDS_ARRAY(now))
    return compare_arrays(where, json_node_get_array(before), json_node_get_array(now), out);
  // Within one second the times differ in what is not shown.
  const bool times = where.ends_with("mtime") && time_of(before) != time_of(now);
  out.push_back(where + ": " + (times ? time_of(before) : a) + ", now " +
                (times ? time_of(now) : b));
}

}  // namespace

std::vector<std::string> config_differences(const std::string &stored, const std::string &now) {
  if (stored.empty()) return {"it was stored without its configuration"};
  const JsonNodePtr a = parse_json(stored), b = parse_json(now);
  std::vector<std::string> differences;
  if (a && b) compare("", a.get(), b.get(), differences);
  if (differences.empty()) differences.emplace_back("the order of its elements");
  return differences;
}

}  // namespace checkpoint
