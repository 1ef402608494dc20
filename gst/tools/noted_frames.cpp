// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/noted_frames.h"

#include <charconv>
#include <cmath>
#include <memory>
#include <string_view>

#include "core/json_node.h"
#include "core/strict_json.h"
#include "tools/input_file.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

using Notes = std::map<uint64_t, FrameNote>;

Status wrong(size_t line, const std::string &what) {
  return {Code::kInvalidArgument, "line " + std::to_string(line) + ": " + what};
}

// One JSON object; a failure names the line.
Result<JsonNodePtr> parse_object(const std::string &text, size_t line) {
  if (const auto stops = json_stops_at(text))
    return wrong(line, "no JSON at byte " + std::to_string(*stops) + ", or it is nested too deep");
  JsonNodePtr node = parse_json(text);
  if (!node || !JSON_NODE_HOLDS_OBJECT(node.get())) return wrong(line, "there is no object");
  return node;
}

// --- JSON: a member that is not there, null, or of another type is none

JsonNode *member(JsonObject *object, const char *name) {
  JsonNode *node = json_object_get_member(object, name);
  return node && !JSON_NODE_HOLDS_NULL(node) ? node : nullptr;
}
bool holds(JsonNode *node, GType type) {
  return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}
std::string text_of(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name);
  return holds(node, G_TYPE_STRING) ? json_node_get_string(node) : "";
}
std::optional<double> real(JsonNode *node) {
  if (holds(node, G_TYPE_DOUBLE)) return json_node_get_double(node);
  if (holds(node, G_TYPE_INT64)) return static_cast<double>(json_node_get_int(node));
  return std::nullopt;
}
std::optional<int64_t> whole(JsonNode *node) {
  if (holds(node, G_TYPE_INT64)) return json_node_get_int(node);
  const auto number = real(node);
  if (number && std::fabs(*number) < 9e18) return std::llround(*number);
  return std::nullopt;
}
// Beyond int64 export writes a text.
std::optional<uint64_t> natural(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name);
  if (holds(node, G_TYPE_INT64) && json_node_get_int(node) >= 0)
    return static_cast<uint64_t>(json_node_get_int(node));
  if (!holds(node, G_TYPE_STRING)) return std::nullopt;
  const std::string_view text = json_node_get_string(node);
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()
             ? std::optional<uint64_t>(value)
             : std::nullopt;
}

std::optional<DetectionRow> detection(JsonObject *object) {
  const auto x = whole(member(object, "x")), y = whole(member(object, "y"));
  const auto width = whole(member(object, "width")), height = whole(member(object, "height"));
  if (!x || !y || !width || !height) return std::nullopt;
  DetectionRow row;
  row.label = text_of(object, "label");
  row.confidence = real(member(object, "confidence"));
  row.x = *x;
  row.y = *y;
  row.width = *width;
  row.height = *height;
  row.track = whole(member(object, "track"));
  return row;
}

Status add_line(const std::string &line, size_t number, std::string &caps, Notes &notes) {
  CHECKPOINT_ASSIGN_OR_RETURN(const JsonNodePtr node, parse_object(line, number));
  JsonObject *object = json_node_get_object(node.get());
  const auto index = natural(object, "index");
  if (!index) return wrong(number, "\"index\" is no number");
  FrameNote note;
  note.sequence = natural(object, "sequence");
  note.timed = json_object_has_member(object, "pts");
  note.pts = natural(object, "pts").value_or(kNone);
  note.dts = natural(object, "dts").value_or(kNone);
  note.duration = natural(object, "duration").value_or(kNone);
  note.offset = natural(object, "offset").value_or(kNone);
  note.offset_end = natural(object, "offset_end").value_or(kNone);
  note.flags = static_cast<uint32_t>(natural(object, "flags").value_or(0));
  if (const std::string own = text_of(object, "caps"); !own.empty()) caps = own;
  note.caps = caps;
  note.file = text_of(object, "file");
  if (JsonNode *list = member(object, "detections")) {
    if (!JSON_NODE_HOLDS_ARRAY(list)) return wrong(number, "\"detections\" is no array");
    JsonArray *array = json_node_get_array(list);
    for (guint i = 0; i < json_array_get_length(array); i++) {
      JsonNode *one = json_array_get_element(array, i);
      const auto row = JSON_NODE_HOLDS_OBJECT(one) ? detection(json_node_get_object(one))
                                                   : std::optional<DetectionRow>();
      if (!row) return wrong(number, "a detection has no x, y, width and height");
      note.detections.push_back(*row);
    }
  }
  if (!notes.emplace(*index, std::move(note)).second)
    return wrong(number, "frame " + std::to_string(*index) + " comes twice");
  return Status::ok();
}

// --- CSV

// One record from `at` on, which may hold line breaks in quotes.
std::vector<std::string> csv_record(const std::string &text, size_t &at, size_t &line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (; at < text.size(); at++) {
    const char c = text[at];
    if (c == '\n') line++;
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += text[++at];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      at++;
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

// What export put before a text that a spreadsheet would run.
std::string without_guard(const std::string &text) {
  const bool guarded = text.size() > 1 && text[0] == '\'' &&
                       std::string_view("=+-@\t\r\n").find(text[1]) != std::string_view::npos;
  return guarded ? text.substr(1) : text;
}

template <typename T>
std::optional<T> csv_number(const std::string &text) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()
             ? std::optional<T>(value)
             : std::nullopt;
}

}  // namespace

