// SPDX-License-Identifier: LGPL-2.1-or-later
// Collects the packs that no checkpoint refers to: condemned now, removed after a grace period.
//
// Rows and references decide, never a listing. Any number of collectors, writers and readers may be
// at work at the same time; a collection that was interrupted anywhere is simply run again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "common/cancel.h"
#include "common/status.h"
#include "core/stores.h"

namespace checkpoint {

struct CollectOptions {
  // From the condemnation to the removal, by the database's clock. At least the interval of the
  // database's backups, so that a restored one finds its packs.
  std::chrono::milliseconds grace = std::chrono::hours(24);
  // So long the objects of a removed pack are removed again: a writer that was stopped may put one
  // late.
  std::chrono::milliseconds sweep_again = std::chrono::hours(7 * 24);
  // Objects that no row knows. They are found by a listing of the whole frame store.
  enum class Strangers {
    kIgnore,
    kReport,
    kCondemn,  // those with names of ours are condemned; their grace begins with that
  } strangers = Strangers::kIgnore;
  // Changes nothing; the result is what a run would do now.
  bool dry_run = false;
};

struct CollectResult {
  uint64_t checkpoints_purged = 0;  // their last rows were removed
  uint64_t checkpoints_held = 0;    // by readers: their rows go later
  uint64_t packs_condemned = 0, bytes_condemned = 0;
  uint64_t packs_deleted = 0, bytes_deleted = 0;
  uint64_t packs_refused = 0;  // the frame store would not remove them; tried again next time
  uint64_t packs_swept = 0;    // removed before, and removed again
  uint64_t strangers = 0, stranger_bytes = 0;  // named as we name objects
  uint64_t foreign = 0;                        // named otherwise; never touched
};

// Gets what is done: "purge", "condemn", "delete", "refused", "stranger" or "foreign", and of what,
// with the reason for a refusal. On the caller's thread.
using CollectListener = std::function<void(const std::string &step, const std::string &what)>;

// `result` counts what was done also where it fails. kUnavailable, with nothing collected: the
// frame store's marker is absent or another's, so it may be an unmounted folder.
Status collect(Stores &stores, const CollectOptions &options, const CollectListener &listener,
               CollectResult &result, Cancellation &cancel);

}  // namespace checkpoint
