// SPDX-License-Identifier: LGPL-2.1-or-later
// One statement in use: values in, rows out, all in PostgreSQL's binary forms.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/bytes.h"
#include "common/status.h"
#include "common/uuid.h"
#include "store/model.h"

struct pg_result;

namespace checkpoint::postgres {

class Connection;

struct ClearResult {
  void operator()(pg_result *result) const;
};
using ResultPtr = std::unique_ptr<pg_result, ClearResult>;

// The numbers of the built-in types, which are part of the protocol.
enum TypeId : unsigned {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kText = 25,
  kFloat8 = 701,
  kByteaArray = 1001,
  kInt8Array = 1016,
  kUuid = 2950,
};

// Numbers as the protocol sends them.
void append_u16(std::string &out, uint16_t value);
void append_u32(std::string &out, uint32_t value);
void append_u64(std::string &out, uint64_t value);
void append_double(std::string &out, double value);

// The values of a statement's parameters. uint64_t goes in as the int64_t of the same bits; an
// empty optional as NULL; arrays of bytes as bytea; vectors of numbers or of byte arrays as arrays.
class Parameters {
 public:
  struct Value {
    unsigned type = 0;
    bool null = false;
    std::string bytes;
  };

  template <typename T>
  void put(const T &value) {
    if constexpr (std::same_as<T, Uuid>) {
      add(kUuid, {reinterpret_cast<const char *>(value.bytes.data()), value.bytes.size()});
    } else if constexpr (std::same_as<T, bool>) {
      add(kBool, std::string_view(value ? "\1" : "\0", 1));
    } else if constexpr (std::integral<T>) {
      append_u64(add(kInt8, {}), static_cast<uint64_t>(static_cast<int64_t>(value)));
    } else if constexpr (std::floating_point<T>) {
      append_double(add(kFloat8, {}), value);
    } else if constexpr (std::convertible_to<T, std::string_view>) {
      add(kText, std::string_view(value));
    } else if constexpr (std::same_as<T, std::vector<int64_t>>) {
      put_numbers(value);
    } else if constexpr (std::same_as<T, std::vector<std::optional<std::string_view>>>) {
      put_byte_strings(value);
    } else {
      add(kBytea, {reinterpret_cast<const char *>(value.data()), value.size()});
    }
  }
  template <typename T>
  void put(const std::optional<T> &value) {
    if (value) {
      put(*value);
      return;
    }
    put(T{});
    values_.back().null = true;
  }
  void clear() { values_.clear(); }
  const std::vector<Value> &values() const { return values_; }

 private:
  std::string &add(TypeId type, std::string_view bytes) {
    values_.push_back({type, false, std::string(bytes)});
    return values_.back().bytes;
  }
  void put_numbers(const std::vector<int64_t> &numbers);
  void put_byte_strings(const std::vector<std::optional<std::string_view>> &strings);

  std::vector<Value> values_;
};

// Failures are kept until status() is asked.
class Query {
 public:
  Query(Connection &connection, std::string_view sql, bool kept = true)
      : connection_(connection), sql_(sql), kept_(kept) {}
  Query(const Query &) = delete;
  Query &operator=(const Query &) = delete;

  template <typename... T>
  Query &bind(const T &...values) {
    (parameters_.put(values), ...);
    return *this;
  }
  // To the next row; the first one runs the statement. False: there is none, or it failed.
  bool next();
  // Runs a statement whose rows are not asked for.
  Status run();
  const Status &status() const { return status_; }
  // Rows that the statement changed or gave.
  int64_t rows() const;

  bool is_null(int column) const;
  // Of any integer type; a boolean is 0 or 1, NULL is 0.
  int64_t i64(int column) const;
  uint64_t u64(int column) const { return static_cast<uint64_t>(i64(column)); }
  // Of a float8.
  double f64(int column) const { return std::bit_cast<double>(i64(column)); }
  // NULL is kNone.
  uint64_t u64_or_none(int column) const { return is_null(column) ? kNone : u64(column); }
  std::string text(int column) const;
  Bytes blob(int column) const;
  // Anything that is not a UUID or not N bytes long makes the query fail with kCorrupt.
  Uuid uuid(int column) { return Uuid{array<16>(column)}; }
  template <size_t N>
  std::array<uint8_t, N> array(int column) {
    std::array<uint8_t, N> out{};
    copy_bytes(column, out.data(), N);
    return out;
  }

  std::string_view sql() const { return sql_; }
  // Is its statement kept by the connection?
  bool is_kept() const { return kept_; }
  const Parameters &parameters() const { return parameters_; }

 private:
  std::string_view value(int column) const;
  void copy_bytes(int column, uint8_t *out, size_t size);

  Connection &connection_;
  const std::string sql_;
  const bool kept_;
  Parameters parameters_;
  ResultPtr result_;
  int row_ = -1;
  Status status_;
};

// Rows in the form of COPY … (FORMAT binary).
class CopyRows {
 public:
  explicit CopyRows(uint16_t columns);

  // Begins a row; its columns follow in their order.
  CopyRows &row();
  CopyRows &i64(int64_t value);
  CopyRows &u64(uint64_t value) { return i64(static_cast<int64_t>(value)); }
  CopyRows &i16(int16_t value);
  CopyRows &boolean(bool value);
  CopyRows &float64(double value);
  CopyRows &text(std::string_view value);
  CopyRows &bytes(ByteView value) { return text(as_text(value)); }
  CopyRows &null();
  CopyRows &i64_or_null(std::optional<int64_t> value) { return value ? i64(*value) : null(); }
  CopyRows &u64_or_null(std::optional<uint64_t> value) { return value ? u64(*value) : null(); }

  void reserve(size_t bytes) { data_.reserve(bytes); }
  // The whole of it, with its end.
  const std::string &finish();

 private:
  const uint16_t columns_;
  std::string data_;
};

}  // namespace checkpoint::postgres
