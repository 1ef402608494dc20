// SPDX-License-Identifier: LGPL-2.1-or-later
// Inside of CheckpointWriter; only writer*.cpp include it.
//
// Threads: the streaming thread (push, finish), `workers` encoders (writer_work.cpp), a few putters
// (writer_put.cpp), one that renews the lease (writer_lease.cpp), and one control thread that
// opens, leases, seals by time and commits in order (writer_commit.cpp). Each holds the Impl, so
// none outlives it.
//
// Lock order: lease_in_use, then mutex, then InflightPayloads' own. The observer is called with
// none of them held, but for a store that says within a call that it tries again: then lease_in_use
// may be held, shared, which only a new lease waits for. No store or FrameInput is called with
// `mutex`.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "common/status_of.h"
#include "core/chunk.h"
#include "core/codec.h"
#include "core/earlier_frames.h"
#include "core/identity.h"
#include "core/inflight.h"
#include "core/marks.h"
#include "core/pack.h"
#include "core/record.h"
#include "core/sequence_finder.h"
#include "core/writer.h"

namespace checkpoint {

using SteadyTime = std::chrono::steady_clock::time_point;

// How often a call to a store is made before its failure counts.
inline constexpr int kAttempts = 10;

// A frame from push() to its commit.
struct Slot {
  FrameRecord record;
  std::unique_ptr<FrameInput> input;        // until its payload is encoded or found
  size_t held_bytes = 0;                    // what `input` keeps alive
  size_t meta_bytes = 0;                    // of its record, once it is resolved
  std::shared_ptr<PendingPayload> payload;  // null: a frame without bytes
  bool ours = false;                        // this frame brought the payload
  PackKey lost_pack = 0;                    // where it should have been; 0: nowhere
  bool resolved = false;                    // its payload has a place; protected by Impl::mutex
  bool has_sequence = false;                // it came with it
  bool other_caps = false;                  // than an earlier run had here
  uint64_t turn = 0;                        // to be given a sequence
};

struct QueuedCaps {
  std::string caps;
};
struct QueuedEvent {
  std::string type;
  Bytes body;
  size_t size = 0;  // what it adds to event_bytes
};
using QueueItem = std::variant<std::unique_ptr<Slot>, QueuedCaps, QueuedEvent>;

// A sealed pack and the stretch of the checkpoint that is committed with it. Belongs to one thread
// at a time: whoever sealed it, then its putter, then (put_done) the control thread.
struct PendingCommit {
  // What is to be put. For pack-size=0 the payloads are objects of their own and `builder` holds
  // the records alone.
  std::unique_ptr<PackBuilder> builder;
  std::shared_ptr<OpenPack> pack;
  struct PlainObject {
    PayloadRef ref;
    std::shared_ptr<const Chunk> chunk;
  };
  std::shared_ptr<OpenPack> plain_pack;
  std::vector<PlainObject> plain_objects;

  // What is to be committed.
  std::vector<std::unique_ptr<Slot>> slots;
  std::vector<CapsRow> caps;
  std::vector<EventRow> events;
  size_t event_bytes = 0;
  uint64_t commit_no = 0;
  uint64_t first_index = 0;
  bool closing = false;  // completes the checkpoint; once put, the control thread's to take back
  bool said_closing = false;  // its records say so
  bool in_doubt = false;      // the answer to its commit was lost
  RecordRef records;          // known after the put

  bool put_done = false;  // protected by Impl::mutex
};

struct CheckpointWriter::Impl : std::enable_shared_from_this<CheckpointWriter::Impl> {
  Impl(StoreOpener opener, const WriterOptions &writer_options,
       std::shared_ptr<WriterObserver> writer_observer);

  // --- fixed before any thread runs
  const StoreOpener open;
  const WriterOptions options;
  const std::shared_ptr<WriterObserver> observer;
  const LeaseOwner owner;
  const std::shared_ptr<ChunkPool> chunks;

  // What the stores try again by themselves is told like what we try again.
  const Cancellation::RetryListener on_retry{[this](const Status &why) { retried(why); }};
  Cancellation cancel{on_retry};        // ends every wait in a store but those that clean up
  Cancellation final_cancel{on_retry};  // ends those too
  std::atomic<bool> aborted{false};     // as `cancel`, readable without a lock

