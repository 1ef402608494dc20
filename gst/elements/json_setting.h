// SPDX-License-Identifier: LGPL-2.1-or-later
// JSON as a property takes it: the text itself, or "@" and the path of a file that holds it, since
// a shell or gst-launch-1.0 may not let the text through as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"

namespace checkpoint {

// One JSON object, kept as it was written; '' for an empty setting. Failures name the property.
Result<std::string> read_json_object(const char *property, const std::string &setting);
// A JSON array of sequences, those beyond int64 as strings; nullopt for an empty setting.
Result<std::optional<std::vector<uint64_t>>> read_sequences(const char *property,
                                                            const std::string &setting);

}  // namespace checkpoint
