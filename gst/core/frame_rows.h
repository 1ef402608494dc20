// SPDX-License-Identifier: LGPL-2.1-or-later
// The rows of a checkpoint's frames, page by page, so that none is missed.
#pragma once

#include <vector>

#include "store/metadata_store.h"

namespace checkpoint {

// The rows from `first` on, in the order of the index; one at least, `limit` at most. kExpired: the
// checkpoint was deleted meanwhile. kCorrupt: the row of `first` is not there.
Result<std::vector<FrameRow>> read_frame_page(MetadataStore &store, const CheckpointRow &checkpoint,
                                              uint64_t first, unsigned limit, Cancellation &cancel);

}  // namespace checkpoint
