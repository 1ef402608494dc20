// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames on which run after run ends. What is known after such an end is what is durable, so a
// resumed run notes how far it came: that it has the last stored frame again, and that what follows
// came back from it. And it stores the frames behind that one by one, each before it is passed on,
// so that the last stored frame is the one on which it ends.
#include <algorithm>
#include <utility>

#include "core/marks.h"
#include "core/writer_impl.h"

namespace checkpoint {

namespace {

// As many as the earlier run may have had and not stored, and more.
constexpr uint64_t kCarefulFrames = 500;
// In a row; then it is no accident.
constexpr unsigned kPoisonous = 3;

// How many runs in a row, up to the last one, ended behind the last stored frame.
struct Ends {
  unsigned after_it = 1;       // the one that stored it is the first
  unsigned while_passing = 1;  // those in which it may not have come back
};

Ends count_ends(const std::vector<std::string> &marks) {
  Ends ends;
  for (const std::string &mark : marks) {
    if (mark == kMarkPassing) {
      ends.after_it++;
      ends.while_passing++;
    } else if (mark == kMarkReturned) {
      ends.while_passing = 0;
    } else {
      ends = {0, 0};
    }
  }
  return ends;
}

std::string frame_text(const FrameRow &frame) {
  return "the frame with sequence " + std::to_string(frame.sequence) +
         (frame.pts == kNone ? "" : " (PTS " + std::to_string(frame.pts) + ")");
}

std::string times(unsigned n) { return (n == 3 ? "three" : std::to_string(n)) + " times in a row"; }

}  // namespace

// A stage behind this one that the frame has reached: what ends the runs is behind that.
Result<std::string> CheckpointWriter::Impl::reached_stage(const CheckpointRow &from,
                                                          const FrameRow &frame) {
  CheckpointQuery query;
  query.job_id = from.fields.job_id;
  query.include_partial = true;
  query.limit = 100;  // they ran at the same time, so it is among the newest
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<CheckpointRow> rows, patiently(cancel, [&] {
                                return stores->metadata->list_checkpoints(query, cancel);
                              }));
  for (const CheckpointRow &child : rows) {
    if (child.fields.parent != from.id || child.state != CheckpointState::kPartial) continue;
    CHECKPOINT_ASSIGN_OR_RETURN(const auto found, patiently(cancel, [&] {
                                  return stores->metadata->find_frames(
                                      child.key, FramePage::Order::kSequence, {&frame.sequence, 1},
                                      cancel);
                                }));
    if (found.front()) return child.fields.stage;
  }
  return std::string();
}

// The control thread's, before anybody knows the id.
Status CheckpointWriter::Impl::look_for_poison(const EarlierFrames &before) {
  const CheckpointRow &from = before.row();
  if (before.complete()) return Status::ok();
  watch.after_crash = from.reason.empty();
  if (from.frames == 0) return Status::ok();
  watch.last = from.frames - 1;
  if (options.skip_poison) {
    CHECKPOINT_ASSIGN_OR_RETURN(watch.left_out,
                                patiently(cancel, [&] { return before.left_out(cancel); }));
  }
  Ends ends = count_ends(before.marks());
  if (!watch.after_crash) {
    watch.due.emplace_back(kMarkStopped);
    ends = {0, 0};
  }
  const bool was_left_out = watch.left_out.contains(watch.last);
  const bool here = options.passes_on && !was_left_out && ends.while_passing >= kPoisonous;
  watch.tell_return = options.passes_on && ends.while_passing > 1;
  watch.due.emplace_back(kMarkPassing);
  if (ends.after_it < kPoisonous) return Status::ok();

  FramePage page;
  page.checkpoint = from.key;
  page.first = watch.last;
  page.limit = 1;
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows, patiently(cancel, [&] {
                                return stores->metadata->read_frames(page, cancel);
                              }));
  if (rows.empty()) return Status::ok();
  const std::string frame = frame_text(rows.front()) + " of stage '" + from.fields.stage + "'";
  Status warning;
  if (!here) {
    warning = Status(Code::kInternal,
                     "the pipeline died " + times(ends.after_it) + " after " + frame +
                         " and before the next one came",
                     options.passes_on
                         ? "what ends it is in front of the tap: look at what works there"
                         : "put a checkpointtap with on-poison=skip in front of the element that "
                           "ends it");
  } else {
    const std::string what =
        "the pipeline died " + times(ends.while_passing) + " when " + frame + " was passed on";
    CHECKPOINT_ASSIGN_OR_RETURN(const std::string reached, reached_stage(from, rows.front()));
    if (!reached.empty()) {
      warning =
          Status(Code::kInternal, what,
                 "the frame had reached stage '" + reached + "': what ends it is behind that");
    } else if (options.skip_poison) {
      warning = Status(Code::kInternal, what + "; it is left out of what follows",
                       "it stays stored in this stage; with on-poison=warn it is passed on again");
      watch.due.back() = kMarkLeftOut;
      watch.left_out.insert(watch.last);
      watch.tell_return = false;
    } else {
      warning = Status(Code::kInternal, what,
                       "with on-poison=skip it is left out of what follows, and stays stored here");
    }
  }
  watch.warning = std::move(warning);
  return Status::ok();
}

