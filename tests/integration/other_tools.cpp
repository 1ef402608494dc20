// SPDX-License-Identifier: LGPL-2.1-or-later
// What docs/how-to/use-other-tools.md says psql and aws see, they see: its lines are run as they
// stand there, on a real PostgreSQL and a real S3 server, and the frame they fetch is compared.
#include <glib.h>

#include <string>
#include <vector>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/home.h"
#include "support/launch.h"

using namespace checkpoint;

namespace {

std::string contents(const std::string &path) {
  gchar *text = nullptr;
  gsize length = 0;
  ck_assert_msg(g_file_get_contents(path.c_str(), &text, &length, nullptr), "%s", path.c_str());
  std::string out(text, length);
  g_free(text);
  return out;
}

// The one block of shell in the page.
std::string documented_script() {
  const std::string page = contents(std::string(DOCS_DIR) + "/how-to/use-other-tools.md");
  const std::string begin = "```sh\n";
  const size_t from = page.find(begin);
  ck_assert(from != page.npos && page.find(begin, from + 1) == page.npos);
  return page.substr(from + begin.size(), page.find("\n```\n", from) - from - begin.size()) + "\n";
}

std::string between(const std::string &text, const std::string &after, const std::string &before) {
  const size_t from = text.find(after) + after.size();
  return text.substr(from, text.find_first_of(before, from) - from);
}

// Runs it in `home`; what it prints.
std::string run_script(const Home &home, const std::string &settings) {
  const std::string script = "set -euo pipefail\n" + settings + documented_script();
  const gchar *argv[] = {"bash", "-c", script.c_str(), nullptr};
  // Python is no place for the runtime of a sanitizer.
  gchar **environment = g_environ_unsetenv(g_get_environ(), "LD_PRELOAD");
  gchar *output = nullptr, *errors = nullptr;
  gint status = -1;
  GError *error = nullptr;
  const bool ran =
      g_spawn_sync(home.path().c_str(), const_cast<gchar **>(argv), environment,
                   G_SPAWN_SEARCH_PATH, nullptr, nullptr, &output, &errors, &status, &error);
  ck_assert_msg(ran, "%s", error ? error->message : "");
  ck_assert_msg(status == 0, "%s", errors);
  const std::string printed = output;
  g_free(output);
  g_free(errors);
  g_strfreev(environment);
  return printed;
}

}  // namespace

GST_START_TEST(the_lines_of_the_page_fetch_a_frame) {
  SmallFilm film;
  for (const std::string codec : {"none", "zstd"}) {
    Home home;
    Launch store(SmallFilm::line() +
                 "checkpointsink job-id=street stage=decode stage-index=2 codec=" + codec);
    ck_assert_msg(store.wait() == 0, "%s", store.tail().c_str());
    const std::string frames = home.frame_store(), rows = home.metadata_store();
    const std::string place = between(frames, "://", "?");
    const std::string settings =
        "rows=" + rows.substr(0, rows.find('?')) + " bucket=" + place.substr(0, place.find('/')) +
        " prefix=" + place.substr(place.find('/') + 1) + " job=street stage=decode sequence=7\n" +
        "export PGOPTIONS='-c search_path=" + between(rows, "schema=", "&") + "'\n" +
        "aws() { command aws --endpoint-url " + between(frames, "endpoint=", "&") + " \"$@\"; }\n";
    const std::string printed = run_script(home, settings);
    for (const char *seen :
         {"decode |       1 | complete", ".pack", "\"ContentLength\": ", "format=(string)GRAY8"})
      ck_assert_msg(printed.find(seen) != printed.npos, "no '%s' in\n%s", seen, printed.c_str());
    ck_assert(contents(home.file("frame.raw")) ==
              film.bytes.substr(7 * SmallFilm::kFrameBytes, SmallFilm::kFrameBytes));
  }
}
GST_END_TEST

static Suite *other_tools_suite() {
  Suite *suite = suite_create("other_tools");
  TCase *tc = tcase_create("other_tools");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, the_lines_of_the_page_fetch_a_frame);
  return suite;
}
CHECKPOINT_CHECK_MAIN(other_tools);
