// SPDX-License-Identifier: LGPL-2.1-or-later
// The control thread: opens the stores, takes the lease, seals by time, commits in frame order, and
// cleans up.
#include <algorithm>
#include <set>

#include "common/fail_point.h"
#include "common/log.h"
#include "core/names.h"
#include "core/running.h"
#include "core/writer_impl.h"

namespace checkpoint {

void CheckpointWriter::Impl::control() {
  Status status = set_up();
  if (status.is_ok()) {
    std::unique_lock lock(mutex);
    for (unsigned i = 0; i < std::max(1u, options.workers) && status.is_ok(); i++)
      status = start_thread("ckpt:work", &Impl::work);
    for (unsigned i = 0; i < max_puts && status.is_ok(); i++)
      status = start_thread("ckpt:put", &Impl::put);
    if (status.is_ok()) status = start_thread("ckpt:lease", &Impl::beat);
    lock.unlock();
    if (status.is_ok()) status = run();
  }
  finish_up(std::move(status));
}

Status CheckpointWriter::Impl::set_up() {
  observe([](WriterObserver &o) { o.on_progress("connect", "opening the stores", -1); });
  CHECKPOINT_ASSIGN_OR_RETURN(stores, open(cancel));
  observe([](WriterObserver &o) { o.on_progress("connect", "the stores are open", 100); });
  CheckpointFields wanted;
  bool hint = false, may_exist = false;
  {
    std::unique_lock lock(mutex);
    control_due.wait(lock, [&] { return aborted || draining || fields; });
    if (!fields) return Status(Code::kCancelled, "stopped before there was anything to store");
    wanted = *fields;
    hint = parent_is_hint;
    may_exist = resume_asked || id_given;
  }
  CHECKPOINT_RETURN_IF_ERROR(find_parent(wanted, hint));
  CHECKPOINT_ASSIGN_OR_RETURN(job, patiently(cancel, [&] {
                                return stores->metadata->ensure_job(wanted.job_id, Uuid::random(),
                                                                    random_identity_key(), cancel);
                              }));
  wanted.frames_prefix = frames_prefix(job);
  FrameStore::Traits traits = stores->frames->traits();
  max_puts = std::max(1u, traits.puts_in_flight);
  sha256 = traits.checks_sha256;
  auto shared = InflightPayloads::of(job.uuid, stores->frame_store_uuid);
  waker = shared->add_waker([weak = weak_from_this()] {
    if (auto self = weak.lock()) {
      std::lock_guard lock(self->mutex);
      self->poke_control();
    }
  });
  {
    std::lock_guard lock(mutex);
    inflight = std::move(shared);
    fields = wanted;
  }
  CHECKPOINT_RETURN_IF_ERROR(take_lease());
  record_epoch = lease.epoch;
  fail_point(FailPoint::kLeaseTaken);
  if (may_exist) CHECKPOINT_RETURN_IF_ERROR(find_earlier(wanted));
  if (stored_frames() < first_index)
    return Status(Code::kMissing,
                  "checkpoint " + id.to_string() + " had " + std::to_string(first_index) +
                      " frames in these stores, and has " + std::to_string(stored_frames()),
                  "it was deleted, or the stores are others or were put back to an earlier state");
  if (!earlier) {
    CHECKPOINT_ASSIGN_OR_RETURN(row, patiently(cancel, [&] {
                                  return stores->metadata->create_checkpoint(lease, id, wanted,
                                                                             cancel);
                                }));
    fail_point(FailPoint::kRowMade);
    std::lock_guard lock(mutex);
    id_known = true;
    room.notify_all();
  }
  settle();
  log(LogLevel::kInfo, "writer",
      "job " + wanted.job_id + ", stage " + wanted.stage + ": checkpoint " + id.to_string() +
          ", version " + std::to_string(row.version));
  return Status::ok();
}

// The row is made, so who was run from it may look for it.
void CheckpointWriter::Impl::settle() {
  std::lock_guard lock(mutex);
  if (std::exchange(unsettled, false)) RunningCheckpoints::instance().settle(id);
}

Status CheckpointWriter::Impl::find_parent(CheckpointFields &wanted, bool hint) {
  if (wanted.parent) {
    RunningCheckpoints::instance().wait(*wanted.parent, cancel);
    auto parent =
        patiently(cancel, [&] { return stores->metadata->get_checkpoint(*wanted.parent, cancel); });
    if (parent.is_ok()) {
      if (wanted.stage_index < 0) wanted.stage_index = parent->fields.stage_index + 1;
      // The numbers of another job say nothing here.
      if (parent->fields.job_id == wanted.job_id)
        finder = std::make_unique<SequenceFinder>(stores->metadata, std::move(*parent));
    } else if (parent.status().is(Code::kNotFound) && hint) {
      observe([&](WriterObserver &o) {
        o.on_warning(
            Status(Code::kNotFound, "the checkpoint that this stage was run from, " +
                                        wanted.parent->to_string() +
                                        ", is in other stores; it is not recorded as the parent"));
      });
      wanted.parent.reset();
    } else {
      return parent.status().with_context("parent-id");
    }
  }
  if (wanted.stage_index < 0) wanted.stage_index = 0;
  return Status::ok();
}

// How many of the first slots could be part of a commit now.
size_t CheckpointWriter::Impl::resolved_slots() const {
  auto end =
      std::find_if(slots.begin(), slots.end(), [](const auto &slot) { return !slot->resolved; });
  return static_cast<size_t>(end - slots.begin());
}

bool CheckpointWriter::Impl::flush_due() const {
  return seal_asked ||
         (flush_wanted() && sealed_frames + resolved_slots() >= flushes.back().frames &&
          sealed_events + events_skipped + events.size() >= flushes.back().events);
}

// Hands out what is resolved, in frame order, together with the open pack; with `last` also what
// came after the last frame. Call with `mutex` held and commit_room().
void CheckpointWriter::Impl::seal(bool last) {
  const size_t frames = resolved_slots();
  const bool closing = last && !partial_reason;
  // Events may be stored before the frame that they come before.
  const bool with_events = last || taken_bytes >= kEventBytesPerCommit || flush_wanted();
  const bool some_events =
      with_events && !events.empty() && events.front().index <= sealed_frames + frames;
  const bool more = closing || take_back || (last && !caps.empty()) || some_events;
  if (frames == 0 && unsealed_bytes() == 0 && !more) return;
  open_builder();
  auto commit = std::make_unique<PendingCommit>();
  commit->builder = std::move(builder);
  if (options.pack_size == 0) {
    if (!plain_objects.empty()) commit->plain_pack = open_pack;
    commit->plain_objects = std::exchange(plain_objects, {});
    plain_bytes = 0;
    commit->pack = std::make_shared<OpenPack>();
    commit->pack->uuid = commit->builder->header().pack;
    commit->pack->object = pack_object_name(job, commit->pack->uuid, false);
  } else {
    commit->pack = open_pack;
  }
  inflight->set_sealed(*open_pack);
  open_pack.reset();

  for (size_t i = 0; i < frames; i++) {
    meta_bytes -= slots.front()->meta_bytes;
    commit->slots.push_back(std::move(slots.front()));
    slots.pop_front();
  }
  commit->first_index = sealed_frames;
  sealed_frames += frames;
  uint32_t last_caps = commit->slots.empty() ? 0 : commit->slots.back()->record.row.caps + 1;
  auto caps_end = std::find_if(caps.begin(), caps.end(),
                               [&](const CapsRow &c) { return !last && c.number >= last_caps; });
  commit->caps.assign(std::make_move_iterator(caps.begin()), std::make_move_iterator(caps_end));
  caps.erase(caps.begin(), caps_end);
  auto events_end = std::find_if(events.begin(), events.end(), [&](const EventRow &e) {
    return e.index > sealed_frames || (e.index == sealed_frames && !with_events);
  });
  commit->events.assign(std::make_move_iterator(events.begin()),
                        std::make_move_iterator(events_end));
  events.erase(events.begin(), events_end);
  for (const EventRow &e : commit->events)
    commit->event_bytes += e.type.size() + e.body.size() + sizeof(EventRow);
  taken_bytes -= commit->event_bytes;
  sealed_events += commit->events.size();

  commit->commit_no = ++sealed_commits;
  commit->closing = closing;
  oldest_unsealed.reset();
  if (!slots.empty()) oldest_unsealed = std::chrono::steady_clock::now();
  puts.push_back(commit.get());
  commits.push_back(std::move(commit));
  put_due.notify_one();
}

Status CheckpointWriter::Impl::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    // A failure counts from when it is known, not from when its message is out.
    if (failed) return failure;
    if (aborted) return Status(Code::kCancelled, "the writer was stopped");
    const uint64_t seen = control_pokes;
    const SteadyTime now = std::chrono::steady_clock::now();
    std::optional<SteadyTime> wake_at;
    // A pack that another writer's commit waits for is sealed even where there is no room: that
    // writer may be what keeps the room from us.
    if (!close_sealed && compared.empty() && (commit_room() || seal_asked)) {
      bool due = oldest_unsealed && now - *oldest_unsealed >= options.commit_interval;
      if (draining && queue.empty() && resolved_slots() == slots.size()) {
        CHECKPOINT_RETURN_IF_ERROR(must_have_all_again());
        if (earlier && earlier->complete()) {
          partial_reason.reset();
          closed = true;
          beat_due.notify_all();
          tell_commit(lock, true);
          break;
        }
        seal(true);
        take_back = false;
        close_sealed = true;
      } else if (due || flush_due() || taken_bytes >= kEventBytesPerCommit) {
        seal_asked = false;
        seal(false);
        // What has no place in order yet is looked at again one interval later.
        if (oldest_unsealed) oldest_unsealed = now;
      }
      if (oldest_unsealed) wake_at = *oldest_unsealed + options.commit_interval;
    }
    CHECKPOINT_ASSIGN_OR_RETURN(bool durable, head_durable(lock));
    if (durable) {
      CHECKPOINT_RETURN_IF_ERROR(commit_head(lock, cancel));
      continue;
    }
    // All of it was durable before it was asked for.
    if (flush_covered()) {
      tell_commit(lock, false);
      continue;
    }
    if (close_sealed && commits.empty()) {
      if (!take_back) break;
      close_sealed = false;
      continue;
    }
    auto poked = [&] { return aborted || control_pokes != seen; };
    if (wake_at)
      control_due.wait_until(lock, *wake_at, poked);
    else
      control_due.wait(lock, poked);
  }
  if (closed) return Status::ok();
  const std::string reason = partial_reason.value_or("stopped");
  lock.unlock();
  CHECKPOINT_RETURN_IF_ERROR(end_partial(reason, cancel));
  lock.lock();
  closed = true;
  beat_due.notify_all();
  if (flush_covered()) tell_commit(lock, false);
  return Status::ok();
}

