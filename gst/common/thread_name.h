// SPDX-License-Identifier: LGPL-2.1-or-later
// What top, gdb and perf call a thread of ours.
#pragma once

#include <pthread.h>

namespace checkpoint {

// Of the calling thread; up to 15 characters.
inline void name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

}  // namespace checkpoint
