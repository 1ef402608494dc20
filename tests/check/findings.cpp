// SPDX-License-Identifier: LGPL-2.1-or-later
// What is found out about clocks and disks.
#include "store/finding.h"

#include "support/check.h"
#include "support/temp_dir.h"

using namespace checkpoint;

using Level = Finding::Level;

GST_START_TEST(clocks_may_differ_a_little) {
  ck_assert(clock_difference(1'000'000, 1'059'000).level == Level::kOk);
  const Finding late = clock_difference(1'000'000, 1'090'000);
  ck_assert(late.level == Level::kWarning && !late.hint.empty());
  EQUAL(late.text, "is 90 s behind this machine's");
  EQUAL(clock_difference(1'090'000, 1'000'000).text, "is 90 s before this machine's");
}
GST_END_TEST

GST_START_TEST(a_full_disk_is_an_error_and_a_folder_to_come_is_where_it_will_be) {
  TempDir dir;
  const Finding here = free_space(dir.path()), soon = free_space(dir.file("a/b/c"));
  ck_assert(here.level == soon.level && here.level != Level::kUnknown);
  ck_assert(soon.text.ends_with("free at " + dir.path()));
  // A file system that never has room.
  const Finding full = free_space("/proc/self");
  ck_assert(full.level == Level::kError && !full.hint.empty());
  EQUAL(full.text, "0 MiB are free at /proc/self");
}
GST_END_TEST

static Suite *findings_suite() {
  Suite *suite = suite_create("findings");
  TCase *tc = tcase_create("findings");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, clocks_may_differ_a_little);
  tcase_add_test(tc, a_full_disk_is_an_error_and_a_folder_to_come_is_where_it_will_be);
  return suite;
}
GST_CHECK_MAIN(findings);
