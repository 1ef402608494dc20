// SPDX-License-Identifier: LGPL-2.1-or-later
// Deleting checkpoints, and what holds them against it.
#include "backends/sql/housekeeping.h"
#include "backends/sqlite/rows.h"
#include "backends/sqlite/store_impl.h"

namespace checkpoint::sqlite {

namespace {

struct Target {
  CheckpointKey key = 0;
  CheckpointState state = CheckpointState::kDeleted;
  bool pinned = false;
  std::string job_id, stage;
};

Result<Target> find_target(Connection &db, const Uuid &id) {
  Query query = db.query(
      "SELECT c.key, c.state, EXISTS (SELECT 1 FROM checkpoint_pin AS p WHERE p.checkpoint = "
      "c.key), job.job_id, c.stage FROM checkpoint AS c JOIN job ON job.key = c.job "
      "WHERE c.id = ?1");
  const bool found = query.bind(id).next();
  Target target;
  if (found)
    target = {query.i64(0), state_from(query.text(1)), query.i64(2) != 0, query.text(3),
              query.text(4)};
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (!found) return Status(Code::kNotFound, "no checkpoint " + id.to_string());
  return target;
}

Result<Target> find_living(Connection &db, const Uuid &id) {
  CHECKPOINT_ASSIGN_OR_RETURN(Target target, find_target(db, id));
  if (target.state == CheckpointState::kDeleted)
    return Status(Code::kNotFound, "checkpoint " + id.to_string() + " was deleted");
  return target;
}

// kBusy while a writer holds the lease of the checkpoint's stage.
Status check_not_written(Connection &db, const Target &target) {
  std::optional<LeaseRow> row;
  Query query = db.query(lease_of_checkpoint_sql(
      "CAST(round((expires_at - julianday('now')) * 86400000.0) AS INTEGER)", kSqlite));
  if (query.bind(target.key).next()) row = read_lease(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row ? check_free(*row, {}, target.job_id, target.stage, nullptr) : Status::ok();
}

}  // namespace

Result<int64_t> SqliteStore::now(Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<int64_t> {
    Query query =
        db.query("SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)");
    const int64_t now = query.next() ? query.i64(0) : 0;
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return now;
  });
}

Status SqliteStore::pin_checkpoint(const Uuid &id, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(Target target, find_living(db, id));
    return db.query("INSERT INTO checkpoint_pin (checkpoint) VALUES (?1) ON CONFLICT DO NOTHING")
        .bind(target.key)
        .run();
  });
}

Status SqliteStore::unpin_checkpoint(const Uuid &id, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(Target target, find_living(db, id));
    return db.query("DELETE FROM checkpoint_pin WHERE checkpoint = ?1").bind(target.key).run();
  });
}

Status SqliteStore::delete_checkpoint(const Uuid &id, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(Target target, find_target(db, id));
    if (target.state == CheckpointState::kDeleted) return Status::ok();
    if (target.pinned) return pinned_failure("checkpoint " + id.to_string());
    if (target.state == CheckpointState::kPartial)
      CHECKPOINT_RETURN_IF_ERROR(check_not_written(db, target));
    return db.query("UPDATE checkpoint SET state = 'deleted' WHERE key = ?1")
        .bind(target.key)
        .run();
  });
}

