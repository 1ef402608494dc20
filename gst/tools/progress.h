// SPDX-License-Identifier: LGPL-2.1-or-later
// How far long work is: a bar on a terminal, else a line now and then; on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "tools/terminal.h"

namespace checkpoint::tool {

class Progress {
 public:
  // `unit`: "packs".
  Progress(Terminal &terminal, std::string what, std::string unit);
  // Takes the bar away.
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  // Any thread. `total` 0: not known.
  void update(uint64_t done, uint64_t total);

 private:
  Terminal &terminal_;
  const std::string what_, unit_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_;  // when to show it again; protected by mutex_
};

}  // namespace checkpoint::tool
