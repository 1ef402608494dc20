// SPDX-License-Identifier: LGPL-2.1-or-later
// Moves what is still needed out of packs that are mostly nobody's.
#pragma once

#include <cstdint>

#include "common/cancel.h"
#include "common/status.h"
#include "core/collector.h"
#include "core/stores.h"

namespace checkpoint {

struct RepackOptions {
  // A pack is rewritten when less than this part of it is needed, 0 to 1.
  double live_below = 0.5;
  uint64_t pack_size = 16 << 20;  // bytes of the packs that are made
  bool dry_run = false;
};

struct RepackResult {
  uint64_t packs_emptied = 0;  // condemned; a collection removes them after the grace
  uint64_t bytes_emptied = 0;
  uint64_t packs_made = 0, bytes_made = 0;  // 0 in a dry run
  uint64_t packs_skipped = 0;               // could not be read, or used in another way meanwhile
};

// Looks at packs whose own checkpoint is gone while others refer to them. Payloads are copied as
// they are stored, each checked; then frames and digests name the new pack, in one transaction. The
// records in such a pack are those of the checkpoint that is gone; the records of the others, which
// lie in packs of their own, find a payload that moved by its digest in the new pack's index.
// Plain packs stay as they are. Interrupted anywhere it can be run again.
// Tells "repack" and "skip" with the object's name. `result` counts what was done also where it
// fails.
Status repack(Stores &stores, const RepackOptions &options, const CollectListener &listener,
              RepackResult &result, Cancellation &cancel);

}  // namespace checkpoint
