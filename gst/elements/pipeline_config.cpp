// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/pipeline_config.h"

#include <memory>

#include "elements/config_value.h"
#include "elements/input_identity.h"
#include "elements/lineage.h"

namespace checkpoint {

namespace {

std::string factory_name(GstElement *element) {
  GstElementFactory *factory = gst_element_get_factory(element);
  return factory ? GST_OBJECT_NAME(factory) : G_OBJECT_TYPE_NAME(element);
}

bool is_boundary(GstElement *element) { return is_boundary_factory(factory_name(element)); }

// A bin that only groups elements, as a line's parentheses make it.
bool is_plain_bin(GstObject *object) {
  return object && (G_OBJECT_TYPE(object) == GST_TYPE_BIN || GST_IS_PIPELINE(object));
}

// The pad of an element that feeds `sink`, through bins that only group; null: none is linked.
PadPtr feeding_pad(GstPad *sink) {
  PadPtr pad(gst_pad_get_peer(sink));
  while (pad) {
    GstObject *parent = GST_OBJECT_PARENT(pad.get());
    if (GST_IS_GHOST_PAD(parent)) {  // we are within a bin, and this is its way in
      pad.reset(gst_pad_get_peer(GST_PAD(parent)));
    } else if (GST_IS_GHOST_PAD(pad.get()) && is_plain_bin(parent)) {
      pad.reset(gst_ghost_pad_get_target(GST_GHOST_PAD(pad.get())));
    } else {
      break;
    }
  }
  return pad;
}

// Pads or elements. They may come and go meanwhile; each is called for once.
void for_each_object(GstIterator *iterator, const std::function<void(gpointer)> &call) {
  std::vector<GstPtr<GstObject>> objects;
  GValue item = G_VALUE_INIT;
  for (;;) {
    const GstIteratorResult got = gst_iterator_next(iterator, &item);
    if (got == GST_ITERATOR_RESYNC) {
      objects.clear();
      gst_iterator_resync(iterator);
      continue;
    }
    if (got != GST_ITERATOR_OK) break;
    objects.emplace_back(GST_OBJECT(g_value_dup_object(&item)));
    g_value_reset(&item);
  }
  g_value_unset(&item);
  gst_iterator_free(iterator);
  for (const auto &object : objects) call(object.get());
}

std::string lineage_of(GstPad *pad) {
  for (guint i = 0;; i++) {
    EventPtr event(gst_pad_get_sticky_event(pad, GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, i));
    if (!event) return "";
    if (auto lineage = parse_lineage_event(event.get())) return lineage->checkpoint.to_string();
  }
}

// An element before the stage's end, and the checkpoints or films before it.
struct Found {
  std::vector<GstElement *> elements;
  std::set<std::string> inputs;
  std::vector<ElementPtr> held;
};

void look_behind(GstPad *sink, Found &found) {
  const PadPtr pad = feeding_pad(sink);
  if (!pad) return;
  ElementPtr element(gst_pad_get_parent_element(pad.get()));
  if (!element) return;
  if (is_boundary(element.get())) {
    found.inputs.insert(parent_identity(lineage_of(pad.get()), replayed_by(element.get())));
    return;
  }
  found.elements.push_back(element.get());
  found.held.push_back(std::move(element));
}

JsonMembers resolved_element(GstElement *element, const JsonMembers &properties) {
  JsonMembers members = declared_element(factory_name(element), properties);
  if (GstElementFactory *factory = gst_element_get_factory(element)) {
    GstPlugin *plugin = gst_plugin_feature_get_plugin(GST_PLUGIN_FEATURE(factory));
    if (plugin) {
      members["plugin"] = json_string(gst_plugin_get_name(plugin));
      members["version"] = json_string(gst_plugin_get_version(plugin));
      gst_object_unref(plugin);
    }
  }
  if (GST_IS_BIN(element)) {
    // What was plugged into it; in the order in which that happened, newest first.
    std::vector<std::string> inside;
    for_each_object(gst_bin_iterate_elements(GST_BIN(element)), [&](gpointer child) {
      inside.push_back(
          json_object(resolved_element(GST_ELEMENT(child), set_properties(GST_ELEMENT(child)))));
    });
    members["elements"] = json_array({inside.rbegin(), inside.rend()});
  }
  return members;
}

}  // namespace

bool is_boundary_factory(const std::string &factory) {
  return factory == "checkpointsrc" || factory == "checkpointtap";
}

std::string json_object(const JsonMembers &members) {
  std::string text;
  for (const auto &[name, value] : members)
    text += (text.empty() ? "" : ",") + json_string(name) + ":" + value;
  return "{" + text + "}";
}

std::string json_array(const std::vector<std::string> &values) {
  std::string text;
  for (const std::string &value : values) text += (text.empty() ? "" : ",") + value;
  return "[" + text + "]";
}

namespace {

// Of an element or a pad, each property that is not as its default.
void for_each_set(gpointer object,
                  const std::function<void(const std::string &, const GValue *)> &call) {
  guint count = 0;
  GParamSpec **specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(object), &count);
  for (guint i = 0; i < count; i++) {
    GParamSpec *pspec = specs[i];
    if ((pspec->flags & G_PARAM_READWRITE) != G_PARAM_READWRITE) continue;
    if ((pspec->flags & G_PARAM_DEPRECATED) != 0) continue;
    if (pspec->owner_type == GST_TYPE_OBJECT || pspec->owner_type == GST_TYPE_PAD) continue;
    GValue value = G_VALUE_INIT;
    g_value_init(&value, pspec->value_type);
    g_object_get_property(G_OBJECT(object), pspec->name, &value);
    if (!g_param_value_defaults(pspec, &value)) call(pspec->name, &value);
    g_value_unset(&value);
  }
  g_free(specs);
}

}  // namespace

