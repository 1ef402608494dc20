// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "backends/postgres/commit.h"
#include "backends/postgres/store_impl.h"

namespace checkpoint::postgres {

namespace {

Result<CheckpointRow> checkpoint_with_id(Connection &db, const Uuid &id, bool *found) {
  CheckpointRow row;
  Query query = db.query("SELECT " CHECKPOINT_ROW_COLUMNS
                         " FROM @checkpoint AS c JOIN @job AS job ON job.key = c.job "
                         "WHERE c.id = $1");
  *found = query.bind(id).next();
  if (*found) row = read_checkpoint(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row;
}

// The version that is next for this stage; taken, so that it is never given again.
Result<int64_t> take_version(Connection &db, const Lease &lease) {
  Query query = db.query(
      "UPDATE @stage_lease SET next_version = next_version + 1 WHERE job = $1 AND is_scenario = $2 "
      "AND scenario_label = $3 AND stage = $4 RETURNING next_version - 1");
  query.bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage);
  const int64_t version = query.next() ? query.i64(0) : 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return version;
}

Status check_stage(const Lease &lease, const CheckpointFields &fields) {
  if (fields.stage == lease.stage && fields.branch == lease.branch) return Status::ok();
  return {Code::kInvalidArgument, "the checkpoint is not of the stage that is leased"};
}

// Neither its id nor its version may be taken.
Status check_unknown(Connection &db, const Lease &lease, const RestoredCheckpoint &checkpoint) {
  Query query = db.query(
      "SELECT 1 FROM @checkpoint WHERE id = $1 OR (job = $2 AND is_scenario = $3 AND "
      "scenario_label = $4 AND stage = $5 AND version = $6)");
  const bool taken = query
                         .bind(checkpoint.id, lease.job, lease.branch.is_scenario,
                               lease.branch.label, lease.stage, checkpoint.version)
                         .next();
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (!taken) return Status::ok();
  return {Code::kAlreadyExists, "another checkpoint has the id or the version of checkpoint " +
                                    checkpoint.id.to_string()};
}

// `created_at`: now, where it is not given.
Result<CheckpointRow> insert_checkpoint(Connection &db, const Lease &lease, const Uuid &id,
                                        const CheckpointFields &fields, int64_t version,
                                        const std::optional<int64_t> &created_at) {
  std::optional<std::string> filtered;
  if (fields.filtered_frame_sequences) filtered = numbers_to_json(*fields.filtered_frame_sequences);
  std::optional<double> milliseconds;
  if (created_at) milliseconds = static_cast<double>(*created_at);
  CHECKPOINT_RETURN_IF_ERROR(
      db.query("INSERT INTO @checkpoint (id, job, is_scenario, scenario_label, stage, "
               "stage_index, version, parent, frames_prefix, stage_output_key, stats, "
               "config_snapshot, config_overrides, config_declared, video_path, profile_name, "
               "filtered_frame_sequences, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
               "$9, $10, $11, $12, $13, $14, $15, $16, $17, "
               "coalesce(timestamptz 'epoch' + $18 * interval '1 millisecond', clock_timestamp()))")
          .bind(id, lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage,
                fields.stage_index, version, fields.parent, fields.frames_prefix,
                fields.stage_output_key, fields.stats, fields.config_snapshot,
                fields.config_overrides, fields.config_declared, fields.video_path,
                fields.profile_name, filtered, milliseconds)
          .run());
  bool found = false;
  CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow row, checkpoint_with_id(db, id, &found));
  if (!found) return Status(Code::kInternal, "a checkpoint's row is gone");
  if (row.fields.job_id != fields.job_id)
    return Status(Code::kInvalidArgument, "the checkpoint is not of the job that is leased");
  return row;
}

}  // namespace

Result<CheckpointRow> PostgresStore::create_checkpoint(const Lease &lease, const Uuid &id,
                                                       const CheckpointFields &fields,
                                                       Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_stage(lease, fields));
  return write(cancel, [&](Connection &db) -> Result<CheckpointRow> {
    CHECKPOINT_RETURN_IF_ERROR(check_lease(db, lease));
    bool found = false;
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow known, checkpoint_with_id(db, id, &found));
    if (found) return known;
    CHECKPOINT_ASSIGN_OR_RETURN(int64_t version, take_version(db, lease));
    return insert_checkpoint(db, lease, id, fields, version, std::nullopt);
  });
}

Result<CheckpointRow> PostgresStore::restore_checkpoint(Lease &lease,
                                                        const RestoredCheckpoint &checkpoint,
                                                        Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(check_stage(lease, checkpoint.fields));
  Lease raised = lease;
  raised.epoch = std::max(raised.epoch, checkpoint.epoch);
  auto row = write(cancel, [&](Connection &db) -> Result<CheckpointRow> {
    CHECKPOINT_RETURN_IF_ERROR(check_lease(db, lease));
    CHECKPOINT_RETURN_IF_ERROR(check_unknown(db, lease, checkpoint));
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE @stage_lease SET epoch = $5, next_version = CASE WHEN next_version > $6 "
                 "THEN next_version ELSE $6 + 1 END WHERE job = $1 AND is_scenario = $2 AND "
                 "scenario_label = $3 AND stage = $4")
            .bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage,
                  raised.epoch, checkpoint.version)
            .run());
    return insert_checkpoint(db, lease, checkpoint.id, checkpoint.fields, checkpoint.version,
                             checkpoint.created_at);
  });
  if (row.is_ok()) lease = raised;
  return row;
}

