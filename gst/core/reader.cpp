// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/reader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "common/thread_name.h"
#include "core/frame_fetcher.h"
#include "core/read_plan.h"
#include "core/reader_pin.h"
#include "core/row_cursor.h"

namespace checkpoint {

namespace {

// A place in the order of what next() returns. A worker fills it in under the reader's lock.
struct Slot {
  ReplayItem item;
  uint64_t cost = 0;     // of the read-ahead bound
  unsigned pending = 0;  // fetches that it waits for
  Status status;
  ReplayFrame &frame() { return std::get<ReplayFrame>(item); }
};

struct Job {
  Fetch fetch;
  PackRow pack;
  std::vector<std::shared_ptr<Slot>> slots;  // of fetch.frames
};

// One seek and what was read since. Belongs to the reader's lock, but for `cursor`, which is the
// planning thread's while `planning` is set.
struct Session {
  Session(std::shared_ptr<MetadataStore> store, std::shared_ptr<const Playlist> playlist,
          const ReaderPin &pin, const ReplayRange &range, unsigned page,
          Cancellation::RetryListener on_retry)
      : cancel(std::move(on_retry)),
        cursor(std::move(store), std::move(playlist), pin, range, page) {}

  Cancellation cancel;
  RowCursor cursor;
  bool planning = false;
  bool planned_all = false;
  bool first_ready = false;  // nothing is read ahead before the first frame is there
  unsigned run = 1;          // frames to plan at once
  uint64_t held = 0;         // bytes of frames planned and not handed out
  std::deque<std::shared_ptr<Slot>> slots;
  std::deque<Job> jobs;
  Status failed;  // what next() returned; for good
  std::optional<PlayedFrame> failed_frame;
  bool ended = false;
};

// Room has to be worth a get before the next run is planned.
constexpr uint64_t kWorthPlanning = 2 * kFetchBytes;
constexpr size_t kMaxSlots = 1024;

std::vector<CheckpointKey> keys_of(const Playlist &playlist) {
  std::vector<CheckpointKey> keys;
  for (const CheckpointRow &layer : playlist.layers()) keys.push_back(layer.key);
  return keys;
}

}  // namespace

struct CheckpointReader::Impl {
  Impl(std::shared_ptr<Stores> s, std::shared_ptr<const Playlist> p, const ReaderOptions &o)
      : stores(std::move(s)),
        playlist(std::move(p)),
        options(o),
        pin(stores->metadata, keys_of(*playlist), o.pin, o.on_warning),
        packs(stores->metadata),
        fetcher(stores, playlist, o.read_ahead) {
    options.workers = std::max(options.workers, 1u);
    options.page = std::max(options.page, 1u);
  }

  void start(const ReplayRange &range);
  void work();
  bool can_plan(const Session &session) const;
  void plan(const std::shared_ptr<Session> &session, std::unique_lock<std::mutex> &lock);
  void run(const std::shared_ptr<Session> &session, std::unique_lock<std::mutex> &lock,
           PayloadCodec &codec);

  const std::shared_ptr<Stores> stores;
  const std::shared_ptr<const Playlist> playlist;
  ReaderOptions options;
  ReaderPin pin;
  PackCache packs;
  FrameFetcher fetcher;

  std::mutex caps_mutex;
  std::map<unsigned, std::vector<CapsRow>> caps;  // by layer; protected by caps_mutex

