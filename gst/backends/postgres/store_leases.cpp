// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/rows.h"
#include "backends/postgres/store_impl.h"

namespace checkpoint::postgres {

namespace {

#define OF_STAGE "job = $1 AND is_scenario = $2 AND scenario_label = $3 AND stage = $4"

Status find_held(Connection &db, const Lease &lease, std::string_view sql) {
  Query query = db.query(sql);
  query.bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage, lease.epoch,
             lease.owner.instance);
  const bool held = query.next();
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return held ? Status::ok() : lease_lost(lease);
}

// The lease's row, made where there is none; nobody else gets it before the transaction ends.
Result<LeaseRow> hold_row(Connection &db, JobKey job, const Branch &branch,
                          const std::string &stage) {
  CHECKPOINT_RETURN_IF_ERROR(
      db.query("INSERT INTO @stage_lease (job, is_scenario, scenario_label, stage, epoch, "
               "owner_host, owner_boot, owner_pid, owner_start_time) "
               "VALUES ($1, $2, $3, $4, 0, '', '', 0, 0) ON CONFLICT DO NOTHING")
          .bind(job, branch.is_scenario, branch.label, stage)
          .run());
  Query query = db.query("SELECT " CHECKPOINT_LEASE_COLUMNS
                         ", (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::bigint "
                         "FROM @stage_lease WHERE " OF_STAGE " FOR UPDATE");
  const bool found = query.bind(job, branch.is_scenario, branch.label, stage).next();
  LeaseRow row;
  if (found) row = read_lease(query);
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (!found) return Status(Code::kConflict, "a lease's row is gone");
  return row;
}

}  // namespace

Status check_lease(Connection &db, const Lease &lease) {
  return find_held(db, lease,
                   "SELECT 1 FROM @stage_lease WHERE " OF_STAGE
                   " AND epoch = $5 AND owner_instance = $6 FOR UPDATE");
}

Status see_lease(Connection &db, const Lease &lease) {
  return find_held(db, lease,
                   "SELECT 1 FROM @stage_lease WHERE " OF_STAGE
                   " AND epoch = $5 AND owner_instance = $6");
}

Result<Lease> PostgresStore::acquire_lease(JobKey job, const Branch &branch,
                                           const std::string &stage, const LeaseOwner &owner,
                                           std::chrono::milliseconds ttl,
                                           std::chrono::milliseconds *expires_in,
                                           Cancellation &cancel) {
  if (expires_in != nullptr) *expires_in = std::chrono::milliseconds(0);
  return write(cancel, [&](Connection &db) -> Result<Lease> {
    std::string job_id;
    {
      Query query = db.query("SELECT job_id FROM @job WHERE key = $1");
      const bool known = query.bind(job).next();
      if (known) job_id = query.text(0);
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (!known) return Status(Code::kNotFound, "no such job");
    }
    CHECKPOINT_ASSIGN_OR_RETURN(LeaseRow row, hold_row(db, job, branch, stage));
    CHECKPOINT_RETURN_IF_ERROR(check_free(row, owner, job_id, stage, expires_in));
    const Lease lease{job, branch, stage, row.epoch + 1, owner};
    // The row stays, and so does next_version.
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE @stage_lease SET epoch = $2, owner_host = $3, owner_boot = $4, "
                 "owner_pid = $5, owner_start_time = $6, owner_instance = $7, "
                 "expires_at = clock_timestamp() + $8 * interval '1 millisecond' WHERE key = $1")
            .bind(row.key, lease.epoch, owner.host, owner.boot, owner.pid, owner.start_time,
                  owner.instance, static_cast<double>(ttl.count()))
            .run());
    return lease;
  });
}

Status PostgresStore::renew_lease(const Lease &lease, std::chrono::milliseconds ttl,
                                  Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(check_lease(db, lease));
    return db
        .query(
            "UPDATE @stage_lease SET expires_at = clock_timestamp() + $5 * interval "
            "'1 millisecond' WHERE " OF_STAGE)
        .bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage,
              static_cast<double>(ttl.count()))
        .run();
  });
}

Status PostgresStore::release_lease(const Lease &lease, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db
        .query("UPDATE @stage_lease SET owner_instance = NULL, expires_at = NULL WHERE " OF_STAGE
               " AND epoch = $5 AND owner_instance = $6")
        .bind(lease.job, lease.branch.is_scenario, lease.branch.label, lease.stage, lease.epoch,
              lease.owner.instance)
        .run();
  });
}

}  // namespace checkpoint::postgres
