// SPDX-License-Identifier: LGPL-2.1-or-later
// docs/library.md is compared with the library, and the code of docs/how-to/write-an-application.md
// with the examples that it is part of.
#include <gst/checkpoint/checkpoint.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/check.h"

namespace {

const std::string kDocs = std::string(SOURCE_DIR) + "/docs/";
const std::string kExamples = std::string(SOURCE_DIR) + "/tests/examples/";

std::vector<std::string> lines_of(const std::string &path) {
  std::ifstream in(path);
  ck_assert_msg(in.good(), "no file %s", path.c_str());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// What stands between each `open` and the `close` behind it.
std::vector<std::string> between(const std::string &text, const std::string &open,
                                 const std::string &close) {
  std::vector<std::string> found;
  for (size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    const size_t begin = at + open.size(), end = text.find(close, begin);
    if (end == std::string::npos) break;
    found.push_back(text.substr(begin, end - begin));
    at = end + close.size();
  }
  return found;
}

struct Property {
  std::string type, access;
  bool operator==(const Property &) const = default;
};
using Properties = std::map<std::string, Property>;

// Rows | `name`, `name` | type | access | text | below "## `type`".
Properties documented(const std::string &type) {
  Properties found;
  bool inside = false;
  for (const std::string &line : lines_of(kDocs + "library.md")) {
    if (line.starts_with("## ")) inside = line == "## " + type;
    if (!inside || !line.starts_with("| `") || line.starts_with("| `gst_")) continue;
    std::vector<std::string> cells;
    std::stringstream in(line.substr(2));
    for (std::string cell; std::getline(in, cell, '|');) cells.push_back(cell);
    ck_assert_msg(cells.size() == 4, "a row needs four cells: %s", line.c_str());
    const auto trimmed = [](const std::string &cell) {
      const size_t first = cell.find_first_not_of(' ');
      return cell.substr(first, cell.find_last_not_of(' ') - first + 1);
    };
    for (const std::string &name : between(cells[0], "`", "`"))
      found[name] = {trimmed(cells[1]), trimmed(cells[2])};
  }
  return found;
}

std::string type_of(GType type) {
  static const std::map<GType, std::string> names = {
      {G_TYPE_STRING, "string"}, {G_TYPE_BOOLEAN, "boolean"}, {G_TYPE_INT, "int"},
      {G_TYPE_UINT, "uint"},     {G_TYPE_INT64, "int64"},     {G_TYPE_UINT64, "uint64"}};
  const auto name = names.find(type);
  return name != names.end() ? name->second : g_type_name(type);
}

std::string access_of(GParamFlags flags) {
  if (flags & G_PARAM_CONSTRUCT_ONLY) return "construct";
  return flags & G_PARAM_WRITABLE ? "read, write" : "read";
}

Properties properties_of(GType type) {
  Properties all;
  auto *klass = static_cast<GObjectClass *>(g_type_class_ref(type));
  guint count = 0;
  GParamSpec **specs = g_object_class_list_properties(klass, &count);
  for (guint i = 0; i < count; i++)
    all[specs[i]->name] = {type_of(specs[i]->value_type), access_of(specs[i]->flags)};
  g_free(specs);
  g_type_class_unref(klass);
  return all;
}

void same(const std::string &type, const Properties &are, const Properties &documented) {
  for (const auto &[name, property] : are) {
    const auto row = documented.find(name);
    ck_assert_msg(row != documented.end(), "%s:%s is not documented", type.c_str(), name.c_str());
    ck_assert_msg(row->second == property, "%s:%s is %s, %s", type.c_str(), name.c_str(),
                  property.type.c_str(), property.access.c_str());
  }
  for (const auto &[name, property] : documented)
    ck_assert_msg(are.contains(name), "%s has no %s", type.c_str(), name.c_str());
}

std::string without_indent(const std::string &line) {
  std::string rest = line.substr(std::min(line.find_first_not_of(' '), line.size()));
  return rest.starts_with("//     ") ? rest.substr(7) : rest;  // a line to type, in a comment
}

// The parts of a page that are code, without indentation: an indented line of "…" parts two.
std::vector<std::string> code_of(const std::string &page) {
  std::vector<std::string> parts;
  std::string part;
  for (const std::string &line : lines_of(page)) {
    const std::string code = line.starts_with("    ") ? without_indent(line) : "…";
    if (code != "…") {
      part += code + "\n";
    } else if (!part.empty()) {
      parts.push_back(std::exchange(part, ""));
    }
  }
  return parts;
}

}  // namespace

#ifdef GIR
GST_START_TEST(every_symbol_is_documented) {
  std::set<std::string> symbols, rows;
  for (const std::string &line : lines_of(GIR))
    for (const std::string &symbol : between(line, "c:identifier=\"", "\"")) symbols.insert(symbol);
  ck_assert_uint_gt(symbols.size(), 30);
  for (const std::string &line : lines_of(kDocs + "library.md"))
    for (const std::string &word : between(line, "`", "`"))
      if (word.starts_with("gst_checkpoint_") || word.starts_with("GST_CHECKPOINT_ERROR_"))
        rows.insert(word);
  for (const std::string &symbol : symbols)
    ck_assert_msg(rows.contains(symbol), "%s is not documented", symbol.c_str());
  symbols.insert("gst_checkpoint_meta_set_codec");  // of a header without a library
  for (const std::string &row : rows)
    ck_assert_msg(symbols.contains(row), "there is no %s", row.c_str());
}
GST_END_TEST
#endif

GST_START_TEST(every_property_is_documented) {
  const GType types[] = {GST_TYPE_CHECKPOINT_STORE, GST_TYPE_CHECKPOINT_CHECKPOINT,
                         GST_TYPE_CHECKPOINT_STATE, GST_TYPE_CHECKPOINT_FRAMES};
  for (GType type : types)
    same(g_type_name(type), properties_of(type), documented(g_type_name(type)));
}
GST_END_TEST

GST_START_TEST(code_of_the_how_to_is_of_the_examples) {
  std::string all;
  for (const char *name : {"detect.cpp", "detect.py", "seed.py"})
    for (const std::string &line : lines_of(kExamples + name)) all += without_indent(line) + "\n";
  const std::vector<std::string> parts = code_of(kDocs + "how-to/write-an-application.md");
  ck_assert_uint_gt(parts.size(), 10);
  for (const std::string &part : parts)
    ck_assert_msg(all.find("\n" + part) != std::string::npos, "no example has\n%s", part.c_str());
}
GST_END_TEST

static Suite *library_docs_suite() {
  Suite *suite = suite_create("library_docs");
  TCase *tc = tcase_create("library_docs");
  suite_add_tcase(suite, tc);
#ifdef GIR
  tcase_add_test(tc, every_symbol_is_documented);
#endif
  tcase_add_test(tc, every_property_is_documented);
  tcase_add_test(tc, code_of_the_how_to_is_of_the_examples);
  return suite;
}
GST_CHECK_MAIN(library_docs);
