// SPDX-License-Identifier: LGPL-2.1-or-later
// A worker's life: take a frame, find out whether the job has its pixels already, else encode them
// into the open pack.
#include <algorithm>
#include <cstring>

#include "common/fail_point.h"
#include "core/names.h"
#include "core/writer_impl.h"

namespace checkpoint {

namespace {
Status cancelled() { return Status(Code::kCancelled, "the writer was stopped"); }
}  // namespace

void CheckpointWriter::Impl::work() {
  FrameDigester digester(job.identity_key);
  PayloadCodec codec;
  std::unique_lock lock(mutex);
  for (;;) {
    work_due.wait(lock, [&] { return aborted || ended || !queue.empty(); });
    if (aborted || ended) return;
    Slot *slot = take();
    if (!slot) continue;
    uint64_t index = slot->record.row.index;
    lock.unlock();
    // Once it is resolved the slot belongs to its commit, which may be over before we are back.
    Status status = resolve(*slot, digester, codec);
    if (!status.is_ok()) {
      release_input(*slot);
      fail(status.with_context("frame " + std::to_string(index)));
      return;
    }
    lock.lock();
  }
}

// Call with `mutex` held.
void CheckpointWriter::Impl::set_resolved(Slot &slot) {
  slot.resolved = true;
  for (const MetaBlob &meta : slot.record.metas) slot.meta_bytes += meta.body.size();
  meta_bytes += slot.meta_bytes;
}

// The frame may be part of a commit from here on; `slot` is gone for the caller.
void CheckpointWriter::Impl::hand_over(Slot &slot, std::unique_lock<std::mutex> &lock) {
  set_resolved(slot);
  bool first = !oldest_unsealed;
  if (first) oldest_unsealed = std::chrono::steady_clock::now();
  if (first || draining || flush_wanted()) poke_control();
  if (slots.size() < kFramesPerCommit && meta_bytes < kMetaBytesPerCommit) return;
  put_room.wait(lock, [&] { return aborted || commit_room(); });
  if (!aborted) seal(false);
}

// Takes what comes before the next frame too. Null when there was no frame. Call with `mutex` held.
Slot *CheckpointWriter::Impl::take() {
  while (!queue.empty()) {
    QueueItem item = std::move(queue.front());
    queue.pop_front();
    if (auto *new_caps = std::get_if<QueuedCaps>(&item)) {
      take_caps(std::move(*new_caps));
    } else if (auto *event = std::get_if<QueuedEvent>(&item)) {
      take_event(std::move(*event));
    } else {
      auto &slot = std::get<std::unique_ptr<Slot>>(item);
      slot->record.row.index = next_index++;
      slot->turn = next_turn++;
      next_ordinal = 0;
      slot->record.row.caps = next_caps ? next_caps - 1 : 0;
      slot->other_caps = other_caps;
      const uint64_t index = slot->record.row.index;
      if (index < stored_frames()) return (compared[index] = std::move(slot)).get();
      slots.push_back(std::move(slot));
      return slots.back().get();
    }
  }
  // The end of the stream may follow without another frame.
  if (draining || taken_bytes >= kEventBytesPerCommit || flush_wanted()) poke_control();
  return nullptr;
}

void CheckpointWriter::Impl::release_input(Slot &slot) {
  std::unique_lock lock(mutex);
  if (!slot.input) return;
  std::unique_ptr<FrameInput> input = std::move(slot.input);
  lock.unlock();
  input.reset();
  lock.lock();
  stats.queued_bytes -= slot.held_bytes;
  stats.queued_frames--;
  room.notify_all();
}

// Which frame of the job it is. In the order of the frames, since that decides where several of the
// parent's could be it. Nobody waits long for a turn: it is the first that is done with a frame.
Status CheckpointWriter::Impl::identify(Slot &slot) {
  if (!finder) return Status::ok();
  FrameRow &frame = slot.record.row;
  std::unique_lock lock(mutex);
  turn_changed.wait(lock, [&] { return aborted || turn == slot.turn; });
  if (aborted) return cancelled();
  if (!slot.has_sequence) {
    lock.unlock();
    CHECKPOINT_ASSIGN_OR_RETURN(SequenceFinder::Found found, patiently(cancel, [&] {
                                  return finder->find(frame.pts, frame.stream_time, cancel);
                                }));
    lock.lock();
    frame.sequence = found.sequence;
    if (found.how == SequenceFinder::How::kAmbiguous) stats.frames_ambiguous++;
    if (found.how == SequenceFinder::How::kNew) stats.frames_unmatched++;
  }
  turn++;
  turn_changed.notify_all();
  return Status::ok();
}

Status CheckpointWriter::Impl::resolve(Slot &slot, FrameDigester &digester, PayloadCodec &codec) {
  FrameInput &input = *slot.input;
  CHECKPOINT_RETURN_IF_ERROR(identify(slot));
  FrameRecord &record = slot.record;
  const bool stored_before = record.row.index < stored_frames();
  if (earlier && !stored_before) CHECKPOINT_RETURN_IF_ERROR(await_compared(slot));
  CHECKPOINT_RETURN_IF_ERROR(input.metas(record.metas, record.detections));
  record.row.has_metas = !record.metas.empty();
  for (size_t i = 0; i < record.detections.size(); i++) {
    record.detections[i].index = record.row.index;
    record.detections[i].ordinal = static_cast<uint32_t>(i);
  }
  size_t size = input.payload_size();
  auto done = [&](uint64_t reused_bytes) {
    release_input(slot);
    std::unique_lock lock(mutex);
    if (slot.payload) stats.frames_reused++;
    stats.bytes_reused += reused_bytes;
    hand_over(slot, lock);
    return Status::ok();
  };
  if (size == 0) return stored_before ? compare(slot) : done(0);

  std::shared_ptr<Chunk> copied;
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<ByteView> raw, input.map());
  record.row.payload.raw_length = size;
  record.row.payload.content = input.content();
  if (!raw) {
    copied = chunks->allocate(size);
    if (!copied)
      return Status(Code::kNoSpace, "no memory for a frame of " + std::to_string(size) + " bytes");
    copied->resize(size);
    CHECKPOINT_RETURN_IF_ERROR(input.copy_to(copied->span()));
    raw = copied->view();
    release_input(slot);
  }
  CHECKPOINT_ASSIGN_OR_RETURN(record.digest, digester.digest(*raw));
  if (stored_before) return compare(slot);

