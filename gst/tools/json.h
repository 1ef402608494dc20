// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON for programs, by json-glib. An array is printed element by element, so that memory does not
// grow with it.
#pragma once

#include <json-glib/json-glib.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tools/terminal.h"

namespace checkpoint::tool {

class Json {
 public:
  Json();

  Json &begin_object();
  Json &end_object();
  Json &begin_array();
  Json &end_array();
  Json &key(const char *name);
  Json &value(const std::string &text);
  Json &value(const char *text) { return value(std::string(text)); }
  Json &value(bool yes);
  Json &value(double number);
  // Numbers beyond int64, which other readers turn into something else, as strings.
  Json &value(std::integral auto number) requires(!std::same_as<decltype(number), bool>) {
    if constexpr (sizeof(number) == 8 && std::unsigned_integral<decltype(number)>)
      if (number > INT64_MAX) return value(std::to_string(number));
    return integer(static_cast<int64_t>(number));
  }
  Json &null();
  // JSON text as it was stored; null where it is empty, a string where it is broken.
  Json &stored(const std::string &json);

  Json &field(const char *name, const auto &content) { return key(name).value(content); }
  Json &field(const char *name, const std::optional<std::string> &content) {
    return content ? key(name).value(*content) : key(name).null();
  }

  // The document; used once.
  std::string text();

 private:
  Json &integer(int64_t number);
  struct Unref {
    void operator()(JsonBuilder *builder) const { g_object_unref(builder); }
  };
  std::unique_ptr<JsonBuilder, Unref> builder_;
};

// Prints "[", the elements, "]".
class JsonArray {
 public:
  explicit JsonArray(Terminal &terminal) : terminal_(terminal) {}
  ~JsonArray() { terminal_.write(empty_ ? "[]\n" : "\n]\n"); }
  JsonArray(const JsonArray &) = delete;
  JsonArray &operator=(const JsonArray &) = delete;
  void add(Json &element);

 private:
  Terminal &terminal_;
  bool empty_ = true;
};

}  // namespace checkpoint::tool
