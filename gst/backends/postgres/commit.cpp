// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/commit.h"

#include <algorithm>
#include <cmath>

#include "common/fail_point.h"

namespace checkpoint::postgres {

Result<WritableCheckpoint> writable_checkpoint(Connection &db, const Lease &lease,
                                               CheckpointKey checkpoint) {
  Query query = db.query(
      "SELECT commit_no, frames FROM @checkpoint WHERE key = $1 AND job = $2 AND is_scenario = $3 "
      "AND scenario_label = $4 AND stage = $5 AND state = 'partial'");
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

Result<std::vector<std::pair<PackKey, PackState>>> hold_packs(Connection &db,
                                                              std::vector<PackKey> packs) {
  std::vector<std::pair<PackKey, PackState>> states;
  if (packs.empty()) return states;
  // A foreign key alone would let a collector condemn them meanwhile. In the order of the keys, so
  // that two commits don't wait for each other.
  Query query =
      db.query("SELECT key, state FROM @pack WHERE key = ANY ($1) ORDER BY key FOR SHARE");
  query.bind(packs);
  while (query.next()) states.emplace_back(query.i64(0), pack_state_from(query.text(1)));
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return states;
}

Status reference_packs(Connection &db, CheckpointKey checkpoint,
                       const std::vector<PackKey> &packs) {
  if (packs.empty()) return Status::ok();
  Query query = db.query(
      "INSERT INTO @checkpoint_pack (checkpoint, pack) SELECT $1, unnest($2) "
      "ON CONFLICT DO NOTHING");
  return query.bind(checkpoint, packs).run();
}

namespace {

// An index takes no longer ones; the whole label is in the record.
constexpr size_t kLongestLabel = 2000;

std::string label_of(const std::string &text) {
  std::string label = clean_text(text);
  if (label.size() <= kLongestLabel) return label;
  size_t end = kLongestLabel;
  while (end > 0 && (static_cast<unsigned char>(label[end]) & 0xc0) == 0x80) end--;
  label.resize(end);
  return label;
}

std::string_view bytes_of(const auto &bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

Status write_frames(Connection &db, const CommitBatch &batch) {
  if (batch.frames.empty()) return Status::ok();
  CopyRows rows(22);
  rows.reserve(batch.frames.size() * 260);
  for (const FrameRow &row : batch.frames)
    rows.row()
        .i64(batch.checkpoint)
        .u64(row.index)
        .u64(row.sequence)
        .i64_or_null(null_if_no_pack(row.payload.pack))
        .u64(row.payload.offset)
        .u64(row.payload.length)
        .u64(row.payload.raw_length)
        .u64(row.payload.checksum)
        .i16(static_cast<int16_t>(row.payload.codec))
        .i16(static_cast<int16_t>(row.payload.content))
        .i64_or_null(null_if_no_pack(row.record.pack))
        .u64(row.record.offset)
        .u64(row.record.length)
        .boolean(row.has_metas)
        .u64_or_null(null_if_none(row.pts))
        .u64_or_null(null_if_none(row.dts))
        .u64_or_null(null_if_none(row.duration))
        .u64_or_null(null_if_none(row.stream_time))
        .u64_or_null(null_if_none(row.offset))
        .u64_or_null(null_if_none(row.offset_end))
        .i64(row.flags)
        .i64(row.caps);
  return db.copy_in("COPY @frame (checkpoint, " CHECKPOINT_FRAME_COLUMNS
                    ") FROM STDIN (FORMAT binary)",
                    rows.finish());
}

Status write_detections(Connection &db, const CommitBatch &batch) {
  if (batch.detections.empty()) return Status::ok();
  CopyRows rows(11);
  for (const DetectionRow &row : batch.detections) {
    rows.row().i64(batch.checkpoint).u64(row.index).i64(row.ordinal).text(label_of(row.label));
    // Not a number would be more than any other here, and match every `confidence >`.
    if (row.confidence && !std::isnan(*row.confidence)) {
      rows.float64(*row.confidence);
    } else {
      rows.null();
    }
    rows.i64(row.x)
        .i64(row.y)
        .i64(row.width)
        .i64(row.height)
        .i64_or_null(row.track)
        .text(clean_text(row.source));
  }
  return db.copy_in(
      "COPY @detection (checkpoint, idx, ordinal, label, confidence, x, y, width, height, track, "
      "source) FROM STDIN (FORMAT binary)",
      rows.finish());
}

Status write_caps_and_events(Connection &db, const CommitBatch &batch) {
  if (!batch.caps.empty()) {
    CopyRows rows(3);
    for (const CapsRow &row : batch.caps)
      rows.row().i64(batch.checkpoint).i64(row.number).text(row.caps);
    CHECKPOINT_RETURN_IF_ERROR(db.copy_in(
        "COPY @caps (checkpoint, number, caps) FROM STDIN (FORMAT binary)", rows.finish()));
  }
  if (batch.events.empty()) return Status::ok();
  CopyRows rows(5);
  for (const EventRow &row : batch.events)
    rows.row().i64(batch.checkpoint).u64(row.index).i64(row.ordinal).text(row.type).bytes(row.body);
  return db.copy_in("COPY @event (checkpoint, idx, ordinal, type, body) FROM STDIN (FORMAT binary)",
                    rows.finish());
}

Status write_digests(Connection &db, const Lease &lease, const CommitBatch &batch) {
  if (batch.digests.empty()) return Status::ok();
  std::vector<std::optional<std::string_view>> identities;
  std::vector<int64_t> packs, offsets, lengths, raw_lengths, checksums, codecs, contents, lost;
  for (const NewDigest &digest : batch.digests) {
    const PayloadRef &ref = digest.payload;
    identities.emplace_back(bytes_of(digest.digest));
    packs.push_back(ref.pack);
    offsets.push_back(static_cast<int64_t>(ref.offset));
    lengths.push_back(static_cast<int64_t>(ref.length));
    raw_lengths.push_back(static_cast<int64_t>(ref.raw_length));
    checksums.push_back(static_cast<int64_t>(ref.checksum));
    codecs.push_back(static_cast<int64_t>(ref.codec));
    contents.push_back(static_cast<int64_t>(ref.content));
    if (digest.instead_of != 0) lost.push_back(digest.instead_of);
  }
  // Sorted, so that two commits don't wait for each other; one of each, since a statement can't
  // meet a row twice. A digest whose pack no longer serves gives its place to the new payload.
  Query query = db.query(
      "INSERT INTO @digest AS digest (job, frame_store, identity, pack, \"offset\", length, "
      "raw_length, checksum, codec, content) "
      "SELECT DISTINCT ON (p.frame_store, n.identity) $1::bigint, p.frame_store, n.identity, "
      "n.pack, n.\"offset\", n.length, n.raw_length, n.checksum, n.codec, n.content "
      "FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY AS n (identity, pack, "
      "\"offset\", length, raw_length, checksum, codec, content, number) "
      "JOIN @pack AS p ON p.key = n.pack ORDER BY p.frame_store, n.identity, n.number "
      "ON CONFLICT (job, frame_store, identity) DO UPDATE SET pack = excluded.pack, "
      "\"offset\" = excluded.\"offset\", length = excluded.length, "
      "raw_length = excluded.raw_length, checksum = excluded.checksum, codec = excluded.codec, "
      "content = excluded.content WHERE NOT EXISTS (SELECT FROM @pack AS old "
      "WHERE old.key = digest.pack AND old.state = 'ready' AND old.key <> ALL ($10))");
  return query
      .bind(lease.job, identities, packs, offsets, lengths, raw_lengths, checksums, codecs,
            contents, lost)
      .run();
}

// Makes new packs ready, and references all that the commit needs.
Status write_packs(Connection &db, const CommitBatch &batch) {
  if (!batch.ready_packs.empty()) {
    std::vector<int64_t> keys, sizes;
    std::vector<std::optional<std::string_view>> sums;
    for (const ReadyPack &pack : batch.ready_packs) {
      keys.push_back(pack.key);
      sizes.push_back(static_cast<int64_t>(pack.size));
      sums.push_back(pack.sha256 ? std::optional(bytes_of(*pack.sha256)) : std::nullopt);
    }
    Query query = db.query(
        "UPDATE @pack AS p SET state = 'ready', size = r.size, sha256 = r.sha256 "
        "FROM unnest($1, $2, $3) AS r (key, size, sha256) "
        "WHERE p.key = r.key AND p.state = 'uploading'");
    CHECKPOINT_RETURN_IF_ERROR(query.bind(keys, sizes, sums).run());
  }
  const std::vector<PackKey> needed = needed_packs(batch);
  CHECKPOINT_ASSIGN_OR_RETURN(auto held, hold_packs(db, needed));
  auto at = held.begin();
  for (PackKey key : needed) {
    std::optional<PackState> state;
    if (at != held.end() && at->first == key) state = (at++)->second;
    CHECKPOINT_RETURN_IF_ERROR(check_needed_pack(key, state));
  }
  return reference_packs(db, batch.checkpoint, needed);
}

// Last, since nothing can be added to a complete checkpoint.
Status advance(Connection &db, const CommitBatch &batch, const WritableCheckpoint &target) {
  const bool complete = batch.end == CommitBatch::End::kComplete;
  const std::string reason =
      batch.end == CommitBatch::End::kPartial ? clean_text(batch.reason) : "";
  std::optional<std::string> stats;
  if (batch.end != CommitBatch::End::kNo) stats = batch.stats;
  Query query = db.query(
      "UPDATE @checkpoint SET commit_no = $2, frames = frames + $3, bytes_new = bytes_new + $4, "
      "bytes_reused = bytes_reused + $5, first_time = $6, end_time = $7, "
      "state = CASE WHEN $8 THEN 'complete' ELSE 'partial' END, reason = $9, "
      "stats = coalesce($10, stats), "
      "completed_at = CASE WHEN $8 THEN clock_timestamp() END "
      "WHERE key = $1 AND state = 'partial' AND commit_no = $11 AND frames = $12");
  CHECKPOINT_RETURN_IF_ERROR(query
                                 .bind(batch.checkpoint, batch.commit_no, batch.frames.size(),
                                       batch.bytes_new, batch.bytes_reused,
                                       null_if_none(batch.first_time), null_if_none(batch.end_time),
                                       complete, reason, stats, target.commit_no, target.frames)
                                 .run());
  if (query.rows() != 1)
    return {Code::kConflict, "another commit of the checkpoint came in between"};
  return Status::ok();
}

}  // namespace

Status write_commit(Connection &db, const Lease &lease, const CommitBatch &batch) {
  CHECKPOINT_ASSIGN_OR_RETURN(WritableCheckpoint target,
                              writable_checkpoint(db, lease, batch.checkpoint));
  CHECKPOINT_RETURN_IF_ERROR(check_order(batch, target));
  CHECKPOINT_RETURN_IF_ERROR(write_frames(db, batch));
  CHECKPOINT_RETURN_IF_ERROR(write_detections(db, batch));
  CHECKPOINT_RETURN_IF_ERROR(write_caps_and_events(db, batch));
  {
    Query query = db.query(
        "INSERT INTO @commits (checkpoint, commit_no, epoch, record_pack, record_offset, "
        "record_length, first_index, frames) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    CHECKPOINT_RETURN_IF_ERROR(query
                                   .bind(batch.checkpoint, batch.commit_no, lease.epoch,
                                         null_if_no_pack(batch.records.pack), batch.records.offset,
                                         batch.records.length, target.frames, batch.frames.size())
                                   .run());
  }
  CHECKPOINT_RETURN_IF_ERROR(write_digests(db, lease, batch));
  CHECKPOINT_RETURN_IF_ERROR(write_packs(db, batch));
  CHECKPOINT_RETURN_IF_ERROR(advance(db, batch, target));
  fail_point(FailPoint::kRowsWritten);
  return Status::ok();
}

}  // namespace checkpoint::postgres