  // Never held while a store is called. A Cancellation's hook takes it, so no Cancellation is
  // touched under it.
  mutable std::mutex mutex;
  std::condition_variable work_changed;   // workers wait for it
  std::condition_variable ready_changed;  // next() waits for it
  std::shared_ptr<Session> session;       // protected by mutex
  std::vector<std::thread> threads;       // protected by mutex
  bool stopping = false;                  // protected by mutex
  uint64_t rows = 0;                      // protected by mutex
  std::vector<Status> retried;            // not told so far; protected by mutex
};

void CheckpointReader::Impl::start(const ReplayRange &range) {
  // A session ends before we do.
  auto next = std::make_shared<Session>(stores->metadata, playlist, pin, range, options.page,
                                        [this](const Status &why) {
                                          std::lock_guard lock(mutex);
                                          retried.push_back(why);
                                          ready_changed.notify_all();
                                        });
  std::shared_ptr<Session> old;
  {
    std::lock_guard lock(mutex);
    old = std::move(session);
    session = std::move(next);
    try {
      while (threads.size() < options.workers)
        threads.emplace_back([this] {
          name_thread("ckpt:read");
          work();
        });
    } catch (const std::system_error &error) {
      // One is enough.
      if (threads.empty())
        session->failed =
            Status(Code::kUnavailable, std::string("no thread can be started: ") + error.what());
    }
  }
  work_changed.notify_all();
  if (old) old->cancel.cancel();
}

void CheckpointReader::Impl::work() {
  PayloadCodec codec;
  std::unique_lock lock(mutex);
  while (!stopping) {
    std::shared_ptr<Session> current = session;
    if (current && !current->jobs.empty()) {
      run(current, lock, codec);
    } else if (current && can_plan(*current)) {
      plan(current, lock);
    } else {
      work_changed.wait(lock);
    }
  }
}

bool CheckpointReader::Impl::can_plan(const Session &s) const {
  if (s.planning || s.planned_all || !s.failed.is_ok()) return false;
  if (!s.slots.empty() && !s.first_ready) return false;
  if (s.held == 0 && s.slots.size() < kMaxSlots) return true;
  if (s.slots.size() >= kMaxSlots || s.held >= options.read_ahead) return false;
  const uint64_t room = options.read_ahead - s.held;
  const uint64_t next = s.cursor.has_front() ? s.cursor.front().row.payload.raw_length : 0;
  return room >= std::max(next, std::min(options.read_ahead / 2, kWorthPlanning));
}

// Reads rows and turns them into slots and jobs.
void CheckpointReader::Impl::plan(const std::shared_ptr<Session> &s,
                                  std::unique_lock<std::mutex> &lock) {
  s->planning = true;
  const uint64_t room = options.read_ahead - std::min(options.read_ahead, s->held);
  const bool one_fits = s->held == 0;
  const unsigned most = s->run;
  lock.unlock();

  RowCursor &cursor = s->cursor;
  const uint64_t rows_before = cursor.rows_read();
  std::deque<std::shared_ptr<Slot>> slots;
  std::vector<std::shared_ptr<Slot>> frames;
  uint64_t cost = 0;
  bool all = false;
  const auto add_events = [&](uint64_t index) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<EventRow> events, cursor.take_events(index, s->cancel));
    for (EventRow &event : events) {
      auto slot = std::make_shared<Slot>();
      slot->item.emplace<ReplayEvent>().row = std::move(event);
      slots.push_back(std::move(slot));
    }
    return Status::ok();
  };

  Status status = pin.hold(s->cancel);
  if (status.is_ok()) status = cursor.fill(s->cancel);
  while (status.is_ok() && cursor.has_front() && frames.size() < most) {
    const uint64_t size = cursor.front().row.payload.raw_length;
    const bool fits = cost <= room && size <= room - cost;
    if (!fits && !(one_fits && frames.empty())) break;
    status = add_events(cursor.next_place());
    if (!status.is_ok()) break;
    auto slot = std::make_shared<Slot>();
    slot->cost = size;
    static_cast<PlayedFrame &>(slot->item.emplace<ReplayFrame>()) = cursor.take();
    cost += size;
    frames.push_back(slot);
    slots.push_back(std::move(slot));
  }
  if (status.is_ok() && cursor.at_end()) {
    status = add_events(cursor.next_place());
    auto slot = std::make_shared<Slot>();
    slot->item.emplace<ReplayEnd>();
    if (status.is_ok()) slots.push_back(std::move(slot));
    all = true;
  }

  std::vector<PackKey> keys;
  for (const auto &slot : frames) {
    const FrameRow &row = slot->frame().row;
    if (!slot->frame().found) {
      slot->status =
          Status(Code::kMissing, "checkpoint " + playlist->checkpoint().id.to_string() +
                                     ", sequence " + std::to_string(row.sequence) +
                                     ": neither it nor what it was run from has that frame");
      continue;
    }
    if (row.payload.raw_length > 0) keys.push_back(row.payload.pack);
    if (row.has_metas) keys.push_back(row.record.pack);
  }
  std::unordered_map<PackKey, PackRow> pack_rows;
  if (!keys.empty()) {
    auto found = packs.find(keys, s->cancel);
    if (found.is_ok())
      pack_rows = std::move(*found);
    else
      for (auto &slot : frames)
        if (slot->status.is_ok()) slot->status = found.status();
  }

  std::vector<PlannedFrame> planned;
  for (auto &slot : frames) {
    const PlayedFrame &played = slot->frame();
    const FrameRow &row = played.row;
    PlannedFrame frame{&row, row.payload.raw_length > 0, row.has_metas, false};
    const auto check = [&](PackKey key, bool record) -> Status {
      auto it = pack_rows.find(key);
      if (it == pack_rows.end()) {
        PackRow unknown;
        unknown.object = "number " + std::to_string(key);
        return fetcher.named(
            deleted_or(*stores->metadata, playlist->layers()[played.layer].id,
                       {Code::kCorrupt, "the metadata store has no such pack"}, s->cancel),
            played, unknown, record);
      }
      return fetcher.check(played, it->second, record, options.max_frame_bytes);
    };
    if (slot->status.is_ok() && !frame.payload && row.payload != PayloadRef{})
      slot->status =
          fetcher.named({Code::kCorrupt, "a payload of " + std::to_string(row.payload.length) +
                                             " stored bytes claims to be a frame without bytes"},
                        played, pack_rows[row.payload.pack], false);
    if (slot->status.is_ok() && frame.payload) slot->status = check(row.payload.pack, false);
    if (slot->status.is_ok() && frame.record) slot->status = check(row.record.pack, true);
    if (!slot->status.is_ok()) frame.payload = frame.record = false;
    if (frame.payload) frame.plain_payload = pack_rows.at(row.payload.pack).plain;
    planned.push_back(frame);
  }
  std::deque<Job> jobs;
  for (Fetch &fetch : plan_fetches(planned)) {
    Job job{std::move(fetch), {}, {}};
    job.pack = pack_rows.at(job.fetch.pack);
    for (size_t place : job.fetch.frames) {
      job.slots.push_back(frames[place]);
      frames[place]->pending++;
    }
    jobs.push_back(std::move(job));
  }

  lock.lock();
  rows += cursor.rows_read() - rows_before;
  if (!status.is_ok()) {
    auto slot = std::make_shared<Slot>();
    slot->item.emplace<ReplayEnd>();
    slot->status = status;
    slots.push_back(std::move(slot));
    all = true;
  }
  s->held += cost;
  if (!frames.empty()) s->run = std::min(options.page, most * 2);
  s->planned_all = all;
  if (jobs.empty() && !slots.empty()) s->first_ready = true;
  std::move(slots.begin(), slots.end(), std::back_inserter(s->slots));
  std::move(jobs.begin(), jobs.end(), std::back_inserter(s->jobs));
  s->planning = false;
  work_changed.notify_all();
  ready_changed.notify_all();
}

