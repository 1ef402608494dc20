// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/commit.h"

#include <algorithm>

#include "common/fail_point.h"

namespace checkpoint::sqlite {

Result<WritableCheckpoint> writable_checkpoint(Connection &db, const Lease &lease,
                                               CheckpointKey checkpoint) {
  Query query = db.query(
      "SELECT commit_no, frames FROM checkpoint WHERE key = ?1 AND job = ?2 AND is_scenario = ?3 "
      "AND scenario_label = ?4 AND stage = ?5 AND state = 'partial'");
  const bool found =
      query.bind(checkpoint, lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage)
          .next();
  WritableCheckpoint target;
  if (found) {
    target.commit_no = query.u64(0);
    target.frames = query.u64(1);
  }
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (!found)
    return Status(Code::kInvalidArgument,
                  "the checkpoint is complete, deleted, or not of the stage that is leased");
  return target;
}

Result<std::optional<PackState>> pack_state(Connection &db, PackKey pack) {
  std::optional<PackState> state;
  Query query = db.query("SELECT state FROM pack WHERE key = ?1");
  if (query.bind(pack).next()) state = pack_state_from(query.text(0));
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return state;
}

Status reference_pack(Connection &db, CheckpointKey checkpoint, PackKey pack) {
  return db
      .query(
          "INSERT INTO checkpoint_pack (checkpoint, pack) VALUES (?1, ?2) "
          "ON CONFLICT DO NOTHING")
      .bind(checkpoint, pack)
      .run();
}

namespace {

// Makes new packs ready, and references all that the commit needs.
Status write_packs(Connection &db, const CommitBatch &batch) {
  Query ready = db.query(
      "UPDATE pack SET state = 'ready', size = ?2, sha256 = ?3 "
      "WHERE key = ?1 AND state = 'uploading'");
  for (const ReadyPack &pack : batch.ready_packs)
    CHECKPOINT_RETURN_IF_ERROR(ready.bind(pack.key, pack.size, pack.sha256).run());
  for (PackKey key : needed_packs(batch)) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<PackState> state, pack_state(db, key));
    CHECKPOINT_RETURN_IF_ERROR(check_needed_pack(key, state));
    CHECKPOINT_RETURN_IF_ERROR(reference_pack(db, batch.checkpoint, key));
  }
  return Status::ok();
}

Status write_frames(Connection &db, const CommitBatch &batch) {
  Query caps = db.query("INSERT INTO caps (checkpoint, number, caps) VALUES (?1, ?2, ?3)");
  for (const CapsRow &row : batch.caps)
    CHECKPOINT_RETURN_IF_ERROR(caps.bind(batch.checkpoint, row.number, row.caps).run());
  Query frames = db.query(
      "INSERT INTO frame (checkpoint, idx, sequence, pack, payload_offset, payload_length, "
      "raw_length, checksum, codec, content, record_pack, record_offset, record_length, has_metas, "
      "pts, dts, duration, stream_time, buffer_offset, buffer_offset_end, flags, caps) VALUES (?1, "
      "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, "
      "?22)");
  for (const FrameRow &row : batch.frames)
    CHECKPOINT_RETURN_IF_ERROR(
        frames
            .bind(batch.checkpoint, row.index, row.sequence, null_if_no_pack(row.payload.pack),
                  row.payload.offset, row.payload.length, row.payload.raw_length,
                  row.payload.checksum, static_cast<int>(row.payload.codec),
                  static_cast<int>(row.payload.content), null_if_no_pack(row.record.pack),
                  row.record.offset, row.record.length, row.has_metas, null_if_none(row.pts),
                  null_if_none(row.dts), null_if_none(row.duration), null_if_none(row.stream_time),
                  null_if_none(row.offset), null_if_none(row.offset_end), row.flags, row.caps)
            .run());
  return Status::ok();
}

