// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-check for C++: its header defines macros (fail, assert…) that break the standard library's,
// so every std header that a test needs comes before this one, and what clashes is taken back.
#pragma once

#include <gst/check/gstcheck.h>
#undef fail
#undef fail_if
#undef fail_unless
