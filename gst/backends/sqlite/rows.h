// SPDX-License-Identifier: LGPL-2.1-or-later
// Between rows of the tables and the values of store/model.h.
#pragma once

#include "backends/sqlite/database.h"
#include "store/model.h"

namespace checkpoint::sqlite {

// The columns that read_checkpoint() takes, of `checkpoint AS c` and `job`.
#define CHECKPOINT_ROW_COLUMNS                                                                \
  "c.key, c.id, c.job, job.job_id, c.stage, c.stage_index, c.is_scenario, c.scenario_label, " \
  "c.parent, c.frames_prefix, c.stage_output_key, c.stats, c.config_snapshot, "               \
  "c.config_overrides, c.config_declared, c.video_path, c.profile_name, "                     \
  "c.filtered_frame_sequences, c.version, c.state, c.reason, c.commit_no, c.frames, "         \
  "c.bytes_new, c.bytes_reused, c.first_time, c.end_time, "                                   \
  "CAST(round((c.created_at - 2440587.5) * 86400000.0) AS INTEGER), "                         \
  "CAST(round((c.completed_at - 2440587.5) * 86400000.0) AS INTEGER)"

CheckpointRow read_checkpoint(Query &query);
FrameRow read_frame(Query &query);

const char *state_name(CheckpointState state);
PackState pack_state_from(const std::string &name);

// A list of numbers as JSON, those beyond int64 as strings; and back.
std::string numbers_to_json(const std::vector<uint64_t> &numbers);
std::vector<uint64_t> numbers_from_json(std::string_view json);

// A text that any JSON and any terminal takes: broken UTF-8 and U+0000 become U+FFFD.
std::string clean_text(const std::string &text);

}  // namespace checkpoint::sqlite
