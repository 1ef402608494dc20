// SPDX-License-Identifier: LGPL-2.1-or-later
// Names that a test makes up become quarks, and GLib gives up the table of quarks, on purpose, each
// time it grows. LeakSanitizer would call that a leak of the test's, and a suppression can't name
// it, since its stack ends in g_malloc.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace checkpoint {

// What is allocated while it lives is no leak; memory errors are found as ever.
class LeakPause {
 public:
#if defined(__SANITIZE_ADDRESS__)
  LeakPause() { __lsan_disable(); }
  ~LeakPause() { __lsan_enable(); }
#else
  LeakPause() {}
#endif
  LeakPause(const LeakPause &) = delete;
  LeakPause &operator=(const LeakPause &) = delete;
};

}  // namespace checkpoint
