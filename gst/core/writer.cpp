// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/writer.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "common/fail_point.h"
#include "common/log.h"
#include "common/thread_name.h"
#include "core/names.h"
#include "core/running.h"
#include "core/writer_impl.h"
#include "store/process.h"

namespace checkpoint {

namespace {
// What a full pack and one on its way take.
constexpr size_t kChunkBudget = 32 << 20;
// What threads get to leave in, after everything was cancelled.
constexpr std::chrono::milliseconds kLeaveTime{50};
// Without a deadline of the caller's.
constexpr std::chrono::milliseconds kThreadPatience{2000};
// For a commit that was called back to say what became of it.
constexpr std::chrono::milliseconds kAnswerPatience{2000};

LeaseOwner owner_of(const WriterOptions &options) {
  LeaseOwner owner = this_process();
  if (options.instance) owner.instance = *options.instance;
  return owner;
}
}  // namespace

CheckpointWriter::Impl::Impl(StoreOpener opener, const WriterOptions &writer_options,
                             std::shared_ptr<WriterObserver> writer_observer)
    : open(std::move(opener)),
      options(writer_options),
      observer(std::move(writer_observer)),
      owner(owner_of(writer_options)),
      chunks(ChunkPool::create(kChunkBudget)) {}

CheckpointWriter::CheckpointWriter(StoreOpener open, const WriterOptions &options,
                                   std::shared_ptr<WriterObserver> observer)
    : impl_(std::make_shared<Impl>(std::move(open), options, std::move(observer))) {
  std::lock_guard lock(impl_->mutex);
  impl_->failure = impl_->start_thread("ckpt:control", &Impl::control);
  // begin() says so.
  impl_->failed = impl_->ended = !impl_->failure.is_ok();
}

CheckpointWriter::~CheckpointWriter() {
  Impl &impl = *impl_;
  impl.abandon("stopped before the end of the stream");
  std::unique_lock lock(impl.mutex);
  const SteadyTime now = std::chrono::steady_clock::now();
  const SteadyTime until = impl.stop_by.value_or(now + kThreadPatience);
  impl.room.wait_until(lock, std::min(until, now + kCleanUpTime), [&] { return impl.ended; });
  lock.unlock();
  impl.final_cancel.cancel();
  lock.lock();
  // A thread that sits in a system call on a dead disk keeps the Impl and ends when the kernel lets
  // it.
  if (!impl.room.wait_until(lock, until, [&] { return impl.threads == 0; }))
    log(LogLevel::kWarning, "writer", "a store does not answer; its thread is left behind");
  impl.left_behind = true;
  if (impl.threads > 0) impl.keep_inputs();
  auto handles = std::exchange(impl.handles, {});
  std::vector<std::thread> ended;
  for (auto &[thread, gone] : handles) {
    if (*gone && thread.get_id() != std::this_thread::get_id())
      ended.push_back(std::move(thread));
    else
      thread.detach();
  }
  lock.unlock();
  // They are done with us, but perhaps not with what libraries keep for each thread.
  for (std::thread &thread : ended) thread.join();
}

Status CheckpointWriter::Impl::start_thread(const char *name, void (Impl::*body)()) {
  try {
    auto gone = std::make_shared<bool>(false);
    std::thread thread([self = shared_from_this(), name, body, gone] {
      name_thread(name);
      (self.get()->*body)();
      std::lock_guard lock(self->mutex);
      *gone = true;
      self->threads--;
      self->room.notify_all();
    });
    if (left_behind)
      thread.detach();
    else
      handles.emplace_back(std::move(thread), std::move(gone));
  } catch (const std::system_error &error) {
    return Status(Code::kUnavailable, std::string("no thread can be started: ") + error.what());
  }
  threads++;
  return Status::ok();
}

// Of frames that a thread which is left behind may still look at. They are never let go: by the
// time that thread is back, what they are made of may have been shut down with the process.
void CheckpointWriter::Impl::keep_inputs() {
  static std::mutex keeping;
  static auto &kept = *new std::vector<std::unique_ptr<FrameInput>>;
  std::lock_guard lock(keeping);
  const auto keep = [](Slot &slot) {
    if (slot.input) kept.push_back(std::move(slot.input));
  };
  for (const auto &slot : slots) keep(*slot);
  for (const auto &[index, slot] : compared) keep(*slot);
}

void CheckpointWriter::Impl::observe(const std::function<void(WriterObserver &)> &call) {
  call(*observer);
}

void CheckpointWriter::Impl::abort_waits() {
  aborted = true;
  cancel.cancel();
  std::shared_ptr<InflightPayloads> shared;
  std::deque<QueueItem> unwanted;  // upstream may wait for its buffers
  {
    // With the mutex, so that nobody is between looking at `aborted` and waiting.
    std::lock_guard lock(mutex);
    shared = inflight;
    unwanted.swap(queue);
    for (const QueueItem &item : unwanted) {
      auto *slot = std::get_if<std::unique_ptr<Slot>>(&item);
      if (!slot) continue;
      stats.queued_bytes -= (*slot)->held_bytes;
      stats.queued_frames--;
    }
    if (shared) {
      if (open_pack) shared->retire(*open_pack);
      for (const auto &commit : commits)
        for (const auto &pack : {commit->pack, commit->plain_pack})
          if (pack) shared->retire(*pack);
    }
    room.notify_all();
    work_due.notify_all();
    turn_changed.notify_all();
    put_due.notify_all();
    put_room.notify_all();
    beat_due.notify_all();
    poke_control();
  }
  if (shared) shared->wake();
}

void CheckpointWriter::Impl::fail(const Status &status) {
  {
    std::lock_guard lock(mutex);
    if (failed || closed || ended || aborted) return;
    failed = true;
    failure = status;
  }
  log(LogLevel::kError, "writer", status.to_string());
  // The error is out before any thread can answer with a flow error, so it is the first on the bus.
  if (!status.is(Code::kCancelled)) observe([&](WriterObserver &o) { o.on_error(status); });
  abort_waits();
}

Status CheckpointWriter::begin(const CheckpointFields &fields, bool parent_is_hint, bool resume,
                               std::optional<Uuid> id, uint64_t first) {
  CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", fields.job_id));
  CHECKPOINT_RETURN_IF_ERROR(check_name("stage", fields.stage));
  if (!fields.branch.label.empty())
    CHECKPOINT_RETURN_IF_ERROR(check_name("scenario", fields.branch.label));
  std::lock_guard lock(impl_->mutex);
  if (impl_->failed) return impl_->failure;
  if (id) impl_->id = *id;
  impl_->id_given = id.has_value();
  impl_->first_index = impl_->next_index = impl_->arrivals = impl_->stats.frames_in = first;
  if (!impl_->ended && !resume) {
    RunningCheckpoints::instance().add(impl_->id);
    impl_->unsettled = true;
  }
  impl_->fields = fields;
  impl_->parent_is_hint = parent_is_hint;
  impl_->resume_asked = resume;
  impl_->id_known = !resume;
  impl_->poke_control();
  return Status::ok();
}

Status CheckpointWriter::set_caps(const std::string &caps) {
  std::lock_guard lock(impl_->mutex);
  CHECKPOINT_RETURN_IF_ERROR(impl_->refusal());
  impl_->queue.emplace_back(QueuedCaps{caps});
  impl_->work_due.notify_one();
  return Status::ok();
}

// Call with `mutex` held. Ok: data is taken.
Status CheckpointWriter::Impl::refusal() const {
  if (failed) return failure;
  if (aborted) return Status(Code::kCancelled, "the writer was stopped");
  return Status::ok();
}

Status CheckpointWriter::push_event(const std::string &type, Bytes &&body) {
  Impl &impl = *impl_;
  const size_t size = type.size() + body.size() + sizeof(EventRow);
  std::unique_lock lock(impl.mutex);
  while (impl.refusal().is_ok() && impl.event_bytes > 0 &&
         impl.event_bytes + size > kMaxEventBytes) {
    if (!impl.fields)
      return Status(Code::kNoSpace, "more than " + std::to_string(kMaxEventBytes >> 20) +
                                        " MiB of events came before the first frame");
    if (impl.interrupted) return Status(Code::kCancelled, "interrupted");
    impl.room.wait(lock);
  }
  CHECKPOINT_RETURN_IF_ERROR(impl.refusal());
  impl.event_bytes += size;
  impl.events_in++;
  impl.queue.emplace_back(QueuedEvent{type, std::move(body), size});
  impl.work_due.notify_one();
  return Status::ok();
}

bool CheckpointWriter::Impl::queue_full(const Slot &next) const {
  if (stats.queued_frames == 0) return false;  // one frame always fits
  if (options.max_bytes && stats.queued_bytes + next.held_bytes > options.max_bytes) return true;
  if (options.max_buffers && stats.queued_frames >= options.max_buffers) return true;
  if (options.max_time && next.record.row.pts != kNone) {
    for (const QueueItem &item : queue) {
      const auto *slot = std::get_if<std::unique_ptr<Slot>>(&item);
      if (!slot || (*slot)->record.row.pts == kNone) continue;
      uint64_t oldest = (*slot)->record.row.pts;
      return next.record.row.pts > oldest && next.record.row.pts - oldest >= options.max_time;
    }
  }
  return false;
}

std::unique_ptr<Slot> CheckpointWriter::Impl::drop_oldest() {
  for (auto item = queue.begin(); item != queue.end(); ++item) {
    auto *slot = std::get_if<std::unique_ptr<Slot>>(&*item);
    if (!slot) continue;
    stats.queued_bytes -= (*slot)->held_bytes;
    stats.queued_frames--;
    std::unique_ptr<Slot> dropped = std::move(*slot);
    queue.erase(item);
    // A flush that counted it does not wait for another in its place.
    for (Flush &flush : flushes)
      if (flush.frames > next_index) flush.frames--;
    if (!flushes.empty()) poke_control();
    return dropped;
  }
  return nullptr;
}

Status CheckpointWriter::push(std::unique_ptr<FrameInput> &frame, const FrameTiming &timing,
                              std::optional<uint64_t> sequence) {
  Impl &impl = *impl_;
  auto slot = std::make_unique<Slot>();
  slot->held_bytes = frame->held_bytes();
  FrameRow &row = slot->record.row;
  row.pts = timing.pts;
  row.dts = timing.dts;
  row.duration = timing.duration;
  row.stream_time = timing.stream_time;
  row.offset = timing.offset;
  row.offset_end = timing.offset_end;
  row.flags = timing.flags;

  std::unique_lock lock(impl.mutex);
  bool drop = false, first_drop = false;
  while (!impl.failed && !impl.aborted && impl.queue_full(*slot)) {
    if (impl.options.leaky != Leaky::kNo) {
      bool queued = std::any_of(impl.queue.begin(), impl.queue.end(), [](const QueueItem &item) {
        return std::holds_alternative<std::unique_ptr<Slot>>(item);
      });
      drop = true;
      first_drop = first_drop || impl.stats.frames_dropped == 0;
      impl.stats.frames_dropped++;
      // What is being encoded can't be taken back; then the new one goes.
      if (impl.options.leaky == Leaky::kUpstream || !queued) break;
      std::unique_ptr<Slot> dropped = impl.drop_oldest();
      drop = false;
      // What frees a buffer may call us.
      lock.unlock();
      dropped.reset();
      lock.lock();
      continue;
    }
    if (impl.interrupted) return Status(Code::kCancelled, "interrupted");
    impl.room.wait(lock);
  }
  CHECKPOINT_RETURN_IF_ERROR(impl.refusal());
  if (impl.draining) return Status(Code::kInternal, "a frame after the end of its checkpoint");
  // The sequence counts arrivals, the dropped ones too, so that a gap shows where frames are
  // missing.
  row.sequence = sequence.value_or(impl.arrivals);
  slot->has_sequence = sequence.has_value();
  impl.arrivals++;
  impl.stats.frames_in++;
  if (!impl.first_frame_at) impl.first_frame_at = std::chrono::steady_clock::now();
  if (!drop) {
    slot->input = std::move(frame);
    impl.stats.queued_bytes += slot->held_bytes;
    impl.stats.queued_frames++;
    impl.queue.emplace_back(std::move(slot));
    impl.work_due.notify_one();
  }
  lock.unlock();
  if (drop) frame.reset();
  if (first_drop) {
    impl.observe([](WriterObserver &o) {
      o.on_warning(
          Status(Code::kTimeout, "the queue is full: frames are dropped as leaky= asks",
                 "the store is slower than the stream; raise max-size-bytes, max-size-buffers or "
                 "max-size-time, whichever is reached, or use leaky=no"));
    });
  }
  return Status::ok();
}

Status CheckpointWriter::finish(std::optional<std::string> partial_reason,
                                std::chrono::milliseconds timeout,
                                std::optional<std::string> stats) {
  Impl &impl = *impl_;
  std::unique_lock lock(impl.mutex);
  if (!impl.draining) {
    impl.draining = true;
    if (!impl.partial_reason) impl.partial_reason = std::move(partial_reason);
    impl.final_stats = std::move(stats);
    impl.work_due.notify_all();
    impl.poke_control();
  }
  auto done = [&] { return impl.ended || impl.failed || impl.aborted || impl.interrupted; };
  bool in_time = impl.room.wait_for(lock, timeout, done);
  if (impl.failed) return impl.failure;
  if (impl.ended) return Status::ok();
  if (in_time)
    return Status(Code::kCancelled, impl.aborted ? "the writer was stopped" : "interrupted");
  Status late(Code::kTimeout,
              "the checkpoint was not durable within " + std::to_string(timeout.count()) +
                  " ms after the end of the stream",
              "what was announced is kept as a partial checkpoint; raise commit-timeout, or look "
              "at the store");
  if (impl.trouble)
    late = Status(Code::kTimeout, late.message() + ": " + impl.trouble->message(),
                  impl.trouble->hint().empty() ? late.hint() : impl.trouble->hint());
  // What the last commit answers is the truth, not what the clock says meanwhile.
  if (auto completing = impl.completing) {
    impl.overdue = late;
    lock.unlock();
    completing->cancel();
    lock.lock();
    impl.room.wait_for(lock, kAnswerPatience, [&] {
      return impl.closed || impl.failed || impl.aborted || impl.interrupted;
    });
    if (impl.failed) return impl.failure;
  }
  if (impl.closed) {
    // All that is left is the message, and to give the lease back, which may be late.
    impl.room.wait_for(lock, kAnswerPatience, [&] { return impl.ended || impl.aborted; });
    return Status::ok();
  }
  lock.unlock();
  impl.fail(late);
  return late;
}

void CheckpointWriter::doubt(const std::string &reason) { impl_->doubt(reason); }

void CheckpointWriter::Impl::doubt(const std::string &reason) {
  std::shared_ptr<Cancellation> call_back;
  {
    std::lock_guard lock(mutex);
    if (closed || ended) return;
    if (!partial_reason) partial_reason = reason;
    call_back = completing;
  }
  if (call_back) call_back->cancel();
}

std::optional<std::string> CheckpointWriter::partial_reason() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->partial_reason;
}