namespace {
// That we share its frames was our choice, so it is no cancelling of ours.
Status other_failed(const Status &failure) {
  const char *what = "another writer of this process, which was storing frames that are also ours";
  if (!failure.is(Code::kCancelled)) return failure.with_context(what);
  return Status(Code::kUnavailable, std::string(what) + ", was stopped before they were stored",
                "run this stage again");
}
}  // namespace

// Is everything that the first commit refers to durable? Asks other writers for packs of theirs
// that are still open.
Result<bool> CheckpointWriter::Impl::head_durable(std::unique_lock<std::mutex> &lock) {
  if (commits.empty() || !commits.front()->put_done) return false;
  PendingCommit &head = *commits.front();
  std::set<std::shared_ptr<OpenPack>> open_packs;
  for (const auto &slot : head.slots)
    if (slot->payload && slot->payload->pack) open_packs.insert(slot->payload->pack);
  bool durable = true;
  std::vector<std::shared_ptr<OpenPack>> building;
  for (const auto &pack : open_packs) {
    OpenPack::State state = inflight->state(*pack);
    if (state == OpenPack::State::kFailed) return other_failed(pack->failure);
    if (state == OpenPack::State::kBuilding) building.push_back(pack);
    durable = durable && state == OpenPack::State::kDurable;
  }
  if (!building.empty()) {
    // Without our lock: the other writer may be asking us at this moment.
    lock.unlock();
    for (const auto &pack : building) pack->request_flush();
    lock.lock();
  }
  return durable;
}

