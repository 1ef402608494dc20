// SPDX-License-Identifier: LGPL-2.1-or-later
// Registers the backends that this build has.
#pragma once

namespace checkpoint {

void register_backends();

}  // namespace checkpoint
