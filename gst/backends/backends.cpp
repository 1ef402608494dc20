// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/backends.h"

#include <mutex>

#include "backends/memory/memory_store.h"
#include "store/registry.h"

namespace checkpoint {

void register_backends() {
  static std::once_flag once;
  std::call_once(once, [] {
    StoreRegistry &registry = StoreRegistry::instance();
    register_memory(registry);
  });
}

}  // namespace checkpoint
