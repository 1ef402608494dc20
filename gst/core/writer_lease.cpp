// SPDX-License-Identifier: LGPL-2.1-or-later
// The lease of the stage that a writer writes.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "common/fail_point.h"
#include "common/log.h"
#include "core/writer_impl.h"

namespace checkpoint {

namespace {

using Stage = std::tuple<Uuid, bool, std::string, std::string>;  // job, branch, stage

// Who of this process holds which stage. A writer that was told to stop may hold it for a while
// longer, where a store does not answer; whoever opens the stage next waits for that instead of
// being refused.
class Holders {
 public:
  static Holders &instance() {
    // Never destroyed: a thread that was left behind may need it while the process exits.
    static auto *holders = new Holders;
    return *holders;
  }
  // `leaving` lives until remove().
  void add(const Stage &stage, const std::atomic<bool> *leaving) {
    std::lock_guard lock(mutex_);
    holders_.emplace(leaving, stage);
  }
  void remove(const std::atomic<bool> *leaving) {
    std::lock_guard lock(mutex_);
    holders_.erase(leaving);
    gone_.notify_all();
  }
  // Is somebody leaving the stage?
  bool leaving(const Stage &stage) {
    std::lock_guard lock(mutex_);
    return leaving_locked(stage);
  }
  // Until those who are leaving the stage have left it.
  void wait(const Stage &stage, std::chrono::milliseconds patience, Cancellation &cancel) {
    bool cancelled = false;  // protected by mutex_
    Cancellation::Hook hook(cancel, [&] {
      std::lock_guard lock(mutex_);
      cancelled = true;
      gone_.notify_all();
    });
    std::unique_lock lock(mutex_);
    gone_.wait_for(lock, patience, [&] { return cancelled || !leaving_locked(stage); });
  }

 private:
  bool leaving_locked(const Stage &stage) const {
    return std::any_of(holders_.begin(), holders_.end(),
                       [&](const auto &holder) { return holder.second == stage && *holder.first; });
  }