CommitBatch CheckpointWriter::Impl::make_batch(const PendingCommit &commit) {
  CommitBatch batch;
  batch.checkpoint = row.key;
  batch.commit_no = commit.commit_no;
  batch.records = commit.records;
  batch.caps = commit.caps;
  batch.events = commit.events;
  std::set<PackKey> used;
  std::set<std::shared_ptr<OpenPack>> ready{commit.pack};
  if (commit.plain_pack) ready.insert(commit.plain_pack);
  batch.frames.reserve(commit.slots.size());
  for (const auto &slot : commit.slots) {
    FrameRow frame = slot->record.row;
    frame.record.pack = commit.records.pack;
    frame.record.offset += commit.records.offset;
    if (slot->payload) {
      if (slot->payload->pack) {
        frame.payload.pack = slot->payload->pack->key;
        ready.insert(slot->payload->pack);
      }
      used.insert(frame.payload.pack);
      (slot->ours ? batch.bytes_new : batch.bytes_reused) += frame.payload.length;
      if (slot->ours)
        batch.digests.push_back({slot->record.digest, frame.payload, slot->lost_pack});
    }
    if (frame.stream_time != kNone) {
      if (frame.index == 0) first_time = frame.stream_time;
      uint64_t end = frame.stream_time + (frame.duration == kNone ? 0 : frame.duration);
      end_time = end_time == kNone ? end : std::max(end_time, end);
    }
    for (const DetectionRow &detection : slot->record.detections)
      batch.detections.push_back(detection);
    batch.frames.push_back(std::move(frame));
  }
  for (const auto &pack : ready) {
    batch.ready_packs.push_back({pack->key, pack->size, pack->sha256});
    used.insert(pack->key);
  }
  batch.used_packs.assign(used.begin(), used.end());
  batch.first_time = first_time;
  batch.end_time = end_time;
  if (commit.closing) batch.end = CommitBatch::End::kComplete;
  return batch;
}

