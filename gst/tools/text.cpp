// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/text.h"

#include <glib.h>

#include <cstdio>

namespace checkpoint::tool {

namespace {

// Calls `each` with every character and its bytes; 0 for a byte that belongs to none.
template <typename Each>
void for_each_character(std::string_view text, const Each &each) {
  while (!text.empty()) {
    const gunichar c = g_utf8_get_char_validated(text.data(), static_cast<gssize>(text.size()));
    const bool valid = c < 0x110000 && c != 0;
    const size_t length = valid ? static_cast<size_t>(g_unichar_to_utf8(c, nullptr)) : 1;
    if (!each(valid ? c : 0, text.substr(0, length))) return;
    text.remove_prefix(length);
  }
}

// Obeyed by a terminal, or it changes how its neighbours look.
bool harmful(gunichar c) {
  switch (g_unichar_type(c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:  // the marks of direction, and others that can't be seen
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SURROGATE:
      return true;
    default:
      return false;
  }
}

size_t columns_of(gunichar c) {
  if (g_unichar_iszerowidth(c)) return 0;
  return g_unichar_iswide(c) ? 2 : 1;
}

std::string formatted(const char *format, auto... values) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, format, values...);
  return {text, static_cast<size_t>(length)};
}

std::string date_text(int64_t milliseconds, bool local, const char *format) {
  if (milliseconds == 0) return "";
  GDateTime *utc = g_date_time_new_from_unix_utc(milliseconds / 1000);
  if (!utc) return "";  // beyond the year 9999
  GDateTime *time = local ? g_date_time_to_local(utc) : g_date_time_ref(utc);
  gchar *text = g_date_time_format(time, format);
  std::string result = text ? text : "";
  g_free(text);
  g_date_time_unref(time);
  g_date_time_unref(utc);
  return result;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for_each_character(text, [&](gunichar c, std::string_view bytes) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == 0 || (c < 0x100 && harmful(c)))
      out += formatted("\\x%02x", c == 0 ? static_cast<unsigned char>(bytes[0]) : c);
    else if (harmful(c))
      out += formatted(c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    else
      out += bytes;
    return true;
  });
  return out;
}

std::string in_quotes(std::string_view text) { return "\"" + printable(text) + "\""; }

size_t width_of(std::string_view text) {
  size_t width = 0;
  for_each_character(text, [&](gunichar c, std::string_view) {
    width += columns_of(c);
    return true;
  });
  return width;
}

std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string out;
  size_t used = 1;  // the mark
  for_each_character(text, [&](gunichar c, std::string_view bytes) {
    used += columns_of(c);
    if (used > width) return false;
    out += bytes;
    return true;
  });
  return out + "…";
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  const char *units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  for (value /= 1000; value >= 999.95 && unit < 5; unit++) value /= 1000;
  return formatted("%.1f %s", value, units[unit]);
}

std::string time_text(int64_t milliseconds) {
  return date_text(milliseconds, true, "%Y-%m-%d %H:%M:%S");
}

std::string iso_time(int64_t milliseconds) {
  const std::string seconds = date_text(milliseconds, false, "%Y-%m-%dT%H:%M:%S");
  if (seconds.empty()) return "";
  return seconds + formatted(".%03dZ", static_cast<int>(milliseconds % 1000));
}

std::string duration_text(uint64_t nanoseconds) {
  const uint64_t ms = nanoseconds / 1000000;
  return formatted("%u:%02u:%02u.%03u", static_cast<unsigned>(ms / 3600000),
                   static_cast<unsigned>(ms / 60000 % 60), static_cast<unsigned>(ms / 1000 % 60),
                   static_cast<unsigned>(ms % 1000));
}

std::string count_text(uint64_t n, const char *one, const char *many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

}  // namespace checkpoint::tool
