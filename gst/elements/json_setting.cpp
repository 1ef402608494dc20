// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/json_setting.h"

#include <json-glib/json-glib.h>

#include <charconv>
#include <fstream>
#include <memory>

#include "core/strict_json.h"
#include "elements/gst_handles.h"

namespace checkpoint {

namespace {

// A row holds it whole, and so do the records of every commit.
constexpr size_t kMaxSize = 1 << 20;

Status refused(const char *property, const std::string &why) {
  return {Code::kInvalidArgument, std::string(property) + ": " + why,
          "give the JSON itself, or @ and the path of a file that holds it"};
}

Result<std::string> text_of(const char *property, const std::string &setting) {
  std::string text = setting;
  if (!setting.empty() && setting[0] == '@') {
    const std::string path = setting.substr(1);
    std::ifstream file(path, std::ios::binary);
    text.resize(kMaxSize + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || (!file.eof() && file.fail()))
      return refused(property, "the file " + path + " can't be read");
    text.resize(static_cast<size_t>(file.gcount()));
    while (!text.empty() && g_ascii_isspace(text.back())) text.pop_back();
    if (text.empty()) return refused(property, "the file " + path + " is empty");
  }
  if (text.size() > kMaxSize)
    return refused(property, "more than " + std::to_string(kMaxSize >> 10) + " KiB");
  if (!g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr))
    return refused(property, "not UTF-8");
  return text;
}

// Its root lives as long as the parser.
using ParserPtr = std::unique_ptr<JsonParser, decltype(&g_object_unref)>;
Result<ParserPtr> parse(const char *property, const std::string &text, JsonNodeType type,
                        const char *wanted) {
  if (const auto wrong = json_stops_at(text))
    return refused(property, "no JSON at byte " + std::to_string(*wrong));
  ParserPtr parser(json_parser_new_immutable(), g_object_unref);
  GError *error = nullptr;
  if (!json_parser_load_from_data(parser.get(), text.data(), static_cast<gssize>(text.size()),
                                  &error)) {
    const std::string why = error ? error->message : "no JSON";
    g_clear_error(&error);
    return refused(property, why);
  }
  JsonNode *root = json_parser_get_root(parser.get());
  if (!root || json_node_get_node_type(root) != type)
    return refused(property, std::string("it has to be ") + wanted);
  return parser;
}

std::optional<uint64_t> sequence_from(JsonNode *node) {
  if (!JSON_NODE_HOLDS_VALUE(node)) return std::nullopt;
  if (json_node_get_value_type(node) == G_TYPE_INT64) {
    const gint64 number = json_node_get_int(node);
    return number < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(number));
  }
  if (json_node_get_value_type(node) != G_TYPE_STRING) return std::nullopt;
  const std::string_view text = json_node_get_string(node);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<std::string> read_json_object(const char *property, const std::string &setting) {
  CHECKPOINT_ASSIGN_OR_RETURN(std::string text, text_of(property, setting));
  if (!text.empty())
    CHECKPOINT_RETURN_IF_ERROR(
        parse(property, text, JSON_NODE_OBJECT, "one JSON object: {\"name\": value}").status());
  return text;
}

Result<std::optional<std::vector<uint64_t>>> read_sequences(const char *property,
                                                            const std::string &setting) {
  CHECKPOINT_ASSIGN_OR_RETURN(std::string text, text_of(property, setting));
  if (text.empty()) return std::optional<std::vector<uint64_t>>();
  const char *wanted = "a JSON array of sequences: [0, 5, 7]";
  CHECKPOINT_ASSIGN_OR_RETURN(ParserPtr parser, parse(property, text, JSON_NODE_ARRAY, wanted));
  JsonArray *array = json_node_get_array(json_parser_get_root(parser.get()));
  std::vector<uint64_t> sequences;
  for (guint i = 0; i < json_array_get_length(array); i++) {
    const std::optional<uint64_t> sequence = sequence_from(json_array_get_element(array, i));
    if (!sequence) return refused(property, std::string("it has to be ") + wanted);
    sequences.push_back(*sequence);
  }
  return std::optional(std::move(sequences));
}

}  // namespace checkpoint
