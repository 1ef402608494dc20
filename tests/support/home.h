// SPDX-License-Identifier: LGPL-2.1-or-later
// A user's home of a test's own: what runs without any store setting keeps its checkpoints there.
#pragma once

#include <cstdint>
#include <string>

#include "support/temp_dir.h"

namespace checkpoint {

class Home : public TempDir {
 public:
  // Sets XDG_DATA_HOME for this process and those that it starts: one Home for each test, and
  // before anything asks for the default stores.
  Home();

  std::string database() const { return file("data/gst-checkpoint/checkpoints.db"); }
  std::string frames() const { return file("data/gst-checkpoint/frames"); }
  std::string value(const std::string &sql) const;  // see query_value()
};

// Bytes in all files below the folder.
uint64_t bytes_below(const std::string &folder);
// Do both files hold the same bytes? One that is not there differs from any.
bool same_files(const std::string &a, const std::string &b);

}  // namespace checkpoint
