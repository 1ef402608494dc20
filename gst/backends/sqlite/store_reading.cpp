// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "backends/sql/condition.h"
#include "backends/sqlite/rows.h"
#include "backends/sqlite/store_impl.h"

namespace checkpoint::sqlite {

namespace {

// One index serves each state alone in key order, so that a page costs its own rows and no sort.
Status list_state(Connection &db, const CheckpointQuery &query, CheckpointState state,
                  std::vector<CheckpointRow> &rows) {
  std::string sql = "SELECT " CHECKPOINT_ROW_COLUMNS
                    " FROM checkpoint AS c CROSS JOIN job ON job.key = c.job WHERE c.state = ?1 "
                    "AND c.key < ?2";
  if (query.job_id) sql += " AND c.job = (SELECT key FROM job WHERE job_id = ?4)";
  if (query.stage) sql += " AND c.stage = ?5";
  // The `+` keeps the branch's index, in which nearly all are of the base, from being preferred to
  // the job's.
  if (query.branch && query.job_id)
    sql += " AND +c.is_scenario = ?6 AND +c.scenario_label = ?7";
  else if (query.branch)
    sql += " AND c.is_scenario = ?6 AND c.scenario_label = ?7";
  sql += " ORDER BY c.key DESC LIMIT ?3";
  Query select = db.query(sql);
  const Branch branch = query.branch.value_or(Branch{});
  select.bind(state_name(state), query.before == 0 ? INT64_MAX : query.before, query.limit);
  // A parameter behind the last one that the text names does not exist.
  if (query.job_id || query.stage || query.branch) select.bind(query.job_id);
  if (query.stage || query.branch) select.bind(query.stage);
  if (query.branch) select.bind(branch.is_scenario, branch.label);
  while (select.next()) rows.push_back(read_checkpoint(select));
  return select.status();
}

}  // namespace

Result<std::vector<CheckpointRow>> SqliteStore::list_checkpoints(const CheckpointQuery &query,
                                                                 Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<CheckpointRow>> {
    // One view for both states: a checkpoint that is completed between them is seen once.
    Transaction transaction(db);
    CHECKPOINT_RETURN_IF_ERROR(transaction.begin_read());
    std::vector<CheckpointRow> rows;
    CHECKPOINT_RETURN_IF_ERROR(list_state(db, query, CheckpointState::kComplete, rows));
    if (query.include_partial) {
      CHECKPOINT_RETURN_IF_ERROR(list_state(db, query, CheckpointState::kPartial, rows));
      std::sort(rows.begin(), rows.end(),
                [](const CheckpointRow &a, const CheckpointRow &b) { return a.key > b.key; });
      if (rows.size() > query.limit) rows.resize(query.limit);
    }
    return rows;
  });
}

Result<CheckpointRow> SqliteStore::get_checkpoint(const Uuid &id, Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<CheckpointRow> {
    Query query = db.query("SELECT " CHECKPOINT_ROW_COLUMNS
                           " FROM checkpoint AS c CROSS JOIN job ON job.key = c.job "
                           "WHERE c.id = ?1");
    CheckpointRow row;
    const bool found = query.bind(id).next();
    if (found) row = read_checkpoint(query);
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    if (!found) return Status(Code::kNotFound, "no checkpoint " + id.to_string());
    return row;
  });
}

