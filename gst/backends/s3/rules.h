// SPDX-License-Identifier: LGPL-2.1-or-later
// The documents in which an S3 server tells the rules of a bucket. What is no such document has no
// rules.
#pragma once

#include <string>
#include <vector>

namespace checkpoint {

struct S3Lifecycle {
  std::vector<std::string> expiring, archiving;  // names of rules that touch objects under a prefix
  bool ends_old_versions = false;
};
S3Lifecycle read_s3_lifecycle(const std::string &xml, const std::string &prefix);

bool s3_versions_are_kept(const std::string &xml);

// "30 days, COMPLIANCE"; "" where objects are not locked by themselves.
std::string s3_default_retention(const std::string &xml);

}  // namespace checkpoint
