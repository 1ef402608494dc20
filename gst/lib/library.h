// SPDX-License-Identifier: LGPL-2.1-or-later
// What has to happen once in a process before anything of the library is used.
#pragma once

namespace checkpoint {

// Registers the backends and the metas, and sends what the layers log to GStreamer's debug category
// "checkpoint". May be called again; any thread, after gst_init().
void init_library();

}  // namespace checkpoint
