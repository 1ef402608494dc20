// SPDX-License-Identifier: LGPL-2.1-or-later
// show: all about one checkpoint; its frames a page at a time.
#include <algorithm>

#include "core/frame_fetcher.h"
#include "core/frame_rows.h"
#include "core/json_node.h"
#include "core/names.h"
#include "store/state_name.h"
#include "tools/call.h"
#include "tools/checkpoint_json.h"
#include "tools/checkpoint_name.h"
#include "tools/json.h"
#include "tools/table.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr unsigned kPage = 256;

// What is shown beside the row.
struct Details {
  std::vector<CheckpointRow> parents;  // the nearest first
  std::vector<CapsRow> caps;
};

Result<Details> read_details(Call &call, Stores &stores, const CheckpointRow &row) {
  Details details;
  CHECKPOINT_ASSIGN_OR_RETURN(details.parents, ancestors(*stores.metadata, row, call.cancel()));
  CHECKPOINT_ASSIGN_OR_RETURN(details.caps, stores.metadata->read_caps(row.key, call.cancel()));
  return details;
}

// Calls `each` with every frame and the object that holds it; '' without one.
template <typename Each>
Status for_each_frame(Call &call, Stores &stores, const CheckpointRow &row, const Each &each) {
  PackCache packs(stores.metadata);
  for (uint64_t first = 0; first < row.frames;) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        const auto frames, read_frame_page(*stores.metadata, row, first, kPage, call.cancel()));
    std::vector<PackKey> keys;
    for (const FrameRow &frame : frames)
      if (frame.payload.raw_length > 0) keys.push_back(frame.payload.pack);
    CHECKPOINT_ASSIGN_OR_RETURN(auto found, packs.find(keys, call.cancel()));
    for (const FrameRow &frame : frames) {
      auto pack = found.find(frame.payload.pack);
      each(frame, pack == found.end() ? "" : payload_name(pack->second, frame.payload));
    }
    first = frames.back().index + 1;
  }
  return Status::ok();
}

std::string time_or_none(uint64_t time) { return time == kNone ? "" : duration_text(time); }

void number_or_null(Json &json, const char *name, uint64_t number) {
  json.key(name);
  number == kNone ? json.null() : json.value(number);
}

// "detect.threshold  0.5" for every leaf of the stored JSON.
void add_leaves(Table &table, JsonNode *node, const std::string &path) {
  if (JSON_NODE_HOLDS_OBJECT(node)) {
    JsonObjectIter iterator;
    const gchar *name = nullptr;
    JsonNode *member = nullptr;
    json_object_iter_init_ordered(&iterator, json_node_get_object(node));
    while (json_object_iter_next_ordered(&iterator, &name, &member))
      add_leaves(table, member, path.empty() ? name : path + "." + name);
    return;
  }
  if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING) {
    table.row({path, json_node_get_string(node)});
    return;
  }
  table.row({path, node_text(node)});
}

void print_json_field(Terminal &out, const std::string &title, const std::string &json) {
  if (json.empty()) return;
  out.line("");
  Table table(out, {{title, false, true}, {"", false, true}});
  if (const JsonNodePtr node = parse_json(json))
    add_leaves(table, node.get(), "");
  else
    table.row({json, ""});
}

std::string filtered_text(const CheckpointRow &row) {
  const auto &filtered = row.fields.filtered_frame_sequences;
  if (!filtered) return "";
  constexpr size_t kShown = 20;
  std::string text = std::to_string(filtered->size()) + ":";
  for (size_t i = 0; i < std::min(kShown, filtered->size()); i++)
    text += " " + std::to_string((*filtered)[i]);
  return text + (filtered->size() > kShown ? " …" : "");
}

void print_row(Terminal &out, const CheckpointRow &row, const Details &details) {
  const CheckpointFields &fields = row.fields;
  Fields lines(out);
  lines.add("checkpoint", checkpoint_name(row));
  lines.add("id", row.id.to_string());
  lines.add("job", fields.job_id);
  lines.add("stage", fields.stage + " (index " + std::to_string(fields.stage_index) + ")");
  lines.add("version", std::to_string(row.version));
  if (fields.branch.is_scenario)
    lines.add("scenario", fields.branch.label.empty() ? "(no label)" : fields.branch.label);
  lines.add("state",
            std::string(state_name(row.state)) + (row.reason.empty() ? "" : ": " + row.reason));
  lines.add("created", time_text(row.created_at));
  lines.add("completed", time_text(row.completed_at));
  lines.add("frames", std::to_string(row.frames));
  if (row.first_time != kNone && row.end_time != kNone)
    lines.add("time", duration_text(row.first_time) + " to " + duration_text(row.end_time));
  lines.add("bytes new", bytes_text(row.bytes_new));
  lines.add("bytes reused", bytes_text(row.bytes_reused));
  lines.add("commits", std::to_string(row.commit_no));
  lines.add("frames prefix", fields.frames_prefix);
  lines.add("stage output key", fields.stage_output_key);
  lines.add("video path", fields.video_path);
  lines.add("profile name", fields.profile_name);
  lines.add("filtered frames", filtered_text(row));
  const char *name = "parent";
  for (const CheckpointRow &parent : details.parents) {
    lines.add(name, checkpoint_name(parent) + "  " + parent.id.to_string());
    name = "  its parent";
  }
  if (fields.parent && details.parents.empty())
    lines.add(name, fields.parent->to_string() + " (not there any more)");
  for (const CapsRow &caps : details.caps)
    lines.add("caps " + std::to_string(caps.number), caps.caps);
}

