// SPDX-License-Identifier: LGPL-2.1-or-later
// What every metadata store does, on a PostgreSQL server.
#include "conformance/metadata_store_suite.h"
#include "support/check.h"
#include "support/postgres_place.h"

using namespace checkpoint;

static Suite *postgres_store_suite() {
  Suite *suite = suite_create("postgres_store");
  add_metadata_store_suite(
      suite, {{"postgres", [] { return std::make_unique<PostgresPlace>(); }},
              {"postgres, prepared-statements=false",
               [] { return std::make_unique<PostgresPlace>("&prepared-statements=false"); }}});
  return suite;
}

int main(int argc, char **argv) {
  if (!have_postgres_server()) return 77;
  gst_check_init(&argc, &argv);
  return gst_check_run_suite(postgres_store_suite(), "postgres_store", __FILE__);
}
