// SPDX-License-Identifier: LGPL-2.1-or-later
// Ways of a process's own to the servers of a home's pair of stores, which can be cut.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/fault_proxy.h"
#include "support/home.h"

namespace checkpoint {

class Wires {
 public:
  explicit Wires(const Home &home);
  // Of a process that takes them.
  const std::vector<std::string> &environment() const { return environment_; }
  bool any() const { return frames_ || rows_; }
  void cut(bool yes);
  // The folder of frames goes too, for everybody.
  void cut_frames(bool yes);
  // Nothing comes from the server any more, on no connection. False: there is none.
  bool silence_rows();

 private:
  const Home &home_;
  std::vector<std::string> environment_;
  std::optional<FaultProxy> frames_, rows_;
};

}  // namespace checkpoint
