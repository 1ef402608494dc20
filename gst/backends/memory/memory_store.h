// SPDX-License-Identifier: LGPL-2.1-or-later
// Frame stores in memory: memory://name. For tests and for pipelines that need nothing to outlive
// the process.
#pragma once

#include <memory>
#include <string>

#include "store/frame_store.h"
#include "store/registry.h"

namespace checkpoint {

void register_memory(StoreRegistry &registry);

// The process's store of that name. Stores and what is in them live as long as the process.
std::shared_ptr<FrameStore> memory_frame_store(const std::string &name);

}  // namespace checkpoint
