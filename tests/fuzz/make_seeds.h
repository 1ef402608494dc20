// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "common/bytes.h"

// A file of that name in the target's folder.
void write_seed(const std::string &target, const std::string &name, checkpoint::ByteView bytes);
// Seeds of caps, events and metas.
void element_seeds();
