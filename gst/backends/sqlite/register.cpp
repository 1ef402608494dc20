// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/sqlite_store.h"

namespace checkpoint {

void register_sqlite(StoreRegistry &registry) {
  registry.add_metadata_store("sqlite", make_sqlite_store);
  registry.add_metadata_store("memory", make_sqlite_store);
}

}  // namespace checkpoint
