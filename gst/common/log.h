// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the layers below the elements say what they do. The elements route it to GStreamer's debug
// log, the tool to stderr; nobody set means silence. A line never holds a secret.
#pragma once

#include <string>

namespace checkpoint {

enum class LogLevel { kError, kWarning, kInfo, kDebug, kTrace };

using LogFunction = void (*)(LogLevel level, const char *area, const std::string &line);

// Once, at start-up; any thread may log afterwards.
void set_log_function(LogFunction function);
void log(LogLevel level, const char *area, const std::string &line);

}  // namespace checkpoint
