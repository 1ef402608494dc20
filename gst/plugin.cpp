// SPDX-License-Identifier: LGPL-2.1-or-later
// Registration only.
#include <gst/gst.h>

#include "backends/backends.h"
#include "common/log.h"
#include "elements/checkpointsink.h"
#include "elements/checkpointsrc.h"
#include "elements/identity_meta.h"

GST_DEBUG_CATEGORY_STATIC(checkpoint_debug);

static void log_line(checkpoint::LogLevel level, const char *area, const std::string &line) {
  GstDebugLevel gst_level = GST_LEVEL_TRACE;
  switch (level) {
    case checkpoint::LogLevel::kError:
      gst_level = GST_LEVEL_ERROR;
      break;
    case checkpoint::LogLevel::kWarning:
      gst_level = GST_LEVEL_WARNING;
      break;
    case checkpoint::LogLevel::kInfo:
      gst_level = GST_LEVEL_INFO;
      break;
    case checkpoint::LogLevel::kDebug:
      gst_level = GST_LEVEL_DEBUG;
      break;
    case checkpoint::LogLevel::kTrace:
      break;
  }
  GST_CAT_LEVEL_LOG(checkpoint_debug, gst_level, nullptr, "%s: %s", area, line.c_str());
}

static gboolean plugin_init(GstPlugin *plugin) {
  GST_DEBUG_CATEGORY_INIT(checkpoint_debug, "checkpoint", 0, "checkpoint stores and engine");
  checkpoint::set_log_function(log_line);
  checkpoint::register_backends();
  checkpoint::register_identity_meta();
  return GST_ELEMENT_REGISTER(checkpointsink, plugin) &&
         GST_ELEMENT_REGISTER(checkpointsrc, plugin);
}

#define PACKAGE "gst-checkpoint"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, checkpoint,
                  "Keeps what each stage of a pipeline handed on, and plays it back", plugin_init,
                  PACKAGE_VERSION, PLUGIN_LICENSE, "gst-checkpoint",
                  "https://gstreamer.freedesktop.org/")
