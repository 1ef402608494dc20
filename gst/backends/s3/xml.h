// SPDX-License-Identifier: LGPL-2.1-or-later
// The documents that an S3 server answers with.
#pragma once

#include <functional>
#include <string>

#include "backends/s3/client.h"

namespace checkpoint {

// What a server says, so that it can be shown on a terminal.
std::string printable(const std::string &text);

// Calls `leaf` with the path of each element ("/Error/Code") and the text in it, at its end. False:
// it is no XML from some place on.
bool walk_xml(const std::string &xml,
              const std::function<void(const std::string &path, const std::string &text)> &leaf);

// <Error>: fills code, message and region of the answer. What is no such document changes nothing.
void read_s3_error(const std::string &xml, S3Answer &answer);
// <ListBucketResult>; false when it is none.
bool read_s3_listing(const std::string &xml, S3Listing &listing);

}  // namespace checkpoint
