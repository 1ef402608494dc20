// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/line_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "elements/line_stages.h"
#include "store/uri.h"

namespace checkpoint {

namespace {

constexpr std::chrono::milliseconds kProgressInterval(500);
constexpr GstClockTime kCancelInterval = 50 * GST_MSECOND;
// For what is taken when the run is stopped, where the line says nothing else.
constexpr guint kStopTimeout = 10000;

// Where a tap stores is where its stage is read from. Not as part of the line, which GStreamer
// logs: it may hold secrets.
std::vector<Override> source_settings(const LineStages &stages, size_t stage,
                                      const PlanRequest &request) {
  const LaunchLine::Element &tap = stages.line().elements()[stage];
  std::vector<Override> settings;
  if (!request.frame_store.empty())
    settings.push_back({tap.name, "frame-store", request.frame_store});
  if (!request.metadata_store.empty())
    settings.push_back({tap.name, "metadata-store", request.metadata_store});
  for (const char *key : {"frame-store", "metadata-store", "endpoint-uri", "region",
                          "force-path-style", "request-timeout", "retry-attempts", "ca-file",
                          "s3-client", "access-key", "secret-access-key"})
    if (const auto value = stages.setting(stage, key)) settings.push_back({tap.name, key, *value});
  return settings;
}

// Of an ERROR or WARNING. "Resource not found." alone tells little, so what the element adds in its
// debug text, "file(line): function (): element:\nwhat exactly", stands behind it.
std::string text_of(GstMessage *message) {
  GError *error = nullptr;
  gchar *debug = nullptr;
  const GstStructure *details = nullptr;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(message, &error, &debug);
    gst_message_parse_error_details(message, &details);
  } else {
    gst_message_parse_warning(message, &error, &debug);
    gst_message_parse_warning_details(message, &details);
  }
  // Either may tell a URI, with what is secret in it.
  const std::string what = mask_uri(error ? error->message : "failed"),
                    all = mask_uri(debug ? debug : "");
  g_free(debug);
  g_clear_error(&error);
  std::string text = std::string(GST_MESSAGE_SRC_NAME(message)) + ": " + what;
  const size_t at = all.find(":\n");
  if (at == std::string::npos || at + 2 == all.size()) return text;
  const std::string exactly = all.substr(at + 2);
  // The same words, with another first letter and no full stop: nothing is added. Nor by elements
  // of ours.
  if (details && gst_structure_has_name(details, "checkpoint-error")) return text;
  if (what.size() > 2 && exactly.find(what.substr(1, what.size() - 2)) != std::string::npos)
    return text;
  return text + " (" + exactly + ")";
}

// What an element of ours says of its error; '' for others.
std::string own_code(GstMessage *error) {
  const GstStructure *details = nullptr;
  gst_message_parse_error_details(error, &details);
  const bool own = details && gst_structure_has_name(details, "checkpoint-error");
  const gchar *code = own ? gst_structure_get_string(details, "code") : nullptr;
  return code ? code : "";
}

}  // namespace

RunOutcome LineRun::run(const StagePlan &plan, Cancellation &cancel) {
  outcome_ = {};
  auto pipeline = make(plan);
  if (!pipeline.is_ok()) {
    outcome_.status = pipeline.status();
    return outcome_;
  }
  outcome_.status = play(pipeline->get(), cancel);
  const RunProgress last = progress(pipeline->get());
  take_last_messages(pipeline->get());
  gst_element_set_state(pipeline->get(), GST_STATE_NULL);
  running_.clear();
  for (const RunProgress::Stage &stage : last.stages) {
    outcome_.began = outcome_.began || stage.frames > 0;
    const bool complete = std::find(outcome_.completed.begin(), outcome_.completed.end(),
                                    stage.name) != outcome_.completed.end();
    if (!complete) outcome_.partial.push_back(stage.name);
  }
  return outcome_;
}

Result<ElementPtr> LineRun::make(const StagePlan &plan) {
  const LaunchLine &line = stages_.line();
  std::string text = line.text();
  std::set<size_t> removed;
  std::vector<Override> overrides;
  if (plan.start) {
    CHECKPOINT_ASSIGN_OR_RETURN(text, line.text_from(*plan.start, "checkpointsrc checkpoint-id=" +
                                                                      plan.from->id.to_string()));
    CHECKPOINT_ASSIGN_OR_RETURN(removed, line.removed_by(*plan.start));
    overrides = source_settings(stages_, *plan.start, request_);
  }
  for (const Override &override : stages_.overrides())
    if (auto element = line.find(override.element); !element || !removed.contains(*element))
      overrides.push_back(override);
  CHECKPOINT_ASSIGN_OR_RETURN(ElementPtr pipeline, make_pipeline(text, overrides));
  running_.clear();
  for (size_t at = 0; at < line.elements().size(); at++) {
    const LaunchLine::Element &source = line.elements()[at];
    if (source.factory != "checkpointsrc" || removed.contains(at)) continue;
    // Two that belong together.
    if (stages_.setting(at, "frame-store") || stages_.setting(at, "metadata-store")) continue;
    const ElementPtr element(gst_bin_get_by_name(GST_BIN(pipeline.get()), source.name.c_str()));
    if (element) set_stores(element.get(), at);
  }
  for (size_t stage : line.stages()) {
    if (removed.contains(stage)) continue;
    ElementPtr element(
        gst_bin_get_by_name(GST_BIN(pipeline.get()), line.elements()[stage].name.c_str()));
    if (!element) continue;
    CHECKPOINT_RETURN_IF_ERROR(set_up_stage(element.get(), stage, plan));
    running_.emplace_back(line.stage_of(stage), std::move(element));
  }
  return pipeline;
}

