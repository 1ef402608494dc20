// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include "backends/postgres/rows.h"
#include "backends/postgres/store_impl.h"
#include "backends/sql/condition.h"

namespace checkpoint::postgres {

namespace {

// The newest of one state. An index serves each state alone in key order, so that a page costs its
// own rows and no sort.
std::string list_state(const CheckpointQuery &query, const char *state) {
  std::string sql = "(SELECT " CHECKPOINT_ROW_COLUMNS
                    " FROM @checkpoint AS c JOIN @job AS job ON job.key = c.job WHERE c.state = '" +
                    std::string(state) + "' AND c.key < $1";
  if (query.job_id) sql += " AND c.job = (SELECT key FROM @job WHERE job_id = $3)";
  if (query.stage) sql += " AND c.stage = $4";
  if (query.branch) sql += " AND c.is_scenario = $5 AND c.scenario_label = $6";
  return sql + " ORDER BY c.key DESC LIMIT $2)";
}

}  // namespace

Result<std::vector<CheckpointRow>> PostgresStore::list_checkpoints(const CheckpointQuery &query,
                                                                   Cancellation &cancel) {
  // One statement sees one state of the data: a checkpoint that is completed meanwhile is seen
  // once.
  std::string sql = list_state(query, "complete");
  if (query.include_partial)
    sql += " UNION ALL " + list_state(query, "partial") + " ORDER BY 1 DESC LIMIT $2";
  return read(cancel, [&](Connection &db) -> Result<std::vector<CheckpointRow>> {
    std::vector<CheckpointRow> rows;
    Query select = db.query(sql);
    const Branch branch = query.branch.value_or(Branch{});
    select.bind(query.before == 0 ? INT64_MAX : query.before, query.limit, query.job_id,
                query.stage, branch.is_scenario, branch.label);
    while (select.next()) rows.push_back(read_checkpoint(select));
    CHECKPOINT_RETURN_IF_ERROR(select.status());
    return rows;
  });
}

Result<CheckpointRow> PostgresStore::get_checkpoint(const Uuid &id, Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<CheckpointRow> {
    Query query = db.query("SELECT " CHECKPOINT_ROW_COLUMNS
                           " FROM @checkpoint AS c JOIN @job AS job ON job.key = c.job "
                           "WHERE c.id = $1");
    CheckpointRow row;
    const bool found = query.bind(id).next();
    if (found) row = read_checkpoint(query);
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    if (!found) return Status(Code::kNotFound, "no checkpoint " + id.to_string());
    return row;
  });
}

