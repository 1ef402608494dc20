// SPDX-License-Identifier: LGPL-2.1-or-later
// Walks over the rows of checkpoints, newest first, a page at a time.
#pragma once

#include <vector>

#include "store/metadata_store.h"

namespace checkpoint {

// One thread at a time.
class CheckpointCursor {
 public:
  // `store` outlives it. `query.limit` rows make a page.
  CheckpointCursor(MetadataStore &store, CheckpointQuery query)
      : store_(store), query_(std::move(query)) {}

  // The next row, which stays until the next call and may be moved from; null behind the last one.
  // After an error the same one is asked for again.
  Result<CheckpointRow *> next(Cancellation &cancel);

 private:
  MetadataStore &store_;
  CheckpointQuery query_;
  std::vector<CheckpointRow> page_;
  size_t at_ = 0;  // in page_
  bool last_ = false;
};

}  // namespace checkpoint