Result<std::vector<CapsRow>> SqliteStore::read_caps(CheckpointKey checkpoint,
                                                    Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<CapsRow>> {
    std::vector<CapsRow> rows;
    Query query = db.query("SELECT number, caps FROM caps WHERE checkpoint = ?1 ORDER BY number");
    query.bind(checkpoint);
    while (query.next()) rows.push_back({static_cast<uint32_t>(query.i64(0)), query.text(1)});
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<FrameRow>> SqliteStore::read_frames(const FramePage &page,
                                                       Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<FrameRow>> {
    std::vector<FrameRow> rows;
    Query query =
        db.query("SELECT " CHECKPOINT_FRAME_COLUMNS " FROM frame" + frame_page_sql(page, '?'));
    query.bind(page.checkpoint, first_of(page), page.limit);
    while (query.next()) rows.push_back(read_frame(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<std::optional<FrameRow>>> SqliteStore::find_frames(
    CheckpointKey checkpoint, FramePage::Order number, std::span<const uint64_t> numbers,
    Cancellation &cancel) {
  const std::string sql =
      std::string("SELECT " CHECKPOINT_FRAME_COLUMNS " FROM frame WHERE checkpoint = ?1 AND ") +
      column_of(number) + " = ?2 ORDER BY idx LIMIT 1";
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::optional<FrameRow>>> {
    Transaction transaction(db);
    CHECKPOINT_RETURN_IF_ERROR(transaction.begin_read());
    std::vector<std::optional<FrameRow>> rows;
    for (uint64_t wanted : numbers) {
      Query query = db.query(sql);
      rows.emplace_back();
      if (query.bind(checkpoint, wanted).next()) rows.back() = read_frame(query);
      CHECKPOINT_RETURN_IF_ERROR(query.status());
    }
    return rows;
  });
}

Result<std::vector<uint64_t>> SqliteStore::find_matches(const MatchQuery &query,
                                                        const Condition &condition,
                                                        Cancellation &cancel) {
  const MatchSql sql = match_sql(query, condition, kSqlite);
  return read(cancel, [&](Connection &db) -> Result<std::vector<uint64_t>> {
    std::vector<uint64_t> indexes;
    Query select = db.query_once(sql.text);
    select.bind(query.checkpoint, index_of(query.first), index_of(query.end), query.limit);
    for (const FieldValue &value : sql.values)
      std::visit([&](const auto &plain) { select.bind(plain); }, value);
    while (select.next()) indexes.push_back(select.u64(0));
    CHECKPOINT_RETURN_IF_ERROR(select.status());
    return indexes;
  });
}

Result<std::vector<EventRow>> SqliteStore::read_events(CheckpointKey checkpoint, uint64_t first,
                                                       uint64_t end, unsigned limit,
                                                       Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<EventRow>> {
    std::vector<EventRow> rows;
    Query query = db.query(
        "SELECT idx, ordinal, type, body FROM event WHERE checkpoint = ?1 AND idx >= ?2 "
        "AND idx < ?3 ORDER BY idx, ordinal LIMIT ?4");
    query.bind(checkpoint, index_of(first), index_of(end), limit);
    while (query.next())
      rows.push_back(
          {query.u64(0), static_cast<uint32_t>(query.i64(1)), query.text(2), query.blob(3)});
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<DetectionRow>> SqliteStore::read_detections(const DetectionPage &page,
                                                               Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<DetectionRow>> {
    std::vector<DetectionRow> rows;
    Query query = db.query("SELECT " CHECKPOINT_DETECTION_COLUMNS " FROM detection" +
                           detection_page_sql('?'));
    query.bind(page.checkpoint, index_of(page.first), page.ordinal, index_of(page.end), page.limit);
    while (query.next()) rows.push_back(read_detection(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::optional<uint64_t>> SqliteStore::find_frame_at(CheckpointKey checkpoint, uint64_t time,
                                                           Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::optional<uint64_t>> {
    // Times beyond int64 are negative in the table and later than all others.
    struct Range {
      int64_t from, to;
    };
    std::vector<Range> ranges;
    if (time > INT64_MAX) ranges.push_back({INT64_MIN, static_cast<int64_t>(time)});
    ranges.push_back({0, index_of(time)});
    for (const Range &range : ranges) {
      Query query = db.query(
          "SELECT idx FROM frame WHERE checkpoint = ?1 AND stream_time = ("
          "SELECT max(stream_time) FROM frame WHERE checkpoint = ?1 AND stream_time BETWEEN ?2 "
          "AND ?3) ORDER BY idx LIMIT 1");
      const bool found = query.bind(checkpoint, range.from, range.to).next();
      const uint64_t index = found ? query.u64(0) : 0;
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (found) return std::optional<uint64_t>(index);
    }
    return std::optional<uint64_t>();
  });
}

Result<std::vector<PackRow>> SqliteStore::get_packs(std::span<const PackKey> packs,
                                                    Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<PackRow>> {
    Transaction transaction(db);
    CHECKPOINT_RETURN_IF_ERROR(transaction.begin_read());
    std::vector<PackRow> rows;
    for (PackKey key : packs) {
      Query query = db.query("SELECT " CHECKPOINT_PACK_COLUMNS " FROM pack WHERE key = ?1");
      const bool found = query.bind(key).next();
      if (found) rows.push_back(read_pack(query));
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (!found) return Status(Code::kNotFound, "no pack with the number " + std::to_string(key));
    }
    return rows;
  });
}

}  // namespace checkpoint::sqlite