  // --- set by the control thread before it starts workers and putters, then only read
  std::shared_ptr<Stores> stores;
  Uuid id = Uuid::random();
  JobRow job;
  CheckpointRow row;
  unsigned max_puts = 1;  // putters
  bool sha256 = false;
  // Null without a parent. Used by one worker at a time, see identify().
  std::unique_ptr<SequenceFinder> finder;
  std::unique_ptr<EarlierFrames> earlier;  // where an earlier checkpoint goes on
  std::shared_ptr<InflightPayloads> inflight;
  std::shared_ptr<void> waker;  // after inflight, which it refers to

  mutable std::mutex mutex;
  std::condition_variable room;      // the streaming thread: the queue, the end, an interruption
  std::condition_variable work_due;  // workers: something queued
  std::condition_variable turn_changed;  // workers: who may use the finder
  std::condition_variable put_due;       // putters: something sealed
  std::condition_variable put_room;      // workers: a place for a sealed pack
  std::condition_variable control_due;
  std::condition_variable beat_due;

  std::shared_mutex lease_in_use;  // see with_lease()
  Lease lease;  // written by the control thread alone, which so needs lease_in_use only for that
  // What all its records say, since packs are put in any order: the epoch that it began with. Set
  // before there is a frame.
  uint64_t record_epoch = 0;

  // --- protected by `mutex`
  std::optional<CheckpointFields> fields;
  bool parent_is_hint = false;
  bool resume_asked = false;
  bool id_given = false;     // one with this id goes on
  uint64_t first_index = 0;  // of the frames that come
  bool unsettled = false;    // the id is among the RunningCheckpoints
  bool id_known = false;
  std::deque<QueueItem> queue;
  uint64_t arrivals = 0;  // frames pushed, dropped ones included
  bool interrupted = false;
  bool draining = false;    // finish() or stop() came: no more data
  bool seal_asked = false;  // seal what there is: somebody waits for the open pack
  // What was pushed when flush() was called: commit it soon.
  struct Flush {
    uint64_t token = 0, frames = 0, events = 0;
  };
  std::deque<Flush> flushes;  // those that were not told of yet
  uint64_t flushes_asked = 0, flushes_told = 0;
  uint64_t last_token = 0;  // of flush(), told
  bool failed = false;
  SteadyTime lease_ends;  // unless it is renewed; by our clock
  bool closed = false;    // the end is durable
  bool ended = false;     // the control thread is done with the checkpoint
  // While the commit that completes the checkpoint is under way: calls it back.
  std::shared_ptr<Cancellation> completing;
  std::optional<Status> overdue;  // finish() called it back: what to fail with, if it comes back
  std::optional<SteadyTime> stop_by;  // stop()'s deadline
  Status failure;
  std::optional<std::string> partial_reason;  // the end will be `partial`
  std::optional<std::string> final_stats;     // finish()'s; once `draining` only read
  int threads = 0;
  // With whether it is gone, but for what its libraries tidy up. The writer joins or detaches them.
  std::vector<std::pair<std::thread, std::shared_ptr<bool>>> handles;
  bool left_behind = false;  // the writer is gone: who starts now is detached

  uint64_t next_turn = 0, turn = 0;  // given out with frames; whose it is

  uint64_t next_index = 0;
  uint32_t next_caps = 0;
  uint32_t next_ordinal = 0;     // of an event before the frame `next_index`
  std::vector<CapsRow> caps;     // not yet part of a commit
  std::vector<EventRow> events;  // likewise
  size_t taken_bytes = 0;        // of `events`
  size_t event_bytes = 0;        // of those, of what is queued, and of what is not committed
  uint64_t events_in = 0;        // pushed
  std::deque<std::unique_ptr<Slot>>
      slots;  // taken by workers, not yet part of a commit, in index order
  std::map<uint64_t, std::unique_ptr<Slot>> compared;  // by index: taken, and stored before
  uint64_t events_skipped = 0;                         // likewise, and gone
  bool other_caps = false;  // those that hold now differ from the stored ones of their number
  // Frames whose metas are not those that were stored, and the first one's sequence.
  uint64_t other_metas = 0, first_other_metas = kNone;