Status PostgresStore::take_place_of(const Uuid &lost, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db.query("UPDATE @store SET uuid = $1").bind(lost).run();
  });
}

Result<PackKey> PostgresStore::create_pack(const Lease &lease, CheckpointKey checkpoint,
                                           const NewPack &pack, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<PackKey> {
    CHECKPOINT_RETURN_IF_ERROR(check_lease(db, lease));
    CHECKPOINT_ASSIGN_OR_RETURN(WritableCheckpoint target,
                                writable_checkpoint(db, lease, checkpoint));
    static_cast<void>(target);
    {
      Query query = db.query("SELECT key, uuid FROM @pack WHERE frame_store = $1 AND object = $2");
      const bool taken = query.bind(pack.frame_store, pack.object).next();
      const PackKey key = taken ? query.i64(0) : 0;
      // The same pack again: the first answer was lost.
      const bool same = taken && query.uuid(1) == pack.uuid;
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (same) return key;
      if (taken)
        return Status(Code::kAlreadyExists, "the object " + pack.object + " is another pack's");
    }
    Query query = db.query(
        "INSERT INTO @pack (uuid, frame_store, object, plain, checkpoint) "
        "VALUES ($1, $2, $3, $4, $5) RETURNING key");
    const bool added =
        query.bind(pack.uuid, pack.frame_store, pack.object, pack.plain, checkpoint).next();
    const PackKey key = added ? query.i64(0) : 0;
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return key;
  });
}

Result<std::vector<std::optional<PayloadRef>>> PostgresStore::find_payloads(
    JobKey job, FrameStoreKey frame_store, std::span<const Digest> digests, Cancellation &cancel) {
  std::vector<std::optional<std::string_view>> identities;
  for (const Digest &digest : digests)
    identities.emplace_back(
        std::string_view(reinterpret_cast<const char *>(digest.data()), digest.size()));
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::optional<PayloadRef>>> {
    std::vector<std::optional<PayloadRef>> found(digests.size());
    if (digests.empty()) return found;
    // The LIMIT keeps the planner from reading all digests of the job: it can't know how few are
    // asked for.
    Query query = db.query(
        "SELECT d.pack, d.\"offset\", d.length, d.raw_length, d.checksum, d.codec, d.content, "
        "asked.number FROM unnest($3) WITH ORDINALITY AS asked (identity, number) "
        "CROSS JOIN LATERAL (SELECT digest.* FROM @digest AS digest WHERE digest.job = $1 "
        "AND digest.frame_store = $2 AND digest.identity = asked.identity LIMIT 1) AS d "
        "JOIN @pack AS pack ON pack.key = d.pack AND pack.state = 'ready'");
    query.bind(job, frame_store, identities);
    while (query.next()) found[query.u64(7) - 1] = read_payload(query, 0);
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return found;
  });
}

Result<std::vector<bool>> PostgresStore::pin_packs(const Lease &lease, CheckpointKey checkpoint,
                                                   std::span<const PackKey> packs,
                                                   Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<std::vector<bool>> {
    CHECKPOINT_RETURN_IF_ERROR(check_lease(db, lease));
    CHECKPOINT_ASSIGN_OR_RETURN(WritableCheckpoint target,
                                writable_checkpoint(db, lease, checkpoint));
    static_cast<void>(target);
    CHECKPOINT_ASSIGN_OR_RETURN(auto held, hold_packs(db, {packs.begin(), packs.end()}));
    std::vector<PackKey> good;
    for (const auto &[key, state] : held)
      if (state == PackState::kUploading || state == PackState::kReady) good.push_back(key);
    CHECKPOINT_RETURN_IF_ERROR(reference_packs(db, checkpoint, good));
    std::vector<bool> pinned;
    for (PackKey key : packs) pinned.push_back(std::binary_search(good.begin(), good.end(), key));
    return pinned;
  });
}

Status PostgresStore::commit(const Lease &lease, const CommitBatch &batch, Cancellation &cancel) {
  return repeat(cancel, [&]() -> Status {
    Session session(*pool_, cancel);
    CHECKPOINT_RETURN_IF_ERROR(session.status());
    Connection &db = session.connection();
    Transaction transaction(db);
    CHECKPOINT_RETURN_IF_ERROR(transaction.begin_write());
    CHECKPOINT_RETURN_IF_ERROR(see_lease(db, lease));
    CHECKPOINT_RETURN_IF_ERROR(write_commit(db, lease, batch));
    // The lease is looked at last and held only from there to the end, so that the heartbeat does
    // not wait for the rows.
    Query check = db.query("SELECT @require_lease($1, $2, $3, $4, $5, $6)");
    check.bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage, lease.epoch,
               lease.owner.instance);
    Status status = transaction.commit_after(check);
    return status.is(Code::kLeaseLost) ? lease_lost(lease) : status;
  });
}

}  // namespace checkpoint::postgres