void CheckpointWriter::interrupt() {
  std::lock_guard lock(impl_->mutex);
  impl_->interrupted = true;
  impl_->room.notify_all();
}

void CheckpointWriter::resume() {
  std::lock_guard lock(impl_->mutex);
  impl_->interrupted = false;
}

uint64_t CheckpointWriter::stop(std::chrono::milliseconds timeout, const std::string &reason) {
  Impl &impl = *impl_;
  std::unique_lock lock(impl.mutex);
  const SteadyTime stop_by =
      impl.stop_by.value_or(std::chrono::steady_clock::now() + std::max(timeout, kCleanUpTime));
  impl.stop_by = stop_by;
  auto ended = [&] { return impl.ended; };
  if (!impl.draining) {
    if (!impl.partial_reason) impl.partial_reason = reason;
    impl.draining = true;
    impl.work_due.notify_all();
    impl.poke_control();
  }
  if (impl.fields)
    impl.room.wait_until(lock, stop_by - kCleanUpTime, [&] { return impl.ended || impl.failed; });
  lock.unlock();
  impl.abandon(reason);
  lock.lock();
  impl.room.wait_until(lock, stop_by - kLeaveTime, ended);
  lock.unlock();
  impl.final_cancel.cancel();
  lock.lock();
  impl.room.wait_until(lock, stop_by, [&] { return impl.threads == 0; });
  if (impl.closed || !impl.fields) return 0;
  const uint64_t taken = impl.stats.frames_in - impl.stats.frames_dropped;
  // What an earlier run stored need not have come again.
  return taken > impl.stats.frames_stored ? taken - impl.stats.frames_stored : 0;
}