  std::mutex mutex_;
  std::condition_variable gone_;
  std::map<const std::atomic<bool> *, Stage> holders_;  // protected by mutex_
};

}  // namespace

// A holder that can be seen to be alive is BUSY at once; one on another machine is given until its
// lease runs out.
Status CheckpointWriter::Impl::take_lease() {
  const Stage stage{job.uuid, fields->branch.is_scenario, fields->branch.label, fields->stage};
  bool waited_here = false, waited_there = false;
  for (;;) {
    std::chrono::milliseconds expires_in{0};
    SteadyTime asked;
    // Asked first: one that leaves meanwhile may still have had it when we asked for it.
    const bool leaving = Holders::instance().leaving(stage);
    auto taken = patiently(cancel, [&] {
      asked = std::chrono::steady_clock::now();
      return stores->metadata->acquire_lease(job.key, fields->branch, fields->stage, owner,
                                             options.lease, &expires_in, cancel);
    });
    if (taken.is_ok()) {
      lease = std::move(taken).value();
      {
        std::lock_guard lock(mutex);
        lease_ends = asked + options.lease;
      }
      Holders::instance().add(stage, &aborted);
      if (waited_there)
        observe([](WriterObserver &o) { o.on_progress("lease", "the lease is ours", 100); });
      return Status::ok();
    }
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    if (!taken.status().is(Code::kBusy) || taken.status().retryable()) return taken.status();
    if (leaving && !std::exchange(waited_here, true)) {
      Holders::instance().wait(stage, options.lease, cancel);
      continue;
    }
    if (expires_in.count() <= 0 || std::exchange(waited_there, true)) return taken.status();
    observe([&](WriterObserver &o) {
      o.on_progress("lease", taken.status().message() + "; waiting for its lease to run out", -1);
    });
    if (!cancel.sleep_for(expires_in + std::chrono::milliseconds(10))) return cancel.check();
  }
}

void CheckpointWriter::Impl::give_lease_back(bool lost) {
  if (lease.epoch == 0) return;
  fail_point(FailPoint::kReleaseDue);
  if (!lost) {
    // Left behind and come back: nobody waits for us any more, but perhaps for the lease.
    Cancellation none;
    Cancellation &cancellation = final_cancel.cancelled() ? none : final_cancel;
    Status released = stores->metadata->release_lease(lease, cancellation);
    if (!released.is_ok())
      log(LogLevel::kInfo, "writer", "the lease will run out by itself: " + released.to_string());
  }
  Holders::instance().remove(&aborted);
}

// The heartbeat, on a thread of its own, so that neither a long commit nor a slow put lets the
// lease run out.
void CheckpointWriter::Impl::beat() {
  const auto interval = options.lease / 3;
  auto wait = interval;
  std::unique_lock lock(mutex);
  for (;;) {
    beat_due.wait_for(lock, wait, [&] { return aborted || closed || ended; });
    if (aborted || closed || ended) return;
    lock.unlock();
    const SteadyTime asked = std::chrono::steady_clock::now();
    Status renewed = with_lease(
        [&](const Lease &l) { return stores->metadata->renew_lease(l, options.lease, cancel); });
    lock.lock();
    if (renewed.is_ok()) {
      lease_ends = asked + options.lease;
      wait = interval;
    } else if (renewed.retryable() && std::chrono::steady_clock::now() < lease_ends) {
      // Until it ends nobody else can have it.
      lock.unlock();
      retried(renewed);
      lock.lock();
      wait = options.lease / 30;
    } else {
      lock.unlock();
      fail(renewed);
      return;
    }
  }
}

// Somebody tries again.
void CheckpointWriter::Impl::retried(const Status &status) {
  bool first = false;
  {
    std::lock_guard lock(mutex);
    stats.retries++;
    trouble = status;
    first = !std::exchange(retry_warned, true);
  }
  log(LogLevel::kInfo, "writer", "tried again: " + status.to_string());
  if (first && !aborted) observe([&](WriterObserver &o) { o.on_warning(tried_again(status)); });
}

CheckpointWriter::Impl::Patience::Patience(Impl &impl, Cancellation &cancellation)
    : impl_(impl),
      cancellation_(cancellation),
      until_(std::chrono::steady_clock::now() + impl.options.lease) {}

bool CheckpointWriter::Impl::Patience::again(const Status &status) {
  if (status.is_ok() || !status.retryable() || ++attempt_ >= kAttempts ||
      cancellation_.cancelled() || std::chrono::steady_clock::now() >= until_)
    return false;
  impl_.retried(status);
  return cancellation_.sleep_for(std::chrono::milliseconds(10 << std::min(attempt_, 7)));
}

// The answer to a commit was lost. Ok: it had happened. kConflict: it had not, and may be tried
// again.
Status CheckpointWriter::Impl::recover_outcome(const CommitBatch &batch,
                                               Cancellation &cancellation) {
  // Somebody else may have had it meanwhile, and may be gone again. What is ours still stays so.
  CHECKPOINT_RETURN_IF_ERROR(patiently(cancellation, [&] {
    return with_lease([&](const Lease &l) {
      return stores->metadata->renew_lease(l, options.lease, cancellation);
    });
  }));
  // A new epoch waits the old transaction out, so what is read after it is final.
  auto taken = patiently(cancellation, [&]() -> Status {
    std::unique_lock lock(lease_in_use);
    CHECKPOINT_ASSIGN_OR_RETURN(
        lease, stores->metadata->acquire_lease(job.key, row.fields.branch, row.fields.stage, owner,
                                               options.lease, nullptr, cancellation));
    return Status::ok();
  });
  if (taken.is(Code::kBusy) && !taken.retryable())
    return Status(Code::kLeaseLost, taken.message(), taken.hint());
  CHECKPOINT_RETURN_IF_ERROR(taken);
  CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow now, patiently(cancellation, [&] {
                                return stores->metadata->get_checkpoint(id, cancellation);
                              }));
  if (now.commit_no >= batch.commit_no) return Status::ok();
  return Status(Code::kConflict, "the commit did not happen");
}

}  // namespace checkpoint
