// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/rows.h"

#include <json-glib/json-glib.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "core/frame_rows.h"
#include "core/names.h"
#include "core/row_cursor.h"

namespace checkpoint {

namespace {

constexpr unsigned kPage = 256;

// As the view writes it: null where it is not set, a string beyond what a JSON reader keeps exact.
void add_number(JsonBuilder *out, const char *name, uint64_t number, bool optional = true) {
  json_builder_set_member_name(out, name);
  if (optional && number == kNone)
    json_builder_add_null_value(out);
  else if (number > INT64_MAX)
    json_builder_add_string_value(out, std::to_string(number).c_str());
  else
    json_builder_add_int_value(out, static_cast<gint64>(number));
}

}  // namespace

Result<std::vector<std::string>> payload_names(Stores &stores, const std::vector<FrameRow> &rows,
                                               Cancellation &cancel) {
  std::vector<PackKey> keys;
  for (const FrameRow &row : rows)
    if (row.payload.pack != 0) keys.push_back(row.payload.pack);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PackRow> packs, stores.metadata->get_packs(keys, cancel));
  std::map<PackKey, PackRow> by_key;
  for (PackRow &pack : packs) by_key.emplace(pack.key, std::move(pack));
  std::vector<std::string> names;
  for (const FrameRow &row : rows)
    names.push_back(row.payload.pack == 0 ? ""
                                          : payload_name(by_key.at(row.payload.pack), row.payload));
  return names;
}

Status visit_frames(Stores &stores, const CheckpointRow &checkpoint, const FrameVisitor &visit,
                    Cancellation &cancel) {
  MetadataStore &metadata = *stores.metadata;
  for (uint64_t first = 0; first < checkpoint.frames;) {
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows,
                                read_frame_page(metadata, checkpoint, first, kPage, cancel));
    const auto names = payload_names(stores, rows, cancel);
    if (!names.is_ok()) return deleted_or(metadata, checkpoint.id, names.status(), cancel);
    for (size_t i = 0; i < rows.size(); i++)
      if (rows[i].index < checkpoint.frames) visit(rows[i], (*names)[i]);
    first = rows.back().index + 1;
  }
  return Status::ok();
}

Result<std::string> frames_meta(Stores &stores, const CheckpointRow &checkpoint,
                                Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CapsRow> caps,
                              stores.metadata->read_caps(checkpoint.key, cancel));
  const std::unique_ptr<JsonBuilder, decltype(&g_object_unref)> builder(json_builder_new(),
                                                                        g_object_unref);
  JsonBuilder *out = builder.get();
  json_builder_begin_array(out);
  CHECKPOINT_RETURN_IF_ERROR(visit_frames(
      stores, checkpoint,
      [&](const FrameRow &row, const std::string &) {
        json_builder_begin_object(out);
        add_number(out, "sequence", row.sequence, false);
        add_number(out, "index", row.index, false);
        add_number(out, "pts", row.pts);
        add_number(out, "dts", row.dts);
        add_number(out, "duration", row.duration);
        add_number(out, "offset", row.offset);
        add_number(out, "offset_end", row.offset_end);
        add_number(out, "flags", row.flags, false);
        json_builder_set_member_name(out, "caps");
        json_builder_add_string_value(
            out, row.caps < caps.size() ? caps[row.caps].caps.c_str() : nullptr);
        json_builder_end_object(out);
      },
      cancel));
  json_builder_end_array(out);
  const std::unique_ptr<JsonNode, decltype(&json_node_unref)> root(json_builder_get_root(out),
                                                                   json_node_unref);
  gchar *text = json_to_string(root.get(), FALSE);
  std::string result = text;
  g_free(text);
  return result;
}

}  // namespace checkpoint
