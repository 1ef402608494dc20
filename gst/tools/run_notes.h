// SPDX-License-Identifier: LGPL-2.1-or-later
// What `run` says of its plan before it begins.
#pragma once

#include "elements/stage_plan.h"
#include "tools/call.h"

namespace checkpoint::tool {

// Where what is stored was made otherwise. `rows` may be null.
void print_differences(Call &call, const StagePlan &plan, MetadataStore *rows);
// Of what will be in the pipeline: kNotFound where a file is not there. What can't be compared with
// the last time is told where there was one.
Status check_inputs(Call &call, const LineStages &stages, const StagePlan &plan);
// --from starts one branch of a tee: what the others end in is not made. Nor is anything where no
// stage is behind.
void print_left_out(Terminal &out, const LaunchLine &line, size_t start);

}  // namespace checkpoint::tool
