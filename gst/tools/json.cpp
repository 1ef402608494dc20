// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/json.h"

#include <cmath>

#include "core/json_node.h"
#include "tools/text.h"

namespace checkpoint::tool {

Json::Json() : builder_(json_builder_new()) {}

Json &Json::begin_object() {
  json_builder_begin_object(builder_.get());
  return *this;
}

Json &Json::end_object() {
  json_builder_end_object(builder_.get());
  return *this;
}

Json &Json::begin_array() {
  json_builder_begin_array(builder_.get());
  return *this;
}

Json &Json::end_array() {
  json_builder_end_array(builder_.get());
  return *this;
}

Json &Json::key(const char *name) {
  json_builder_set_member_name(builder_.get(), name);
  return *this;
}

Json &Json::value(const std::string &text) {
  const bool valid = g_utf8_validate(text.c_str(), static_cast<gssize>(text.size()), nullptr);
  json_builder_add_string_value(builder_.get(), valid ? text.c_str() : printable(text).c_str());
  return *this;
}

Json &Json::value(bool yes) {
  json_builder_add_boolean_value(builder_.get(), yes);
  return *this;
}

Json &Json::value(double number) {
  if (!std::isfinite(number)) return value(std::to_string(number));
  json_builder_add_double_value(builder_.get(), number);
  return *this;
}

Json &Json::integer(int64_t number) {
  json_builder_add_int_value(builder_.get(), number);
  return *this;
}

Json &Json::null() {
  json_builder_add_null_value(builder_.get());
  return *this;
}

Json &Json::stored(const std::string &json) {
  if (json.empty()) return null();
  JsonNodePtr node = parse_json(json);
  if (!node) return value(json);
  json_builder_add_value(builder_.get(), node.release());
  return *this;
}

std::string Json::text() {
  const JsonNodePtr root(json_builder_get_root(builder_.get()));
  gchar *text = json_to_string(root.get(), true);
  std::string result = text;
  g_free(text);
  return result;
}

void JsonArray::add(Json &element) {
  terminal_.write((empty_ ? "[\n" : ",\n") + element.text());
  empty_ = false;
}

}  // namespace checkpoint::tool
