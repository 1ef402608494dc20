// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/line_stages.h"

#include <algorithm>
#include <set>

#include "elements/config_value.h"
#include "elements/input_identity.h"
#include "elements/line_pipeline.h"
#include "elements/pipeline_config.h"

namespace checkpoint {

namespace {

// An element of the line, or the capsfilter that GStreamer makes of the caps of a link.
struct Node {
  size_t element = 0;
  std::string caps;
  bool operator==(const Node &) const = default;
};

bool is_boundary(const LaunchLine &line, size_t element) {
  return is_boundary_factory(line.elements()[element].factory);
}

std::string canonical_caps(const std::string &raw) {
  CapsPtr caps(gst_caps_from_string(unquote(raw).c_str()));
  if (!caps) return raw;
  const GCharPtr text(gst_caps_to_string(without_secrets(caps.get()).get()));
  return text.get();
}

}  // namespace

Result<LineStages> LineStages::make(LaunchLine line, const std::vector<Override> &overrides) {
  LineStages stages;
  stages.line_ = std::move(line);
  stages.overrides_ = overrides;
  for (const LaunchLine::Element &element : stages.line_.elements())
    CHECKPOINT_RETURN_IF_ERROR(check_ranges(element));
  CHECKPOINT_ASSIGN_OR_RETURN(ElementPtr pipeline, make_pipeline(stages.line_.text(), overrides));
  for (const LaunchLine::Element &element : stages.line_.elements()) {
    const ElementPtr made(gst_bin_get_by_name(GST_BIN(pipeline.get()), element.name.c_str()));
    stages.properties_.push_back(made ? set_properties(made.get()) : JsonMembers());
    stages.inputs_.push_back(made ? input_of(made.get()) : "");
    const size_t at = stages.inputs_.size() - 1;
    if (made && stages.has_unknown_pads(at, made.get()))
      stages.unknown_pads_.push_back(element.name);
    if (auto what = made ? replayed_by(made.get()) : std::nullopt)
      stages.replays_.emplace(at, std::move(*what));
    const auto &links = stages.line_.links();
    const bool fed = std::any_of(links.begin(), links.end(),
                                 [&](const LaunchLine::Link &link) { return link.to == at; });
    if (!made || fed || is_boundary(stages.line_, at)) continue;
    if (const std::string missing = missing_input(made.get()); !missing.empty())
      stages.missing_inputs_.emplace_back(element.name, missing);
    else if (has_unknown_input(made.get()))
      stages.unknown_inputs_.push_back(element.name);
  }
  for (const Override &override : overrides) {
    const ElementPtr element(
        gst_bin_get_by_name(GST_BIN(pipeline.get()), override.element.c_str()));
    GParamSpec *pspec = element ? property_of(element.get(), override.property).pspec : nullptr;
    stages.shown_overrides_.push_back(pspec ? shown_setting(pspec, override.value) : std::nullopt);
  }
  return stages;
}

std::optional<std::string> LineStages::setting(size_t element, const std::string &property) const {
  const LaunchLine::Element &written = line_.elements()[element];
  std::optional<std::string> value = written.property(property);
  for (const Override &override : overrides_)
    if (override.element == written.name && override.property == property) value = override.value;
  return value;
}

bool LineStages::is_leaky(size_t stage) const { return properties_[stage].contains("leaky"); }

bool LineStages::skips_poison(size_t stage) const {
  return properties_[stage].contains("on-poison");
}

bool LineStages::has_unknown_pads(size_t element, GstElement *made) const {
  const bool leads_to_a_stage =
      std::any_of(line_.stages().begin(), line_.stages().end(),
                  [&](size_t stage) { return line_.before(stage).contains(element); });
  const LaunchLine::Element &written = line_.elements()[element];
  if (!leads_to_a_stage || written.factory == "tee") return false;
  for (const auto &[name, value] : written.properties)
    if (const size_t colons = name.find("::");
        colons != name.npos &&
        !PadPtr(gst_element_get_static_pad(made, name.substr(0, colons).c_str())))
      return true;
  return std::any_of(line_.links().begin(), line_.links().end(), [&](const LaunchLine::Link &link) {
    return (link.from == element && !link.from_pad.empty()) ||
           (link.to == element && !link.to_pad.empty());
  });
}

std::string LineStages::declared(size_t stage, const Played &played) const {
  std::set<std::string> inputs;
  const auto add_parent = [&](size_t boundary) {
    const auto id = played.find(boundary);
    const auto part = replays_.find(boundary);
    inputs.insert(
        parent_identity(id == played.end() ? "" : id->second,
                        part == replays_.end() ? std::nullopt : std::optional(part->second)));
  };
  const auto inputs_of_element = [&](size_t element) {
    std::vector<Node> nodes;
    bool linked = false;
    for (const LaunchLine::Link &link : line_.links()) {
      if (link.to != element) continue;
      linked = true;
      if (!link.caps.empty())
        nodes.push_back({link.from, canonical_caps(link.caps)});
      else if (is_boundary(line_, link.from))
        add_parent(link.from);
      else
        nodes.push_back({link.from, ""});
    }
    if (!linked && !inputs_[element].empty()) inputs.insert(inputs_[element]);
    return nodes;
  };
  const std::function<std::vector<Node>(const Node &)> inputs_of =
      [&](const Node &node) -> std::vector<Node> {
    if (node.caps.empty()) return inputs_of_element(node.element);
    if (!is_boundary(line_, node.element)) return {{node.element, ""}};
    add_parent(node.element);
    return {};
  };
  const std::function<JsonMembers(const Node &)> members_of = [&](const Node &node) {
    if (!node.caps.empty())
      return declared_element("capsfilter", {{"caps", json_string(node.caps)}});
    return declared_element(line_.elements()[node.element].factory, properties_[node.element]);
  };
  const std::string chain = chain_json<Node>(inputs_of_element(stage), inputs_of, members_of);
  return declared_stage(chain, inputs, properties_[stage]);
}

std::vector<size_t> LineStages::own_elements(size_t stage) const {
  std::set<size_t> own;
  std::vector<size_t> open{stage};
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    for (const LaunchLine::Link &link : line_.links())
      if (link.to == at && own.insert(link.from).second && !is_boundary(line_, link.from))
        open.push_back(link.from);
  }
  return {own.begin(), own.end()};
}

std::vector<size_t> LineStages::boundaries(size_t stage) const {
  std::vector<size_t> boundaries;
  for (size_t element : own_elements(stage))
    if (is_boundary(line_, element)) boundaries.push_back(element);
  return boundaries;
}

std::vector<size_t> LineStages::parents(size_t stage) const {
  std::vector<size_t> parents = boundaries(stage);
  std::erase_if(parents, [&](size_t boundary) {
    return line_.elements()[boundary].factory == "checkpointsrc";
  });
  return parents;
}

std::string LineStages::overrides_of(size_t stage) const {
  JsonMembers members;
  const std::vector<size_t> own = own_elements(stage);
  for (size_t i = 0; i < overrides_.size(); i++) {
    const Override &override = overrides_[i];
    const auto element = line_.find(override.element);
    // A tap is of its own stage, not of the one behind it.
    const bool is_own =
        element == stage || (element && line_.elements()[*element].factory != "checkpointtap" &&
                             std::find(own.begin(), own.end(), *element) != own.end());
    if (is_own && shown_overrides_[i])
      members[override.element + "." + override.property] = json_string(*shown_overrides_[i]);
  }
  return members.empty() ? "" : json_object(members);
}

}  // namespace checkpoint
