// SPDX-License-Identifier: LGPL-2.1-or-later
// What the tests of the suite share.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conformance/metadata_store_suite.h"
#include "store/process.h"
#include "support/check.h"

namespace checkpoint::conformance {

// Unwraps a Result, or ends the test with its failure.
template <typename T>
T must(Result<T> result, const char *what, const char *file, int line) {
  if (!result.is_ok())
    ck_abort_msg("%s:%d: %s: %s", file, line, what, result.status().to_string().c_str());
  return std::move(result).value();
}
inline void must(const Status &status, const char *what, const char *file, int line) {
  if (!status.is_ok()) ck_abort_msg("%s:%d: %s: %s", file, line, what, status.to_string().c_str());
}
inline const Status &status_of(const Status &status) { return status; }
template <typename T>
Status status_of(const Result<T> &result) {
  return result.is_ok() ? Status::ok() : result.status();
}

#define MUST(expr) ::checkpoint::conformance::must((expr), #expr, __FILE__, __LINE__)
// It fails, and with that code.
#define FAILS_WITH(expected, expr)                                                 \
  do {                                                                             \
    ::checkpoint::Status failed_ = ::checkpoint::conformance::status_of(expr);     \
    ck_assert_msg(failed_.is(expected), "%s: %s instead of %s", #expr,             \
                  failed_.to_string().c_str(), ::checkpoint::code_name(expected)); \
  } while (false)

// The stores that the suite runs over; a test's __i__ is the index.
std::vector<MetadataStoreCase> &cases();

inline constexpr std::chrono::milliseconds kMinute{60000};

// An empty place with an open store, a frame store and a job.
struct Fixture {
  explicit Fixture(int index);
  explicit Fixture(std::unique_ptr<MetadataStorePlace> place);

  // Another store on the same place, as another process would have it.
  std::shared_ptr<MetadataStore> another(
      std::chrono::milliseconds busy_timeout = MetadataStorePlace::kLong);

  JobRow add_job(const std::string &job_id);
  Lease take_lease(const std::string &stage, const Branch &branch = {});
  CheckpointFields fields(const std::string &stage, const Branch &branch = {}) const;
  // A lease of its own and a new partial checkpoint.
  CheckpointRow add_checkpoint(const std::string &stage, const Branch &branch = {});
  PackKey add_pack(bool plain = false);
  // The next commit of `checkpoint`: that many frames of 40 ms that lie in a new pack, which
  // becomes ready with it.
  CommitBatch next_commit(uint64_t frames);
  void commit(const CommitBatch &batch);
  // Ends the current checkpoint with a commit without frames.
  void complete();

  std::unique_ptr<MetadataStorePlace> place;
  std::shared_ptr<MetadataStore> store;
  Cancellation cancel;
  FrameStoreRow frame_store;
  JobRow job;
  // Of the last add_checkpoint().
  Lease lease;
  CheckpointRow checkpoint;
  uint64_t commits = 0, frames = 0;
};

FrameRow frame_row(uint64_t index, PackKey pack);
Digest digest_of(uint64_t number);
bool same(const FrameRow &a, const FrameRow &b);
bool same(const CheckpointRow &a, const CheckpointRow &b);

// Runs `body(0)` … `body(n - 1)` at once and waits for all.
void run_threads(unsigned n, const std::function<void(unsigned)> &body);

void add_opening_tests(TCase *tc, int stores);
void add_lease_tests(TCase *tc, int stores);
void add_writing_tests(TCase *tc, int stores);
void add_reading_tests(TCase *tc, int stores);
void add_matching_tests(TCase *tc, int stores);
void add_sql_tests(TCase *tc, int stores);
void add_waiting_tests(TCase *tc, int stores);
void add_housekeeping_tests(TCase *tc, int stores);

}  // namespace checkpoint::conformance
