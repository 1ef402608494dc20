// SPDX-License-Identifier: LGPL-2.1-or-later
// A checkpoint as JSON, the same in every verb.
#pragma once

#include "store/model.h"
#include "tools/json.h"

namespace checkpoint::tool {

// An object: the fields of the row of the view stage_checkpoints under the names there, but for
// those with one entry per frame, and what else is known of it.
void checkpoint_json(Json &json, const CheckpointRow &row);
// Its members alone, into an object that is open.
void checkpoint_members(Json &json, const CheckpointRow &row);

}  // namespace checkpoint::tool