JsonMembers set_properties(GstElement *element) {
  JsonMembers set;
  for_each_set(element, [&](const std::string &name, const GValue *value) {
    auto shown = shown_value(name.c_str(), value);
    if (!shown) return;  // nor is the file told that it names
    set[name] = std::move(*shown);
    const gchar *text = G_VALUE_HOLDS_STRING(value) ? g_value_get_string(value) : nullptr;
    if (!text) return;
    // The same film, from whichever folder it is named.
    if (name == "location")
      if (auto path = whole_path(text)) set[name] = json_string(*path);
    if (element->numsinkpads > 0 && names_content(name))
      if (std::string file = file_identity(text); !file.empty())
        set[name + " (file)"] = std::move(file);
  });
  for_each_object(gst_element_iterate_pads(element), [&](gpointer pad) {
    for_each_set(pad, [&](const std::string &name, const GValue *value) {
      if (auto text = shown_value(name.c_str(), value))
        set[std::string(GST_OBJECT_NAME(pad)) + "::" + name] = std::move(*text);
    });
  });
  return set;
}

JsonMembers declared_element(const std::string &factory, const JsonMembers &properties) {
  return {{"factory", json_string(factory)}, {"properties", json_object(properties)}};
}

std::optional<Replayed> replayed_by(GstElement *boundary) {
  if (factory_name(boundary) != "checkpointsrc") return std::nullopt;
  const GCharPtr text(gst_uri_handler_get_uri(GST_URI_HANDLER(boundary)));
  if (!text) return std::nullopt;
  auto what = parse_checkpoint_uri(text.get());
  if (!what.is_ok()) return std::nullopt;
  gint on_missing = 0, num_buffers = -1;
  gboolean do_timestamp = FALSE;
  g_object_get(boundary, "on-missing", &on_missing, "num-buffers", &num_buffers, "do-timestamp",
               &do_timestamp, nullptr);
  return Replayed{std::move(*what), on_missing != 0, num_buffers, do_timestamp == TRUE};
}