  if (!options.reuse) {
    slot.payload = std::make_shared<PendingPayload>();
    slot.ours = true;
    return store_payload(slot, codec, *raw, std::move(copied));
  }
  while (!aborted) {
    InflightPayloads::Claim claim = inflight->claim(record.digest);
    slot.payload = claim.payload;
    if (claim.ours) {
      auto found = patiently(cancel, [&] {
        return stores->metadata->find_payloads(job.key, stores->frame_store, {&record.digest, 1},
                                               cancel);
      });
      if (!found.is_ok()) {
        inflight->abandon(record.digest, *claim.payload);
        return found.status();
      }
      const std::optional<PayloadRef> &known = found->front();
      auto pack = known ? pin(*known) : Result<KnownPack>(KnownPack{});
      if (!pack.is_ok()) {
        inflight->abandon(record.digest, *claim.payload);
        return pack.status();
      }
      if (!pack->usable) {
        if (pack->lost) slot.lost_pack = known->pack;
        slot.ours = true;
        return store_payload(slot, codec, *raw, std::move(copied));
      }
      inflight->place(record.digest, *claim.payload, *known, nullptr, pack->uuid);
    } else {
      if (!inflight->wait_placed(*claim.payload, [this] { return aborted.load(); }))
        return cancelled();
      if (inflight->state(*claim.payload) == PendingPayload::State::kFailed) continue;
      if (!claim.payload->pack) {
        CHECKPOINT_ASSIGN_OR_RETURN(KnownPack pack, pin(claim.payload->ref));
        if (pack.lost) {  // whoever placed it there may hold on to it for long
          slot.lost_pack = claim.payload->ref.pack;
          slot.payload = std::make_shared<PendingPayload>();
          slot.ours = true;
          return store_payload(slot, codec, *raw, std::move(copied));
        }
        if (!pack.usable) continue;
      } else if (!inflight->reliable(*claim.payload->pack)) {
        continue;
      }
    }
    return done(claim.payload->ref.length);
  }
  return cancelled();
}

