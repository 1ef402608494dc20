// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes one checkpoint. docs/architecture.md draws its threads.
//
// Way of a frame: push() -> bounded queue -> workers: digest, already stored? else encode -> pack
// -> puts, several in flight -> commits in frame order -> observer. A payload is let go before the
// worker waits for another frame.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/cancel.h"
#include "common/status.h"
#include "core/frame_input.h"
#include "core/stores.h"

namespace checkpoint {

enum class Leaky { kNo, kUpstream, kDownstream };  // as in queue: drop the new one, drop the oldest

struct WriterOptions {
  Codec codec = Codec::kNone;
  uint64_t pack_size = 16 << 20;  // bytes; 0: one plain object per frame
  std::chrono::milliseconds commit_interval{5000};
  uint64_t max_bytes = 128 << 20;  // 0: no such bound, as in queue
  uint64_t max_buffers = 200;
  uint64_t max_time = 0;  // nanoseconds
  Leaky leaky = Leaky::kNo;
  std::chrono::milliseconds lease{30000};
  unsigned workers = 2;
  // False: every frame is stored where its record is, whoever has its pixels already.
  bool reuse = true;
  // Who takes the lease, where several writers follow one another as one: what a lost connection
  // left to the one before is the next one's.
  std::optional<Uuid> instance;
  bool passes_on = false;    // frames go on from here, between before_passing() and after_passing()
  bool skip_poison = false;  // with it: see before_passing()
};

struct CommitInfo {
  Uuid checkpoint;
  std::string job_id, stage;
  uint32_t version = 0;
  uint64_t commit_no = 0;
  uint64_t frames = 0;  // durable now: indexes 0 .. frames-1
  uint64_t bytes_new = 0, bytes_reused = 0;
  std::chrono::milliseconds elapsed{0};  // since the first frame
  bool complete = false;
  uint64_t token = 0;  // the last one that flush() was given and that is covered
};

struct WriterStats {
  uint64_t frames_in = 0, frames_dropped = 0, frames_stored = 0, frames_reused = 0;
  uint64_t bytes_new = 0, bytes_reused = 0, bytes_put = 0;
  uint64_t packs = 0, commits = 0, queued_bytes = 0, queued_frames = 0, retries = 0;
  // Frames that came without a sequence, and for whose PTS the parent has several frames or none.
  uint64_t frames_ambiguous = 0, frames_unmatched = 0;
  // Frames that were stored by an earlier run, and compared with what came again.
  uint64_t frames_compared = 0;
  // Frames that are in the spool alone (see core/spooled_writer.h).
  uint64_t frames_spooled = 0;
  // Frames that were not passed on, since run after run ended on them.
  uint64_t frames_skipped = 0;
};

// Called on the writer's threads, several at a time, without a lock of the writer held that its
// methods need; commits in their order. A call may do what it likes with the writer, but for its
// destructor.
class WriterObserver {
 public:
  virtual ~WriterObserver() = default;
  virtual void on_commit(const CommitInfo &info) = 0;
  // The stretch is in the spool; it is not durable where it belongs, and on_commit() comes later.
  virtual void on_spooled(const CommitInfo &info) {}
  // An earlier checkpoint goes on, or is complete already; before its first commit here.
  virtual void on_resume(const CommitInfo &info) {}
  virtual void on_warning(const Status &status) = 0;
  // Long work: what ("connect", "lease", "drain") and how far (0..100, or -1: unknown).
  virtual void on_progress(const std::string &what, const std::string &text, int percent) = 0;
  // Once at most; nothing is stored after it.
  virtual void on_error(const Status &status) = 0;
};

struct FrameTiming {
  uint64_t pts = kNone, dts = kNone, duration = kNone, stream_time = kNone;
  uint64_t offset = kNone, offset_end = kNone;
  uint32_t flags = 0;
};

class CheckpointWriter {
 public:
  using StoreOpener = std::function<Result<std::shared_ptr<Stores>>(Cancellation &)>;

  // Returns at once; the stores are opened on a thread of the writer's. `observer` outlives the
  // writer's threads.
  CheckpointWriter(StoreOpener open, const WriterOptions &options,
                   std::shared_ptr<WriterObserver> observer);
  // As abandon(). Then waits for the threads, whose waits are all cancelled, until stop()'s
  // deadline or, where there was no stop(), for 2 s at most. One that the kernel holds is left
  // behind; it owns what it uses.
  virtual ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter &) = delete;
  CheckpointWriter &operator=(const CheckpointWriter &) = delete;

