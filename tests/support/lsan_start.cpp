// SPDX-License-Identifier: LGPL-2.1-or-later
// What shared libraries allocate while they are loaded is no leak of a test's. GLib's table of
// quarks is the case: it is given up, on purpose, when a process knows more than 2048 of them, and
// a suppression can't name it, since its stack ends in g_malloc.
#include <sanitizer/lsan_interface.h>

namespace {

// Runs before the constructors of all libraries...
void loading() { __lsan_disable(); }
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)() = loading;

// ...and this after them.
[[gnu::constructor]] void loaded() { __lsan_enable(); }

}  // namespace
