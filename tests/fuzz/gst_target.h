// SPDX-License-Identifier: LGPL-2.1-or-later
// For targets that use GStreamer: starts it without plugins, and makes its complaints about a
// caller end the process.
#pragma once

#include <gst/gst.h>

#include "fuzz/fuzz.h"
#include "fuzz/glib_target.h"

inline void start_gstreamer() {
  static const bool started = [] {
    g_setenv("GST_REGISTRY_DISABLE", "yes", TRUE);
    g_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", "", TRUE);
    g_setenv("GST_REGISTRY_FORK", "no", TRUE);
    gst_init(nullptr, nullptr);
    complaints_are_fatal();
    return true;
  }();
  (void)started;
}
