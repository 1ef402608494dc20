// SPDX-License-Identifier: LGPL-2.1-or-later
// The programs of tests/examples, as processes of their own, on the pair of stores that the tests
// run with.
#include <glib.h>

#include <string>
#include <vector>

#include "support/check.h"
#include "support/home.h"

using namespace checkpoint;

namespace {

struct Ended {
  int status = -1;
  std::string output, errors;
};

// `instrumented`: the program itself is built as the library is.
Ended run(std::vector<std::string> words, bool instrumented = false) {
  std::vector<gchar *> argv;
  for (std::string &word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  gchar **environment = g_get_environ();
  environment = g_environ_setenv(environment, "LC_ALL", "C.UTF-8", TRUE);
  // A binding that takes a wrong reference is told by a critical.
  environment = g_environ_setenv(environment, "G_DEBUG", "fatal-criticals", TRUE);
  if (const char *preload = g_getenv("CHECKPOINT_TEST_PRELOAD"); preload && !instrumented) {
    environment = g_environ_setenv(environment, "LD_PRELOAD", preload, TRUE);
    // Python keeps much for good; what the library leaks is looked for in the C++ programs.
    environment = g_environ_setenv(environment, "ASAN_OPTIONS", "detect_leaks=0", TRUE);
  }
  gchar *output = nullptr, *errors = nullptr;
  GError *error = nullptr;
  Ended ended;
  ck_assert_msg(g_spawn_sync(nullptr, argv.data(), environment, G_SPAWN_SEARCH_PATH, nullptr,
                             nullptr, &output, &errors, &ended.status, &error),
                "%s", error ? error->message : "");
  g_strfreev(environment);
  ended.output = output;
  ended.errors = errors;
  g_free(output);
  g_free(errors);
  return ended;
}

std::string must_succeed(const std::vector<std::string> &words, bool instrumented = false) {
  const Ended ended = run(words, instrumented);
  ck_assert_msg(ended.status == 0, "%s: %d\n%s%s", words.back().c_str(), ended.status,
                ended.output.c_str(), ended.errors.c_str());
  ck_assert_msg(ended.errors.find("CRITICAL") == std::string::npos &&
                    ended.errors.find("Warning") == std::string::npos,
                "%s", ended.errors.c_str());
  return ended.output;
}

std::string example(const std::string &name) { return std::string(EXAMPLES_DIR) + "/" + name; }

// The frames that a program printed.
unsigned frames_in(const std::string &output) {
  unsigned count = 0;
  for (size_t at = 0; (at = output.find("ball at", at)) != std::string::npos; at++) count++;
  return count;
}

}  // namespace

// A stage before the detector and one behind it, in one pipeline; then the library reads them.
GST_START_TEST(detection_in_cpp) {
  Home home;
  ck_assert_uint_eq(frames_in(must_succeed({DETECT_PROGRAM}, true)), 20);
  const std::string rows = home.value(
      "SELECT count(*) FROM stage_checkpoints WHERE job_id = 'hall'"
      " AND stage IN ('decode', 'detect')");
  ck_assert_str_eq(rows.c_str(), "2");
}
GST_END_TEST

#ifdef PYTHON
// Frames through appsink and appsrc, a boundary, checkpoint-now and every message.
GST_START_TEST(detection_in_python) {
  Home home;
  const std::string output = must_succeed({PYTHON, example("detect.py")});
  ck_assert_uint_eq(frames_in(output), 20);
  ck_assert_msg(output.find("detect-dark frame 19") != std::string::npos, "%s", output.c_str());
}
GST_END_TEST

// Every call of the seed's module; the program checks what each promises.
GST_START_TEST(seed_contract_through_python) {
  Home home;
  const std::string output = must_succeed({PYTHON, example("seed.py")});
  ck_assert_msg(output.find("ok each call is there without blocking") != std::string::npos, "%s",
                output.c_str());
  // What another program sees.
  const std::string row = home.value(
      "SELECT video_path || ' ' || profile_name || ' ' || stage_output_key FROM stage_checkpoints"
      " WHERE job_id = 'street' AND stage = 'decode' AND version = 1 AND scenario_label = ''"
      " AND config_snapshot IS NOT NULL");
  ck_assert_str_eq(row.c_str(), "/videos/street.mp4 night outputs/decode.json");
}
GST_END_TEST
#endif

static Suite *applications_suite() {
  Suite *suite = suite_create("applications");
  TCase *tc = tcase_create("applications");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, detection_in_cpp);
#ifdef PYTHON
  tcase_add_test(tc, detection_in_python);
  tcase_add_test(tc, seed_contract_through_python);
#endif
  return suite;
}
CHECKPOINT_CHECK_MAIN(applications)
