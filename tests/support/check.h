// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-check for C++: its header defines macros (fail, assert…) that break the standard library's,
// so every std header that a test needs comes before this one, and what clashes is taken back.
#pragma once

#include <string>

#include <gst/check/gstcheck.h>
#undef fail
#undef fail_if
#undef fail_unless

// Ends the test where two texts differ. The texts may be temporary ones, which the macros of check
// would look at again when they are gone.
inline void must_be_equal(const std::string &a, const std::string &b, const char *file, int line) {
  if (a != b)
    _ck_assert_failed(file, line, "Texts differ", "\"%s\" is not \"%s\"", a.c_str(), b.c_str(),
                      nullptr);
}
#define EQUAL(a, b) must_be_equal(a, b, __FILE__, __LINE__)
