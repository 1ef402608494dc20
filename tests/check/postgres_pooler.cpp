// SPDX-License-Identifier: LGPL-2.1-or-later
// What every metadata store does, through a pgbouncer that gives each transaction another session.
#include <cstdio>
#include <cstdlib>

#include "conformance/metadata_store_suite.h"
#include "support/check.h"
#include "support/postgres_place.h"

using namespace checkpoint;

static Suite *postgres_pooler_suite() {
  Suite *suite = suite_create("postgres_pooler");
  add_metadata_store_suite(suite, {{"pgbouncer", [] {
                                      return std::make_unique<PostgresPlace>(
                                          "&prepared-statements=false",
                                          std::getenv("GST_CHECKPOINT_TEST_PGBOUNCER"));
                                    }}});
  return suite;
}

int main(int argc, char **argv) {
  if (std::getenv("GST_CHECKPOINT_TEST_PGBOUNCER") == nullptr) {
    std::puts("skipped: GST_CHECKPOINT_TEST_PGBOUNCER names no pooler");
    return 77;
  }
  gst_check_init(&argc, &argv);
  return gst_check_run_suite(postgres_pooler_suite(), "postgres_pooler", __FILE__);
}
