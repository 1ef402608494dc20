// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

#include "common/status.h"
#include "common/uuid.h"

namespace checkpoint {

// The id of a checkpoint as a user gives it; `what` is "parent-id"…
inline Result<Uuid> parse_checkpoint_id(std::string_view what, std::string_view id) {
  if (auto parsed = Uuid::parse(id)) return *parsed;
  return Status(Code::kInvalidArgument, std::string(what) + " is no checkpoint id",
                "it looks like 1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b");
}

}  // namespace checkpoint