std::string parent_identity(const std::string &checkpoint_id, const std::optional<Replayed> &part) {
  JsonMembers members{{"checkpoint", json_string(checkpoint_id)}};
  const CheckpointUri all, what = part ? part->what : all;
  const auto add = [&](const char *name, auto value, auto usual) {
    if (value != usual) members[name] = std::to_string(value);
  };
  add("start-index", what.start_index, all.start_index);
  add("stop-index", what.stop_index, all.stop_index);
  add("select-before", what.select_before, all.select_before);
  add("select-after", what.select_after, all.select_after);
  if (!what.select.empty()) members["select"] = json_string(what.select);
  if (what.filtered) members["filtered"] = "true";
  if (what.loop) members["loop"] = "true";
  if (!part) return json_object(members);
  if (part->skips_missing) members["on-missing"] = json_string("skip");
  add("num-buffers", part->num_buffers, Replayed().num_buffers);
  if (part->do_timestamp) members["do-timestamp"] = "true";
  return json_object(members);
}

std::string declared_stage(const std::string &elements, const std::set<std::string> &inputs,
                           const JsonMembers &properties) {
  JsonMembers members{{"elements", elements},
                      {"inputs", json_array({inputs.begin(), inputs.end()})}};
  for (const char *name : {"leaky", "max-lateness", "qos", "throttle-time"})
    if (const auto set = properties.find(name); set != properties.end()) members.insert(*set);
  return json_object(members);
}

void PipelineConfig::remember() {
  remembered_.clear();
  GstObject *top = GST_OBJECT(gst_object_ref(element_));
  while (GstObject *parent = gst_object_get_parent(top)) {
    gst_object_unref(top);
    top = parent;
  }
  if (GST_IS_BIN(top)) {
    for_each_object(gst_bin_iterate_recurse(GST_BIN(top)), [&](gpointer child) {
      auto *element = GST_ELEMENT(child);
      if (element == element_ || is_boundary(element)) return;
      remembered_.emplace(ElementPtr(GST_ELEMENT(gst_object_ref(element))),
                          set_properties(element));
    });
  }
  gst_object_unref(top);
}

JsonMembers PipelineConfig::properties_of(GstElement *element) const {
  for (const auto &[known, properties] : remembered_)
    if (known.get() == element) return properties;
  return set_properties(element);
}

PipelineConfig::Texts PipelineConfig::describe() const {
  Found end;
  const PadPtr pad(gst_element_get_static_pad(element_, "sink"));
  if (pad) look_behind(pad.get(), end);
  std::set<std::string> inputs = end.inputs;
  const std::function<std::vector<GstElement *>(GstElement *const &)> inputs_of =
      [&](GstElement *const &element) {
        Found found;
        for_each_object(gst_element_iterate_sink_pads(element),
                        [&](gpointer sink) { look_behind(GST_PAD(sink), found); });
        if (found.elements.empty() && found.inputs.empty()) {
          const std::string film = input_of(element);
          if (!film.empty()) inputs.insert(film);
        }
        inputs.merge(found.inputs);
        for (ElementPtr &one : found.held) end.held.push_back(std::move(one));
        return found.elements;
      };
  const auto chain = [&](const std::function<JsonMembers(GstElement *const &)> &members_of) {
    return chain_json<GstElement *>(end.elements, inputs_of, members_of);
  };
  Texts texts;
  const std::string declared = chain([&](GstElement *const &element) {
    return declared_element(factory_name(element), properties_of(element));
  });
  texts.declared = declared_stage(declared, inputs, set_properties(element_));
  const std::string resolved = chain([&](GstElement *const &element) {
    return resolved_element(element, properties_of(element));
  });
  guint major = 0, minor = 0, micro = 0, nano = 0;
  gst_version(&major, &minor, &micro, &nano);
  texts.resolved =
      json_object({{"elements", resolved},
                   {"inputs", json_array({inputs.begin(), inputs.end()})},
                   {"gstreamer", json_string(std::to_string(major) + "." + std::to_string(minor) +
                                             "." + std::to_string(micro))}});
  return texts;
}

}  // namespace checkpoint
