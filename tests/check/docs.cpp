// SPDX-License-Identifier: LGPL-2.1-or-later
// docs/elements is compared with the elements: every property stands there with its type, default
// and range, and nothing stands there that is not so.
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/check.h"

namespace {

const char *const kElements[] = {"checkpointsink", "checkpointsrc", "checkpointtap"};
// With lines to try.
const char *const kPages[] = {"elements/checkpointsink", "elements/checkpointsrc",
                              "elements/checkpointtap", "how-to/select-frames",
                              "how-to/resume-after-a-crash"};

struct Documented {
  std::string type, range, standard, change;
};

std::string read_file(const std::filesystem::path &path) {
  std::ifstream in(path);
  ck_assert_msg(in.good(), "no file %s", path.c_str());
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string read_page(const std::string &page) {
  return read_file(std::string(DOCS_DIR) + "/" + page + ".md");
}

std::string trimmed(std::string s) {
  const auto drop = [](char c) { return c == ' ' || c == '`'; };
  while (!s.empty() && drop(s.back())) s.pop_back();
  while (!s.empty() && drop(s.front())) s.erase(s.begin());
  return s;
}

std::vector<std::string> cells_of(const std::string &row) {
  std::vector<std::string> cells;
  std::stringstream in(row.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) cells.push_back(trimmed(cell));
  return cells;
}

// Of a page that refers to this one for most of them.
const char kSharedProperties[] =
    "All properties of [checkpointsink](checkpointsink.md#properties) with the same meaning, and:";

// Rows of the table below "## Properties": | `name` | type | range | default | change | text |
std::map<std::string, Documented> documented_properties(const std::string &page) {
  std::map<std::string, Documented> found;
  std::stringstream in(page);
  bool inside = false;
  std::map<std::string, Documented> shared;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) inside = line == "## Properties";
    if (line == kSharedProperties)
      shared = documented_properties(read_page("elements/checkpointsink"));
    if (!inside || !line.starts_with("| `")) continue;
    std::vector<std::string> cells = cells_of(line);
    ck_assert_msg(cells.size() == 6, "a row needs six cells: %s", line.c_str());
    ck_assert_msg(!found.contains(cells[0]), "%s stands twice", cells[0].c_str());
    ck_assert_msg(!cells[5].empty(), "%s is not described", cells[0].c_str());
    found[cells[0]] = {cells[1], cells[2], cells[3], cells[4]};
  }
  found.merge(shared);
  return found;
}

std::string type_of(GParamSpec *pspec) {
  if (G_IS_PARAM_SPEC_ENUM(pspec)) return "enum";
  if (G_IS_PARAM_SPEC_FLAGS(pspec)) return "flags";
  static const std::map<GType, std::string> names = {
      {G_TYPE_STRING, "string"}, {G_TYPE_BOOLEAN, "boolean"},      {G_TYPE_INT, "int"},
      {G_TYPE_UINT, "uint"},     {G_TYPE_INT64, "int64"},          {G_TYPE_UINT64, "uint64"},
      {G_TYPE_DOUBLE, "double"}, {GST_TYPE_STRUCTURE, "structure"}};
  auto name = names.find(pspec->value_type);
  return name != names.end() ? name->second : g_type_name(pspec->value_type);
}

std::string number_text(const GValue *value) {
  gchar *text = gst_value_serialize(value);
  std::string s = text ? text : "";
  g_free(text);
  return s;
}

template <typename Spec, typename Number>
std::string range_text(GParamSpec *pspec, Number most) {
  auto *spec = reinterpret_cast<Spec *>(pspec);
  return std::to_string(spec->minimum) + " – " +
         (spec->maximum == most ? "max" : std::to_string(spec->maximum));
}

std::string range_of(GParamSpec *pspec) {
  if (G_IS_PARAM_SPEC_INT(pspec)) return range_text<GParamSpecInt>(pspec, G_MAXINT);
  if (G_IS_PARAM_SPEC_UINT(pspec)) return range_text<GParamSpecUInt>(pspec, G_MAXUINT);
  if (G_IS_PARAM_SPEC_INT64(pspec)) return range_text<GParamSpecInt64>(pspec, G_MAXINT64);
  if (G_IS_PARAM_SPEC_UINT64(pspec)) return range_text<GParamSpecUInt64>(pspec, G_MAXUINT64);
  if (G_IS_PARAM_SPEC_ENUM(pspec)) {
    std::string all;
    GEnumClass *values = G_PARAM_SPEC_ENUM(pspec)->enum_class;
    for (guint i = 0; i < values->n_values; i++) {
      all += (i > 0 ? ", " : "") + std::string(values->values[i].value_nick);
    }
    return all;
  }
  return "";
}

std::string default_of(GParamSpec *pspec) {
  if ((pspec->flags & G_PARAM_READABLE) == 0 || G_IS_PARAM_SPEC_BOXED(pspec)) return "";
  const GValue *value = g_param_spec_get_default_value(pspec);
  if (G_VALUE_HOLDS_STRING(value)) {
    const gchar *text = g_value_get_string(value);
    return text ? text : "";
  }
  if (G_VALUE_HOLDS_BOOLEAN(value)) return g_value_get_boolean(value) ? "true" : "false";
  if (G_IS_PARAM_SPEC_ENUM(pspec)) {
    GEnumClass *values = G_PARAM_SPEC_ENUM(pspec)->enum_class;
    return g_enum_get_value(values, g_value_get_enum(value))->value_nick;
  }
  return number_text(value);
}

