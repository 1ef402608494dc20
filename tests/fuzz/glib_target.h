// SPDX-License-Identifier: LGPL-2.1-or-later
// Makes GLib's complaints about a caller end the process, in a way that libFuzzer sees.
#pragma once

#include <glib.h>

#include <cstdio>
#include <cstdlib>

inline void complaints_are_fatal() {
  g_log_set_default_handler(
      [](const char *domain, GLogLevelFlags level, const char *message, void *) {
        if (!(level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))) return;
        std::fprintf(stderr, "%s: %s\n", domain ? domain : "", message);
        std::abort();
      },
      nullptr);
}
