// SPDX-License-Identifier: LGPL-2.1-or-later
// The events that stages of one pipeline tell each other: where the frames come from, and where one
// stage ends. Neither is ever stored or replayed as content.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

#include "elements/gst_handles.h"
#include "store/model.h"

namespace checkpoint {

// Sticky, downstream, "gst-checkpoint-lineage": the checkpoint that the frames behind it are of.
struct Lineage {
  std::string job_id;
  Uuid checkpoint;
  std::string stage;
  int32_t stage_index = 0;  // -1: not known yet, the checkpoint's row will say
  std::string video_path;   // '' where not known
  Branch branch;
  bool operator==(const Lineage &) const = default;
};

EventPtr make_lineage_event(const Lineage &lineage);
// nullopt: another event, or one without job, checkpoint or stage.
std::optional<Lineage> parse_lineage_event(GstEvent *event);

// Serialized, downstream, "checkpoint-boundary": the stage `from_stage` ends here and `stage`
// begins. Only the element whose stage is `from_stage` acts on it.
struct Boundary {
  std::string from_stage;
  std::string stage;
  int32_t stage_index = -1;  // -1: the one after from_stage's
  std::string stats;         // JSON object of the stage that ends; '' for none
  bool operator==(const Boundary &) const = default;
};

EventPtr make_boundary_event(const Boundary &boundary);
// nullopt: another event, or one without from-stage or stage.
std::optional<Boundary> parse_boundary_event(GstEvent *event);

// One of the two by its name, well made or not.
bool is_checkpoint_event(GstEvent *event);

}  // namespace checkpoint