Result<Notes> parse_json_lines(const std::string &text) {
  Notes notes;
  std::string caps;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    number++;
    if (line.find_first_not_of(" \t\r") != std::string::npos)
      CHECKPOINT_RETURN_IF_ERROR(add_line(line, number, caps, notes));
    at = end + 1;
  }
  return notes;
}

Result<Notes> parse_csv(const std::string &text) {
  Notes notes;
  size_t at = 0, line = 1;
  std::map<std::string, size_t> columns;
  const std::vector<std::string> head = csv_record(text, at, line);
  for (size_t i = 0; i < head.size(); i++) columns[head[i]] = i;
  for (const char *needed : {"index", "label", "x", "y", "width", "height"})
    if (columns.count(needed) == 0)
      return wrong(1, std::string("there is no column \"") + needed + "\"");
  while (at < text.size()) {
    const size_t begins = line;
    const std::vector<std::string> record = csv_record(text, at, line);
    if (record.size() == 1 && record[0].empty()) continue;
    const auto field = [&](const char *name) -> std::string {
      const auto column = columns.find(name);
      return column == columns.end() || column->second >= record.size() ? ""
                                                                        : record[column->second];
    };
    const auto index = csv_number<uint64_t>(field("index"));
    const auto x = csv_number<int64_t>(field("x")), y = csv_number<int64_t>(field("y"));
    const auto width = csv_number<int64_t>(field("width"));
    const auto height = csv_number<int64_t>(field("height"));
    if (!index || !x || !y || !width || !height)
      return wrong(begins, "index, x, y, width and height have to be whole numbers");
    DetectionRow row;
    row.label = without_guard(field("label"));
    row.confidence = csv_number<double>(field("confidence"));
    row.x = *x;
    row.y = *y;
    row.width = *width;
    row.height = *height;
    row.track = csv_number<int64_t>(field("track"));
    FrameNote &note = notes[*index];
    note.sequence = csv_number<uint64_t>(field("sequence"));
    note.detections.push_back(std::move(row));
  }
  return notes;
}

Result<Notes> parse_coco(const std::string &text) {
  CHECKPOINT_ASSIGN_OR_RETURN(const JsonNodePtr node, parse_object(text, 1));
  JsonObject *root = json_node_get_object(node.get());
  const auto list = [&](const char *name) -> std::vector<JsonObject *> {
    std::vector<JsonObject *> objects;
    JsonNode *array = member(root, name);
    if (!array || !JSON_NODE_HOLDS_ARRAY(array)) return objects;
    for (guint i = 0; i < json_array_get_length(json_node_get_array(array)); i++) {
      JsonNode *one = json_array_get_element(json_node_get_array(array), i);
      if (JSON_NODE_HOLDS_OBJECT(one)) objects.push_back(json_node_get_object(one));
    }
    return objects;
  };
  std::map<int64_t, std::string> categories;
  for (JsonObject *one : list("categories"))
    if (const auto id = whole(member(one, "id"))) categories[*id] = text_of(one, "name");
  Notes notes;
  std::map<int64_t, uint64_t> indexes;  // of images, in their order
  for (JsonObject *one : list("images")) {
    const auto id = whole(member(one, "id"));
    if (!id) return Status(Code::kInvalidArgument, "an image has no id");
    const uint64_t index = indexes.size();
    indexes[*id] = index;
    notes[index].file = text_of(one, "file_name");
    notes[index].sequence = natural(one, "sequence");
  }
  for (JsonObject *one : list("annotations")) {
    const auto image = whole(member(one, "image_id")), category = whole(member(one, "category_id"));
    JsonNode *box = member(one, "bbox");
    if (!image || indexes.count(*image) == 0 || !box || !JSON_NODE_HOLDS_ARRAY(box) ||
        json_array_get_length(json_node_get_array(box)) != 4)
      return Status(Code::kInvalidArgument,
                    "an annotation has no image or no bbox of four numbers");
    DetectionRow row;
    row.label = category ? categories[*category] : "";
    int64_t *const numbers[] = {&row.x, &row.y, &row.width, &row.height};
    for (guint i = 0; i < 4; i++) {
      const auto value = whole(json_array_get_element(json_node_get_array(box), i));
      if (!value) return Status(Code::kInvalidArgument, "a bbox holds no four numbers");
      *numbers[i] = *value;
    }
    row.confidence = real(member(one, "score"));
    row.track = whole(member(one, "track_id"));
    notes[indexes[*image]].detections.push_back(std::move(row));
  }
  return notes;
}

Result<Notes> read_notes(const std::string &path) {
  CHECKPOINT_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  const auto ends_with = [&](const char *end) { return path.ends_with(end); };
  Result<Notes> notes = ends_with(".csv")    ? parse_csv(text)
                        : ends_with(".json") ? parse_coco(text)
                                             : parse_json_lines(text);
  if (!notes.is_ok()) return notes.status().with_context(tool::in_quotes(path));
  return notes;
}

}  // namespace checkpoint::tool
