// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/backends.h"

#include <mutex>

#include "backends/file/file_store.h"
#include "backends/memory/memory_store.h"
#ifdef HAVE_SQLITE
#include "backends/sqlite/sqlite_store.h"
#endif
#include "store/registry.h"

namespace checkpoint {

void register_backends() {
  static std::once_flag once;
  std::call_once(once, [] {
    StoreRegistry &registry = StoreRegistry::instance();
    register_file(registry);
    register_memory(registry);
#ifdef HAVE_SQLITE
    register_sqlite(registry);
#endif
  });
}

}  // namespace checkpoint
