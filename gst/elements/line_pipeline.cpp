// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/line_pipeline.h"

#include <algorithm>
#include <memory>
#include <sstream>

#include "store/uri.h"

namespace checkpoint {

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

Property property_of(GstElement *element, const std::string &name) {
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

// What a number or an enumeration takes, for a person; '' for others.
static std::string range_of(GParamSpec *pspec) {
  std::string text;
  if (G_IS_PARAM_SPEC_ENUM(pspec)) {
    const GEnumClass *kind = G_PARAM_SPEC_ENUM(pspec)->enum_class;
    for (guint i = 0; i < kind->n_values; i++)
      text += (i == 0 ? "" : ", ") + std::string(kind->values[i].value_nick);
    return text;
  }
  const auto range = [&](auto from, auto to) {
    std::ostringstream out;
    out << from << " to " << to;
    text = out.str();
  };
  if (G_IS_PARAM_SPEC_INT(pspec))
    range(G_PARAM_SPEC_INT(pspec)->minimum, G_PARAM_SPEC_INT(pspec)->maximum);
  else if (G_IS_PARAM_SPEC_UINT(pspec))
    range(G_PARAM_SPEC_UINT(pspec)->minimum, G_PARAM_SPEC_UINT(pspec)->maximum);
  else if (G_IS_PARAM_SPEC_INT64(pspec))
    range(G_PARAM_SPEC_INT64(pspec)->minimum, G_PARAM_SPEC_INT64(pspec)->maximum);
  else if (G_IS_PARAM_SPEC_UINT64(pspec))
    range(G_PARAM_SPEC_UINT64(pspec)->minimum, G_PARAM_SPEC_UINT64(pspec)->maximum);
  else if (G_IS_PARAM_SPEC_FLOAT(pspec))
    range(G_PARAM_SPEC_FLOAT(pspec)->minimum, G_PARAM_SPEC_FLOAT(pspec)->maximum);
  else if (G_IS_PARAM_SPEC_DOUBLE(pspec))
    range(G_PARAM_SPEC_DOUBLE(pspec)->minimum, G_PARAM_SPEC_DOUBLE(pspec)->maximum);
  return text;
}

// A text always fits. What is of several parts may hold secrets.
static Status no_value(const std::string &element, GParamSpec *pspec, const std::string &text) {
  const GType type = pspec->value_type;
  const bool plain =
      G_TYPE_FUNDAMENTAL(type) != G_TYPE_BOXED && type != GST_TYPE_ARRAY && type != GST_TYPE_LIST;
  return {Code::kInvalidArgument,
          (plain ? "\"" + text + "\"" : "what is given") + " is no value for " + element + "." +
              pspec->name,
          range_of(pspec).empty() ? "gst-inspect-1.0 tells what it takes"
                                  : "it takes " + range_of(pspec)};
}

Status check_ranges(const LaunchLine::Element &written) {
  const GstPtr<GstObject> factory(GST_OBJECT(gst_element_factory_find(written.factory.c_str())));
  const GstPtr<GstObject> loaded(
      factory ? GST_OBJECT(gst_plugin_feature_load(GST_PLUGIN_FEATURE(factory.get()))) : nullptr);
  if (!loaded) return Status::ok();  // which gst_parse_launch() says better
  using ClassPtr = std::unique_ptr<void, decltype(&g_type_class_unref)>;
  const ClassPtr kind(
      g_type_class_ref(gst_element_factory_get_element_type(GST_ELEMENT_FACTORY(loaded.get()))),
      g_type_class_unref);
  for (const auto &[name, raw] : written.properties) {
    GParamSpec *pspec = g_object_class_find_property(G_OBJECT_CLASS(kind.get()), name.c_str());
    if (!pspec) continue;  // a pad's, or none
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

static std::string names_in(GstBin *pipeline) {
  std::string names;
  GList *const children = GST_BIN_CHILDREN(pipeline);  // newest first
  for (GList *child = g_list_last(children); child; child = child->prev)
    names += (names.empty() ? "" : ", ") + std::string(GST_OBJECT_NAME(child->data));
  return names;
}

static Status set_override(GstBin *pipeline, const Override &override) {
  const ElementPtr element(gst_bin_get_by_name(pipeline, override.element.c_str()));
  if (!element)
    return {Code::kInvalidArgument,
            "no element of the pipeline is named \"" + override.element + "\"",
            "elements without a name are numbered by their kind, facedetect0; there are: " +
                names_in(pipeline)};
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
    case GST_PARSE_ERROR_COULD_NOT_SET_PROPERTY:
      return "gst-inspect-1.0 tells which values a property takes";
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

}  // namespace checkpoint
