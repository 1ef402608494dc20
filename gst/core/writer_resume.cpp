// SPDX-License-Identifier: LGPL-2.1-or-later
// Going on with a checkpoint that an earlier run began: what it stored is expected again, is
// compared, and is not stored again.
#include <utility>
#include <vector>

#include "common/fail_point.h"
#include "core/checkpoint_cursor.h"
#include "core/writer_impl.h"

namespace checkpoint {

namespace {

constexpr const char *kFeedTheSame =
    "run the pipeline as it was run before, or leave out resume to begin a new version";

Status not_the_same(const std::string &what) {
  return {Code::kInvalidArgument, what, kFeedTheSame};
}

std::string time_text(uint64_t time) { return time == kNone ? "none" : std::to_string(time); }

// The fields of which an earlier checkpoint keeps its own.
std::string kept_fields(const CheckpointFields &before, const CheckpointFields &now) {
  std::string names;
  const auto compare = [&](const char *name, const auto &a, const auto &b) {
    if (!(a == b)) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  compare("stage-index", before.stage_index, now.stage_index);
  compare("stage-output-key", before.stage_output_key, now.stage_output_key);
  compare("stage-stats", before.stats, now.stats);
  compare("config-snapshot", before.config_snapshot, now.config_snapshot);
  compare("config-overrides", before.config_overrides, now.config_overrides);
  compare("video-path", before.video_path, now.video_path);
  compare("profile-name", before.profile_name, now.profile_name);
  compare("filtered-frame-sequences", before.filtered_frame_sequences,
          now.filtered_frame_sequences);
  return names;
}

}  // namespace

// The one with our id or the newest version of the stage, whatever its state. With the lease, so
// that nobody else writes it.
Status CheckpointWriter::Impl::find_earlier(const CheckpointFields &wanted) {
  if (id_given) {
    auto ours = patiently(cancel, [&] { return stores->metadata->get_checkpoint(id, cancel); });
    if (ours.is_ok() && ours->state != CheckpointState::kDeleted)
      return take_over(wanted, std::move(*ours));
    if (!ours.is_ok() && !ours.status().is(Code::kNotFound)) return ours.status();
  }
  if (!resume_asked) return Status::ok();
  CheckpointQuery query;
  query.job_id = wanted.job_id;
  query.stage = wanted.stage;
  query.branch = wanted.branch;
  query.include_partial = true;
  query.limit = 16;
  CheckpointCursor cursor(*stores->metadata, query);
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const found,
                                patiently(cancel, [&] { return cursor.next(cancel); }));
    if (!found) return Status::ok();
    if (found->state != CheckpointState::kDeleted) return take_over(wanted, std::move(*found));
  }
}

Status CheckpointWriter::Impl::take_over(const CheckpointFields &wanted, CheckpointRow found) {
  const std::string name =
      "version " + std::to_string(found.version) + " of stage '" + wanted.stage + "'";
  if (found.fields.parent != wanted.parent)
    return not_the_same(name + " was run from checkpoint " +
                        (found.fields.parent ? found.fields.parent->to_string() : "none") +
                        ", and this is run from " +
                        (wanted.parent ? wanted.parent->to_string() : "none"));
  auto before = std::make_unique<EarlierFrames>(stores, std::move(found), first_index);
  CHECKPOINT_RETURN_IF_ERROR(patiently(cancel, [&] { return before->open(cancel); }));

  if (resume_asked) CHECKPOINT_RETURN_IF_ERROR(look_for_poison(*before));

  const CheckpointRow &from = before->row();
  if (finder && first_index > 0) finder->go_on_after(from);
  frames_durable = from.frames;
  commits_done = from.commit_no;
  bytes_new = from.bytes_new;
  bytes_reused = from.bytes_reused;
  first_time = from.first_time;
  end_time = from.end_time;
  CommitInfo info;
  {
    std::lock_guard lock(mutex);
    id = from.id;
    id_known = true;
    room.notify_all();
    row = from;
    sealed_frames = stats.frames_stored = from.frames;
    sealed_commits = from.commit_no;
    next_mark += static_cast<uint32_t>(before->marks().size());
    earlier = std::move(before);
    info = commit_info(earlier->complete());
  }
  const std::string kept = kept_fields(row.fields, wanted);
  if (!kept.empty())
    observe([&](WriterObserver &o) {
      o.on_warning({Code::kInvalidArgument,
                    name + " keeps what it was begun with; other values are given now for " + kept,
                    "leave out resume to begin a new version"});
    });
  fail_point(FailPoint::kEarlierFound);
  observe([&](WriterObserver &o) {
    o.on_resume(info);
    // Nothing to wait for before the pipeline plays: the frames come when it does.
    o.on_progress("resume",
                  earlier->complete() ? name + " is complete; frames are compared, none is stored"
                                      : name + " goes on; frames before index " +
                                            std::to_string(row.frames) + " are compared",
                  100);
  });
  return Status::ok();
}

