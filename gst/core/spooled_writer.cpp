// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/spooled_writer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "common/log.h"
#include "common/thread_name.h"
#include "core/spool_room.h"

namespace checkpoint {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds kLookAgain{100};
// What came is safe soon, and soon on its way.
constexpr std::chrono::milliseconds kLongestInterval{1000};

// A pack of the spool goes when its frames are in the stores, so no other pack may need it: each
// frame lies where its record is.
WriterOptions spool_options(WriterOptions options) {
  options.reuse = false;
  options.workers = 1;
  options.commit_interval = std::min(options.commit_interval, kLongestInterval);
  if (options.pack_size == 0) options.pack_size = WriterOptions{}.pack_size;
  return options;
}

CheckpointFields fields_of(const CheckpointRow &row, const SpoolNote &note) {
  CheckpointFields fields = row.fields;
  fields.parent = note.parent;
  fields.stage_index = note.stage_index;
  return fields;
}

Status check_target(const SpoolSettings &spool, const SpoolNote &note) {
  if (note.frame_store == spool.frame_store && note.metadata_store == spool.metadata_store)
    return Status::ok();
  return {Code::kInvalidArgument,
          "the spool " + spool.folder + " holds frames for " + note.frame_store + " and " +
              note.metadata_store + ", not for " + spool.frame_store + " and " +
              spool.metadata_store,
          "give each pair of stores a spool of its own, or start with the other stores once"};
}

}  // namespace

Status drain_spool(const SpoolSettings &spool, const SpoolTarget &target, Cancellation &cancel) {
  std::unique_ptr<FileLock> turn;
  CHECKPOINT_RETURN_IF_ERROR(make_spool(spool.folder));
  while (!turn) {
    CHECKPOINT_ASSIGN_OR_RETURN(turn, FileLock::take(spool.folder + "/draining", true));
    if (!turn && !cancel.sleep_for(kLookAgain)) return cancel.check();
  }
  CHECKPOINT_ASSIGN_OR_RETURN(auto entries, SpoolEntry::claim_all(spool.folder));
  for (auto &entry : entries) {
    CHECKPOINT_RETURN_IF_ERROR(check_target(spool, *entry->note()));
    CHECKPOINT_ASSIGN_OR_RETURN(auto stores, entry->open(cancel));
    auto row = stores->metadata->get_checkpoint(entry->id(), cancel);
    if (row.status().is(Code::kNotFound)) {
      CHECKPOINT_RETURN_IF_ERROR(entry->remove());
      continue;
    }
    if (!row.is_ok()) return row.status();
    log(LogLevel::kInfo, "spool",
        "stage '" + row->fields.stage + "' of job '" + row->fields.job_id + "' has " +
            std::to_string(row->frames - std::min(row->frames, entry->note()->drained)) +
            " frames in the spool " + spool.folder);
    std::shared_ptr<SpoolEntry> claimed = std::move(entry);
    SpoolDrain drain(claimed, fields_of(*row, *claimed->note()), target);
    drain.grew(row->frames, 0);
    drain.ended();
    CHECKPOINT_RETURN_IF_ERROR(drain.run(std::move(stores), cancel));
  }
  return Status::ok();
}

// What the writer, its threads and the thread that drains share.
class SpooledWriter::State : public std::enable_shared_from_this<State> {
 public:
  State(const SpoolSettings &settings, const SpoolTarget &to) : spool(settings), target(to) {}