// kMissing, kTruncated: a payload there could not be read back. Ok: it can be, as far as a look
// tells.
Status CheckpointWriter::Impl::look_at(const PackRow &pack, const PayloadRef &payload) {
  const std::string object = pack.plain ? plain_object_name(pack.object, payload) : pack.object;
  const uint64_t size = pack.plain ? payload.length : pack.size;
  const Result<ObjectInfo> info =
      patiently(cancel, [&] { return stores->frames->stat(object, cancel); });
  if (info.is_ok() && info->size != size)
    return Status(Code::kTruncated, "it has " + std::to_string(info->size) + " bytes instead of " +
                                        std::to_string(size));
  // Who may store need not be allowed to look.
  if (info.is_ok() || info.status().is(Code::kPermissionDenied)) return Status::ok();
  if (info.status().is(Code::kMissing)) return Status(Code::kMissing, "it is gone");
  return info.status().with_context("pack " + pack.object);
}

// Makes sure that an earlier payload's pack is there, and that no collector takes it while we refer
// to it.
Result<CheckpointWriter::Impl::KnownPack> CheckpointWriter::Impl::pin(const PayloadRef &payload) {
  const PackKey pack = payload.pack;
  std::unique_lock lock(mutex);
  if (auto found = known_packs.find(pack); found != known_packs.end()) {
    KnownPack known = found->second;
    lock.unlock();
    if (!known.plain) return known;
    const Status state = look_at(*known.plain, payload);
    if (state.is_ok()) return known;
    if (!state.is(Code::kMissing) && !state.is(Code::kTruncated)) return state;
    tell_lost(*known.plain, state);
    known.usable = false;
    known.lost = true;
    return known;
  }
  lock.unlock();
  const auto read = [&] {
    return patiently(cancel, [&] { return stores->metadata->get_packs({&pack, 1}, cancel); });
  };
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PackRow> rows, read());
  KnownPack known{rows.front().uuid};
  Status state;
  if (rows.front().state == PackState::kReady) {
    state = look_at(rows.front(), payload);
    if (!state.is_ok()) {
      if (!state.is(Code::kMissing) && !state.is(Code::kTruncated)) return state;
      // A collector may have removed it meanwhile, as it should.
      CHECKPOINT_ASSIGN_OR_RETURN(rows, read());
      known.lost = rows.front().state == PackState::kReady;
    }
  }
  if (state.is_ok()) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        std::vector<bool> pinned, patiently(cancel, [&] {
          return with_lease([&](const Lease &l) {
            return stores->metadata->pin_packs(l, row.key, {&pack, 1}, cancel);
          });
        }));
    known.usable = pinned.front();
    fail_point(FailPoint::kPackPinned);
  }
  if (known.lost) tell_lost(rows.front(), state);
  if (rows.front().plain) {
    if (known.lost) return known;  // that payload; the others may be there
    known.plain = rows.front();
  }
  lock.lock();
  return known_packs.emplace(pack, known).first->second;
}

// Once of each pack.
void CheckpointWriter::Impl::tell_lost(const PackRow &pack, const Status &state) {
  {
    std::lock_guard lock(mutex);
    if (!told_lost.insert(pack.key).second) return;
  }
  observe([&](WriterObserver &o) {
    o.on_warning(Status(state.code(),
                        "pack " + pack.object +
                            ", which holds frames of an earlier checkpoint, is damaged: " +
                            state.message() + "; its frames are stored again",
                        "gst-checkpoint-1.0 verify says which checkpoints need it"));
  });
}

uint64_t CheckpointWriter::Impl::unsealed_bytes() const {
  return options.pack_size == 0 ? plain_bytes : builder ? builder->size() : 0;
}

