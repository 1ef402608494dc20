// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr int kLookInterval = 50;  // milliseconds

// False: nobody reads it.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool wants_color(int fd) {
  const char *none = std::getenv("NO_COLOR"), *term = std::getenv("TERM");
  if ((none && *none) || !term || std::strcmp(term, "dumb") == 0) return false;
  return isatty(fd) == 1;
}

}  // namespace

Terminal::Terminal()
    : color(wants_color(STDOUT_FILENO)),
      error_color(wants_color(STDERR_FILENO)),
      error_is_terminal_(isatty(STDERR_FILENO) == 1) {}

size_t Terminal::width() const {
  if (isatty(STDOUT_FILENO) != 1) return 0;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void Terminal::write(std::string_view text) {
  progress("");
  if (write_all(STDOUT_FILENO, text)) return;
  if (errno != EPIPE) std::fprintf(stderr, "error: can't write: %s\n", std::strerror(errno));
  _exit(1);
}

void Terminal::write_error(const std::string &text) {
  std::lock_guard lock(mutex_);
  write_all(STDERR_FILENO, (progress_.empty() ? "" : "\r\x1b[K") + text + progress_);
}

void Terminal::note(const std::string &text) {
  if (!quiet) write_error(text + "\n");
}

void Terminal::warning(const std::string &text) {
  write_error(with_style("warning:", Style::kYellow, error_color) + " " + printable(text) + "\n");
}

void Terminal::error(const Status &status) {
  progress("");
  std::string text =
      with_style("error:", Style::kRed, error_color) + " " + printable(status.message()) + "\n";
  if (!status.hint().empty()) text += "  next: " + printable(status.hint()) + "\n";
  write_error(text);
}

void Terminal::progress(const std::string &text) {
  std::lock_guard lock(mutex_);
  if (text == progress_) return;
  progress_ = text;
  write_all(STDERR_FILENO, "\r\x1b[K" + text);
}

std::string Terminal::styled(const std::string &text, Style style) const {
  return with_style(text, style, color);
}

bool Terminal::confirm(const std::string &question, const Cancellation &cancel) {
  if (isatty(STDIN_FILENO) != 1 || !error_is_terminal_) return false;
  progress("");
  write_error(question + " [y/N] ");
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, kLookInterval) <= 0)
    if (cancel.cancelled()) {
      write_error("\n");
      return false;
    }
  char answer[64];
  const ssize_t n = ::read(STDIN_FILENO, answer, sizeof answer);
  return n > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

std::string with_style(const std::string &text, Style style, bool color) {
  if (!color || text.empty()) return text;
  const char *begin = "";
  switch (style) {
    case Style::kPlain:
      return text;
    case Style::kBold:
      begin = "\x1b[1m";
      break;
    case Style::kDim:
      begin = "\x1b[2m";
      break;
    case Style::kRed:
      begin = "\x1b[31m";
      break;
    case Style::kGreen:
      begin = "\x1b[32m";
      break;
    case Style::kYellow:
      begin = "\x1b[33m";
      break;
  }
  return begin + text + "\x1b[0m";
}

}  // namespace checkpoint::tool