  std::unique_ptr<PackBuilder> builder;  // null: nothing unsealed
  std::shared_ptr<OpenPack> open_pack;   // what the payloads in it are placed in
  std::vector<PendingCommit::PlainObject> plain_objects;
  uint64_t plain_bytes = 0;
  size_t meta_bytes = 0;                      // of resolved `slots`
  std::optional<SteadyTime> oldest_unsealed;  // since when a resolved frame waits for a commit
  bool close_sealed = false;  // the last commit of a complete checkpoint is on its way

  uint64_t sealed_commits = 0;  // handed out so far
  uint64_t sealed_frames = 0;   // index after the last frame in them
  uint64_t sealed_events = 0;   // how many in them
  std::deque<std::unique_ptr<PendingCommit>>
      commits;                       // in order; the putters work on those in `puts`
  std::deque<PendingCommit *> puts;  // sealed, no putter has them yet

  struct KnownPack {
    Uuid uuid;
    bool usable = false;           // pinned for us
    bool lost = false;             // the frame store has it no more, though nobody collected it
    std::optional<PackRow> plain;  // of a plain one, each payload of which is looked at
  };
  std::map<PackKey, KnownPack> known_packs;  // packs of earlier payloads
  std::set<PackKey> told_lost;
  WriterStats stats;
  std::optional<SteadyTime> first_frame_at;

  uint64_t control_pokes = 0;  // so that nothing is missed while the control thread looks elsewhere
  void poke_control() {
    control_pokes++;
    control_due.notify_all();
  }

  // --- the control thread's alone
  bool take_back = false;  // the records say complete, and a doubt came before the commit
  uint64_t frames_durable = 0, events_durable = 0, commits_done = 0;
  uint64_t bytes_new = 0, bytes_reused = 0;
  uint64_t first_time = kNone, end_time = kNone;

  // --- writer.cpp
  bool queue_full(const Slot &next) const;
  void fail(const Status &status);
  void abort_waits();
  void doubt(const std::string &reason);
  void abandon(const std::string &reason);
  // Call with `mutex` held. Fails where the process may have no more threads.
  Status start_thread(const char *name, void (Impl::*body)());
  void observe(const std::function<void(WriterObserver &)> &call);
  void release_input(Slot &slot);
  void keep_inputs();  // call with `mutex` held
  // Runs a store's call with the lease that is in force, which is not renewed meanwhile.
  template <typename Call>
  auto with_lease(Call call) {
    std::shared_lock lock(lease_in_use);
    return call(lease);
  }
  std::unique_ptr<Slot> drop_oldest();
  uint64_t ask_flush(uint64_t token);
  bool flush_wanted() const;
  bool flush_covered() const;
  void tell_commit(std::unique_lock<std::mutex> &lock, bool complete);
  CommitInfo commit_info(bool complete) const;
  Status refusal() const;

  // --- writer_work.cpp: a worker's life
  void work();
  Slot *take();
  Status identify(Slot &slot);
  Status resolve(Slot &slot, FrameDigester &digester, PayloadCodec &codec);
  Status store_payload(Slot &slot, PayloadCodec &codec, ByteView raw,
                       std::shared_ptr<Chunk> copied);
  Result<KnownPack> pin(const PayloadRef &payload);
  void tell_lost(const PackRow &pack, const Status &state);
  Status look_at(const PackRow &pack, const PayloadRef &payload);
  void open_builder();
  uint64_t unsealed_bytes() const;
  // A place for one more sealed pack. The bound is what a crash makes a resumed run send again.
  bool commit_room() const { return commits.size() < max_puts; }
  void set_resolved(Slot &slot);
  void hand_over(Slot &slot, std::unique_lock<std::mutex> &lock);

