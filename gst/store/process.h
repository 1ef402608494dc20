// SPDX-License-Identifier: LGPL-2.1-or-later
// Which process holds a lease, and whether it still lives.
#pragma once

#include "store/model.h"

namespace checkpoint {

// This process as the owner of a lease, with a new instance id. `boot` is the kernel's boot id and
// the pid namespace: a pid says nothing in another container.
LeaseOwner this_process();

// Its host, boot and pid namespace are ours, so that we can tell whether it lives.
bool lives_here(const LeaseOwner &owner);

// True only when it is certain: the owner lived on this host, in this boot and pid namespace, and
// no process has its pid and start time now.
bool is_gone(const LeaseOwner &owner);

}  // namespace checkpoint