// Call with `mutex` held.
void CheckpointWriter::Impl::open_builder() {
  if (builder) return;
  PackHeader header;
  header.pack = Uuid::random();
  header.frame_store = stores->frame_store_uuid;
  header.job = job.uuid;
  header.identity_key = job.identity_key;
  header.created_at = this_clock();
  builder = std::make_unique<PackBuilder>(header);
  open_pack = std::make_shared<OpenPack>();
  open_pack->plain = options.pack_size == 0;
  open_pack->uuid = open_pack->plain ? Uuid::random() : header.pack;
  open_pack->object = pack_object_name(job, open_pack->uuid, open_pack->plain);
  open_pack->request_flush = [weak = weak_from_this()] {
    if (auto self = weak.lock()) {
      std::lock_guard lock(self->mutex);
      self->seal_asked = true;
      self->poke_control();
    }
  };
}

Status CheckpointWriter::Impl::store_payload(Slot &slot, PayloadCodec &codec, ByteView raw,
                                             std::shared_ptr<Chunk> copied) {
  PayloadRef ref = slot.record.row.payload;
  const Digest &digest = slot.record.digest;
  auto give_up = [&](Status status) {
    inflight->abandon(digest, *slot.payload);
    return status;
  };
  std::shared_ptr<Chunk> stored;
  if (options.codec != Codec::kNone && ref.content == Content::kRaw) {
    std::shared_ptr<Chunk> scratch =
        chunks->allocate(PayloadCodec::bound(options.codec, raw.size()));
    if (!scratch) return give_up(Status(Code::kNoSpace, "no memory to compress a frame"));
    scratch->resize(scratch->capacity());
    auto length = codec.encode(options.codec, raw, scratch->span());
    if (!length.is_ok()) return give_up(length.status());
    if (*length < raw.size()) {
      // A copy of what is left after compression costs little, and the pack then holds no more
      // memory than bytes.
      stored = chunks->allocate(*length);
      if (!stored) return give_up(Status(Code::kNoSpace, "no memory for a compressed frame"));
      stored->resize(*length);
      std::memcpy(stored->data(), scratch->data(), *length);
      ref.codec = options.codec;
    }
  }
  if (!stored && copied) stored = std::move(copied);
  if (!stored) {
    stored = chunks->allocate(raw.size());
    if (!stored) return give_up(Status(Code::kNoSpace, "no memory for a frame"));
    stored->resize(raw.size());
    std::memcpy(stored->data(), raw.data(), raw.size());
  }
  ref.checksum = checksum_of(stored->view());
  ref.length = stored->size();
  // From here on the buffer is not needed, so that a pool of two never starves behind a slow store.
  release_input(slot);

  std::unique_lock lock(mutex);
  bool lone = options.pack_size > 0 && ref.length >= kLonePayload;
  uint64_t target = options.pack_size ? options.pack_size : WriterOptions{}.pack_size;
  // A pack goes on being filled while others are on their way; only a full one needs a place.
  auto has_room = [&] {
    return aborted || commit_room() || (!lone && unsealed_bytes() + ref.length < target);
  };
  put_room.wait(lock, has_room);
  if (lone && !aborted && unsealed_bytes() > 0) {
    seal(false);
    put_room.wait(lock, has_room);
  }
  if (aborted) {
    lock.unlock();
    return give_up(cancelled());
  }
  open_builder();
  if (options.pack_size == 0) {
    ref.offset = plain_objects.size();
    plain_objects.push_back({ref, stored});
    plain_bytes += ref.length;
  } else {
    ref = builder->add(stored, ref, digest);
  }
  inflight->place(digest, *slot.payload, ref, open_pack, open_pack->uuid);
  stats.bytes_new += ref.length;
  bool full = lone || unsealed_bytes() >= target;
  // Marked first, so that a frame that fills a pack is committed with it.
  set_resolved(slot);
  if (full && commit_room())
    seal(false);
  else
    hand_over(slot, lock);
  return Status::ok();
}

}  // namespace checkpoint
