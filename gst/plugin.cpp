// SPDX-License-Identifier: LGPL-2.1-or-later
// Registration only.
#include <gst/gst.h>

#include "elements/checkpointsink.h"
#include "elements/checkpointsrc.h"
#include "elements/checkpointtap.h"
#include "lib/library.h"

static gboolean plugin_init(GstPlugin *plugin) {
  checkpoint::init_library();
  return GST_ELEMENT_REGISTER(checkpointsink, plugin) &&
         GST_ELEMENT_REGISTER(checkpointsrc, plugin) && GST_ELEMENT_REGISTER(checkpointtap, plugin);
}

#define PACKAGE "gst-checkpoint"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, checkpoint,
                  "Keeps what each stage of a pipeline handed on, and plays it back", plugin_init,
                  PACKAGE_VERSION, PLUGIN_LICENSE, "gst-checkpoint",
                  "https://gstreamer.freedesktop.org/")
