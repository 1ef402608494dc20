// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/spool_drain.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "common/fail_point.h"
#include "common/log.h"
#include "core/copier.h"
#include "core/running.h"

namespace checkpoint {

namespace {
constexpr const char *kArea = "spool";
using std::chrono::milliseconds;
// Between attempts to reach the stores.
constexpr milliseconds kFirstPause{100}, kLongestPause{5000};
// How often what became durable meanwhile is looked for, to make room.
constexpr milliseconds kRoomInterval{100};

void add(WriterStats &sum, const WriterStats &one) {
  sum.frames_stored = std::max(sum.frames_stored, one.frames_stored);
  sum.frames_reused += one.frames_reused;
  sum.bytes_new += one.bytes_new;
  sum.bytes_reused += one.bytes_reused;
  sum.bytes_put += one.bytes_put;
  sum.packs += one.packs;
  sum.commits += one.commits;
  sum.retries += one.retries;
  sum.frames_ambiguous += one.frames_ambiguous;
  sum.frames_unmatched += one.frames_unmatched;
  sum.frames_compared += one.frames_compared;
}
}  // namespace

bool store_is_down(const Status &status) {
  return status.is(Code::kUnavailable) || status.is(Code::kTimeout) ||
         status.is(Code::kUnknownOutcome) || status.retryable();
}

// Writers that are left behind have it too.
struct SpoolDrain::Shared {
  mutable std::mutex mutex;
  std::condition_variable changed;
  // --- protected by `mutex`
  uint64_t frames = 0, token = 0;  // in the spool
  bool ended = false;
  uint64_t durable = 0;
  bool complete = false;
  std::optional<Status> error;  // of the writer that works now
  std::optional<Status> down;
  std::optional<std::string> doubt;
  std::shared_ptr<CheckpointWriter> writer;
  WriterStats before;  // of writers that are gone
  std::optional<Uuid> id;
  bool held = false;  // the id is among the RunningCheckpoints

  void hold(bool yes) {
    std::lock_guard lock(mutex);
    if (held == yes || !id) return;
    held = yes;
    if (yes)
      RunningCheckpoints::instance().add(*id);
    else
      RunningCheckpoints::instance().settle(*id);
  }
};

class SpoolDrain::Observer : public WriterObserver {
 public:
  Observer(std::shared_ptr<Shared> shared, std::shared_ptr<WriterObserver> outer, bool resume)
      : shared_(std::move(shared)), outer_(std::move(outer)), resume_(resume) {}

  void on_commit(const CommitInfo &info) override {
    {
      std::lock_guard lock(shared_->mutex);
      shared_->durable = info.frames;
      shared_->complete = shared_->complete || info.complete;
      shared_->down.reset();
      shared_->changed.notify_all();
    }
    outer_->on_commit(info);
  }
  void on_resume(const CommitInfo &info) override {
    if (resume_) outer_->on_resume(info);
  }
  void on_warning(const Status &status) override {
    // That they are away was said already.
    if (!is_down()) outer_->on_warning(status);
  }
  void on_progress(const std::string &what, const std::string &text, int percent) override {
    if (what == "connect" || (what == "resume" && !resume_)) return;
    if (!is_down()) outer_->on_progress(what, text, percent);
  }
  void on_error(const Status &status) override {
    // Before its row is taken for one that never will be.
    shared_->hold(true);
    std::lock_guard lock(shared_->mutex);
    shared_->error = status;
    shared_->changed.notify_all();
  }

