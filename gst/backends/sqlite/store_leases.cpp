// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sqlite/rows.h"
#include "backends/sqlite/store_impl.h"

namespace checkpoint::sqlite {

namespace {

Result<std::optional<LeaseRow>> find_lease(Connection &db, JobKey job, const Branch &branch,
                                           const std::string &stage) {
  std::optional<LeaseRow> row;
  Query query = db.query(
      "SELECT " CHECKPOINT_LEASE_COLUMNS
      ", CAST(round((expires_at - julianday('now')) * 86400000.0) AS INTEGER) FROM stage_lease "
      "WHERE job = ?1 AND is_scenario = ?2 AND scenario_label = ?3 AND stage = ?4");
  if (query.bind(job, branch.is_scenario, branch.label, stage).next()) row = read_lease(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return row;
}

}  // namespace

Status check_lease(Connection &db, const Lease &lease) {
  Query query = db.query(
      "SELECT 1 FROM stage_lease WHERE job = ?1 AND is_scenario = ?2 AND scenario_label = ?3 "
      "AND stage = ?4 AND epoch = ?5 AND owner_instance = ?6");
  query.bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage, lease.epoch,
             lease.owner.instance);
  const bool held = query.next();
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return held ? Status::ok() : lease_lost(lease);
}

Result<Lease> SqliteStore::acquire_lease(JobKey job, const Branch &branch, const std::string &stage,
                                         const LeaseOwner &owner, std::chrono::milliseconds ttl,
                                         std::chrono::milliseconds *expires_in,
                                         Cancellation &cancel) {
  if (expires_in != nullptr) *expires_in = std::chrono::milliseconds(0);
  return write(cancel, [&](Connection &db) -> Result<Lease> {
    Lease lease{job, branch, stage, 1, owner};
    std::string job_id;
    {
      Query query = db.query("SELECT job_id FROM job WHERE key = ?1");
      const bool known = query.bind(job).next();
      if (known) job_id = query.text(0);
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (!known) return Status(Code::kNotFound, "no such job");
    }
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<LeaseRow> row, find_lease(db, job, branch, stage));
    if (row) {
      lease.epoch = row->epoch + 1;
      CHECKPOINT_RETURN_IF_ERROR(check_free(*row, owner, job_id, stage, expires_in));
    }
    // The primary key stays, and so does next_version.
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("INSERT INTO stage_lease (job, is_scenario, scenario_label, stage, epoch, "
                 "owner_host, owner_boot, owner_pid, owner_start_time, owner_instance, expires_at) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                 "julianday('now') + ?11 / 86400000.0) "
                 "ON CONFLICT (job, is_scenario, scenario_label, stage) DO UPDATE SET "
                 "epoch = excluded.epoch, owner_host = excluded.owner_host, "
                 "owner_boot = excluded.owner_boot, owner_pid = excluded.owner_pid, "
                 "owner_start_time = excluded.owner_start_time, "
                 "owner_instance = excluded.owner_instance, expires_at = excluded.expires_at")
            .bind(job, branch.is_scenario, branch.label, stage, lease.epoch, owner.host, owner.boot,
                  owner.pid, owner.start_time, owner.instance, ttl.count())
            .run());
    return lease;
  });
}

Status SqliteStore::renew_lease(const Lease &lease, std::chrono::milliseconds ttl,
                                Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(check_lease(db, lease));
    return db
        .query(
            "UPDATE stage_lease SET expires_at = julianday('now') + ?5 / 86400000.0 "
            "WHERE job = ?1 AND is_scenario = ?2 AND scenario_label = ?3 AND stage = ?4")
        .bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage, ttl.count())
        .run();
  });
}

Status SqliteStore::release_lease(const Lease &lease, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db
        .query(
            "UPDATE stage_lease SET owner_instance = NULL, expires_at = NULL "
            "WHERE job = ?1 AND is_scenario = ?2 AND scenario_label = ?3 AND stage = ?4 "
            "AND epoch = ?5 AND owner_instance = ?6")
        .bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage, lease.epoch,
              lease.owner.instance)
        .run();
  });
}

}  // namespace checkpoint::sqlite
