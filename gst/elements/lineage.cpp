// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/lineage.h"

namespace checkpoint {

namespace {

constexpr const char *kLineage = "gst-checkpoint-lineage";
constexpr const char *kBoundary = "checkpoint-boundary";

std::string text_field(const GstStructure *s, const char *name) {
  const char *text = gst_structure_get_string(s, name);
  return text ? text : "";
}

}  // namespace

EventPtr make_lineage_event(const Lineage &lineage) {
  GstStructure *s = gst_structure_new(
      kLineage, "job-id", G_TYPE_STRING, lineage.job_id.c_str(), "checkpoint-id", G_TYPE_STRING,
      lineage.checkpoint.to_string().c_str(), "stage", G_TYPE_STRING, lineage.stage.c_str(),
      "stage-index", G_TYPE_INT, lineage.stage_index, "video-path", G_TYPE_STRING,
      lineage.video_path.c_str(), "is-scenario", G_TYPE_BOOLEAN,
      lineage.branch.is_scenario ? TRUE : FALSE, "scenario", G_TYPE_STRING,
      lineage.branch.label.c_str(), nullptr);
  return EventPtr(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, s));
}

std::optional<Lineage> parse_lineage_event(GstEvent *event) {
  if (!gst_event_has_name(event, kLineage)) return std::nullopt;
  const GstStructure *s = gst_event_get_structure(event);
  std::optional<Uuid> checkpoint = Uuid::parse(text_field(s, "checkpoint-id"));
  Lineage lineage;
  lineage.job_id = text_field(s, "job-id");
  lineage.stage = text_field(s, "stage");
  if (!checkpoint || lineage.job_id.empty() || lineage.stage.empty()) return std::nullopt;
  lineage.checkpoint = *checkpoint;
  gst_structure_get_int(s, "stage-index", &lineage.stage_index);
  lineage.video_path = text_field(s, "video-path");
  gboolean is_scenario = FALSE;
  gst_structure_get_boolean(s, "is-scenario", &is_scenario);
  lineage.branch = {is_scenario == TRUE, text_field(s, "scenario")};
  return lineage;
}

EventPtr make_boundary_event(const Boundary &boundary) {
  GstStructure *s = gst_structure_new(
      kBoundary, "from-stage", G_TYPE_STRING, boundary.from_stage.c_str(), "stage", G_TYPE_STRING,
      boundary.stage.c_str(), "stage-index", G_TYPE_INT, boundary.stage_index, nullptr);
  if (!boundary.stats.empty())
    gst_structure_set(s, "stats", G_TYPE_STRING, boundary.stats.c_str(), nullptr);
  return EventPtr(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, s));
}

std::optional<Boundary> parse_boundary_event(GstEvent *event) {
  if (!gst_event_has_name(event, kBoundary)) return std::nullopt;
  const GstStructure *s = gst_event_get_structure(event);
  Boundary boundary;
  boundary.from_stage = text_field(s, "from-stage");
  boundary.stage = text_field(s, "stage");
  if (boundary.from_stage.empty() || boundary.stage.empty()) return std::nullopt;
  gst_structure_get_int(s, "stage-index", &boundary.stage_index);
  boundary.stats = text_field(s, "stats");
  return boundary;
}

bool is_checkpoint_event(GstEvent *event) {
  return gst_event_has_name(event, kLineage) || gst_event_has_name(event, kBoundary);
}

}  // namespace checkpoint
