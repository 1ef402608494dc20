// SPDX-License-Identifier: LGPL-2.1-or-later
// Fields of the seed's row that are as many as the checkpoint has frames.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/stores.h"

namespace checkpoint {

// The frames of a checkpoint in their order, a page at a time, each with the name of its payload
// ('': it has no bytes).
using FrameVisitor = std::function<void(const FrameRow &row, const std::string &name)>;
Status visit_frames(Stores &stores, const CheckpointRow &checkpoint, const FrameVisitor &visit,
                    Cancellation &cancel);

// For rows of any checkpoints of one metadata store; a row without bytes has the name ''.
Result<std::vector<std::string>> payload_names(Stores &stores, const std::vector<FrameRow> &rows,
                                               Cancellation &cancel);

// The column frames_meta of the view stage_checkpoints: a JSON array.
Result<std::string> frames_meta(Stores &stores, const CheckpointRow &checkpoint,
                                Cancellation &cancel);

}  // namespace checkpoint