  Result<std::shared_ptr<Stores>> open_spool(Cancellation &cancelled) {
    CHECKPOINT_ASSIGN_OR_RETURN(auto ours, own_entry());
    CHECKPOINT_ASSIGN_OR_RETURN(auto pair, ours->open(cancelled));
    auto opened = std::make_shared<Stores>(*pair);
    opened->frames = std::make_shared<SpoolRoom>(pair->frames, spool.folder, spool.max_bytes);
    std::lock_guard lock(mutex);
    stores = opened;
    changed.notify_all();
    return opened;
  }
  // Makes it where it is not there; waits for the disk.
  Result<std::shared_ptr<SpoolEntry>> own_entry() {
    std::lock_guard one_at_a_time(making);
    {
      std::lock_guard lock(mutex);
      if (entry) return entry;
    }
    CHECKPOINT_ASSIGN_OR_RETURN(std::shared_ptr<SpoolEntry> made, SpoolEntry::create(spool.folder));
    std::lock_guard lock(mutex);
    entry = made;
    return made;
  }
  std::shared_ptr<SpoolDrain> drain() const {
    std::lock_guard lock(mutex);
    return drain_;
  }
  void start(SpooledWriter *writer);
  Status begin(const CheckpointFields &fields, bool parent_is_hint, bool resume);
  void run();
  void fail(const Status &status);
  void tell_error(const Status &status) {
    if (!error_told.exchange(true)) target.observer->on_error(status);
  }
  void forget();
  void leave(SteadyTime until);
  std::optional<Status> failed() const {
    std::lock_guard lock(mutex);
    return failure;
  }
  bool giving_up() const { return interrupted || leaving || has_failed; }
  void look_again() {
    if (auto current = drain()) current->look_again();
    std::lock_guard lock(mutex);
    changed.notify_all();
  }

  SpoolSettings spool;
  const SpoolTarget target;
  Cancellation cancel;
  std::atomic<bool> interrupted{false}, leaving{false}, has_failed{false}, error_told{false};

  std::mutex making;  // before `mutex`
  std::mutex owner_mutex;
  SpooledWriter *owner = nullptr;  // protected by owner_mutex: until it leaves

  mutable std::mutex mutex;  // before SpoolDrain's
  std::condition_variable changed;
  // --- protected by `mutex`
  std::shared_ptr<SpoolEntry> entry;
  std::shared_ptr<Stores> stores;
  std::shared_ptr<SpoolDrain> drain_;  // once begun
  CheckpointFields fields;             // likewise
  uint64_t frames = 0;                 // in the spool, those that went on included
  bool begun = false;                  // the writer too
  bool drained = false, left = false, thread_gone = true;
  std::optional<Status> failure;
  std::thread thread;
};

class SpooledWriter::Observer : public WriterObserver {
 public:
  explicit Observer(std::shared_ptr<State> state) : state_(std::move(state)) {}

  void on_commit(const CommitInfo &info) override {
    CommitInfo spooled = info;
    auto drain = state_->drain();
    if (auto id = drain->id()) spooled.checkpoint = *id;
    spooled.version = 0;  // nobody knows
    {
      std::lock_guard lock(state_->mutex);
      state_->frames = info.frames;
    }
    state_->target.observer->on_spooled(spooled);
    drain->grew(info.frames, info.token);
  }
  void on_warning(const Status &status) override { state_->target.observer->on_warning(status); }
  void on_progress(const std::string &what, const std::string &text, int percent) override {
    if (what == "connect") state_->target.observer->on_progress(what, text, percent);
  }
  void on_error(const Status &status) override { state_->tell_error(status); }

 private:
  const std::shared_ptr<State> state_;
};

void SpooledWriter::State::start(SpooledWriter *writer) {
  {
    std::lock_guard lock(owner_mutex);
    owner = writer;
  }
  std::lock_guard lock(mutex);
  try {
    thread = std::thread([self = shared_from_this()] {
      name_thread("ckpt:drain");
      self->run();
      std::lock_guard inner(self->mutex);
      self->thread_gone = true;
      self->changed.notify_all();
    });
    thread_gone = false;
  } catch (const std::system_error &error) {
    failure = Status(Code::kUnavailable, std::string("no thread can be started: ") + error.what());
  }
}

Status SpooledWriter::State::begin(const CheckpointFields &what, bool parent_is_hint, bool resume) {
  if (auto known = failed()) return *known;
  CHECKPOINT_ASSIGN_OR_RETURN(auto ours, own_entry());
  SpoolNote note;
  note.checkpoint = ours->id();
  note.instance = Uuid::random();
  note.parent = what.parent;
  note.parent_is_hint = parent_is_hint;
  note.resume = resume;
  note.stage_index = what.stage_index;
  note.frame_store = spool.frame_store;
  note.metadata_store = spool.metadata_store;
  CHECKPOINT_RETURN_IF_ERROR(ours->write_note(note));
  auto made = std::make_shared<SpoolDrain>(ours, what, target);
  std::lock_guard lock(mutex);
  fields = what;
  drain_ = std::move(made);
  return Status::ok();
}

