// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/query.h"

#include <libpq-fe.h>

#include <charconv>
#include <cstring>

#include "backends/postgres/connection.h"

namespace checkpoint::postgres {

void ClearResult::operator()(pg_result *result) const { PQclear(result); }

namespace {

template <typename U>
void append_big_endian(std::string &out, U value) {
  std::array<char, sizeof(U)> bytes;
  for (size_t i = 0; i < sizeof(U); i++)
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(U) - 1 - i)) & 0xff);
  out.append(bytes.data(), bytes.size());
}

// One dimension, counted from 1.
void append_array_header(std::string &out, bool with_nulls, unsigned type, size_t size) {
  append_u32(out, size == 0 ? 0 : 1);
  append_u32(out, with_nulls ? 1 : 0);
  append_u32(out, type);
  if (size == 0) return;
  append_u32(out, static_cast<uint32_t>(size));
  append_u32(out, 1);
}

}  // namespace

void append_u16(std::string &out, uint16_t value) { append_big_endian(out, value); }
void append_u32(std::string &out, uint32_t value) { append_big_endian(out, value); }
void append_u64(std::string &out, uint64_t value) { append_big_endian(out, value); }
void append_double(std::string &out, double value) {
  append_big_endian(out, std::bit_cast<uint64_t>(value));
}

// --- Parameters

void Parameters::put_numbers(const std::vector<int64_t> &numbers) {
  std::string &out = add(kInt8Array, {});
  append_array_header(out, false, kInt8, numbers.size());
  for (int64_t number : numbers) {
    append_u32(out, sizeof number);
    append_u64(out, static_cast<uint64_t>(number));
  }
}

void Parameters::put_byte_strings(const std::vector<std::optional<std::string_view>> &strings) {
  std::string &out = add(kByteaArray, {});
  append_array_header(out, true, kBytea, strings.size());
  for (const std::optional<std::string_view> &string : strings) {
    append_u32(out, string ? static_cast<uint32_t>(string->size()) : UINT32_MAX);
    if (string) out.append(*string);
  }
}

// --- Query

bool Query::next() {
  if (!status_.is_ok()) return false;
  if (!result_) {
    status_ = connection_.run(*this, result_);
    if (!status_.is_ok()) return false;
  }
  return ++row_ < PQntuples(result_.get());
}

Status Query::run() {
  if (status_.is_ok()) status_ = connection_.run(*this, result_);
  return status_;
}

int64_t Query::rows() const {
  if (!result_) return 0;
  const std::string_view text = PQcmdTuples(result_.get());
  int64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

bool Query::is_null(int column) const { return PQgetisnull(result_.get(), row_, column) != 0; }

std::string_view Query::value(int column) const {
  return {PQgetvalue(result_.get(), row_, column),
          static_cast<size_t>(PQgetlength(result_.get(), row_, column))};
}

int64_t Query::i64(int column) const {
  const std::string_view bytes = value(column);
  if (bytes.empty()) return 0;
  // The first byte brings the sign, but for a boolean, which has none.
  uint64_t number = (static_cast<unsigned char>(bytes[0]) & 0x80) != 0 ? UINT64_MAX : 0;
  for (char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(number);
}

std::string Query::text(int column) const { return std::string(value(column)); }

Bytes Query::blob(int column) const {
  const ByteView bytes = as_bytes(value(column));
  return {bytes.begin(), bytes.end()};
}

void Query::copy_bytes(int column, uint8_t *out, size_t size) {
  const std::string_view bytes = value(column);
  if (bytes.size() == size) {
    std::memcpy(out, bytes.data(), size);
  } else if (status_.is_ok()) {
    status_ = Status(Code::kCorrupt, "the database " + connection_.location().display() +
                                         " holds a value of the wrong length");
  }
}

// --- CopyRows

CopyRows::CopyRows(uint16_t columns) : columns_(columns) {
  data_.assign("PGCOPY\n\377\r\n\0", 11);
  append_u32(data_, 0);  // flags
  append_u32(data_, 0);  // length of a header extension
}

CopyRows &CopyRows::row() {
  append_u16(data_, columns_);
  return *this;
}

CopyRows &CopyRows::i64(int64_t value) {
  append_u32(data_, 8);
  append_u64(data_, static_cast<uint64_t>(value));
  return *this;
}

CopyRows &CopyRows::i16(int16_t value) {
  append_u32(data_, 2);
  append_u16(data_, static_cast<uint16_t>(value));
  return *this;
}

CopyRows &CopyRows::boolean(bool value) {
  append_u32(data_, 1);
  data_ += value ? '\1' : '\0';
  return *this;
}

CopyRows &CopyRows::float64(double value) {
  append_u32(data_, 8);
  append_double(data_, value);
  return *this;
}

CopyRows &CopyRows::text(std::string_view value) {
  append_u32(data_, static_cast<uint32_t>(value.size()));
  data_ += value;
  return *this;
}

CopyRows &CopyRows::null() {
  append_u32(data_, UINT32_MAX);
  return *this;
}

const std::string &CopyRows::finish() {
  append_u16(data_, UINT16_MAX);
  return data_;
}

}  // namespace checkpoint::postgres
