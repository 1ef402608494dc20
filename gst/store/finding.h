// SPDX-License-Identifier: LGPL-2.1-or-later
// What an examination of a store finds: for people, who read it line by line.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace checkpoint {

struct Finding {
  // kUnknown: the store does not tell.
  enum class Level { kOk, kUnknown, kWarning, kError };

  std::string check;  // what was looked at, one word: "versioning"
  Level level = Level::kOk;
  std::string text;  // how it is
  std::string hint;  // what to do; "" where there is nothing to do
};

using Findings = std::vector<Finding>;

// "check": how much room the file system of `path`, or of its next folder that is there, has left.
Finding free_space(const std::string &path);

// "clock": how far a server's clock is from this machine's; both in milliseconds since 1970.
Finding clock_difference(int64_t theirs, int64_t ours);
int64_t this_clock();  // this machine's

}  // namespace checkpoint
