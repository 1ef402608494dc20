// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the tool writes to: results on standard output; errors, warnings and progress on standard
// error. Any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "common/cancel.h"
#include "common/status.h"

namespace checkpoint::tool {

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow };

class Terminal {
 public:
  Terminal();

  bool quiet = false;  // no progress and no notes
  bool color = false;  // of standard output
  bool error_color = false;

  // Columns of standard output; 0: it is no terminal, so any width is right.
  size_t width() const;
  bool error_is_terminal() const { return error_is_terminal_; }

  // As it is. A reader that is gone (head) ends the process.
  void write(std::string_view text);
  void line(std::string_view text) { write(std::string(text) + "\n"); }
  // Between results, unless quiet; on standard error.
  void note(const std::string &text);
  void warning(const std::string &text);
  // "error: what" and "  next: hint".
  void error(const Status &status);
  // A line of progress that the next output overwrites; '' takes it away.
  void progress(const std::string &text);

  std::string styled(const std::string &text, Style style) const;
  // Asks on the terminal; false where there is none to ask, and when cancelled.
  bool confirm(const std::string &question, const Cancellation &cancel);

 private:
  void write_error(const std::string &text);

  bool error_is_terminal_;
  std::mutex mutex_;
  std::string progress_;  // what stands on the last line; protected by mutex_
};

std::string with_style(const std::string &text, Style style, bool color);

}  // namespace checkpoint::tool