std::string change_of(GParamSpec *pspec) {
  if ((pspec->flags & G_PARAM_WRITABLE) == 0) return "read only";
  std::string when = "ready";
  if ((pspec->flags & GST_PARAM_MUTABLE_PAUSED) != 0) when = "paused";
  if ((pspec->flags & GST_PARAM_MUTABLE_PLAYING) != 0) when = "playing";
  return (pspec->flags & G_PARAM_READABLE) == 0 ? when + ", write only" : when;
}

void same(const std::string &element, const std::string &property, const char *what,
          const std::string &is, const std::string &documented) {
  ck_assert_msg(is == documented, "%s, %s: %s is \"%s\", documented is \"%s\"", element.c_str(),
                property.c_str(), what, is.c_str(), documented.c_str());
}

}  // namespace

GST_START_TEST(properties_are_documented_as_they_are) {
  const std::string name = kElements[__i__];
  GstElement *element = gst_element_factory_make(name.c_str(), nullptr);
  ck_assert_msg(element != nullptr, "no element %s", name.c_str());
  std::map<std::string, Documented> documented =
      documented_properties(read_page("elements/" + name));
  guint count = 0;
  GParamSpec **specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
  for (guint i = 0; i < count; i++) {
    if (specs[i]->owner_type != G_OBJECT_TYPE(element)) continue;
    auto found = documented.find(specs[i]->name);
    ck_assert_msg(found != documented.end(), "%s: property %s is not documented", name.c_str(),
                  specs[i]->name);
    const Documented &row = found->second;
    same(name, specs[i]->name, "type", type_of(specs[i]), row.type);
    same(name, specs[i]->name, "range", range_of(specs[i]), row.range);
    same(name, specs[i]->name, "default", default_of(specs[i]), row.standard);
    same(name, specs[i]->name, "change in", change_of(specs[i]), row.change);
    documented.erase(found);
  }
  g_free(specs);
  gst_object_unref(element);
  for (const auto &[property, row] : documented) {
    ck_abort_msg("%s: property %s is documented and does not exist", name.c_str(),
                 property.c_str());
  }
}
GST_END_TEST

GST_START_TEST(example_lines_can_be_parsed) {
  const std::string name = kPages[__i__];
  std::stringstream in(read_page(name));
  int lines = 0;
  for (std::string line; std::getline(in, line);) {
    if (!trimmed(line).starts_with("gst-launch-1.0 ")) continue;
    while (line.ends_with('\\')) {
      std::string more;
      line.pop_back();
      if (!std::getline(in, more)) break;
      line += more;
    }
    gint argc = 0;
    gchar **argv = nullptr;
    GError *error = nullptr;
    ck_assert_msg(g_shell_parse_argv(line.c_str(), &argc, &argv, nullptr), "%s", line.c_str());
    gchar **words = argv + 1;
    while (*words && **words == '-') words++;  // gst-launch's own options
    GstElement *pipeline = gst_parse_launchv(const_cast<const gchar **>(words), &error);
    ck_assert_msg(error == nullptr, "%s\n%s", line.c_str(), error ? error->message : "");
    gst_clear_object(&pipeline);
    g_strfreev(argv);
    lines++;
  }
  ck_assert_msg(lines > 0, "%s has no example line", name.c_str());
}
GST_END_TEST

GST_START_TEST(links_lead_somewhere) {
  namespace fs = std::filesystem;
  const fs::path docs = DOCS_DIR;
  std::vector<fs::path> pages = {docs.parent_path() / "README.md"};
  for (const auto &entry : fs::recursive_directory_iterator(docs)) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  ck_assert_uint_gt(pages.size(), 5);
  for (const fs::path &page : pages) {
    const std::string text = read_file(page);
    for (size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
      std::string target = text.substr(at + 2, text.find(')', at) - at - 2);
      target = target.substr(0, target.find('#'));
      if (target.empty() || target.find("://") != std::string::npos) continue;
      ck_assert_msg(fs::exists(page.parent_path() / target), "%s: no %s", page.c_str(),
                    target.c_str());
    }
  }
}
GST_END_TEST

// docs/reliability.md names tests; each of them is run.
GST_START_TEST(tests_that_are_named_exist) {
  namespace fs = std::filesystem;
  const std::regex added("tcase_add_[a-z_]*test\\(\\s*tc,\\s*(g[0-9]{2}_\\w+)");
  const std::regex named("`(g[0-9]{2}_\\w+)`");
  const auto matches = [](const std::string &text, const std::regex &pattern) {
    std::set<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
      found.insert((*at)[1]);
    return found;
  };
  std::set<std::string> run;
  for (const auto &entry :
       fs::recursive_directory_iterator(fs::path(DOCS_DIR).parent_path() / "tests"))
    if (entry.path().extension() == ".cpp") run.merge(matches(read_file(entry.path()), added));
  const std::set<std::string> promised = matches(read_page("reliability"), named);
  ck_assert_uint_gt(promised.size(), 40);
  for (const std::string &name : promised)
    ck_assert_msg(run.count(name) > 0, "no test %s", name.c_str());
}
GST_END_TEST

static Suite *docs_suite() {
  Suite *suite = suite_create("docs");
  TCase *tc = tcase_create("docs");
  suite_add_tcase(suite, tc);
  tcase_add_loop_test(tc, properties_are_documented_as_they_are, 0, G_N_ELEMENTS(kElements));
  tcase_add_test(tc, links_lead_somewhere);
  tcase_add_test(tc, tests_that_are_named_exist);
  tcase_add_loop_test(tc, example_lines_can_be_parsed, 0, G_N_ELEMENTS(kPages));
  return suite;
}
GST_CHECK_MAIN(docs);
