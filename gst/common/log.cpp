// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/log.h"

#include <atomic>

namespace checkpoint {

namespace {
std::atomic<LogFunction> log_function{nullptr};
}

void set_log_function(LogFunction function) { log_function = function; }

void log(LogLevel level, const char *area, const std::string &line) {
  if (LogFunction f = log_function.load(std::memory_order_relaxed)) f(level, area, line);
}

}  // namespace checkpoint
