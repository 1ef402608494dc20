// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/object_name.h"

#include <glib.h>
#include <json-glib/json-glib.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace checkpoint {

namespace {

constexpr size_t kMaxName = 1024;  // of S3
constexpr size_t kMaxComponent = 255;
constexpr int64_t kMarkerVersion = 1;
constexpr size_t kMaxMarkerSize = 4096;
constexpr const char *kMarkerFormat = "gst-checkpoint frame store";

Status refused(std::string_view name, const std::string &why) {
  std::string shown;
  for (char c : name.substr(0, 80)) shown += c < 0x20 || c == 0x7f ? '?' : c;
  return {Code::kInvalidArgument, "the object name '" + shown + "' " + why};
}

Status check(std::string_view name, bool whole) {
  if (whole && name.empty()) return {Code::kInvalidArgument, "an object name is empty"};
  if (name.size() > kMaxName) return refused(name, "is longer than 1024 bytes");
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return refused(name, "holds a control character");
  if (!g_utf8_validate(name.data(), static_cast<gssize>(name.size()), nullptr))
    return refused(name, "is not valid UTF-8");
  for (std::string_view rest = name; !rest.empty() || whole;) {
    size_t slash = rest.find('/');
    std::string_view component = rest.substr(0, slash);
    bool last = slash == std::string_view::npos;
    if (!last || whole) {
      if (component.empty()) return refused(name, "has an empty component");
      if (component == "." || component == "..") return refused(name, "leaves its folder");
    }
    if (component.size() > kMaxComponent)
      return refused(name, "has a component of more than 255 bytes");
    if (last) break;
    rest.remove_prefix(slash + 1);
  }
  return Status::ok();
}

}  // namespace

Status check_object_name(std::string_view name) {
  CHECKPOINT_RETURN_IF_ERROR(check(name, true));
  if (is_reserved_object(name)) return refused(name, "is reserved for the store itself");
  return Status::ok();
}

Status check_object_prefix(std::string_view prefix) { return check(prefix, false); }

bool is_reserved_object(std::string_view name) {
  return name.substr(0, kReservedPrefix.size()) == kReservedPrefix &&
         name.substr(kReservedPrefix.size(), 7) != "frames/";
}

std::string marker_to_json(const StoreMarker &marker) {
  return std::string("{\n  \"format\": \"") + kMarkerFormat +
         "\",\n  \"version\": " + std::to_string(kMarkerVersion) + ",\n  \"frame-store\": \"" +
         marker.frame_store.to_string() + "\",\n  \"metadata-store\": \"" +
         marker.metadata_store.to_string() + "\"\n}\n";
}

Result<StoreMarker> marker_from_json(ByteView json, const std::string &where) {
  const Status corrupt(Code::kCorrupt, where + " is not the marker of a frame store",
                       "it may be restored from a backup; the frames beside it are not affected");
  std::unique_ptr<JsonParser, decltype(&g_object_unref)> parser(json_parser_new(), g_object_unref);
  std::string_view text = as_text(json);
  // The parser calls itself for each bracket, so a long text of them would use up the stack.
  if (text.empty() || text.size() > kMaxMarkerSize ||
      !g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr) ||
      !json_parser_load_from_data(parser.get(), text.data(), static_cast<gssize>(text.size()),
                                  nullptr))
    return corrupt;
  JsonNode *root = json_parser_get_root(parser.get());
  if (!root || !JSON_NODE_HOLDS_OBJECT(root)) return corrupt;
  JsonObject *object = json_node_get_object(root);
  auto value = [&](const char *key, GType type) -> JsonNode * {
    JsonNode *node = json_object_get_member(object, key);
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type ? node
                                                                                         : nullptr;
  };
  auto uuid = [&](const char *key) -> std::optional<Uuid> {
    JsonNode *node = value(key, G_TYPE_STRING);
    return node ? Uuid::parse(json_node_get_string(node)) : std::nullopt;
  };
  JsonNode *format = value("format", G_TYPE_STRING), *version = value("version", G_TYPE_INT64);
  if (!format || std::string_view(json_node_get_string(format)) != kMarkerFormat || !version)
    return corrupt;
  if (json_node_get_int(version) > kMarkerVersion)
    return Status(Code::kNewerSchema,
                  where + " has version " + std::to_string(json_node_get_int(version)) +
                      ", this program knows version " + std::to_string(kMarkerVersion),
                  "use a newer release of gst-checkpoint");
  auto frames = uuid("frame-store"), metadata = uuid("metadata-store");
  if (!frames || !metadata) return corrupt;
  return StoreMarker{*frames, *metadata};
}

}  // namespace checkpoint