void CheckpointWriter::abandon(const std::string &reason) { impl_->abandon(reason); }

void CheckpointWriter::Impl::abandon(const std::string &reason) {
  {
    std::lock_guard lock(mutex);
    if (!ended && !closed && !partial_reason) partial_reason = reason;
    draining = true;
  }
  abort_waits();
}

bool CheckpointWriter::flush(uint64_t token) {
  Impl &impl = *impl_;
  std::lock_guard lock(impl.mutex);
  if (impl.closed || impl.ended || impl.failed || impl.aborted) return false;
  impl.ask_flush(token);
  return true;
}

// Call with `mutex` held. What `flushes_told` comes to when all of it is told.
uint64_t CheckpointWriter::Impl::ask_flush(uint64_t token) {
  flushes.push_back({token, stats.frames_in - stats.frames_dropped, events_in});
  poke_control();
  return ++flushes_asked;
}

// Is there something that flush() asked for and that is in no commit yet? Call with `mutex` held.
bool CheckpointWriter::Impl::flush_wanted() const {
  return !flushes.empty() && (flushes.back().frames > sealed_frames ||
                              flushes.back().events > sealed_events + events_skipped);
}

// Is what flush() asked for durable? The control thread's, with `mutex` held.
bool CheckpointWriter::Impl::flush_covered() const {
  return !flushes.empty() &&
         (closed || (flushes.front().frames <= frames_durable &&
                     flushes.front().events <= events_durable + events_skipped));
}

