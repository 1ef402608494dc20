// SPDX-License-Identifier: LGPL-2.1-or-later
// How a checkpoint is named on a command line, everywhere alike:
//
//   JOB/STAGE  JOB/STAGE@VERSION  checkpoint://JOB/STAGE?version=…  ID
//
// The stage is what follows the last '/'; where a name holds a '/' or ends like a version, the URI
// says it without doubt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "core/catalog.h"

namespace checkpoint::tool {

// `scenario` is the value of --scenario ('': one without a label). kInvalidArgument.
Result<CheckpointSelector> parse_checkpoint_name(std::string_view name,
                                                 const std::optional<std::string> &scenario);

// "street/detect@3", or the URI where the stage holds a '/'. It is found by this; that of a
// scenario with --scenario.
std::string checkpoint_name(const CheckpointRow &row);
// For a person: with the scenario.
std::string shown_name(const CheckpointRow &row);

}  // namespace checkpoint::tool
