// SPDX-License-Identifier: LGPL-2.1-or-later
// What a GstCheckpointCheckpoint holds.
#pragma once

#include <gst/checkpoint/gstcheckpointcheckpoint.h>

#include <memory>

#include "lib/place.h"

namespace checkpoint {

GstCheckpointCheckpoint *make_checkpoint(std::shared_ptr<StorePlace> place, CheckpointRow row);
// Both live as long as the checkpoint does.
const std::shared_ptr<StorePlace> &place_of(GstCheckpointCheckpoint *checkpoint);
const CheckpointRow &row_of(GstCheckpointCheckpoint *checkpoint);

}  // namespace checkpoint