  // What the checkpoint is; before the first push, but events and caps may come before. A
  // stage_index of -1 becomes the parent's + 1, or 0. Makes no row yet. A parent that these stores
  // don't know is an error, or, as a hint, left out with a warning.
  //
  // `resume`: the newest version goes on after its last durable frame, if there is one. The frames
  // that it has are expected again, from the first one on: they are compared, and not stored; a
  // difference is a failure that names the sequence. When it is complete already all of them are.
  //
  // `id` is for a copy, which keeps that of what it is made of; else it is a new one. Where there
  // is one with that id already, it is what goes on. Its frames before `first` do not come again.
  virtual Status begin(const CheckpointFields &fields, bool parent_is_hint, bool resume = false,
                       std::optional<Uuid> id = {}, uint64_t first = 0);

  // --- the streaming thread's calls
  // The caps of the frames that follow.
  Status set_caps(const std::string &caps);
  // An event that belongs before the next frame. Waits while too many bytes of events do;
  // kCancelled as in push(), and `body` is still the caller's. kNoSpace: too many before begin().
  Status push_event(const std::string &type, Bytes &&body);
  // Hands a frame over. Without a sequence it gets that of the parent's frame with its PTS, or
  // where there is no parent the number of frames that came before it. Waits while the queue is
  // full (leaky=no). kCancelled: interrupt() came, and `frame` is still the caller's, who calls
  // again. Any other failure: the writer has failed; on_error() was called.
  virtual Status push(std::unique_ptr<FrameInput> &frame, const FrameTiming &timing,
                      std::optional<uint64_t> sequence);
  // What the next push() without a sequence gets; nullopt: the parent's frames decide.
  virtual std::optional<uint64_t> next_sequence() const;
  // After push() of a frame, where `resume` is asked for: waits until so much is durable that a
  // later run can tell on which frame this one ended, if it does. True: not to be passed on, as
  // `skip_poison` asks where run after run ended on it. kCancelled as in push().
  virtual Result<bool> before_passing();
  // What the frame was passed on to came back from it. kCancelled as in push().
  virtual Status after_passing();
  // After begin(): waits until the checkpoint's id is known, which without `resume` it is.
  // kCancelled as in push().
  virtual Result<Uuid> await_id();
  // Ends the checkpoint: commits all, then completes it, or leaves it partial with the reason.
  // `stats`, a JSON object, takes the place of what begin() was given.
  // Waits; kCancelled as in push(): call again. kTimeout: not done within `timeout`; the checkpoint
  // stays partial and loadable. A last commit that is under way then is called back, and when that
  // comes too late, because all is durable, the end is a success.
  virtual Status finish(std::optional<std::string> partial_reason,
                        std::chrono::milliseconds timeout, std::optional<std::string> stats = {});

  // --- any thread
  // Makes push() and finish() return kCancelled until resume().
  virtual void interrupt();
  virtual void resume();
  // There is a reason to doubt that the stream is whole: the checkpoint stays partial with it,
  // unless it is complete already. Does not wait; a commit that would complete it is called back.
  virtual void doubt(const std::string &reason);
  // Why the checkpoint is or stays partial; nullopt: no reason is known.
  virtual std::optional<std::string> partial_reason() const;
  // Ends every wait, stores nothing more, and does not wait for that.
  virtual void abandon(const std::string &reason);
  // Makes durable what is queued, notes the end and gives the lease back. Returns within `timeout`,
  // or within kCleanUpTime when that is longer, whatever the stores do. The number of frames that
  // did not make it.
  virtual uint64_t stop(std::chrono::milliseconds timeout,
                        const std::string &reason = "stopped before the end of the stream");
  static constexpr std::chrono::milliseconds kCleanUpTime{250};
  // Commits what was pushed so far, soon. The CommitInfo that covers it comes later, and carries
  // `token`, which is greater than those before it. Where all is durable already the last commit is
  // told once more. False: the checkpoint is at its end, and nothing is told.
  bool flush(uint64_t token = 0);
  virtual WriterStats stats() const;
  // The checkpoint's id: from begin() on, or with `resume` once it is known.
  virtual std::optional<Uuid> checkpoint_id() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace checkpoint