Status print_frames(Call &call, Stores &stores, const CheckpointRow &row) {
  call.out().line("");
  Table table(call.out(), {{"INDEX", true},
                           {"SEQUENCE", true},
                           {"PTS", true},
                           {"DURATION", true},
                           {"BYTES", true},
                           {"OBJECT", false, true}});
  return for_each_frame(call, stores, row, [&](const FrameRow &frame, const std::string &object) {
    table.row({std::to_string(frame.index), std::to_string(frame.sequence), time_or_none(frame.pts),
               time_or_none(frame.duration), std::to_string(frame.payload.raw_length), object});
  });
}

Status print_text(Call &call, Stores &stores, const CheckpointRow &row, const Details &details,
                  bool frames) {
  Terminal &out = call.out();
  print_row(out, row, details);
  print_json_field(out, "STATS", row.fields.stats);
  print_json_field(out, "CONFIG SNAPSHOT", row.fields.config_snapshot);
  print_json_field(out, "CONFIG OVERRIDES", row.fields.config_overrides);
  return frames ? print_frames(call, stores, row) : Status::ok();
}

std::string json_head(const CheckpointRow &row, const Details &details) {
  Json json;
  json.begin_object();
  checkpoint_members(json, row);
  json.key("filtered_frame_sequences");
  if (row.fields.filtered_frame_sequences) {
    json.begin_array();
    for (uint64_t sequence : *row.fields.filtered_frame_sequences) json.value(sequence);
    json.end_array();
  } else {
    json.null();
  }
  json.key("parents").begin_array();
  for (const CheckpointRow &parent : details.parents)
    json.begin_object()
        .field("checkpoint", checkpoint_name(parent))
        .field("id", parent.id.to_string())
        .end_object();
  json.end_array().key("caps").begin_array();
  for (const CapsRow &caps : details.caps) json.value(caps.caps);
  json.end_array().end_object();
  return json.text();
}

// The frames are printed as they come, inside of the object that the head began.
Status print_json(Call &call, Stores &stores, const CheckpointRow &row, const Details &details,
                  bool frames) {
  std::string head = json_head(row, details);
  if (!frames) {
    call.out().line(head);
    return Status::ok();
  }
  head.erase(head.rfind('}'));
  call.out().write(head.substr(0, head.find_last_not_of('\n') + 1) + ",\n  \"frames_meta\" : ");
  Status status;
  {
    JsonArray array(call.out());
    status = for_each_frame(call, stores, row, [&](const FrameRow &frame, const std::string &key) {
      Json json;
      json.begin_object().field("sequence", frame.sequence).field("index", frame.index);
      number_or_null(json, "pts", frame.pts);
      number_or_null(json, "dts", frame.dts);
      number_or_null(json, "duration", frame.duration);
      number_or_null(json, "offset", frame.offset);
      number_or_null(json, "offset_end", frame.offset_end);
      json.field("flags", frame.flags).field("caps", frame.caps).key("key");
      key.empty() ? json.null() : json.value(key);
      json.end_object();
      array.add(json);
    });
  }
  call.out().line("}");
  return status;
}

}  // namespace

int run_show(Call &call) {
  std::optional<std::string> scenario;
  bool partial = false, frames = false;
  Options options;
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  options.flag("partial", 'p', "The newest one, be it complete or not", &partial);
  options.flag("frames", 'f', "A line for every frame", &frames);
  if (auto code = call.parse(std::move(options), 1, 1)) return *code;

  auto stores = call.open_metadata();
  if (!stores.is_ok()) return call.fail(stores.status());
  auto row = call.find(**stores, call.arguments()[0], scenario, partial);
  if (!row.is_ok()) return call.fail(row.status());
  auto details = read_details(call, **stores, *row);
  if (!details.is_ok()) return call.fail(details.status());
  const Status status = call.json() ? print_json(call, **stores, *row, *details, frames)
                                    : print_text(call, **stores, *row, *details, frames);
  return status.is_ok() ? kFine : call.fail(status);
}

}  // namespace checkpoint::tool
