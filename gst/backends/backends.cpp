// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/backends.h"

#include <mutex>

#include "backends/file/file_store.h"
#include "backends/memory/memory_store.h"
#ifdef HAVE_POSTGRES
#include "backends/postgres/postgres_store.h"
#endif
#ifdef HAVE_SQLITE
#include "backends/sqlite/sqlite_store.h"
#endif
#ifdef HAVE_S3
#include "backends/s3/store.h"
#endif
#include "store/digest.h"
#include "store/registry.h"

namespace checkpoint {

void register_backends() {
  static std::once_flag once;
  std::call_once(once, [] {
    keep_libcrypto_to_the_end();
    StoreRegistry &registry = StoreRegistry::instance();
    register_file(registry);
    register_memory(registry);
#ifdef HAVE_SQLITE
    register_sqlite(registry);
#endif
#ifdef HAVE_S3
    register_s3(registry);
#else
    registry.add_frame_store("s3", [](const StoreUri &) -> Result<std::shared_ptr<FrameStore>> {
      return Status(Code::kUnsupported, "this build has no frame store on S3",
                    "install libcurl's headers and build again with -Ds3=enabled");
    });
#endif
#ifdef HAVE_POSTGRES
    register_postgres(registry);
#else
    for (const char *scheme : {"postgresql", "postgres"})
      registry.add_metadata_store(scheme,
                                  [](const StoreUri &) -> Result<std::shared_ptr<MetadataStore>> {
                                    return Status(
                                        Code::kUnsupported,
                                        "this build has no metadata store in PostgreSQL",
                                        "install libpq's headers and build again with "
                                        "-Dpostgres=enabled");
                                  });
#endif
  });
}

}  // namespace checkpoint
