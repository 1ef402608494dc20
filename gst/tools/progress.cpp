// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/progress.h"

#include <algorithm>

namespace checkpoint::tool {

namespace {

using std::chrono::steady_clock;
constexpr std::chrono::milliseconds kOnTerminal(100), kAsLines(10000);
constexpr uint64_t kBar = 30;  // columns

}  // namespace

Progress::Progress(Terminal &terminal, std::string what, std::string unit)
    : terminal_(terminal), what_(std::move(what)), unit_(std::move(unit)) {
  next_ = steady_clock::now() + (terminal_.error_is_terminal() ? kOnTerminal : kAsLines);
}

Progress::~Progress() { terminal_.progress(""); }

void Progress::update(uint64_t done, uint64_t total) {
  if (terminal_.quiet) return;
  const bool bar = terminal_.error_is_terminal();
  {
    std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    if (now < next_) return;
    next_ = now + (bar ? kOnTerminal : kAsLines);
  }
  std::string text = what_ + " ";
  if (total > 0) {
    done = std::min(done, total);
    const auto part = [&](uint64_t of) {
      return static_cast<uint64_t>(static_cast<double>(done) / static_cast<double>(total) *
                                   static_cast<double>(of));
    };
    if (bar) {
      text += "[" + std::string(part(kBar), '#') + std::string(kBar - part(kBar), ' ') + "] ";
    }
    text += std::to_string(part(100)) + " % ";
  }
  text += std::to_string(done) + (total > 0 ? "/" + std::to_string(total) : "") + " " + unit_;
  if (bar)
    terminal_.progress(text);
  else
    terminal_.note(text);
}

}  // namespace checkpoint::tool
