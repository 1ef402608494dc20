// SPDX-License-Identifier: LGPL-2.1-or-later
// What our failures are called in GStreamer. The one table for it, and the way to the bus.
#pragma once

#include <gst/gst.h>

#include <string>

#include "common/status.h"

namespace checkpoint {

struct GstErrorCode {
  GQuark domain = 0;
  int code = 0;
};

// Not for Code::kOk and Code::kCancelled, which are no errors.
GstErrorCode gst_error_code(Code code);

// What happened and what to do next, as sentences of valid UTF-8.
std::string error_text(const Status &status);

// Posts an ERROR (or WARNING) message. Its text, which players show, is the status's sentence and
// what to do next; its debug text names the code and the place; its details hold
// "checkpoint-error, code=(string)…, retryable=(boolean)…", for programs. Any thread, no lock held.
// Says nothing for kOk and kCancelled.
void post_error(GstElement *element, const Status &status, const char *file = __builtin_FILE(),
                const char *function = __builtin_FUNCTION(), int line = __builtin_LINE());
void post_warning(GstElement *element, const Status &status, const char *file = __builtin_FILE(),
                  const char *function = __builtin_FUNCTION(), int line = __builtin_LINE());

}  // namespace checkpoint
