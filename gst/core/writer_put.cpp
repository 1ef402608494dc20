// SPDX-License-Identifier: LGPL-2.1-or-later
// A putter's life: turn a sealed stretch into bytes and put them.
#include "common/fail_point.h"
#include "core/names.h"
#include "core/record_codec.h"
#include "core/writer_impl.h"
#include "store/digest.h"

namespace checkpoint {

void CheckpointWriter::Impl::put() {
  std::unique_lock lock(mutex);
  for (;;) {
    put_due.wait(lock, [&] { return aborted || ended || !puts.empty(); });
    if (aborted || ended) return;
    PendingCommit *commit = puts.front();
    puts.pop_front();
    lock.unlock();
    Status status = put_commit(*commit);
    if (!status.is_ok()) {
      for (const auto &pack : {commit->pack, commit->plain_pack})
        if (pack) inflight->set_done(*pack, status, pack->key, 0, {});
      fail(status);
    }
    lock.lock();
    put_room.notify_all();
    if (!status.is_ok()) return;
    commit->put_done = true;
    poke_control();
  }
}

Status CheckpointWriter::Impl::put_object(const std::string &name, std::span<const ByteView> parts,
                                          const std::optional<std::array<uint8_t, 32>> &digest) {
  return patiently(cancel, [&] { return stores->frames->put(name, parts, digest, cancel); });
}

Status CheckpointWriter::Impl::put_commit(PendingCommit &commit) {
  fail_point(FailPoint::kPackSealed);
  // The intents, before the first byte.
  auto intent = [&](OpenPack &pack) -> Status {
    const NewPack intent_row{pack.uuid, stores->frame_store, pack.object, pack.plain};
    CHECKPOINT_ASSIGN_OR_RETURN(PackKey key, patiently(cancel, [&] {
                                  return with_lease([&](const Lease &l) {
                                    return stores->metadata->create_pack(l, row.key, intent_row,
                                                                         cancel);
                                  });
                                }));
    fail_point(FailPoint::kIntentMade);
    pack.key = key;  // nobody else reads it before set_done()
    return Status::ok();
  };
  CHECKPOINT_RETURN_IF_ERROR(intent(*commit.pack));
  if (commit.plain_pack) {
    CHECKPOINT_RETURN_IF_ERROR(intent(*commit.plain_pack));
    uint64_t bytes = 0;
    for (const PendingCommit::PlainObject &object : commit.plain_objects) {
      ByteView part = object.chunk->view();
      std::optional<std::array<uint8_t, 32>> digest;
      if (sha256) {
        CHECKPOINT_ASSIGN_OR_RETURN(digest, sha256_of({&part, 1}));
      }
      CHECKPOINT_RETURN_IF_ERROR(
          put_object(plain_object_name(commit.plain_pack->object, object.ref), {&part, 1}, digest));
      fail_point(FailPoint::kObjectPut);
      bytes += part.size();
    }
    commit.plain_objects.clear();
    {
      std::lock_guard lock(mutex);
      stats.bytes_put += bytes;
    }
    inflight->set_done(*commit.plain_pack, Status::ok(), commit.plain_pack->key, bytes, {});
  }

  {
    // The last moment at which the records can take a doubt into account.
    std::lock_guard lock(mutex);
    if (partial_reason) commit.closing = false;
    commit.said_closing = commit.closing;
  }
  ByteWriter records;
  CheckpointRecord head;
  head.id = id;
  head.fields = row.fields;
  head.version = row.version;
  head.epoch = record_epoch;
  head.commit_no = commit.commit_no;
  head.created_at = row.created_at;
  append_record(head, records);
  for (const CapsRow &caps_row : commit.caps) append_record(CapsRecord{caps_row}, records);
  for (const EventRow &event : commit.events) append_record(EventRecord{event}, records);
  for (auto &slot : commit.slots) {
    FrameRecord &record = slot->record;
    if (slot->payload) {
      record.row.payload = slot->payload->ref;
      record.payload_pack = slot->payload->pack_uuid;
    }
    RecordSpan span = append_record(record, records);
    record.row.record = {0, span.offset, span.length};
    // Only rows are needed from here on.
    record.metas.clear();
  }
  append_record(CommitRecord{commit.commit_no, commit.first_index, commit.slots.size(),
                             commit.closing, commit.closing ? final_stats.value_or("") : ""},
                records);

  SealedPack sealed_pack = std::move(*commit.builder).seal(records.take());
  std::optional<std::array<uint8_t, 32>> digest;
  if (sha256) {
    CHECKPOINT_ASSIGN_OR_RETURN(digest, sha256_of(sealed_pack.parts));
  }
  CHECKPOINT_RETURN_IF_ERROR(put_object(commit.pack->object, sealed_pack.parts, digest));
  fail_point(FailPoint::kPackPut);
  commit.records = {commit.pack->key, sealed_pack.records_offset, sealed_pack.records_length};
  commit.builder.reset();
  {
    std::lock_guard lock(mutex);
    trouble.reset();
    stats.bytes_put += sealed_pack.size;
    stats.packs++;
  }
  inflight->set_done(*commit.pack, Status::ok(), commit.pack->key, sealed_pack.size, digest);
  return Status::ok();
}

}  // namespace checkpoint
