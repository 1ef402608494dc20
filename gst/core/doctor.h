// SPDX-License-Identifier: LGPL-2.1-or-later
// Looks at a pair of stores as a whole: can they be reached, do they belong together, what may be
// done there, and what in their surroundings will do harm later.
#pragma once

#include <functional>
#include <string>

#include "common/cancel.h"
#include "common/status.h"
#include "store/finding.h"

namespace checkpoint {

// `store`: "frame store" or "metadata store".
using OnDiagnosis = std::function<void(const char *store, const Finding &finding)>;

// Writes one small object into the frame store and removes it; where the metadata store is of an
// older release its schema is migrated, as by whoever opens it. What is wrong is told and no
// failure. An error is what kept it from looking: kCancelled, or a URI that makes no sense.
Status diagnose(const std::string &frame_store_uri, const std::string &metadata_store_uri,
                const OnDiagnosis &tell, Cancellation &cancel);

}  // namespace checkpoint
