// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "support/check.h"
#include "support/home.h"

namespace checkpoint {

// A small one of a face, drawn and encoded.
inline std::string drawn_film(const Home &home, unsigned frames) {
  const std::string path = home.file("film.webm"), count = std::to_string(frames);
  const gchar *argv[] = {"bash", MAKE_FILM, path.c_str(), count.c_str(), nullptr};
  // Without our plugin, which may need a sanitizer's runtime.
  gchar **environment = g_environ_unsetenv(g_get_environ(), "GST_PLUGIN_PATH");
  environment =
      g_environ_setenv(environment, "GST_REGISTRY", home.file("film-registry.bin").c_str(), TRUE);
  gint status = -1;
  gchar *errors = nullptr;
  ck_assert(g_spawn_sync(nullptr, const_cast<gchar **>(argv), environment, G_SPAWN_SEARCH_PATH,
                         nullptr, nullptr, nullptr, &errors, &status, nullptr));
  ck_assert_msg(status == 0, "no film: %s", errors);
  g_free(errors);
  g_strfreev(environment);
  return path;
}

// $GST_CHECKPOINT_TEST_FILM, where it is set; else one is drawn.
inline std::string film(const Home &home) {
  const char *given = g_getenv("GST_CHECKPOINT_TEST_FILM");
  return given ? given : drawn_film(home, 120);
}

}  // namespace checkpoint
