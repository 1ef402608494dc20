// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/uuid.h"

#include <sys/random.h>

#include <cstdlib>

namespace checkpoint {

void random_bytes(uint8_t *out, size_t n) {
  while (n > 0) {
    ssize_t got = getrandom(out, n, 0);
    if (got < 0) std::abort();  // no safe way on: identities would repeat
    out += got;
    n -= static_cast<size_t>(got);
  }
}

Uuid Uuid::random() {
  Uuid u;
  random_bytes(u.bytes.data(), u.bytes.size());
  u.bytes[6] = static_cast<uint8_t>((u.bytes[6] & 0x0f) | 0x40);
  u.bytes[8] = static_cast<uint8_t>((u.bytes[8] & 0x3f) | 0x80);
  return u;
}

namespace {
constexpr char kDigits[] = "0123456789abcdef";
int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool dash_before(size_t byte) { return byte == 4 || byte == 6 || byte == 8 || byte == 10; }
}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid u;
  size_t at = 0;
  for (size_t i = 0; i < 16; i++) {
    if (dash_before(i) && text[at++] != '-') return std::nullopt;
    int high = digit(text[at++]), low = digit(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    u.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return u;
}

std::string Uuid::to_string() const {
  std::string text;
  for (size_t i = 0; i < 16; i++) {
    if (dash_before(i)) text += '-';
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace checkpoint
