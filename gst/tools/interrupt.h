// SPDX-License-Identifier: LGPL-2.1-or-later
// Ctrl-C and SIGTERM end waits; the second one ends the process.
#pragma once

#include "common/cancel.h"

namespace checkpoint::tool {

// Once, before any other thread begins. `cancel` has to live as long as the process.
void cancel_on_signals(Cancellation &cancel);
// Ends the process by the signal that came, as its parent expects; returns when none came.
void end_by_signal();

}  // namespace checkpoint::tool