// Commits the first one, which is durable, and tells about it; the lock is let go meanwhile.
Status CheckpointWriter::Impl::commit_head(std::unique_lock<std::mutex> &lock,
                                           Cancellation &cancellation) {
  PendingCommit &head = *commits.front();
  lock.unlock();
  CommitBatch batch = make_batch(head);
  Status status = commit_last(head, batch, cancellation);
  if (!status.is_ok()) {
    lock.lock();
    return status;
  }
  for (const auto &slot : head.slots)
    if (slot->ours) inflight->forget(slot->record.digest, *slot->payload);
  commits_done = batch.commit_no;
  frames_durable += batch.frames.size();
  events_durable += batch.events.size();
  bytes_new += batch.bytes_new;
  bytes_reused += batch.bytes_reused;

  const bool complete = batch.end == CommitBatch::End::kComplete;
  lock.lock();
  if (complete) {
    closed = true;
    beat_due.notify_all();
    partial_reason.reset();
  }
  completing.reset();
  room.notify_all();
  trouble.reset();
  stats.commits++;
  stats.frames_stored = frames_durable;
  std::unique_ptr<PendingCommit> done = std::move(commits.front());
  commits.pop_front();
  event_bytes -= done->event_bytes;
  room.notify_all();
  put_room.notify_all();
  tell_commit(lock, complete);
  lock.unlock();
  done.reset();
  lock.lock();
  return Status::ok();
}

// Commits, and decides whether the checkpoint is complete with it: not after a failure or a doubt,
// and one that comes meanwhile calls the commit back where that is not too late.
Status CheckpointWriter::Impl::commit_last(PendingCommit &head, CommitBatch &batch,
                                           Cancellation &cancellation) {
  if (head.in_doubt) {
    Status status = recover_outcome(batch, cancellation);
    if (!status.is(Code::kConflict)) return status;
    head.in_doubt = false;
  }
  auto call_back = std::make_shared<Cancellation>(on_retry);
  Cancellation::Hook hook(cancellation, [&] { call_back->cancel(); });
  auto end_as = [&](bool complete) {
    head.closing = complete;
    batch.end = complete ? CommitBatch::End::kComplete : CommitBatch::End::kNo;
    if (complete) batch.stats = final_stats;
    take_back = head.said_closing && !complete;
    completing = complete ? call_back : nullptr;
    room.notify_all();
  };
  {
    std::lock_guard lock(mutex);
    end_as(head.closing && !partial_reason && !failed);
  }
  const bool complete = batch.end == CommitBatch::End::kComplete;
  Status status = commit_batch(batch, complete ? *call_back : cancellation, cancellation);
  if (status.is(Code::kUnknownOutcome)) head.in_doubt = true;
  if (status.is_ok()) return status;
  const bool called_back = complete && !head.in_doubt && call_back->cancelled();
  {
    std::lock_guard lock(mutex);
    // What is in doubt may have completed it, so it keeps what was tried.
    if (head.in_doubt)
      completing.reset();
    else
      end_as(false);
    if (called_back && overdue) return *overdue;
  }
  if (!called_back || cancellation.cancelled()) return status;
  return commit_batch(batch, cancellation, cancellation);
}

