// SPDX-License-Identifier: LGPL-2.1-or-later
// Views of bytes, and reading and writing them in the one byte order of our formats
// (little-endian).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace checkpoint {

using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte *>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

// Appends fields to a growing buffer.
class ByteWriter {
 public:
  void u8(uint8_t v) { integer(v); }
  void u16(uint16_t v) { integer(v); }
  void u32(uint32_t v) { integer(v); }
  void u64(uint64_t v) { integer(v); }
  void i64(int64_t v) { integer(static_cast<uint64_t>(v)); }
  void f32(float v) {
    uint32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    u32(bits);
  }
  void f64(double v) {
    uint64_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    u64(bits);
  }
  // Not insert(): g++ 14 takes its reallocation for an overflow, and so it does with any size that
  // it knows no bound of.
  void raw(ByteView bytes) {
    if (bytes.empty() || bytes.size() > PTRDIFF_MAX) return;
    size_t at = out_.size();
    out_.resize(at + bytes.size());
    std::memcpy(out_.data() + at, bytes.data(), bytes.size());
  }
  void zeros(size_t n) { out_.resize(out_.size() + n); }
  // A length as u32, then the bytes.
  void blob(ByteView bytes) {
    u32(static_cast<uint32_t>(bytes.size()));
    raw(bytes);
  }
  void text(std::string_view s) { blob(as_bytes(s)); }

  size_t size() const { return out_.size(); }
  // Room for that many bytes in all, so that what follows does not allocate.
  void reserve(size_t size) { out_.reserve(size); }
  // Takes back what was written after the first `size` bytes.
  void truncate(size_t size) { out_.resize(size); }
  // Overwrites four bytes written earlier (a length that was not known yet).
  void patch_u32(size_t at, uint32_t v) {
    for (int i = 0; i < 4; i++) out_[at + i] = static_cast<std::byte>(v >> (8 * i));
  }
  const Bytes &bytes() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  template <typename U>
  void integer(U v) {
    // All of it at once: byte by byte would check the capacity for each.
    std::array<std::byte, sizeof(U)> le;
    if constexpr (std::endian::native == std::endian::little)
      std::memcpy(le.data(), &v, sizeof(U));
    else
      for (size_t i = 0; i < sizeof(U); i++) le[i] = static_cast<std::byte>(v >> (8 * i));
    raw(le);
  }
  Bytes out_;
};

// Takes fields from a view it does not own. After the first field that is not there, failed() is
// true, every further field is zero or empty, and nothing past the end was touched; so a parser
// checks once, at its end.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  uint8_t u8() { return integer<uint8_t>(); }
  uint16_t u16() { return integer<uint16_t>(); }
  uint32_t u32() { return integer<uint32_t>(); }
  uint64_t u64() { return integer<uint64_t>(); }
  int64_t i64() { return static_cast<int64_t>(u64()); }
  float f32() {
    uint32_t bits = u32();
    float v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
  }
  double f64() {
    uint64_t bits = u64();
    double v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
  }
  ByteView raw(size_t n) {
    if (n > rest_.size()) {
      fail();
      return {};
    }
    ByteView out = rest_.first(n);
    rest_ = rest_.subspan(n);
    return out;
  }
  ByteView blob() { return raw(u32()); }
  std::string_view text() { return as_text(blob()); }

  size_t remaining() const { return rest_.size(); }
  bool failed() const { return failed_; }
  void fail() {
    failed_ = true;
    rest_ = {};
  }

 private:
  template <typename U>
  U integer() {
    ByteView b = raw(sizeof(U));
    U v = 0;
    if constexpr (std::endian::native == std::endian::little) {
      if (!b.empty()) std::memcpy(&v, b.data(), sizeof(U));
    } else {
      for (size_t i = 0; i < b.size(); i++)
        v = static_cast<U>(v | (static_cast<U>(b[i]) << (8 * i)));
    }
    return v;
  }
  ByteView rest_;
  bool failed_ = false;
};

}  // namespace checkpoint