 private:
  bool is_down() const {
    std::lock_guard lock(shared_->mutex);
    return shared_->down.has_value();
  }

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<WriterObserver> outer_;
  const bool resume_;  // the user asked for it
};

SpoolDrain::SpoolDrain(std::shared_ptr<SpoolEntry> entry, const CheckpointFields &fields,
                       const SpoolTarget &target)
    : entry_(std::move(entry)),
      fields_(fields),
      target_(target),
      shared_(std::make_shared<Shared>()) {
  target_.options.instance = entry_->note()->instance;
  // What may be left out was, before it came into the spool.
  target_.options.leaky = Leaky::kNo;
  if (entry_->note()->resume) return;
  shared_->id = entry_->note()->checkpoint;
  shared_->hold(true);
}

SpoolDrain::~SpoolDrain() { shared_->hold(false); }

void SpoolDrain::grew(uint64_t frames, uint64_t token) {
  std::lock_guard lock(shared_->mutex);
  shared_->frames = frames;
  shared_->token = token;
  shared_->changed.notify_all();
}

void SpoolDrain::ended() {
  std::lock_guard lock(shared_->mutex);
  shared_->ended = true;
  shared_->changed.notify_all();
}

void SpoolDrain::doubt(const std::string &reason) {
  std::shared_ptr<CheckpointWriter> writer;
  {
    std::lock_guard lock(shared_->mutex);
    if (!shared_->doubt) shared_->doubt = reason;
    writer = shared_->writer;
  }
  if (writer) writer->doubt(reason);
}

std::optional<std::string> SpoolDrain::partial_reason() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->complete ? std::nullopt : shared_->doubt;
}

WriterStats SpoolDrain::stats() const {
  std::unique_lock lock(shared_->mutex);
  WriterStats stats = shared_->before;
  auto writer = shared_->writer;
  lock.unlock();
  if (writer) add(stats, writer->stats());
  return stats;
}

std::optional<Uuid> SpoolDrain::id() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->id;
}

Result<Uuid> SpoolDrain::await_id(const std::function<bool()> &give_up) {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait(lock, [&] { return shared_->id || give_up(); });
  if (shared_->id) return *shared_->id;
  return Status(Code::kCancelled, "interrupted");
}

void SpoolDrain::look_again() {
  std::lock_guard lock(shared_->mutex);
  shared_->changed.notify_all();
}

std::optional<Status> SpoolDrain::down() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->down;
}

Status SpoolDrain::run(std::shared_ptr<Stores> spool, Cancellation &cancel) {
  spool_ = std::move(spool);
  milliseconds pause = kFirstPause;
  for (;;) {
    const Status status = attempt(cancel);
    if (status.is_ok()) {
      fail_point(FailPoint::kSpoolDrained);
      return entry_->remove();
    }
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    if (!store_is_down(status)) return status;
    bool first = false;
    {
      std::lock_guard lock(shared_->mutex);
      first = !shared_->down;
      shared_->down = status;
    }
    if (first) {
      pause = kFirstPause;
      target_.observer->on_warning(
          Status(status.code(),
                 "a store can't be reached, what comes stays in the spool until it "
                 "can: " +
                     status.message(),
                 status.hint()));
    }
    if (!cancel.sleep_for(pause)) return cancel.check();
    pause = std::min(pause * 2, kLongestPause);
  }
}

// As far as it goes while the stores are there.
Status SpoolDrain::attempt(Cancellation &cancel) {
  const SpoolNote note = *entry_->note();
  auto writer = std::make_shared<CheckpointWriter>(
      target_.open, target_.options,
      std::make_shared<Observer>(shared_, target_.observer, note.resume));
  drained_ = note.drained;
  packs_.clear();
  {
    std::lock_guard lock(shared_->mutex);
    shared_->error.reset();
    shared_->durable = note.drained;
    shared_->writer = writer;
  }
  bool spool_failed = false;
  Status status = Status::ok();
  {
    Cancellation::Hook hook(cancel, [shared = shared_, weak = std::weak_ptr(writer)] {
      if (auto current = weak.lock()) current->interrupt();
      std::lock_guard lock(shared->mutex);
      shared->changed.notify_all();
    });
    status = feed(*writer, cancel, spool_failed);
  }
  if (cancel.cancelled() && !status.is_ok())
    writer->stop(CheckpointWriter::kCleanUpTime, "stopped before all of it came from the spool");
  std::lock_guard lock(shared_->mutex);
  add(shared_->before, writer->stats());
  shared_->writer.reset();
  if (status.is_ok()) return status;
  if (!spool_failed && shared_->error) return *shared_->error;
  if (!spool_failed || !store_is_down(status)) return status;
  // It is no use to wait for a disk of ours.
  return Status(Code::kMissing, status.message(), "look at the folder that spool names");
}