// Call these two with `mutex` held. What an earlier run stored comes in the same order again.
void CheckpointWriter::Impl::take_caps(QueuedCaps &&item) {
  const uint32_t number = next_caps++;
  if (earlier && number < earlier->caps().size())
    other_caps = earlier->caps()[number].caps != item.caps;
  else
    caps.push_back(CapsRow{number, std::move(item.caps)});
}

void CheckpointWriter::Impl::take_event(QueuedEvent &&item) {
  if (is_mark(item.type)) {
    taken_bytes += item.size;
    events.push_back(EventRow{next_index, next_mark++, std::move(item.type), {}});
    return;
  }
  const uint32_t ordinal = next_ordinal++;
  if (earlier && (earlier->complete() || next_index < stored_frames() ||
                  (next_index == stored_frames() && ordinal < earlier->last_events()))) {
    event_bytes -= item.size;
    events_skipped++;
    room.notify_all();
    return;
  }
  events.push_back(EventRow{next_index, ordinal, std::move(item.type), std::move(item.body)});
  taken_bytes += item.size;
}

Status CheckpointWriter::Impl::difference(const Slot &slot, const FrameRecord &before) const {
  const FrameRow &now = slot.record.row, &was = before.row;
  const auto differs = [&](const std::string &how) {
    return not_the_same("the frame with sequence " + std::to_string(was.sequence) +
                        " is not the one that was stored: " + how);
  };
  // What the finder says depends on the frames before, which need not have come.
  const bool same_way = slot.has_sequence || first_index == 0;
  if (now.sequence != was.sequence && same_way)
    return differs("one with sequence " + std::to_string(now.sequence) + " came");
  if (now.caps != was.caps || slot.other_caps) return differs("its caps are others");
  for (const auto &[what, is, had] :
       {std::tuple("PTS", now.pts, was.pts), std::tuple("DTS", now.dts, was.dts),
        std::tuple("duration", now.duration, was.duration)})
    if (is != had)
      return differs(std::string("its ") + what + " is " + time_text(is) + ", and was " +
                     time_text(had));
  if (slot.record.digest != before.digest) return differs("its bytes are others");
  return Status::ok();
}

// The frame has a place already, if it is the one. `slot` is gone for the caller when it is.
Status CheckpointWriter::Impl::compare(Slot &slot) {
  const uint64_t index = slot.record.row.index;
  release_input(slot);
  CHECKPOINT_ASSIGN_OR_RETURN(const FrameRecord before,
                              patiently(cancel, [&] { return earlier->take(index, cancel); }));
  const Status found = difference(slot, before);
  std::unique_lock lock(mutex);
  if (!found.is_ok()) {
    // It is named when it is the first one that differs.
    turn_changed.wait(lock, [&] { return aborted || compared.begin()->first == index; });
    return aborted ? cancel.check() : found;
  }
  if (slot.record.metas != before.metas) {
    other_metas++;
    first_other_metas = std::min(first_other_metas, slot.record.row.sequence);
  }
  stats.frames_compared++;
  compared.erase(index);
  turn_changed.notify_all();
  if (compared.empty()) poke_control();
  if (stats.frames_compared < frames_to_compare()) return Status::ok();
  lock.unlock();
  fail_point(FailPoint::kCompared);
  tell_compared();
  return Status::ok();
}

// Nothing is stored before all that should be there has come again.
Status CheckpointWriter::Impl::await_compared(const Slot &slot) {
  std::unique_lock lock(mutex);
  turn_changed.wait(lock, [&] { return aborted || compared.empty(); });
  if (aborted) return Status(Code::kCancelled, "the writer was stopped");
  const std::string frame =
      "the frame with sequence " + std::to_string(slot.record.row.sequence) + " ";
  if (earlier->complete())
    return not_the_same(frame + "is one more than the " + std::to_string(stored_frames()) +
                        " of the complete checkpoint");
  if (slot.other_caps) return not_the_same(frame + "has other caps than were stored before it");
  return Status::ok();
}

// At a clean end. Call with `mutex` held.
Status CheckpointWriter::Impl::must_have_all_again() const {
  if (next_index >= stored_frames() || partial_reason) return Status::ok();
  return not_the_same("the stream ended after " + std::to_string(next_index) + " frames, and " +
                      std::to_string(stored_frames()) + " are stored");
}

void CheckpointWriter::Impl::tell_compared() {
  uint64_t others = 0, first = 0;
  {
    std::lock_guard lock(mutex);
    others = other_metas;
    first = first_other_metas;
  }
  observe([&](WriterObserver &o) {
    o.on_progress("resume", "all frames are those that were stored", 100);
    if (others > 0)
      o.on_warning({Code::kInvalidArgument,
                    "the metas of " + std::to_string(others) +
                        " frames are not those that were stored, first with sequence " +
                        std::to_string(first) + "; the stored ones are kept",
                    kFeedTheSame});
  });
}

}  // namespace checkpoint