Status write_events_and_detections(Connection &db, const CommitBatch &batch) {
  Query events = db.query(
      "INSERT INTO event (checkpoint, idx, ordinal, type, body) VALUES (?1, ?2, ?3, ?4, ?5)");
  for (const EventRow &row : batch.events)
    CHECKPOINT_RETURN_IF_ERROR(
        events.bind(batch.checkpoint, row.index, row.ordinal, row.type, row.body).run());
  Query detections = db.query(
      "INSERT INTO detection (checkpoint, idx, ordinal, label, confidence, x, y, width, height, "
      "track, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
  for (const DetectionRow &row : batch.detections)
    CHECKPOINT_RETURN_IF_ERROR(detections
                                   .bind(batch.checkpoint, row.index, row.ordinal,
                                         clean_text(row.label), row.confidence, row.x, row.y,
                                         row.width, row.height, row.track, clean_text(row.source))
                                   .run());
  return Status::ok();
}

Status write_digests(Connection &db, const Lease &lease, const CommitBatch &batch) {
  // In order, so that neighbours in the index are written together.
  std::vector<const NewDigest *> digests;
  for (const NewDigest &digest : batch.digests) digests.push_back(&digest);
  std::sort(digests.begin(), digests.end(),
            [](const NewDigest *a, const NewDigest *b) { return a->digest < b->digest; });
  // A digest whose pack no longer serves gives its place to the new payload.
  Query query = db.query(
      "INSERT INTO digest (job, frame_store, identity, pack, offset, length, raw_length, checksum, "
      "codec, content) VALUES (?1, (SELECT frame_store FROM pack WHERE key = ?3), ?2, ?3, ?4, ?5, "
      "?6, ?7, ?8, ?9) ON CONFLICT (job, frame_store, identity) DO UPDATE SET pack = "
      "excluded.pack, offset = excluded.offset, length = excluded.length, raw_length = "
      "excluded.raw_length, checksum = excluded.checksum, codec = excluded.codec, content = "
      "excluded.content WHERE digest.pack = ?10 OR "
      "(SELECT state FROM pack WHERE key = digest.pack) IS NOT 'ready'");
  for (const NewDigest *digest : digests) {
    const PayloadRef &ref = digest->payload;
    CHECKPOINT_RETURN_IF_ERROR(query
                                   .bind(lease.job, digest->digest, ref.pack, ref.offset,
                                         ref.length, ref.raw_length, ref.checksum,
                                         static_cast<int>(ref.codec), static_cast<int>(ref.content),
                                         digest->instead_of)
                                   .run());
  }
  return Status::ok();
}

// Last, since nothing can be added to a complete checkpoint.
Status advance(Connection &db, const CommitBatch &batch) {
  const bool complete = batch.end == CommitBatch::End::kComplete;
  const std::string reason = batch.end == CommitBatch::End::kPartial ? batch.reason : "";
  std::optional<std::string> stats;
  if (batch.end != CommitBatch::End::kNo) stats = batch.stats;
  return db
      .query(
          "UPDATE checkpoint SET commit_no = ?2, frames = frames + ?3, "
          "bytes_new = bytes_new + ?4, bytes_reused = bytes_reused + ?5, first_time = ?6, "
          "end_time = ?7, state = ?8, reason = ?9, stats = coalesce(?10, stats), "
          "completed_at = iif(?8 = 'complete', julianday('now'), NULL) WHERE key = ?1")
      .bind(batch.checkpoint, batch.commit_no, batch.frames.size(), batch.bytes_new,
            batch.bytes_reused, null_if_none(batch.first_time), null_if_none(batch.end_time),
            complete ? "complete" : "partial", reason, stats)
      .run();
}

}  // namespace

Status write_commit(Connection &db, const Lease &lease, const CommitBatch &batch) {
  CHECKPOINT_ASSIGN_OR_RETURN(WritableCheckpoint target,
                              writable_checkpoint(db, lease, batch.checkpoint));
  CHECKPOINT_RETURN_IF_ERROR(check_order(batch, target));
  CHECKPOINT_RETURN_IF_ERROR(write_packs(db, batch));
  CHECKPOINT_RETURN_IF_ERROR(write_frames(db, batch));
  CHECKPOINT_RETURN_IF_ERROR(write_events_and_detections(db, batch));
  CHECKPOINT_RETURN_IF_ERROR(write_digests(db, lease, batch));
  CHECKPOINT_RETURN_IF_ERROR(
      db.query("INSERT INTO commits (checkpoint, commit_no, epoch, record_pack, record_offset, "
               "record_length, first_index, frames) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
          .bind(batch.checkpoint, batch.commit_no, lease.epoch, null_if_no_pack(batch.records.pack),
                batch.records.offset, batch.records.length, target.frames, batch.frames.size())
          .run());
  CHECKPOINT_RETURN_IF_ERROR(advance(db, batch));
  fail_point(FailPoint::kRowsWritten);
  return Status::ok();
}

}  // namespace checkpoint::sqlite
