// SPDX-License-Identifier: LGPL-2.1-or-later
// URIs of stores: `file:///data/frames`, `/data/frames`, `memory://name`,
// `sqlite:///data/checkpoints.db`, …
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/status.h"

namespace checkpoint {

struct StoreUri {
  std::string scheme;     // lower case; "file" or "sqlite" for a plain path, as the caller says
  std::string user_info;  // may hold a password: never shown
  std::string authority;  // host and port, or bucket, or name
  std::string path;       // percent-decoded
  std::map<std::string, std::string> query;

  // With user info and query values masked: for messages.
  std::string display() const;
};

// `plain_path_scheme` is the scheme of a text without one ("file", "sqlite"); it may be relative.
Result<StoreUri> parse_store_uri(std::string_view text, std::string_view plain_path_scheme);

// Masks user info and query values of every URI in a text, and all of a list of libpq's
// keyword=value or of a store's URI without "://"; other text comes back as it is.
std::string mask_uri(std::string_view text);

// %XX decoding; an error for a broken escape or an escaped NUL.
Result<std::string> percent_decode(std::string_view text);
// Encodes everything but letters, digits and "-._~" and the characters in `keep`.
std::string percent_encode(std::string_view text, std::string_view keep = "");

}  // namespace checkpoint
