// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/checkpoint_cursor.h"

namespace checkpoint {

Result<CheckpointRow *> CheckpointCursor::next(Cancellation &cancel) {
  if (at_ == page_.size()) {
    if (last_) return nullptr;
    CHECKPOINT_ASSIGN_OR_RETURN(page_, store_.list_checkpoints(query_, cancel));
    at_ = 0;
    last_ = page_.size() < query_.limit;
    if (page_.empty()) return nullptr;
    query_.before = page_.back().key;
  }
  return &page_[at_++];
}

}  // namespace checkpoint
