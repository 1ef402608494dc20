// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/frame_rows.h"

#include <string>

#include "core/row_cursor.h"

namespace checkpoint {

Result<std::vector<FrameRow>> read_frame_page(MetadataStore &store, const CheckpointRow &checkpoint,
                                              uint64_t first, unsigned limit,
                                              Cancellation &cancel) {
  FramePage page;
  page.checkpoint = checkpoint.key;
  page.first = first;
  page.limit = limit;
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> rows, store.read_frames(page, cancel));
  // Who deletes takes rows from the first one on.
  if (rows.empty() || rows.front().index != first)
    return deleted_or(
        store, checkpoint.id,
        {Code::kCorrupt, "checkpoint " + checkpoint.id.to_string() + ": the row of frame " +
                             std::to_string(first) + " is missing"},
        cancel);
  return rows;
}

}  // namespace checkpoint
