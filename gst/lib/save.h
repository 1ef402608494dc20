// SPDX-License-Identifier: LGPL-2.1-or-later
// The seed's save: one checkpoint, from a state or from frames that are stored already.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/place.h"
#include "lib/state.h"

namespace checkpoint {

using FramesManifest = std::map<uint64_t, std::string>;  // sequence: name of the payload

struct SaveRequest {
  StateContent state;  // its fields name job, stage and branch
  // nullopt: the state's frames are stored. Otherwise these are the frames: what the state has of
  // them gives their times and metas, their bytes are taken as stored.
  std::optional<FramesManifest> manifest;
};

// Waits until all is durable, 120 seconds after the last frame at most. A checkpoint that fails or
// is cancelled stays partial.
Result<Uuid> save(const std::shared_ptr<StorePlace> &place, const SaveRequest &request,
                  Cancellation &cancel);

}  // namespace checkpoint