void CheckpointReader::Impl::run(const std::shared_ptr<Session> &s,
                                 std::unique_lock<std::mutex> &lock, PayloadCodec &codec) {
  Job job = std::move(s->jobs.front());
  s->jobs.pop_front();
  lock.unlock();
  std::vector<const PlayedFrame *> frames;
  for (const auto &slot : job.slots) frames.push_back(&slot->frame());
  std::vector<LoadedPart> parts = fetcher.load(job.fetch, frames, job.pack, codec, s->cancel);
  lock.lock();
  for (size_t i = 0; i < parts.size(); i++) {
    Slot &slot = *job.slots[i];
    if (!parts[i].status.is_ok()) {
      if (slot.status.is_ok()) slot.status = parts[i].status;
    } else if (job.fetch.records) {
      slot.frame().metas = std::move(parts[i].metas);
    } else {
      slot.frame().chunk = std::move(parts[i].chunk);
      slot.frame().offset = parts[i].offset;
      slot.frame().size = slot.frame().row.payload.raw_length;
    }
    slot.pending--;
    if (slot.pending == 0) s->first_ready = true;
  }
  work_changed.notify_all();
  ready_changed.notify_all();
}

CheckpointReader::CheckpointReader(std::shared_ptr<Stores> stores, CheckpointRow checkpoint,
                                   const ReaderOptions &options)
    : CheckpointReader(stores, Playlist::all_of(stores->metadata, std::move(checkpoint)), options) {
}

