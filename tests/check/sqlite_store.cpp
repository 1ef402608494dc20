// SPDX-License-Identifier: LGPL-2.1-or-later
#include "conformance/metadata_store_suite.h"
#include "support/check.h"
#include "support/sqlite_place.h"

using namespace checkpoint;

static Suite *sqlite_store_suite() {
  Suite *suite = suite_create("sqlite_store");
  add_metadata_store_suite(suite, {{"sqlite", [] { return std::make_unique<SqlitePlace>(); }},
                                   {"memory", [] { return std::make_unique<SqliteMemoryPlace>(); }},
                                   {"sqlite, journal=delete", [] {
                                      return std::make_unique<SqlitePlace>("&journal=delete");
                                    }}});
  return suite;
}
GST_CHECK_MAIN(sqlite_store);
