// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/postgres_store.h"

namespace checkpoint {

void register_postgres(StoreRegistry &registry) {
  registry.add_metadata_store("postgresql", make_postgres_store);
  registry.add_metadata_store("postgres", make_postgres_store);
}

}  // namespace checkpoint