CheckpointReader::CheckpointReader(std::shared_ptr<Stores> stores,
                                   std::shared_ptr<const Playlist> playlist,
                                   const ReaderOptions &options)
    : impl_(std::make_unique<Impl>(std::move(stores), std::move(playlist), options)) {}

CheckpointReader::~CheckpointReader() {
  std::shared_ptr<Session> session;
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    session = impl_->session;
    threads.swap(impl_->threads);
  }
  impl_->work_changed.notify_all();
  if (session) session->cancel.cancel();
  for (std::thread &thread : threads) thread.join();
}

const CheckpointRow &CheckpointReader::checkpoint() const { return impl_->playlist->checkpoint(); }

Result<std::vector<CapsRow>> CheckpointReader::caps(Cancellation &cancel, unsigned layer) {
  {
    std::lock_guard lock(impl_->caps_mutex);
    if (auto known = impl_->caps.find(layer); known != impl_->caps.end()) return known->second;
  }
  const CheckpointKey key = impl_->playlist->layers()[layer].key;
  CHECKPOINT_RETURN_IF_ERROR(impl_->pin.hold(cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CapsRow> caps,
                              impl_->stores->metadata->read_caps(key, cancel));
  CHECKPOINT_RETURN_IF_ERROR(impl_->pin.check(cancel));
  std::lock_guard lock(impl_->caps_mutex);
  impl_->caps[layer] = caps;
  return caps;
}

void CheckpointReader::seek(const ReplayRange &range) { impl_->start(range); }

Result<ReplayItem> CheckpointReader::next(Cancellation &cancel) {
  Impl &impl = *impl_;
  {
    std::unique_lock lock(impl.mutex);
    const bool fresh = !impl.session;
    lock.unlock();
    if (fresh) impl.start({});
  }
  bool interrupted = false;  // protected by impl.mutex
  Cancellation::Hook hook(cancel, [&impl, &interrupted] {
    std::lock_guard lock(impl.mutex);
    interrupted = true;
    impl.ready_changed.notify_all();
  });
  std::unique_lock lock(impl.mutex);
  Session &s = *impl.session;
  const auto something_ready = [&] {
    return interrupted || !s.failed.is_ok() || s.ended ||
           (!s.slots.empty() && s.slots.front()->pending == 0);
  };
  for (;;) {
    impl.ready_changed.wait(lock, [&] { return !impl.retried.empty() || something_ready(); });
    if (impl.retried.empty()) break;
    const std::vector<Status> retried = std::exchange(impl.retried, {});
    lock.unlock();
    for (const Status &why : retried) cancel.retried(why);
    lock.lock();
  }
  if (interrupted) return Status(Code::kCancelled, "cancelled");
  if (!s.failed.is_ok()) return s.failed;
  if (s.ended) return ReplayItem(ReplayEnd{});
  std::shared_ptr<Slot> slot = std::move(s.slots.front());
  s.slots.pop_front();
  s.held -= slot->cost;
  impl.work_changed.notify_all();
  if (!slot->status.is_ok()) {
    s.failed = slot->status;
    if (auto *frame = std::get_if<ReplayFrame>(&slot->item)) s.failed_frame = std::move(*frame);
    s.jobs.clear();
    return s.failed;
  }
  if (std::holds_alternative<ReplayEnd>(slot->item)) s.ended = true;
  lock.unlock();
  return std::move(slot->item);
}

std::optional<PlayedFrame> CheckpointReader::failed() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->session ? impl_->session->failed_frame : std::nullopt;
}

CheckpointReader::Stats CheckpointReader::stats() const {
  std::lock_guard lock(impl_->mutex);
  return {impl_->rows, impl_->fetcher.gets(), impl_->fetcher.bytes()};
}

}  // namespace checkpoint