void LineRun::set_stores(GstElement *element, size_t at) const {
  const std::pair<const char *, const std::string &> stores[] = {
      {"frame-store", request_.frame_store}, {"metadata-store", request_.metadata_store}};
  for (const auto &[name, uri] : stores)
    if (!uri.empty() && !stages_.setting(at, name))
      g_object_set(element, name, uri.c_str(), nullptr);
}

Status LineRun::set_up_stage(GstElement *element, size_t stage, const StagePlan &plan) const {
  const auto set = [&](const char *name, const auto &value) {
    if (!stages_.setting(stage, name)) g_object_set(element, name, value, nullptr);
  };
  // What is complete is told by messages.
  g_object_set(element, "post-messages", TRUE, nullptr);
  set("job-id", request_.job_id.c_str());
  set_stores(element, stage);
  set("stop-timeout", kStopTimeout);
  if (request_.scenario) g_object_set(element, "scenario", request_.scenario->c_str(), nullptr);
  if (const std::string overrides = stages_.overrides_of(stage); !overrides.empty())
    set("config-overrides", overrides.c_str());
  // Whatever the line says: what goes on here is what the plan has looked at.
  g_object_set(element, "resume", static_cast<gboolean>(plan.resumed.contains(stage)), nullptr);
  return Status::ok();
}

void LineRun::take_element_message(GstMessage *message) {
  if (!gst_message_has_name(message, "gst-checkpoint-complete")) return;
  const gchar *stage = gst_structure_get_string(gst_message_get_structure(message), "stage");
  if (stage) outcome_.completed.emplace_back(stage);
}

// Of stages that were completed while the run was stopped, or failed.
void LineRun::take_last_messages(GstElement *pipeline) {
  GstBus *bus = gst_element_get_bus(pipeline);
  while (GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT)) {
    take_element_message(message);
    gst_message_unref(message);
  }
  gst_object_unref(bus);
}

Status LineRun::play(GstElement *pipeline, Cancellation &cancel) {
  using BusPtr = std::unique_ptr<GstBus, decltype(&gst_object_unref)>;
  const BusPtr bus(gst_element_get_bus(pipeline), gst_object_unref);
  const bool failed =
      gst_element_set_state(pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE;
  // The bus is hardly ever empty: an element may post a message with each frame.
  auto next_progress = std::chrono::steady_clock::now();
  for (;;) {
    GstMessage *message =
        gst_bus_timed_pop_filtered(bus.get(), failed ? 0 : kCancelInterval, GST_MESSAGE_ANY);
    if (!failed && cancel.cancelled()) {
      if (message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT)
        take_element_message(message);
      gst_clear_message(&message);
      return {Code::kCancelled, "stopped"};
    }
    if (const auto now = std::chrono::steady_clock::now(); !failed && now >= next_progress) {
      next_progress = now + kProgressInterval;
      on_progress(progress(pipeline));
    }
    if (!message) {
      if (failed) return {Code::kInternal, "the pipeline does not start"};
      continue;
    }
    std::optional<Status> end;
    switch (GST_MESSAGE_TYPE(message)) {
      case GST_MESSAGE_EOS:
        end = Status::ok();
        break;
      case GST_MESSAGE_ERROR:
        outcome_.explained = !own_code(message).empty();
        end = Status(own_code(message) == code_name(Code::kInvalidArgument) ? Code::kInvalidArgument
                                                                            : Code::kInternal,
                     text_of(message));
        break;
      case GST_MESSAGE_WARNING:
        on_warning(text_of(message));
        break;
      case GST_MESSAGE_ELEMENT:
        take_element_message(message);
        break;
      case GST_MESSAGE_LATENCY:
        gst_bin_recalculate_latency(GST_BIN(pipeline));
        break;
      default:
        break;
    }
    gst_message_unref(message);
    if (end) return std::move(*end);
  }
}

RunProgress LineRun::progress(GstElement *pipeline) const {
  RunProgress progress;
  for (const auto &[stage, element] : running_) {
    GstStructure *stats = nullptr;
    g_object_get(element.get(), "stats", &stats, nullptr);
    const StructurePtr owner(stats);
    guint64 frames = 0;
    if (stats) gst_structure_get_uint64(stats, "frames-in", &frames);
    progress.stages.push_back({stage, frames});
  }
  gint64 position = 0, duration = 0;
  if (gst_element_query_position(pipeline, GST_FORMAT_TIME, &position) &&
      gst_element_query_duration(pipeline, GST_FORMAT_TIME, &duration) && duration > 0)
    progress.fraction =
        std::clamp(static_cast<double>(position) / static_cast<double>(duration), 0.0, 1.0);
  return progress;
}

}  // namespace checkpoint
