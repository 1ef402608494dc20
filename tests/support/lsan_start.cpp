// SPDX-License-Identifier: LGPL-2.1-or-later
// GLib gives its table of quarks up, on purpose, whenever it grows by another 2048. That is no leak
// of a test's, and a suppression can't name it, since its stack ends in g_malloc. So nothing counts
// that is allocated while libraries are loaded or while a quark is made.
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/lsan_interface.h>

namespace {

// Runs before the constructors of all libraries...
void loading() { __lsan_disable(); }
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)() = loading;

// ...and this after them.
[[gnu::constructor]] void loaded() { __lsan_enable(); }

using QuarkFunction = GQuark(const gchar *);

GQuark quietly(QuarkFunction *function, const gchar *string) {
  __lsan::ScopedDisabler disabled;
  return function(string);
}

QuarkFunction *next(const char *name) {
  return reinterpret_cast<QuarkFunction *>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// In front of GLib's own, for the libraries too.
extern "C" __attribute__((visibility("default"))) GQuark g_quark_from_string(const gchar *string) {
  static QuarkFunction *const real = next("g_quark_from_string");
  return quietly(real, string);
}

extern "C" __attribute__((visibility("default"))) GQuark g_quark_from_static_string(
    const gchar *string) {
  static QuarkFunction *const real = next("g_quark_from_static_string");
  return quietly(real, string);
}
