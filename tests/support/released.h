// SPDX-License-Identifier: LGPL-2.1-or-later
// The statements of schemas that were released, from tests/conformance/released.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace checkpoint {

// "sqlite-1.sql": what made version 1; "rows-1.sql": some rows in it. Ends the test program where
// there is no such file.
inline std::string released_sql(const std::string &name) {
  const char *source = std::getenv("GST_CHECKPOINT_SOURCE");
  std::ifstream file(std::string(source == nullptr ? "." : source) +
                     "/tests/conformance/released/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  if (text.str().empty()) std::abort();
  return text.str();
}

inline std::string replace_all(std::string text, const std::string &what, const std::string &by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

}  // namespace checkpoint
