// SPDX-License-Identifier: LGPL-2.1-or-later
// The codecs of metas by the number that begins an input of the target `metas`. A build may lack
// one.
#pragma once

#include <cstdint>
#include <string_view>

inline constexpr std::string_view kMetaKinds[] = {
    "roi",       "video",      "crop",        "affine",    "timecode", "reference-timestamp",
    "caption",   "afd",        "bar",         "user-data", "custom",   "protection",
    "analytics", "serialized", "application",
};