// `call_back` may end the commit, but not the question what became of it. kUnknownOutcome: not even
// that was answered.
Status CheckpointWriter::Impl::commit_batch(CommitBatch &batch, Cancellation &call_back,
                                            Cancellation &cancellation) {
  Patience patience(*this, call_back);
  fail_point(FailPoint::kCommitDue);
  for (;;) {
    Status status = stores->metadata->commit(lease, batch, call_back);
    if (status.is_ok()) fail_point(FailPoint::kCommitted);
    // A failure in the middle of it may have come after the deed.
    const bool nothing_done = status.is(Code::kBusy) || status.is(Code::kConflict);
    if (status.is(Code::kUnknownOutcome) || (status.retryable() && !nothing_done)) {
      Status outcome = recover_outcome(batch, cancellation);
      if (outcome.is_ok() || outcome.is(Code::kLeaseLost)) return outcome;
      if (!outcome.is(Code::kConflict))
        return Status(Code::kUnknownOutcome, status.message() + "; " + outcome.message());
      if (status.is(Code::kUnknownOutcome)) status = outcome;
    }
    if (!patience.again(status)) return status;
  }
}

Status CheckpointWriter::Impl::end_partial(const std::string &reason, Cancellation &cancellation) {
  fail_point(FailPoint::kPartialEndDue);
  CommitBatch batch;
  batch.checkpoint = row.key;
  batch.commit_no = commits_done + 1;
  batch.first_time = first_time;
  batch.end_time = end_time;
  batch.end = CommitBatch::End::kPartial;
  batch.reason = reason;
  {
    std::lock_guard lock(mutex);
    batch.stats = final_stats;
  }
  return commit_batch(batch, cancellation, cancellation);
}

// Frames whose place in the job is a guess or nowhere, in one warning.
void CheckpointWriter::Impl::tell_unidentified() {
  std::unique_lock lock(mutex);
  const uint64_t several = stats.frames_ambiguous, none = stats.frames_unmatched;
  lock.unlock();
  if (several == 0 && none == 0) return;
  const auto frames = [](uint64_t n) {
    return std::to_string(n) + (n == 1 ? " frame" : " frames");
  };
  std::string text;
  if (several > 0) text = frames(several) + " could be several of the parent's by the PTS";
  if (none > 0) text += (text.empty() ? "" : ", and ") + frames(none) + " none of them";
  observe([&](WriterObserver &o) {
    o.on_warning(Status(Code::kNotFound,
                        "an element before this one dropped the frames' identity: " + text,
                        "it makes buffers of its own; frames in doubt count as the next of those "
                        "that they could be, the others got new sequences"));
  });
}

void CheckpointWriter::Impl::finish_up(Status status) {
  if (!status.is_ok()) {
    fail(status);
    // Another thread may have failed first and not be that far yet: from here on nobody fills a
    // pack.
    abort_waits();
  }
  bool lost = status.is(Code::kLeaseLost);
  const bool was_complete = earlier && earlier->complete();
  {
    // Whoever failed first tells why.
    std::lock_guard lock(mutex);
    lost = lost || failure.is(Code::kLeaseLost);
  }
  if (!status.is_ok() && !lost && lease.epoch != 0 && row.key != 0 && !was_complete) {
    // What is durable already is worth keeping, and the row should say why there is no more of it.
    std::unique_lock lock(mutex);
    Status kept = Status::ok();
    while (kept.is_ok() && !commits.empty()) {
      auto durable = head_durable(lock);
      if (!durable.is_ok() || !*durable) break;
      kept = commit_head(lock, final_cancel);
    }
    std::string reason = failed ? failure.message() : partial_reason.value_or("stopped");
    const bool over = closed;
    lock.unlock();
    if (kept.is_ok() && !over) kept = end_partial(reason, final_cancel);
    if (!kept.is_ok())
      log(LogLevel::kInfo, "writer",
          "could not note why the checkpoint is partial: " + kept.to_string());
  }
  give_lease_back(lost);
  if (status.is_ok()) tell_unidentified();
  std::unique_lock lock(mutex);
  // Other writers of this process may wait for packs of ours that will never be put.
  std::vector<std::shared_ptr<OpenPack>> orphans;
  if (open_pack) orphans.push_back(open_pack);
  for (PendingCommit *commit : puts)
    for (const auto &pack : {commit->pack, commit->plain_pack})
      if (pack) orphans.push_back(pack);
  puts.clear();
  lock.unlock();
  for (const auto &pack : orphans)
    inflight->set_done(*pack, Status(Code::kCancelled, "its writer was stopped"), 0, 0, {});
  lock.lock();
  ended = true;
  if (std::exchange(unsettled, false)) RunningCheckpoints::instance().settle(id);
  room.notify_all();
  work_due.notify_all();
  put_due.notify_all();
  beat_due.notify_all();
}

}  // namespace checkpoint
