// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/strict_json.h"

#include <glib.h>

namespace checkpoint {

namespace {

// json-glib also takes what other readers of a row would not: comments, other quotes, a second
// value.
class StrictJson {
 public:
  explicit StrictJson(std::string_view text) : text_(text) {}
  bool is_one_value() {
    const bool good = value(0);
    space();
    return good && at_ == text_.size();
  }
  size_t position() const { return at_; }  // where it stopped

 private:
  static constexpr int kMaxDepth = 200;

  bool value(int depth) {
    space();
    if (depth > kMaxDepth || at_ == text_.size()) return false;
    if (take('{')) return members('}', depth, true);
    if (take('[')) return members(']', depth, false);
    if (text_[at_] == '"') return string();
    for (std::string_view word : {"true", "false", "null"})
      if (text_.substr(at_, word.size()) == word) return at_ += word.size(), true;
    return number();
  }
  bool members(char end, int depth, bool named) {
    space();
    if (take(end)) return true;
    do {
      space();
      if (named && !(string() && (space(), take(':')))) return false;
      if (!value(depth + 1)) return false;
      space();
    } while (take(','));
    return take(end);
  }
  bool string() {
    if (!take('"')) return false;
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) >= 0x20) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c != '\\') continue;
      if (at_ == text_.size()) return false;
      const char escaped = text_[at_++];
      if (escaped == 'u') {
        for (int i = 0; i < 4; i++, at_++)
          if (at_ == text_.size() || !g_ascii_isxdigit(text_[at_])) return false;
      } else if (std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
        return false;
      }
    }
    return false;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      if (!take('-')) take('+');
      return digits();
    }
    return true;
  }
  bool digits() {
    const size_t first = at_;
    while (at_ < text_.size() && g_ascii_isdigit(text_[at_])) at_++;
    return at_ > first;
  }
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) at_++;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<size_t> json_stops_at(std::string_view text) {
  StrictJson strict(text);
  return strict.is_one_value() ? std::nullopt : std::optional(strict.position());
}

}  // namespace checkpoint
