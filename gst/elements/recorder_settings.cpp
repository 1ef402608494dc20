// SPDX-License-Identifier: LGPL-2.1-or-later
// What settings can be told to be wrong before anything runs.
#include "core/checkpoint_id.h"
#include "core/codec.h"
#include "core/names.h"
#include "elements/json_setting.h"
#include "elements/recorder.h"
#include "store/registry.h"

namespace checkpoint {

Result<CheckpointFields> checked_fields(const RecorderSettings &s) {
  CheckpointFields given;
  if (s.stage.empty())
    return Status(Code::kInvalidArgument, "no stage is set",
                  "name the stage boundary: stage=decode");
  CHECKPOINT_RETURN_IF_ERROR(check_name("stage", s.stage));
  if (!s.job_id.empty()) CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", s.job_id));
  if (s.scenario && !s.scenario->empty())
    CHECKPOINT_RETURN_IF_ERROR(check_name("scenario", *s.scenario));
  if (!s.parent_id.empty()) {
    CHECKPOINT_ASSIGN_OR_RETURN(given.parent, parse_checkpoint_id("parent-id", s.parent_id));
  }
  for (const auto &[name, text] :
       {std::pair("video-path", &s.video_path), std::pair("profile-name", &s.profile_name),
        std::pair("stage-output-key", &s.stage_output_key)})
    if (!g_utf8_validate(text->c_str(), -1, nullptr))
      return Status(Code::kInvalidArgument, std::string(name) + " is not UTF-8",
                    "write what is not as \\x… or %…, as you like");
  if (!codec_available(s.writer.codec))
    return Status(Code::kUnsupported,
                  std::string("this build has no codec ") + codec_name(s.writer.codec));
  if (s.resume && s.writer.leaky != Leaky::kNo)
    return Status(Code::kInvalidArgument, "resume and leaky exclude each other",
                  "every frame has to come again: use leaky=no");
  // Makes and throws away: a URI that can't work is said now and here.
  const StoreRegistry &stores = StoreRegistry::instance();
  CHECKPOINT_RETURN_IF_ERROR(stores.make_frame_store(s.frame_store).status());
  if (!s.metadata_store.empty())
    CHECKPOINT_RETURN_IF_ERROR(stores.make_metadata_store(s.metadata_store).status());
  given.job_id = s.job_id;
  given.stage = s.stage;
  given.stage_index = s.stage_index;
  if (s.scenario) given.branch = {true, *s.scenario};
  given.stage_output_key = s.stage_output_key;
  given.video_path = s.video_path;
  given.profile_name = s.profile_name;
  CHECKPOINT_ASSIGN_OR_RETURN(given.config_overrides,
                              read_json_object("config-overrides", s.config_overrides));
  CHECKPOINT_ASSIGN_OR_RETURN(given.config_snapshot,
                              read_json_object("config-snapshot", s.config_snapshot));
  CHECKPOINT_ASSIGN_OR_RETURN(given.stats, read_json_object("stage-stats", s.stage_stats));
  CHECKPOINT_ASSIGN_OR_RETURN(given.filtered_frame_sequences,
                              read_sequences("filtered-frame-sequences", s.filtered_sequences));
  return given;
}

}  // namespace checkpoint
