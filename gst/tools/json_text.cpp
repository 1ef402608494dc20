// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/json_text.h"

#include <glib.h>

#include <cstdio>

namespace checkpoint::tool {

std::string json_string(std::string_view text) {
  gchar *valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
  std::string out = "\"";
  for (const char *c = valid; *c != 0; c++) {
    if (*c == '"' || *c == '\\') {
      out += '\\';
      out += *c;
    } else if (static_cast<unsigned char>(*c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(*c));
      out += escape;
    } else {
      out += *c;
    }
  }
  g_free(valid);
  return out + "\"";
}

}  // namespace checkpoint::tool