Result<std::vector<CapsRow>> PostgresStore::read_caps(CheckpointKey checkpoint,
                                                      Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<CapsRow>> {
    std::vector<CapsRow> rows;
    Query query = db.query("SELECT number, caps FROM @caps WHERE checkpoint = $1 ORDER BY number");
    query.bind(checkpoint);
    while (query.next()) rows.push_back({static_cast<uint32_t>(query.i64(0)), query.text(1)});
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<FrameRow>> PostgresStore::read_frames(const FramePage &page,
                                                         Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<FrameRow>> {
    std::vector<FrameRow> rows;
    Query query =
        db.query("SELECT " CHECKPOINT_FRAME_COLUMNS " FROM @frame" + frame_page_sql(page, '$'));
    query.bind(page.checkpoint, first_of(page), page.limit);
    while (query.next()) rows.push_back(read_frame(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<std::optional<FrameRow>>> PostgresStore::find_frames(
    CheckpointKey checkpoint, FramePage::Order number, std::span<const uint64_t> numbers,
    Cancellation &cancel) {
  std::vector<int64_t> wanted;
  for (uint64_t one : numbers) wanted.push_back(static_cast<int64_t>(one));
  const std::string sql =
      "SELECT " CHECKPOINT_FRAME_COLUMNS
      ", n.place FROM unnest($2) WITH ORDINALITY AS n (number, place) CROSS JOIN LATERAL "
      "(SELECT * FROM @frame AS f WHERE f.checkpoint = $1 AND f." +
      std::string(column_of(number)) + " = n.number ORDER BY f.idx LIMIT 1) AS found";
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::optional<FrameRow>>> {
    std::vector<std::optional<FrameRow>> rows(wanted.size());
    Query query = db.query(sql);
    query.bind(checkpoint, wanted);
    while (query.next()) {
      const uint64_t place = query.u64(kFrameColumns);
      if (place >= 1 && place <= rows.size()) rows[place - 1] = read_frame(query);
    }
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<uint64_t>> PostgresStore::find_matches(const MatchQuery &query,
                                                          const Condition &condition,
                                                          Cancellation &cancel) {
  const MatchSql sql = match_sql(query, condition, kPostgres);
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

Result<std::vector<EventRow>> PostgresStore::read_events(CheckpointKey checkpoint, uint64_t first,
                                                         uint64_t end, unsigned limit,
                                                         Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<EventRow>> {
    std::vector<EventRow> rows;
    Query query = db.query(
        "SELECT idx, ordinal, type, body FROM @event WHERE checkpoint = $1 AND idx >= $2 "
        "AND idx < $3 ORDER BY checkpoint, idx, ordinal LIMIT $4");
    query.bind(checkpoint, index_of(first), index_of(end), limit);
    while (query.next())
      rows.push_back(
          {query.u64(0), static_cast<uint32_t>(query.i64(1)), query.text(2), query.blob(3)});
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<DetectionRow>> PostgresStore::read_detections(const DetectionPage &page,
                                                                 Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<DetectionRow>> {
    std::vector<DetectionRow> rows;
    Query query = db.query("SELECT " CHECKPOINT_DETECTION_COLUMNS " FROM @detection" +
                           detection_page_sql('$'));
    query.bind(page.checkpoint, index_of(page.first), page.ordinal, index_of(page.end), page.limit);
    while (query.next()) rows.push_back(read_detection(query));
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::optional<uint64_t>> PostgresStore::find_frame_at(CheckpointKey checkpoint,
                                                             uint64_t time, Cancellation &cancel) {
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
          "SELECT idx FROM @frame WHERE checkpoint = $1 AND stream_time = (SELECT f.stream_time "
          "FROM @frame AS f WHERE f.checkpoint = $1 AND f.stream_time BETWEEN $2 AND $3 "
          "ORDER BY f.checkpoint DESC, f.stream_time DESC LIMIT 1) "
          "ORDER BY checkpoint, stream_time, idx LIMIT 1");
      const bool found = query.bind(checkpoint, range.from, range.to).next();
      const uint64_t index = found ? query.u64(0) : 0;
      CHECKPOINT_RETURN_IF_ERROR(query.status());
      if (found) return std::optional<uint64_t>(index);
    }
    return std::optional<uint64_t>();
  });
}

Result<std::vector<PackRow>> PostgresStore::get_packs(std::span<const PackKey> packs,
                                                      Cancellation &cancel) {
  const std::vector<PackKey> keys(packs.begin(), packs.end());
  return read(cancel, [&](Connection &db) -> Result<std::vector<PackRow>> {
    std::vector<PackRow> rows, known;
    if (!keys.empty()) {
      Query query = db.query("SELECT " CHECKPOINT_PACK_COLUMNS
                             " FROM @pack WHERE key = ANY ($1) ORDER BY key");
      query.bind(keys);
      while (query.next()) known.push_back(read_pack(query));
      CHECKPOINT_RETURN_IF_ERROR(query.status());
    }
    for (PackKey key : keys) {
      auto at = std::lower_bound(known.begin(), known.end(), key,
                                 [](const PackRow &row, PackKey k) { return row.key < k; });
      if (at == known.end() || at->key != key)
        return Status(Code::kNotFound, "no pack with the number " + std::to_string(key));
      rows.push_back(*at);
    }
    return rows;
  });
}

}  // namespace checkpoint::postgres
