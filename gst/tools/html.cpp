// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/html.h"

#include <glib.h>

#include "tools/text.h"

namespace checkpoint::tool {

std::string html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '`':
        out += "&#96;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string attribute(const char *name, std::string_view value) {
  return std::string(" ") + name + "=\"" + html(value) + "\"";
}

std::string base64(std::string_view bytes) {
  gchar *text = g_base64_encode(reinterpret_cast<const guchar *>(bytes.data()), bytes.size());
  std::string out = text;
  g_free(text);
  return out;
}

}  // namespace checkpoint::tool