  // --- writer_commit.cpp: the control thread
  void control();
  Status set_up();
  Status find_parent(CheckpointFields &wanted, bool hint);
  void tell_unidentified();
  void settle();
  Status run();
  void finish_up(Status status);
  void seal(bool last);
  size_t resolved_slots() const;
  bool flush_due() const;
  Result<bool> head_durable(std::unique_lock<std::mutex> &lock);
  Status commit_head(std::unique_lock<std::mutex> &lock, Cancellation &cancellation);
  Status commit_last(PendingCommit &head, CommitBatch &batch, Cancellation &cancellation);
  Status commit_batch(CommitBatch &batch, Cancellation &call_back, Cancellation &cancellation);
  CommitBatch make_batch(const PendingCommit &commit);
  Status end_partial(const std::string &reason, Cancellation &cancellation);

  // --- writer_lease.cpp
  // Makes a call to a store again while the answer says that this may help; the first time is a
  // warning. As long as a lease at most.
  class Patience {
   public:
    Patience(Impl &impl, Cancellation &cancellation);
    // Was it a failure, and is it worth another call? Waits before that.
    bool again(const Status &status);

   private:
    Impl &impl_;
    Cancellation &cancellation_;
    const SteadyTime until_;
    int attempt_ = 0;
  };
  template <typename Call>
  auto patiently(Cancellation &cancellation, Call call) {
    Patience patience(*this, cancellation);
    for (;;) {
      auto answer = call();
      if (!patience.again(status_of(answer))) return answer;
    }
  }
  bool retry_warned = false;      // protected by `mutex`
  std::optional<Status> trouble;  // of a store, since something was stored; protected by `mutex`
  void retried(const Status &status);
  void beat();
  Status take_lease();
  void give_lease_back(bool lost);
  Status recover_outcome(const CommitBatch &batch, Cancellation &cancellation);

  // --- writer_resume.cpp: going on with an earlier checkpoint
  uint64_t stored_frames() const { return earlier ? earlier->row().frames : 0; }
  // How many of them come again.
  uint64_t frames_to_compare() const {
    return stored_frames() - std::min(stored_frames(), first_index);
  }
  Status find_earlier(const CheckpointFields &wanted);
  Status take_over(const CheckpointFields &wanted, CheckpointRow found);
  void take_caps(QueuedCaps &&item);
  void take_event(QueuedEvent &&item);
  Status compare(Slot &slot);
  Status await_compared(const Slot &slot);
  Status difference(const Slot &slot, const FrameRecord &before) const;
  Status must_have_all_again() const;
  void tell_compared();

  // --- writer_poison.cpp: frames on which run after run ended
  // Set before the id is known, then the streaming thread's.
  struct Watch {
    uint64_t last = kNone;          // index of the last frame that was stored
    bool after_crash = false;       // the run before this one said nothing at its end
    bool tell_return = false;       // what follows coming back from that frame is worth a mark
    bool returning = false;         // that mark is not durable yet
    bool noted = false;             // `due` is durable
    std::deque<std::string> due;    // marks behind that frame
    std::optional<Status> warning;  // with the first frame
    std::set<uint64_t> left_out;    // indexes of frames that are not passed on
  };
  Watch watch;
  uint32_t next_mark = kFirstMark;  // ordinal; protected by `mutex`
  Status look_for_poison(const EarlierFrames &before);
  Result<std::string> reached_stage(const CheckpointRow &from, const FrameRow &frame);
  Status sync();

  // --- writer_put.cpp
  void put();
  Status put_commit(PendingCommit &commit);
  Status put_object(const std::string &name, std::span<const ByteView> parts,
                    const std::optional<std::array<uint8_t, 32>> &digest);
};

// More frames than this go into a commit of their own, so that memory stays bounded when no pixel
// is new.
inline constexpr size_t kFramesPerCommit = 4096;
// Of events that wait for a commit: the stream waits. A commit need not wait for a frame when there
// are so many that one is worth it.
inline constexpr size_t kMaxEventBytes = 8 << 20;
inline constexpr size_t kEventBytesPerCommit = 1 << 20;
inline constexpr size_t kMetaBytesPerCommit = 8 << 20;
// A payload this long gets a pack of its own.
inline constexpr uint64_t kLonePayload = 8 << 20;

}  // namespace checkpoint
