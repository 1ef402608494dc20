// SPDX-License-Identifier: LGPL-2.1-or-later
// Status and Result: how every layer below the elements reports what went wrong.
//
// No exception crosses an interface of this project. A function that can fail returns a Status (or
// a Result<T>), and the compiler warns when it is ignored.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace checkpoint {

// What kind of failure it is. One table (elements/error_table.cpp) maps these to GStreamer errors.
enum class Code {
  kOk = 0,
  kInvalidArgument,   // a setting or a name that can never work
  kNotFound,          // no such job, stage, checkpoint or version
  kAlreadyExists,     // put-once: that name is taken
  kBusy,              // another writer holds the lease, or the database is locked
  kLeaseLost,         // the lease went to another writer; nothing of ours is visible after that
  kUnavailable,       // a store can't be reached (or is not the store that it should be)
  kPermissionDenied,  // reachable, but not for us
  kNoSpace,           // disk or quota full
  kMissing,           // an object that a row refers to is gone
  kCorrupt,           // bytes that are there are not what was stored
  kTruncated,         // a read ended early; a reader retries it before it becomes kCorrupt
  kArchived,          // the object has to be restored from an archive first
  kExpired,           // deleted and collected while being read
  kTimeout,
  kCancelled,  // we were asked to stop; never shown to a user as an error
  kUnsupported,
  kConflict,        // a transaction has to be run again
  kUnknownOutcome,  // the answer to a commit was lost
  kNewerSchema,     // written by a newer release
  kInternal,        // a bug of ours
};

// The name of a code, as it stands in logs ("not-found").
const char *code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message, std::string hint = {})
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  static Status ok() { return {}; }

  bool is_ok() const { return code_ == Code::kOk; }
  bool is(Code code) const { return code_ == code; }
  Code code() const { return code_; }
  // One sentence for a person, without a secret, without a full stop.
  const std::string &message() const { return message_; }
  // What to do next; may be empty.
  const std::string &hint() const { return hint_; }
  // May the same call work when it is simply made again?
  bool retryable() const {
    return code_ == Code::kConflict || code_ == Code::kTruncated || retryable_;
  }
  Status &set_retryable() {
    retryable_ = true;
    return *this;
  }
  // The same failure, said from further out: "context: message".
  Status with_context(const std::string &context) const {
    Status s = *this;
    s.message_ = context + ": " + message_;
    return s;
  }
  // "not-found: message (hint)", for logs.
  std::string to_string() const;

 private:
  Code code_ = Code::kOk;
  bool retryable_ = false;
  std::string message_;
  std::string hint_;
};

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    if (status_.is_ok()) status_ = Status(Code::kInternal, "a result without a value");
  }

  bool is_ok() const { return value_.has_value(); }
  const Status &status() const { return status_; }
  T &value() & { return *value_; }
  const T &value() const & { return *value_; }
  T &&value() && { return std::move(*value_); }
  T &operator*() & { return *value_; }
  const T &operator*() const & { return *value_; }
  T *operator->() { return &*value_; }
  const T *operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace checkpoint

// Hands a failure on to the caller.
#define CHECKPOINT_RETURN_IF_ERROR(expr)                          \
  do {                                                            \
    if (::checkpoint::Status s_ = (expr); !s_.is_ok()) return s_; \
  } while (false)

#define CHECKPOINT_CONCAT_INNER(a, b) a##b
#define CHECKPOINT_CONCAT(a, b) CHECKPOINT_CONCAT_INNER(a, b)

// CHECKPOINT_ASSIGN_OR_RETURN(auto row, store.find(...)): unwraps a Result or hands its failure on.
#define CHECKPOINT_ASSIGN_OR_RETURN(lhs, expr) \
  CHECKPOINT_ASSIGN_OR_RETURN_INNER(CHECKPOINT_CONCAT(result_, __LINE__), lhs, expr)
#define CHECKPOINT_ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                                      \
  if (!tmp.is_ok()) return tmp.status();                  \
  lhs = std::move(tmp).value()
