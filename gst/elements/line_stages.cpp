// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/line_stages.h"

#include <algorithm>
#include <set>

#include "elements/config_value.h"
#include "elements/input_identity.h"
#include "elements/pipeline_config.h"
#include "store/uri.h"

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

Result<Override> parse_override(const std::string &text) {
  const size_t equals = text.find('='), dot = text.find('.');
  if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot + 1 >= equals)
    return Status(Code::kInvalidArgument,
                  "\"" + text.substr(0, equals) + "\" is no setting of an element",
                  "write ELEMENT.PROPERTY=VALUE, as in facedetect0.scale-factor=1.1");
  std::string property = text.substr(dot + 1, equals - dot - 1);
  if (property.find("::") == property.npos)
    std::replace(property.begin(), property.end(), '_', '-');  // as GObject does
  return Override{text.substr(0, dot), std::move(property), text.substr(equals + 1)};
}

// A property of an element, or of a pad of it: "sink_0::xpos".
struct Property {
  GstPtr<GObject> object;
  GParamSpec *pspec = nullptr;  // null: there is none of that name
};

static Property property_of(GstElement *element, const std::string &name) {
  Property found;
  if (name.find("::") != name.npos && GST_IS_CHILD_PROXY(element)) {
    GObject *target = nullptr;
    if (gst_child_proxy_lookup(GST_CHILD_PROXY(element), name.c_str(), &target, &found.pspec))
      found.object.reset(target);
    return found;
  }
  found.object.reset(G_OBJECT(g_object_ref(element)));
  found.pspec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name.c_str());
  return found;
}

// A text always fits. What is of several parts may hold secrets.
static Status no_value(const std::string &element, GParamSpec *pspec, const std::string &text) {
  const GType type = pspec->value_type;
  const bool plain =
      G_TYPE_FUNDAMENTAL(type) != G_TYPE_BOXED && type != GST_TYPE_ARRAY && type != GST_TYPE_LIST;
  return {Code::kInvalidArgument,
          (plain ? "\"" + text + "\"" : "what is given") + " is no value for " + element + "." +
              pspec->name,
          "gst-inspect-1.0 tells its range"};
}

// What is out of range is not taken, and only a log says so.
static Status check_ranges(GstElement *made, const LaunchLine::Element &written) {
  for (const auto &[name, raw] : written.properties) {
    GParamSpec *pspec = property_of(made, name).pspec;
    if (!pspec) continue;  // of a pad that is not there yet
    GValue value = G_VALUE_INIT;
    g_value_init(&value, pspec->value_type);
    const std::string text = unquote(raw);
    const bool beyond = gst_value_deserialize_with_pspec(&value, text.c_str(), pspec) &&
                        g_param_value_validate(pspec, &value);
    g_value_unset(&value);
    if (beyond) return no_value(written.name, pspec, text);
  }
  return Status::ok();
}

static Status set_override(GstBin *pipeline, const Override &override) {
  const ElementPtr element(gst_bin_get_by_name(pipeline, override.element.c_str()));
  if (!element)
    return {Code::kInvalidArgument,
            "no element of the pipeline is named \"" + override.element + "\"",
            "elements without a name are numbered by their kind: facedetect0"};
  const auto [object, pspec] = property_of(element.get(), override.property);
  if (!pspec)
    return {Code::kInvalidArgument,
            override.element + " has no property \"" + override.property + "\"",
            "gst-inspect-1.0 lists the properties of an element"};
  GValue value = G_VALUE_INIT;
  g_value_init(&value, pspec->value_type);
  const bool fits = gst_value_deserialize_with_pspec(&value, override.value.c_str(), pspec) &&
                    !g_param_value_validate(pspec, &value);
  if (fits) g_object_set_property(object.get(), pspec->name, &value);
  g_value_unset(&value);
  return fits ? Status::ok() : no_value(override.element, pspec, override.value);
}

static std::string next_step(const GError *error) {
  switch (error ? error->code : GST_PARSE_ERROR_SYNTAX) {
    case GST_PARSE_ERROR_NO_SUCH_ELEMENT:
      return "gst-inspect-1.0 lists the elements; the package of its plugin may be missing";
    case GST_PARSE_ERROR_NO_SUCH_PROPERTY:
      return "gst-inspect-1.0 lists the properties of an element";
    default:
      return "gst-launch-1.0 takes the same line";
  }
}

// Without a value that did not fit, which may be secret.
static std::string shown_error(const GError *error) {
  std::string text = mask_uri(error->message);
  if (!g_error_matches(error, GST_PARSE_ERROR, GST_PARSE_ERROR_COULD_NOT_SET_PROPERTY)) return text;
  const size_t value = text.find(" to \"");
  return value == text.npos ? "a property does not take its value"
                            : text.substr(0, value) + " to what is given";
}

Result<ElementPtr> make_pipeline(const std::string &text, const std::vector<Override> &overrides) {
  GError *error = nullptr;
  GstElement *made =
      gst_parse_launch_full(text.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (error || !made) {
    Status status(Code::kInvalidArgument,
                  "the pipeline can't be made: " + (error ? shown_error(error) : "empty"),
                  next_step(error));
    g_clear_error(&error);
    if (made) gst_object_unref(made);
    return status;
  }
  // A line of one element is that element.
  if (!GST_IS_PIPELINE(made)) {
    GstElement *pipeline = gst_pipeline_new(nullptr);
    gst_bin_add(GST_BIN(pipeline), made);
    made = pipeline;
  }
  ElementPtr pipeline(made);
  for (const Override &override : overrides)
    CHECKPOINT_RETURN_IF_ERROR(set_override(GST_BIN(made), override));
  return pipeline;
}

Result<LineStages> LineStages::make(LaunchLine line, const std::vector<Override> &overrides) {
  LineStages stages;
  stages.line_ = std::move(line);
  stages.overrides_ = overrides;
  CHECKPOINT_ASSIGN_OR_RETURN(ElementPtr pipeline, make_pipeline(stages.line_.text(), overrides));
  for (const LaunchLine::Element &element : stages.line_.elements()) {
    const ElementPtr made(gst_bin_get_by_name(GST_BIN(pipeline.get()), element.name.c_str()));
    if (made) CHECKPOINT_RETURN_IF_ERROR(check_ranges(made.get(), element));
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
