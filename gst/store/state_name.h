// SPDX-License-Identifier: LGPL-2.1-or-later
// What a checkpoint's state is called in tables and to people.
#pragma once

#include "store/model.h"

namespace checkpoint {

inline const char *state_name(CheckpointState state) {
  switch (state) {
    case CheckpointState::kPartial:
      return "partial";
    case CheckpointState::kComplete:
      return "complete";
    case CheckpointState::kDeleted:
      break;
  }
  return "deleted";
}

}  // namespace checkpoint
