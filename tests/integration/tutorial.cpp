// SPDX-License-Identifier: LGPL-2.1-or-later
// docs/tutorial.md shows what a new user types and what comes of it. Here it is typed: all its
// commands in one shell, in a fresh home, with a film of the same name. What they say has to have
// the shape of what stands there; numbers, sizes, ids and labels are those of another run.
#include <glib.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "made_film.h"
#include "support/check.h"
#include "support/home.h"

using namespace checkpoint;
namespace fs = std::filesystem;

namespace {

struct Step {
  std::string command, output;
};

std::vector<std::string> lines_of(const std::string &text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Of its blocks "```console": "$ " begins a command, which goes on while a quote is open.
std::vector<Step> steps_of(const std::string &page) {
  std::vector<Step> steps;
  bool inside = false, goes_on = false;
  const auto open = [](const std::string &command) {
    return std::count(command.begin(), command.end(), '\'') % 2 == 1;
  };
  for (const std::string &line : lines_of(page)) {
    if (line.starts_with("```")) {
      inside = line == "```console";
    } else if (inside && line.starts_with("$ ")) {
      steps.push_back({line.substr(2) + "\n", ""});
      goes_on = open(steps.back().command);
    } else if (inside && goes_on) {
      steps.back().command += line + "\n";
      goes_on = open(steps.back().command);
    } else if (inside) {
      ck_assert_msg(!steps.empty(), "\"%s\" stands before any command", line.c_str());
      steps.back().output += line + "\n";
    }
  }
  return steps;
}

// Without what differs from run to run; equal lines in a row count once.
std::string shape_of(const std::string &output) {
  static const std::regex not_kept(R"(^\[\d+\].*|.*line \d+: +\d+ Killed.*|.* \d+ fps.*)");
  static const std::pair<std::regex, const char *> masks[] = {
      {std::regex(R"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"), "ID"},
      {std::regex(R"(-?\d+([.:]\d+)*)"), "#"},
      {std::regex(R"(# (B|kB|MB|GB)\b)"), "BYTES"},
      {std::regex(R"(\b(checkpoint|detection|frame|pack|picture|stage)s\b)"), "$1"},
      // Either stage may have stored something before the crash, or both.
      {std::regex(R"(^goes on with film/(decode|detect)@)"), "goes on with STAGE@"},
      // A terminal cuts them.
      {std::regex(R"( (video/x-raw|\[\{|/).*)"), " VALUE"},
      {std::regex(R"(\s+)"), " "},
      {std::regex(R"(^ | $)"), ""},
  };
  std::string shape, last;
  for (std::string line : lines_of(output)) {
    if (std::regex_match(line, not_kept)) continue;
    for (const auto &[what, mask] : masks) line = std::regex_replace(line, what, mask);
    if (!line.empty() && line != last) shape += line + "\n";
    last = line;
  }
  return shape;
}

std::string contents(const std::string &path) {
  gchar *bytes = nullptr;
  gsize size = 0;
  ck_assert_msg(g_file_get_contents(path.c_str(), &bytes, &size, nullptr), "%s", path.c_str());
  std::string text(bytes, size);
  g_free(bytes);
  return text;
}

// What a shell in that folder says, with a line of `mark` and the exit code behind each command.
std::string typed(const std::string &folder, const std::vector<Step> &steps,
                  const std::string &mark) {
  std::string script =
      "exec 2>&1\nPATH=" + fs::path(g_getenv("GST_CHECKPOINT_TOOL")).parent_path().string() +
      ":$PATH\n";
  for (const Step &step : steps) script += step.command + "printf '%s %d\\n' " + mark + " $?\n";
  gchar *const argv[] = {const_cast<gchar *>("bash"), const_cast<gchar *>("-c"), script.data(),
                         nullptr};
  gchar **environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C.UTF-8", TRUE);
  environment = g_environ_setenv(environment, "OPENCV_LOG_LEVEL", "OFF", TRUE);  // as the page says
  gchar *output = nullptr;
  GError *error = nullptr;
  if (!g_spawn_sync(folder.c_str(), const_cast<gchar **>(argv), environment, G_SPAWN_SEARCH_PATH,
                    nullptr, nullptr, &output, nullptr, nullptr, &error))
    ck_abort_msg("bash: %s", error->message);
  g_strfreev(environment);
  const std::string text = output;
  g_free(output);
  return text;
}

}  // namespace

GST_START_TEST(g06_what_the_tutorial_shows_is_what_happens) {
  Home home;
  const std::vector<Step> steps = steps_of(contents(DOCS_DIR "/tutorial.md"));
  ck_assert_uint_gt(steps.size(), 10);
  const std::string folder = home.file("tutorial");
  fs::create_directory(folder);
  fs::create_symlink(drawn_film(home, 360), folder + "/film.mp4");

  const std::string mark = "-- end of a command:";
  const std::string output = typed(folder, steps, "'" + mark + "'");
  size_t at = 0;
  for (const Step &step : steps) {
    const size_t end = output.find(mark, at);
    ck_assert_msg(end != std::string::npos, "the shell ended before\n%s%s", step.command.c_str(),
                  output.substr(at).c_str());
    const std::string said = output.substr(at, end - at);
    at = output.find('\n', end) + 1;
    const int code = std::stoi(output.substr(end + mark.size()));
    const bool fails = step.output.find("error: ") != std::string::npos;
    ck_assert_msg((code != 0) == fails, "%sexit code %d\n%s", step.command.c_str(), code,
                  said.c_str());
    const std::string expected = shape_of(step.output), got = shape_of(said);
    ck_assert_msg(expected == got, "%ssays\n%s\nand not, as in docs/tutorial.md,\n%s",
                  step.command.c_str(), got.c_str(), expected.c_str());
  }
  // Killed in the middle, and whole all the same.
  ck_assert(home.value("SELECT count(*) FROM stage_checkpoints WHERE stage = 'decode'") == "1");
  ck_assert(
      home.value("SELECT count(*) FROM checkpoint WHERE state = 'complete' AND frames = 360") >=
      "2");
}
GST_END_TEST

static Suite *tutorial_suite() {
  Suite *suite = suite_create("tutorial");
  TCase *tc = tcase_create("tutorial");
  suite_add_tcase(suite, tc);
  tcase_set_timeout(tc, 200);
  tcase_add_test(tc, g06_what_the_tutorial_shows_is_what_happens);
  return suite;
}
CHECKPOINT_CHECK_MAIN(tutorial);