// What is older goes first.
void SpooledWriter::State::run() {
  Status status = drain_spool(spool, target, cancel);
  if (status.is_ok()) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return leaving || (stores && begun); });
    if (leaving) return;
    auto current = drain_;
    auto pair = stores;
    lock.unlock();
    status = current->run(pair, cancel);
    lock.lock();
    drained = status.is_ok();
    changed.notify_all();
  }
  if (!status.is_ok() && !cancel.cancelled()) fail(status);
}

void SpooledWriter::State::fail(const Status &status) {
  tell_error(status);
  {
    std::lock_guard lock(mutex);
    failure = status;
    has_failed = true;
  }
  {
    std::lock_guard lock(owner_mutex);
    if (owner) owner->CheckpointWriter::abandon(status.message());
  }
  look_again();
}

// There will be nothing in it.
void SpooledWriter::State::forget() {
  std::lock_guard lock(mutex);
  drain_.reset();
  if (!entry) return;
  const Status removed = entry->remove();
  if (!removed.is_ok()) log(LogLevel::kWarning, "spool", removed.to_string());
  entry.reset();
}

// Ends the draining, and says what stays in the spool.
void SpooledWriter::State::leave(SteadyTime until) {
  {
    std::lock_guard lock(mutex);
    if (std::exchange(left, true)) return;
    leaving = true;
    changed.notify_all();
  }
  {
    std::lock_guard lock(owner_mutex);
    owner = nullptr;
  }
  cancel.cancel();
  std::unique_lock lock(mutex);
  // Who hears of a failure may stop us at once, on that very thread.
  const bool own = thread.get_id() == std::this_thread::get_id();
  if (!own) changed.wait_until(lock, until, [&] { return thread_gone; });
  if (own) {
    thread.detach();
  } else if (!thread_gone) {
    log(LogLevel::kWarning, "spool", "a store does not answer; its thread is left behind");
    if (thread.joinable()) thread.detach();
  } else if (thread.joinable()) {
    thread.join();
  }
  if (!entry || drained) return;
  if (!entry->note()) {
    const Status removed = entry->remove();
    if (!removed.is_ok()) log(LogLevel::kWarning, "spool", removed.to_string());
    return;
  }
  const uint64_t there = drain_ ? drain_->stats().frames_stored : 0;
  const auto down = drain_ ? drain_->down() : std::nullopt;
  const std::string rest = std::to_string(frames - std::min(frames, there)) + " frames of stage '" +
                           fields.stage + "', " + std::to_string(spool_bytes(spool.folder)) +
                           " bytes in all, are in the spool " + spool.folder +
                           " and not in the stores" + (down ? ": " + down->message() : "");
  if (thread_gone) entry.reset();
  lock.unlock();
  target.observer->on_warning(
      Status(Code::kTimeout, rest,
             "start an element with this spool and these stores again when they can be reached"));
}

SpooledWriter::SpooledWriter(StoreOpener open, const WriterOptions &options,
                             const SpoolSettings &spool, std::shared_ptr<WriterObserver> observer)
    : SpooledWriter(std::make_shared<State>(spool, SpoolTarget{std::move(open), options, observer}),
                    options) {}

SpooledWriter::SpooledWriter(const std::shared_ptr<State> &state, const WriterOptions &options)
    : CheckpointWriter([state](Cancellation &cancel) { return state->open_spool(cancel); },
                       spool_options(options), std::make_shared<Observer>(state)),
      state_(state) {
  state_->start(this);
}

SpooledWriter::~SpooledWriter() {
  CheckpointWriter::abandon("stopped before the end of the stream");
  state_->leave(std::chrono::steady_clock::now() + 2 * kCleanUpTime);
}

Status SpooledWriter::begin(const CheckpointFields &fields, bool parent_is_hint, bool resume,
                            std::optional<Uuid>, uint64_t) {
  CHECKPOINT_RETURN_IF_ERROR(state_->begin(fields, parent_is_hint, resume));
  // The spool knows nothing of the parent.
  CheckpointFields here = fields;
  here.parent.reset();
  here.stage_index = std::max(fields.stage_index, 0);
  std::unique_lock lock(state_->mutex);
  has_parent_ = fields.parent.has_value();
  const Uuid id = state_->entry->id();
  lock.unlock();
  Status status = CheckpointWriter::begin(here, false, false, id);
  if (!status.is_ok()) {
    state_->forget();
    return status;
  }
  std::lock_guard begun(state_->mutex);
  state_->begun = true;
  state_->changed.notify_all();
  return status;
}