// Waits until all that was pushed is durable. The streaming thread's.
Status CheckpointWriter::Impl::sync() {
  std::unique_lock lock(mutex);
  CHECKPOINT_RETURN_IF_ERROR(refusal());
  const uint64_t mine = ask_flush(flushes.empty() ? last_token : flushes.back().token);
  room.wait(lock, [&] {
    return flushes_told >= mine || closed || ended || interrupted || !refusal().is_ok();
  });
  CHECKPOINT_RETURN_IF_ERROR(refusal());
  if (flushes_told < mine && interrupted) return Status(Code::kCancelled, "interrupted");
  return Status::ok();
}

Result<bool> CheckpointWriter::before_passing() {
  Impl &impl = *impl_;
  uint64_t index = 0, stored = 0;
  CHECKPOINT_RETURN_IF_ERROR(await_id().status());
  {
    std::lock_guard lock(impl.mutex);
    if (!impl.earlier || impl.earlier->complete()) return false;
    index = impl.arrivals - 1;
    stored = impl.stored_frames();
  }
  Impl::Watch &watch = impl.watch;
  if (const auto warning = std::exchange(watch.warning, {}))
    impl.observe([&](WriterObserver &o) { o.on_warning(*warning); });
  if (index == watch.last && !watch.noted) {
    for (; !watch.due.empty(); watch.due.pop_front())
      CHECKPOINT_RETURN_IF_ERROR(push_event(watch.due.front(), {}));
    CHECKPOINT_RETURN_IF_ERROR(impl.sync());
    watch.noted = true;
  }
  if (index >= stored && index - stored < kCarefulFrames && watch.after_crash)
    CHECKPOINT_RETURN_IF_ERROR(impl.sync());
  const bool left_out = watch.left_out.contains(index);
  if (left_out) {
    std::lock_guard lock(impl.mutex);
    impl.stats.frames_skipped++;
  }
  return left_out;
}

Status CheckpointWriter::after_passing() {
  Impl &impl = *impl_;
  Impl::Watch &watch = impl.watch;
  {
    std::lock_guard lock(impl.mutex);
    if (!impl.earlier || impl.arrivals - 1 != watch.last) return Status::ok();
  }
  if (watch.tell_return) {
    CHECKPOINT_RETURN_IF_ERROR(push_event(kMarkReturned, {}));
    watch.tell_return = false;
    watch.returning = true;
  }
  if (!watch.returning) return Status::ok();
  CHECKPOINT_RETURN_IF_ERROR(impl.sync());
  watch.returning = false;
  return Status::ok();
}

}  // namespace checkpoint
