// SPDX-License-Identifier: LGPL-2.1-or-later
// Deleting checkpoints, and what holds them against it.
#include "backends/postgres/rows.h"
#include "backends/postgres/store_impl.h"
#include "backends/sql/housekeeping.h"

namespace checkpoint::postgres {

namespace {

#define MILLISECONDS_LEFT "(extract(epoch FROM expires_at - clock_timestamp()) * 1000)::bigint"

struct Target {
  CheckpointKey key = 0;
  CheckpointState state = CheckpointState::kDeleted;
  bool pinned = false;
  std::string job_id, stage;
};

// Nobody else pins, deletes or commits to the checkpoint before the transaction ends.
Result<Target> hold_target(Connection &db, const Uuid &id) {
  Target target;
  {
    Query query = db.query("SELECT key, state FROM @checkpoint WHERE id = $1 FOR NO KEY UPDATE");
    const bool found = query.bind(id).next();
    if (found) {
      target.key = query.i64(0);
      target.state = state_from(query.text(1));
    }
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    if (!found) return Status(Code::kNotFound, "no checkpoint " + id.to_string());
  }
  // Only now: who held the checkpoint before may have pinned it.
  Query query = db.query(
      "SELECT EXISTS (SELECT FROM @checkpoint_pin AS p WHERE p.checkpoint = c.key), job.job_id, "
      "c.stage FROM @checkpoint AS c JOIN @job AS job ON job.key = c.job WHERE c.key = $1");
  if (query.bind(target.key).next()) {
    target.pinned = query.i64(0) != 0;
    target.job_id = query.text(1);
    target.stage = query.text(2);
  }
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return target;
}

Result<Target> hold_living(Connection &db, const Uuid &id) {
  CHECKPOINT_ASSIGN_OR_RETURN(Target target, hold_target(db, id));
  if (target.state == CheckpointState::kDeleted)
    return Status(Code::kNotFound, "checkpoint " + id.to_string() + " was deleted");
  return target;
}

// kBusy while a writer holds the lease of the checkpoint's stage.
Status check_not_written(Connection &db, const Target &target) {
  std::optional<LeaseRow> row;
  Query query = db.query(lease_of_checkpoint_sql(MILLISECONDS_LEFT, kPostgres));
  if (query.bind(target.key).next()) row = read_lease(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row ? check_free(*row, {}, target.job_id, target.stage, nullptr) : Status::ok();
}

}  // namespace

Result<int64_t> PostgresStore::now(Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<int64_t> {
    Query query = db.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
    const int64_t now = query.next() ? query.i64(0) : 0;
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return now;
  });
}

Status PostgresStore::pin_checkpoint(const Uuid &id, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(Target target, hold_living(db, id));
    return db.query("INSERT INTO @checkpoint_pin (checkpoint) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(target.key)
        .run();
  });
}

Status PostgresStore::unpin_checkpoint(const Uuid &id, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(Target target, hold_living(db, id));
    return db.query("DELETE FROM @checkpoint_pin WHERE checkpoint = $1").bind(target.key).run();
  });
}

Status PostgresStore::delete_checkpoint(const Uuid &id, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(Target target, hold_target(db, id));
    if (target.state == CheckpointState::kDeleted) return Status::ok();
    if (target.pinned) return pinned_failure("checkpoint " + id.to_string());
    if (target.state == CheckpointState::kPartial)
      CHECKPOINT_RETURN_IF_ERROR(check_not_written(db, target));
    return db.query("UPDATE @checkpoint SET state = 'deleted' WHERE key = $1")
        .bind(target.key)
        .run();
  });
}