Status SpooledWriter::push(std::unique_ptr<FrameInput> &frame, const FrameTiming &timing,
                           std::optional<uint64_t> sequence) {
  if (!sequence && has_parent_) sequence = kNone;  // its frames will tell
  Status status = CheckpointWriter::push(frame, timing, sequence);
  if (!status.is_ok())
    if (auto failure = state_->failed()) return *failure;
  return status;
}

std::optional<uint64_t> SpooledWriter::next_sequence() const {
  if (has_parent_) return std::nullopt;
  return CheckpointWriter::next_sequence();
}

Result<Uuid> SpooledWriter::await_id() {
  auto drain = state_->drain();
  auto id = drain->await_id([&] { return state_->giving_up(); });
  if (!id.is_ok())
    if (auto failure = state_->failed()) return *failure;
  return id;
}

Status SpooledWriter::finish(std::optional<std::string> partial_reason,
                             std::chrono::milliseconds timeout, std::optional<std::string> stats) {
  const SteadyTime until = std::chrono::steady_clock::now() + timeout;
  Status status = CheckpointWriter::finish(std::move(partial_reason), timeout, std::move(stats));
  if (auto failure = state_->failed()) return *failure;
  CHECKPOINT_RETURN_IF_ERROR(status);
  state_->drain()->ended();
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_until(
        lock, until, [&] { return state_->drained || state_->failure || state_->giving_up(); });
    if (state_->drained) return Status::ok();
    if (state_->failure) return *state_->failure;
    if (state_->giving_up()) return Status(Code::kCancelled, "interrupted");
  }
  state_->leave(std::chrono::steady_clock::now() + 2 * kCleanUpTime);
  return Status::ok();
}

void SpooledWriter::interrupt() {
  state_->interrupted = true;
  CheckpointWriter::interrupt();
  state_->look_again();
}

void SpooledWriter::resume() {
  state_->interrupted = false;
  CheckpointWriter::resume();
}

void SpooledWriter::doubt(const std::string &reason) {
  CheckpointWriter::doubt(reason);
  if (auto drain = state_->drain()) drain->doubt(reason);
}

std::optional<std::string> SpooledWriter::partial_reason() const {
  auto drain = state_->drain();
  auto reason = drain ? drain->partial_reason() : std::nullopt;
  return reason ? reason : CheckpointWriter::partial_reason();
}

void SpooledWriter::abandon(const std::string &reason) {
  CheckpointWriter::abandon(reason);
  state_->leaving = true;
  state_->cancel.cancel();
  state_->look_again();
}

uint64_t SpooledWriter::stop(std::chrono::milliseconds timeout, const std::string &reason) {
  const SteadyTime until =
      std::chrono::steady_clock::now() + std::max(timeout, std::chrono::milliseconds(kCleanUpTime));
  const uint64_t lost = CheckpointWriter::stop(timeout, reason);
  if (auto drain = state_->drain()) drain->ended();
  {
    std::unique_lock lock(state_->mutex);
    if (state_->drain_)
      state_->changed.wait_until(lock, until - kCleanUpTime, [&] {
        return state_->drained || state_->failure || state_->leaving;
      });
  }
  state_->leave(std::max(until, std::chrono::steady_clock::now() + 2 * kCleanUpTime));
  return lost;
}

WriterStats SpooledWriter::stats() const {
  WriterStats here = CheckpointWriter::stats();
  const uint64_t spooled = here.frames_stored;
  auto drain = state_->drain();
  WriterStats there = drain ? drain->stats() : WriterStats();
  there.frames_in = here.frames_in;
  there.frames_dropped = here.frames_dropped;
  there.queued_bytes = here.queued_bytes;
  there.queued_frames = here.queued_frames;
  there.retries += here.retries;
  there.frames_spooled = spooled - std::min(spooled, there.frames_stored);
  return there;
}

std::optional<Uuid> SpooledWriter::checkpoint_id() const {
  auto drain = state_->drain();
  return drain ? drain->id() : std::nullopt;
}

}  // namespace checkpoint
