// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/library.h"

#include <gst/gst.h>

#include <mutex>

#include "backends/backends.h"
#include "common/log.h"
#include "elements/identity_meta.h"

GST_DEBUG_CATEGORY_STATIC(checkpoint_debug);

namespace checkpoint {

namespace {

GstDebugLevel gst_level(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return GST_LEVEL_ERROR;
    case LogLevel::kWarning:
      return GST_LEVEL_WARNING;
    case LogLevel::kInfo:
      return GST_LEVEL_INFO;
    case LogLevel::kDebug:
      return GST_LEVEL_DEBUG;
    case LogLevel::kTrace:
      break;
  }
  return GST_LEVEL_TRACE;
}

void log_line(LogLevel level, const char *area, const std::string &line) {
  GST_CAT_LEVEL_LOG(checkpoint_debug, gst_level(level), nullptr, "%s: %s", area, line.c_str());
}

}  // namespace

void init_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    GST_DEBUG_CATEGORY_INIT(checkpoint_debug, "checkpoint", 0, "checkpoint stores and engine");
    set_log_function(log_line);
    register_backends();
    register_identity_meta();
  });
}

}  // namespace checkpoint
