// SPDX-License-Identifier: LGPL-2.1-or-later
// For templates that repeat or wrap a call, whichever of the two it returns.
#pragma once

#include "common/status.h"

namespace checkpoint {

inline const Status &status_of(const Status &status) { return status; }
template <typename T>
const Status &status_of(const Result<T> &result) {
  return result.status();
}

}  // namespace checkpoint
