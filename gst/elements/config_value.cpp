// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/config_value.h"

#include <cmath>
#include <string_view>

#include "elements/gst_handles.h"
#include "elements/pipeline_config.h"
#include "store/uri.h"

namespace checkpoint {

namespace {

bool is_secret_name(const char *name) {
  const GCharPtr lower(g_ascii_strdown(name, -1));
  for (const char *part : {"pass", "pw", "secret", "token", "key", "credential", "auth", "cookie"})
    if (std::string_view(lower.get()).find(part) != std::string_view::npos) return true;
  return false;
}

bool is_list(const GValue *value) {
  return GST_VALUE_HOLDS_LIST(value) || GST_VALUE_HOLDS_ARRAY(value);
}

// Holds text, or bytes, or something that may hold them.
bool may_hold_secret(const GValue *value) {
  const GType type = G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value));
  return type == G_TYPE_STRING || type == G_TYPE_BOXED || is_list(value);
}

bool mask(const char *name, GValue *value);

void mask_fields(GstStructure *fields) {
  for (gint i = gst_structure_n_fields(fields) - 1; i >= 0; i--) {
    const std::string name = gst_structure_nth_field_name(fields, static_cast<guint>(i));
    GValue field = G_VALUE_INIT;
    const GValue *is = gst_structure_get_value(fields, name.c_str());
    g_value_init(&field, G_VALUE_TYPE(is));
    g_value_copy(is, &field);
    if (mask(name.c_str(), &field))
      gst_structure_set_value(fields, name.c_str(), &field);
    else
      gst_structure_remove_field(fields, name.c_str());
    g_value_unset(&field);
  }
}

void mask_list(const char *name, GValue *value) {
  const bool array = GST_VALUE_HOLDS_ARRAY(value);
  const guint count = array ? gst_value_array_get_size(value) : gst_value_list_get_size(value);
  GValue masked = G_VALUE_INIT;
  g_value_init(&masked, G_VALUE_TYPE(value));
  for (guint i = 0; i < count; i++) {
    const GValue *is =
        array ? gst_value_array_get_value(value, i) : gst_value_list_get_value(value, i);
    GValue one = G_VALUE_INIT;
    g_value_init(&one, G_VALUE_TYPE(is));
    g_value_copy(is, &one);
    if (!mask(name, &one))
      g_value_unset(&one);
    else if (array)
      gst_value_array_append_and_take_value(&masked, &one);
    else
      gst_value_list_append_and_take_value(&masked, &one);
  }
  g_value_unset(value);
  *value = masked;
}

// false: nothing of it may be shown.
bool mask(const char *name, GValue *value) {
  if (!may_hold_secret(value)) return true;
  if (is_secret_name(name)) return false;
  if (G_VALUE_HOLDS_STRING(value)) {
    if (const gchar *text = g_value_get_string(value))
      g_value_set_string(value, mask_uri(text).c_str());
  } else if (GST_VALUE_HOLDS_STRUCTURE(value)) {
    if (const GstStructure *is = gst_value_get_structure(value)) {
      GstStructure *fields = gst_structure_copy(is);
      mask_fields(fields);
      g_value_take_boxed(value, fields);
    }
  } else if (GST_VALUE_HOLDS_CAPS(value)) {
    if (const GstCaps *caps = gst_value_get_caps(value))
      g_value_take_boxed(value, without_secrets(caps).release());
  } else if (is_list(value)) {
    mask_list(name, value);
  } else if (G_VALUE_HOLDS(value, G_TYPE_STRV)) {
    auto *texts = static_cast<gchar **>(g_value_get_boxed(value));
    for (; texts && *texts; texts++) {
      const std::string masked = mask_uri(*texts);
      g_free(*texts);
      *texts = g_strdup(masked.c_str());
    }
  }
  return true;
}

std::string number_text(double number, const char *format) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(text, sizeof text, format, number);
  // JSON has no word for the others.
  return std::isfinite(number) ? text : json_string(text);
}

// nullopt: a kind of value that has no text.
std::optional<std::string> json_value(const GValue *value) {
  switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value))) {
    case G_TYPE_BOOLEAN:
      return g_value_get_boolean(value) ? "true" : "false";
    case G_TYPE_INT:
      return std::to_string(g_value_get_int(value));
    case G_TYPE_UINT:
      return std::to_string(g_value_get_uint(value));
    case G_TYPE_LONG:
      return std::to_string(g_value_get_long(value));
    case G_TYPE_INT64:
      return std::to_string(g_value_get_int64(value));
    case G_TYPE_UINT64: {
      const guint64 number = g_value_get_uint64(value);
      const std::string text = std::to_string(number);
      return number > G_MAXINT64 ? json_string(text) : text;
    }
    case G_TYPE_FLOAT:
      return number_text(g_value_get_float(value), "%.9g");
    case G_TYPE_DOUBLE:
      return number_text(g_value_get_double(value), "%.17g");
    case G_TYPE_STRING: {
      const gchar *text = g_value_get_string(value);
      return text ? json_string(text) : "null";
    }
    case G_TYPE_ENUM:
      if (GEnumValue *found =
              g_enum_get_value(static_cast<GEnumClass *>(g_type_class_peek(G_VALUE_TYPE(value))),
                               g_value_get_enum(value)))
        return json_string(found->value_nick);
      return std::to_string(g_value_get_enum(value));
    case G_TYPE_OBJECT:
    case G_TYPE_INTERFACE:
    case G_TYPE_POINTER:
      return std::nullopt;
    default: {
      if (GST_VALUE_HOLDS_CAPS(value)) {  // which gst_value_serialize() would put in quotes
        const GCharPtr caps(gst_caps_to_string(gst_value_get_caps(value)));
        return json_string(caps.get());
      }
      GCharPtr text(gst_value_serialize(value));
      if (!text) return std::nullopt;
      return json_string(text.get());
    }
  }
}

}  // namespace

CapsPtr without_secrets(const GstCaps *caps) {
  CapsPtr masked(gst_caps_copy(caps));
  for (guint i = 0; i < gst_caps_get_size(masked.get()); i++)
    mask_fields(gst_caps_get_structure(masked.get(), i));
  return masked;
}

std::optional<std::string> shown_value(const char *name, const GValue *value) {
  GValue masked = G_VALUE_INIT;
  g_value_init(&masked, G_VALUE_TYPE(value));
  g_value_copy(value, &masked);
  std::optional<std::string> text;
  if (mask(name, &masked)) text = json_value(&masked);
  g_value_unset(&masked);
  return text;
}

std::optional<std::string> shown_setting(GParamSpec *pspec, const std::string &text) {
  GValue value = G_VALUE_INIT;
  g_value_init(&value, pspec->value_type);
  std::optional<std::string> shown;
  if (gst_value_deserialize_with_pspec(&value, text.c_str(), pspec)) {
    if (!may_hold_secret(&value)) {
      shown = text;
    } else if (mask(pspec->name, &value)) {
      if (G_VALUE_HOLDS_STRING(&value)) {
        shown = g_value_get_string(&value) ? g_value_get_string(&value) : "";
      } else if (const GCharPtr serialized(gst_value_serialize(&value)); serialized) {
        shown = serialized.get();
      }
    }
  }
  g_value_unset(&value);
  return shown;
}

}  // namespace checkpoint