// Tells of the last commit; the lock is let go meanwhile.
void CheckpointWriter::Impl::tell_commit(std::unique_lock<std::mutex> &lock, bool complete) {
  for (; flush_covered(); flushes.pop_front()) {
    last_token = flushes.front().token;
    flushes_told++;
  }
  room.notify_all();
  const CommitInfo info = commit_info(complete);
  lock.unlock();
  observe([&](WriterObserver &o) { o.on_commit(info); });
  fail_point(FailPoint::kAnnounced);
  lock.lock();
}

// The control thread's, with `mutex` held.
CommitInfo CheckpointWriter::Impl::commit_info(bool complete) const {
  CommitInfo info;
  if (first_frame_at)
    info.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - *first_frame_at);
  info.checkpoint = id;
  info.job_id = row.fields.job_id;
  info.stage = row.fields.stage;
  info.version = row.version;
  info.commit_no = commits_done;
  info.frames = frames_durable;
  info.bytes_new = bytes_new;
  info.bytes_reused = bytes_reused;
  info.complete = complete;
  info.token = last_token;
  return info;
}

WriterStats CheckpointWriter::stats() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

std::optional<uint64_t> CheckpointWriter::next_sequence() const {
  std::lock_guard lock(impl_->mutex);
  if (!impl_->fields || impl_->fields->parent) return std::nullopt;
  return impl_->arrivals;
}

Result<Uuid> CheckpointWriter::await_id() {
  std::unique_lock lock(impl_->mutex);
  impl_->room.wait(
      lock, [&] { return impl_->id_known || impl_->interrupted || !impl_->refusal().is_ok(); });
  if (impl_->id_known) return impl_->id;
  CHECKPOINT_RETURN_IF_ERROR(impl_->refusal());
  return Status(Code::kCancelled, "interrupted");
}

std::optional<Uuid> CheckpointWriter::checkpoint_id() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->id_known ? std::optional(impl_->id) : std::nullopt;
}

}  // namespace checkpoint