Result<std::vector<CheckpointRow>> SqliteStore::deleted_checkpoints(CheckpointKey after,
                                                                    unsigned limit,
                                                                    Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<CheckpointRow>> {
    std::vector<CheckpointRow> rows;
    Query query = db.query("SELECT " CHECKPOINT_ROW_COLUMNS
                           " FROM checkpoint AS c CROSS JOIN job ON job.key = c.job "
                           "WHERE c.state = 'deleted' AND c.key > ?1 ORDER BY c.key LIMIT ?2");
    query.bind(after, limit);
    while (query.next()) rows.push_back(read_checkpoint(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

namespace {

Status check_marked(Connection &db, CheckpointKey checkpoint, bool *found) {
  Query query = db.query("SELECT state FROM checkpoint WHERE key = ?1");
  *found = query.bind(checkpoint).next();
  const bool marked = *found && state_from(query.text(0)) == CheckpointState::kDeleted;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (!*found || marked) return Status::ok();
  return {Code::kInvalidArgument, "the checkpoint is not deleted"};
}

Status check_not_read(Connection &db, CheckpointKey checkpoint) {
  Query query = db.query(
      "SELECT CAST(round((expires_at - julianday('now')) * 86400000.0) AS INTEGER) FROM reader_pin "
      "WHERE checkpoint = ?1 AND expires_at > julianday('now') ORDER BY expires_at DESC LIMIT 1");
  const bool held = query.bind(checkpoint).next();
  const std::string left = held ? std::to_string(query.i64(0)) : "";
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return held ? held_by_reader(left) : Status::ok();
}

}  // namespace

Result<bool> SqliteStore::purge_checkpoint(CheckpointKey checkpoint, unsigned frames,
                                           Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<bool> {
    bool found = false;
    CHECKPOINT_RETURN_IF_ERROR(check_marked(db, checkpoint, &found));
    if (!found) return true;
    CHECKPOINT_RETURN_IF_ERROR(check_not_read(db, checkpoint));
    // Frames first: what refers to packs is gone before the references are.
    for (const auto &[table, column] : kRowsOfCheckpoint) {
      const std::string of = std::string(" FROM ") + table + " WHERE checkpoint = ?1";
      CHECKPOINT_RETURN_IF_ERROR(db.query("DELETE" + of + " AND " + column + " < (SELECT min(" +
                                          column + ")" + of + ") + ?2")
                                     .bind(checkpoint, frames)
                                     .run());
      if (db.changes() > 0) return false;
    }
    for (const char *table : {"reader_pin", "checkpoint_pack"})
      CHECKPOINT_RETURN_IF_ERROR(
          db.query(std::string("DELETE FROM ") + table + " WHERE checkpoint = ?1")
              .bind(checkpoint)
              .run());
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("DELETE FROM checkpoint WHERE key = ?1").bind(checkpoint).run());
    return true;
  });
}

Result<PackTotals> SqliteStore::held_only_by(std::span<const CheckpointKey> checkpoints,
                                             Cancellation &cancel) {
  std::string keys = "[";
  for (CheckpointKey key : checkpoints) keys += (keys.size() > 1 ? "," : "") + std::to_string(key);
  keys += "]";
  return read(cancel, [&](Connection &db) -> Result<PackTotals> {
    Query query = db.query(
        "WITH doomed (key) AS MATERIALIZED (SELECT value FROM json_each(?1)) "
        "SELECT count(*), coalesce(sum(p.size), 0) FROM pack AS p WHERE p.key IN (SELECT pack FROM "
        "checkpoint_pack WHERE checkpoint IN (SELECT key FROM doomed)) AND NOT EXISTS (SELECT 1 "
        "FROM checkpoint_pack AS r WHERE r.pack = p.key AND r.checkpoint NOT IN (SELECT key FROM "
        "doomed))");
    PackTotals totals;
    if (query.bind(keys).next()) totals = {query.u64(0), query.u64(1)};
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return totals;
  });
}

// --- readers

Status SqliteStore::pin_for_reading(const Uuid &pin, std::span<const CheckpointKey> checkpoints,
                                    std::chrono::milliseconds ttl, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("DELETE FROM reader_pin WHERE expires_at <= julianday('now')").run());
    for (CheckpointKey checkpoint : checkpoints) {
      bool found = false;
      const Status marked = check_marked(db, checkpoint, &found);
      if (marked.is_ok()) return {Code::kExpired, "the checkpoint was deleted"};
      if (!marked.is(Code::kInvalidArgument)) return marked;
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("INSERT INTO reader_pin (id, checkpoint, expires_at) VALUES (?1, ?2, "
                   "julianday('now') + ?3 / 86400000.0) ON CONFLICT DO NOTHING")
              .bind(pin, checkpoint, ttl.count())
              .run());
    }
    return Status::ok();
  });
}

Status SqliteStore::renew_reader_pin(const Uuid &pin, std::chrono::milliseconds ttl,
                                     Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE reader_pin SET expires_at = julianday('now') + ?2 / 86400000.0 "
                 "WHERE id = ?1 AND expires_at > julianday('now')")
            .bind(pin, ttl.count())
            .run());
    if (db.changes() > 0) return Status::ok();
    return {Code::kExpired, "the reader's pin has ended"};
  });
}

Status SqliteStore::release_reader_pin(const Uuid &pin, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db.query("DELETE FROM reader_pin WHERE id = ?1").bind(pin).run();
  });
}

Status SqliteStore::check_readable(std::span<const CheckpointKey> checkpoints, const Uuid &pin,
                                   Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Status {
    for (CheckpointKey checkpoint : checkpoints) {
      Query query = db.query(
          "SELECT 1 FROM checkpoint AS c WHERE c.key = ?1 AND (c.state <> 'deleted' OR EXISTS ("
          "SELECT 1 FROM reader_pin AS r WHERE r.id = ?2 AND r.checkpoint = c.key AND "
          "r.expires_at > julianday('now')))");
      const bool readable = query.bind(checkpoint, pin).next();
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (!readable) return {Code::kExpired, "the checkpoint was deleted while it was being read"};
    }
    return Status::ok();
  });
}

}  // namespace checkpoint::sqlite
