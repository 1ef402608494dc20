// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/input_file.h"

#include <glib.h>

namespace checkpoint::tool {

Result<std::string> read_file(const std::string &path) {
  gchar *contents = nullptr;
  gsize size = 0;
  GError *error = nullptr;
  if (!g_file_get_contents(path.c_str(), &contents, &size, &error)) {
    Status status(Code::kNotFound, error->message);
    g_error_free(error);
    return status;
  }
  std::string text(contents, size);
  g_free(contents);
  return text;
}

}  // namespace checkpoint::tool