Status SpoolDrain::feed(CheckpointWriter &writer, Cancellation &cancel, bool &spool_failed) {
  SpoolNote note = *entry_->note();
  CHECKPOINT_RETURN_IF_ERROR(
      writer.begin(fields_, note.parent_is_hint, note.resume, note.checkpoint, note.drained));
  shared_->hold(false);
  CHECKPOINT_ASSIGN_OR_RETURN(const Uuid id, writer.await_id());
  spool_failed = true;
  if (id != note.checkpoint) {
    note.checkpoint = id;
    CHECKPOINT_RETURN_IF_ERROR(entry_->write_note(note));
  }
  {
    std::lock_guard lock(shared_->mutex);
    shared_->id = id;
    shared_->changed.notify_all();
  }
  Copier copier(spool_, writer, note.drained);
  const auto from_spool = [&](Status status) {
    spool_failed = !copier.writer_failed();
    return status;
  };
  const auto each = [&](const FrameRow &frame) {
    if (packs_.empty() || packs_.back().first != frame.record.pack)
      packs_.emplace_back(frame.record.pack, 0);
    packs_.back().second = frame.index;
    release(writer, false, cancel);
  };
  uint64_t token = 0;
  for (;;) {
    std::unique_lock lock(shared_->mutex);
    const auto due = [&] {
      return shared_->frames > copier.next() || shared_->token > token || shared_->ended ||
             shared_->error || cancel.cancelled();
    };
    while (!shared_->changed.wait_for(lock, kRoomInterval, due)) {
      lock.unlock();
      release(writer, true, cancel);
      lock.lock();
    }
    spool_failed = false;
    if (shared_->error) return *shared_->error;
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    const bool ended = shared_->ended, flush = shared_->token > token;
    token = shared_->token;
    lock.unlock();
    auto row = spool_->metadata->get_checkpoint(entry_->id(), cancel);
    if (!row.is_ok()) return from_spool(row.status());
    CHECKPOINT_RETURN_IF_ERROR(from_spool(copier.copy(*row, each, cancel)));
    if (flush) writer.flush(token);
    if (!ended) continue;
    CHECKPOINT_RETURN_IF_ERROR(from_spool(copier.copy_rest(*row, cancel)));
    spool_failed = false;
    std::optional<std::string> reason = partial_reason(), stats;
    if (!reason && row->state != CheckpointState::kComplete)
      reason = row->reason.empty() ? "stopped before the end of the stream" : row->reason;
    if (!row->fields.stats.empty()) stats = row->fields.stats;
    return writer.finish(reason, std::chrono::hours(24), stats);
  }
}

// Packs of the spool whose frames are durable in the stores make room.
void SpoolDrain::release(CheckpointWriter &writer, bool all, Cancellation &cancel) {
  const size_t done = all ? packs_.size() : packs_.size() - std::min<size_t>(packs_.size(), 1);
  if (done == 0) return;
  uint64_t durable = 0;
  {
    std::lock_guard lock(shared_->mutex);
    durable = shared_->durable;
  }
  if (packs_.front().second >= durable) {
    // What has to come again is there; it is no more needed once it was compared.
    durable = std::max(durable, drained_ + writer.stats().frames_compared);
    if (packs_.front().second >= durable) return;
  }
  SpoolNote note = *entry_->note();
  note.drained = std::max(note.drained, durable);
  // Before they go, so that nobody looks for them.
  Status status = entry_->write_note(note);
  fail_point(FailPoint::kSpoolRoomNoted);
  for (size_t n = 0; status.is_ok() && n < done && packs_.front().second < durable; n++) {
    auto rows = spool_->metadata->get_packs({&packs_.front().first, 1}, cancel);
    status = rows.is_ok() ? spool_->frames->remove(rows->front().object, cancel) : rows.status();
    if (status.is_ok()) packs_.erase(packs_.begin());  // not removed, and counted, twice
    fail_point(FailPoint::kSpoolRoomMade);
  }
  if (!status.is_ok())
    log(LogLevel::kWarning, kArea, "no room is made in the spool: " + status.to_string());
}

}  // namespace checkpoint
