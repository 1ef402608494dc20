// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/fields.h"

#include <iterator>
#include <string>

#include "elements/json_setting.h"

namespace checkpoint {

namespace {

struct Field {
  const char *name, *nick, *blurb;
  std::string CheckpointFields::*member;
  bool json = false;
};

constexpr Field kFields[] = {
    {"video-path", "Video path", "The video that is worked on", &CheckpointFields::video_path},
    {"profile-name", "Profile name", "The profile that the job runs with",
     &CheckpointFields::profile_name},
    {"stage-output-key", "Stage output key", "Where the stage keeps output of its own",
     &CheckpointFields::stage_output_key},
    {"stats", "Statistics", "Statistics of the stage: a JSON object", &CheckpointFields::stats,
     true},
    {"config-snapshot", "Configuration", "The resolved configuration: a JSON object",
     &CheckpointFields::config_snapshot, true},
    {"config-overrides", "Overrides", "Only what was overridden: a JSON object",
     &CheckpointFields::config_overrides, true},
};

const Field *field_of(guint id) {
  return id < kFirstFieldProperty || id >= kFirstFieldProperty + std::size(kFields)
             ? nullptr
             : &kFields[id - kFirstFieldProperty];
}

}  // namespace

void install_field_properties(GObjectClass *klass, bool writable) {
  const auto flags = static_cast<GParamFlags>((writable ? G_PARAM_READWRITE : G_PARAM_READABLE) |
                                              G_PARAM_STATIC_STRINGS);
  guint id = kFirstFieldProperty;
  for (const Field &field : kFields)
    g_object_class_install_property(
        klass, id++, g_param_spec_string(field.name, field.nick, field.blurb, nullptr, flags));
}

bool set_field(CheckpointFields &fields, guint id, const GValue *value) {
  const Field *field = field_of(id);
  if (!field) return false;
  const gchar *text = g_value_get_string(value);
  fields.*field->member = text ? text : "";
  return true;
}

bool get_field(const CheckpointFields &fields, guint id, GValue *value) {
  const Field *field = field_of(id);
  if (!field) return false;
  const std::string &text = fields.*field->member;
  g_value_set_string(value, text.empty() ? nullptr : text.c_str());
  return true;
}

Status check_fields(const CheckpointFields &fields) {
  for (const Field &field : kFields) {
    const std::string &text = fields.*field.member;
    if (!field.json || text.empty()) continue;
    // A property of an element may name a file that way; a field of an application never does.
    if (text[0] == '@')
      return {Code::kInvalidArgument, std::string(field.name) + " is no JSON object"};
    CHECKPOINT_RETURN_IF_ERROR(read_json_object(field.name, text).status());
  }
  return Status::ok();
}

}  // namespace checkpoint