Result<std::vector<CheckpointRow>> PostgresStore::deleted_checkpoints(CheckpointKey after,
                                                                      unsigned limit,
                                                                      Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<CheckpointRow>> {
    std::vector<CheckpointRow> rows;
    Query query = db.query("SELECT " CHECKPOINT_ROW_COLUMNS
                           " FROM @checkpoint AS c JOIN @job AS job ON job.key = c.job "
                           "WHERE c.state = 'deleted' AND c.key > $1 ORDER BY c.key LIMIT $2");
    query.bind(after, limit);
    while (query.next()) rows.push_back(read_checkpoint(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

namespace {

// The transaction keeps readers' new pins away and waits for those that are being renewed.
Status check_not_read(Connection &db, CheckpointKey checkpoint) {
  Query query = db.query("SELECT " MILLISECONDS_LEFT
                         ", expires_at > clock_timestamp() FROM @reader_pin "
                         "WHERE checkpoint = $1 FOR UPDATE");
  query.bind(checkpoint);
  std::optional<std::string> left;
  while (query.next())
    if (query.i64(1) != 0) left = std::to_string(query.i64(0));
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return left ? held_by_reader(*left) : Status::ok();
}

}  // namespace

Result<bool> PostgresStore::purge_checkpoint(CheckpointKey checkpoint, unsigned frames,
                                             Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<bool> {
    {
      Query query = db.query("SELECT state FROM @checkpoint WHERE key = $1 FOR UPDATE");
      const bool found = query.bind(checkpoint).next();
      const bool marked = found && state_from(query.text(0)) == CheckpointState::kDeleted;
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (!found) return true;
      if (!marked) return Status(Code::kInvalidArgument, "the checkpoint is not deleted");
    }
    CHECKPOINT_RETURN_IF_ERROR(check_not_read(db, checkpoint));
    // Frames first: what refers to packs is gone before the references are.
    for (const auto &[table, column] : kRowsOfCheckpoint) {
      const std::string of = std::string(" FROM @") + table + " WHERE checkpoint = $1";
      Query query = db.query("DELETE" + of + " AND " + column + " < (SELECT min(" + column + ")" +
                             of + ") + $2");
      CHECKPOINT_RETURN_IF_ERROR(query.bind(checkpoint, frames).run());
      if (query.rows() > 0) return false;
    }
    for (const char *table : {"reader_pin", "checkpoint_pack"})
      CHECKPOINT_RETURN_IF_ERROR(
          db.query(std::string("DELETE FROM @") + table + " WHERE checkpoint = $1")
              .bind(checkpoint)
              .run());
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("DELETE FROM @checkpoint WHERE key = $1").bind(checkpoint).run());
    return true;
  });
}

Result<PackTotals> PostgresStore::held_only_by(std::span<const CheckpointKey> checkpoints,
                                               Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<PackTotals> {
    Query query = db.query(
        "SELECT count(*), coalesce(sum(p.size), 0)::bigint FROM @pack AS p WHERE p.key IN (SELECT "
        "pack FROM @checkpoint_pack WHERE checkpoint = ANY ($1)) AND NOT EXISTS (SELECT FROM "
        "@checkpoint_pack AS r WHERE r.pack = p.key AND r.checkpoint <> ALL ($1))");
    PackTotals totals;
    if (query.bind(std::vector<int64_t>(checkpoints.begin(), checkpoints.end())).next())
      totals = {query.u64(0), query.u64(1)};
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return totals;
  });
}

// --- readers

Status PostgresStore::pin_for_reading(const Uuid &pin, std::span<const CheckpointKey> checkpoints,
                                      std::chrono::milliseconds ttl, Cancellation &cancel) {
  const std::vector<int64_t> keys(checkpoints.begin(), checkpoints.end());
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("DELETE FROM @reader_pin WHERE expires_at <= clock_timestamp()").run());
    // The foreign key waits for a purge that is under way, and what is purged has been marked
    // before.
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("INSERT INTO @reader_pin (id, checkpoint, expires_at) SELECT $1, c.key, "
                 "clock_timestamp() + $3 * interval '1 millisecond' FROM @checkpoint AS c "
                 "WHERE c.key = ANY ($2) ORDER BY c.key ON CONFLICT DO NOTHING")
            .bind(pin, keys, static_cast<double>(ttl.count()))
            .run());
    Query query =
        db.query("SELECT count(*) FROM @checkpoint WHERE key = ANY ($1) AND state <> 'deleted'");
    const bool all = query.bind(keys).next() && query.u64(0) == keys.size();
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return all ? Status::ok() : Status(Code::kExpired, "the checkpoint was deleted");
  });
}

Status PostgresStore::renew_reader_pin(const Uuid &pin, std::chrono::milliseconds ttl,
                                       Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    Query query = db.query(
        "UPDATE @reader_pin SET expires_at = clock_timestamp() + $2 * interval '1 millisecond' "
        "WHERE id = $1 AND expires_at > clock_timestamp()");
    CHECKPOINT_RETURN_IF_ERROR(query.bind(pin, static_cast<double>(ttl.count())).run());
    if (query.rows() > 0) return Status::ok();
    return {Code::kExpired, "the reader's pin has ended"};
  });
}

Status PostgresStore::release_reader_pin(const Uuid &pin, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db.query("DELETE FROM @reader_pin WHERE id = $1").bind(pin).run();
  });
}

Status PostgresStore::check_readable(std::span<const CheckpointKey> checkpoints, const Uuid &pin,
                                     Cancellation &cancel) {
  const std::vector<int64_t> keys(checkpoints.begin(), checkpoints.end());
  return read(cancel, [&](Connection &db) -> Status {
    Query query = db.query(
        "SELECT count(*) FROM @checkpoint AS c WHERE c.key = ANY ($1) AND (c.state <> 'deleted' OR "
        "EXISTS (SELECT FROM @reader_pin AS r WHERE r.id = $2 AND r.checkpoint = c.key AND "
        "r.expires_at > clock_timestamp()))");
    const bool all = query.bind(keys, pin).next() && query.u64(0) == keys.size();
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    if (all) return Status::ok();
    return {Code::kExpired, "the checkpoint was deleted while it was being read"};
  });
}

}  // namespace checkpoint::postgres
