// SPDX-License-Identifier: LGPL-2.1-or-later
// Collecting packs, and moving payloads between them.
#include <algorithm>
#include <map>
#include <set>

#include "backends/sql/housekeeping.h"
#include "backends/sqlite/commit.h"
#include "backends/sqlite/rows.h"
#include "backends/sqlite/store_impl.h"

namespace checkpoint::sqlite {

Result<std::vector<PackRow>> SqliteStore::list_packs(const PackQuery &query, Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<PackRow>> {
    std::vector<PackRow> rows;
    Query select = db.query(pack_page_sql(query.filter, kSqlite));
    select.bind(query.frame_store, query.after, query.limit, query.age.count());
    while (select.next()) rows.push_back(read_pack(select));
    CHECKPOINT_RETURN_IF_ERROR(select.status());
    return rows;
  });
}

Result<std::vector<std::optional<PackRow>>> SqliteStore::find_packs(FrameStoreKey frame_store,
                                                                    std::span<const Uuid> packs,
                                                                    Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::optional<PackRow>>> {
    Transaction transaction(db);
    CHECKPOINT_RETURN_IF_ERROR(transaction.begin_read());
    std::vector<std::optional<PackRow>> rows;
    for (const Uuid &uuid : packs) {
      Query query = db.query("SELECT " CHECKPOINT_PACK_COLUMNS
                             " FROM pack WHERE uuid = ?1 AND frame_store = ?2");
      rows.emplace_back();
      if (query.bind(uuid, frame_store).next()) rows.back() = read_pack(query);
      CHECKPOINT_RETURN_IF_ERROR(query.status());
    }
    return rows;
  });
}

Result<std::vector<bool>> SqliteStore::condemn_packs(std::span<const PackKey> packs,
                                                     std::chrono::milliseconds age,
                                                     Cancellation &cancel) {
  const std::string sql =
      "UPDATE pack AS p SET state = 'condemned', state_since = julianday('now') WHERE p.key = ?1 "
      "AND " +
      pack_filter_sql(PackFilter::kUnreferenced, "?2", kSqlite);
  return write(cancel, [&](Connection &db) -> Result<std::vector<bool>> {
    std::vector<bool> condemned;
    for (PackKey pack : packs) {
      CHECKPOINT_RETURN_IF_ERROR(db.query(sql).bind(pack, age.count()).run());
      condemned.push_back(db.changes() > 0);
    }
    return condemned;
  });
}

Result<std::vector<bool>> SqliteStore::confirm_condemned(std::span<const PackKey> packs,
                                                         std::chrono::milliseconds grace,
                                                         Cancellation &cancel) {
  const std::string still = "SELECT 1 FROM pack AS p WHERE p.key = ?1 AND " +
                            pack_filter_sql(PackFilter::kCondemned, "?2", kSqlite);
  return write(cancel, [&](Connection &db) -> Result<std::vector<bool>> {
    std::vector<bool> confirmed;
    for (PackKey pack : packs) {
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("UPDATE pack SET state = 'ready', state_since = NULL WHERE key = ?1 AND state = "
                   "'condemned' AND EXISTS (SELECT 1 FROM checkpoint_pack WHERE pack = ?1)")
              .bind(pack)
              .run());
      Query query = db.query(still);
      confirmed.push_back(query.bind(pack, grace.count()).next());
      CHECKPOINT_RETURN_IF_ERROR(query.status());
    }
    return confirmed;
  });
}

Status SqliteStore::mark_deleted(std::span<const PackKey> packs, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    for (PackKey pack : packs) {
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("UPDATE pack SET state = 'deleted', state_since = julianday('now') "
                   "WHERE key = ?1 AND state = 'condemned'")
              .bind(pack)
              .run());
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("DELETE FROM digest WHERE pack = ?1 AND EXISTS (SELECT 1 FROM pack WHERE key = "
                   "?1 AND state = 'deleted')")
              .bind(pack)
              .run());
    }
    return Status::ok();
  });
}

Status SqliteStore::forget_packs(std::span<const PackKey> packs, std::chrono::milliseconds age,
                                 Cancellation &cancel) {
  const std::string sql = "DELETE FROM pack AS p WHERE p.key = ?1 AND " +
                          pack_filter_sql(PackFilter::kDeleted, "?2", kSqlite);
  return write(cancel, [&](Connection &db) -> Status {
    for (PackKey pack : packs)
      CHECKPOINT_RETURN_IF_ERROR(db.query(sql).bind(pack, age.count()).run());
    return Status::ok();
  });
}

Status SqliteStore::condemn_stranger(const NewPack &pack, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db
        .query(
            "INSERT INTO pack (uuid, frame_store, object, plain, checkpoint, state, state_since) "
            "VALUES (?1, ?2, ?3, ?4, 0, 'condemned', julianday('now')) ON CONFLICT DO NOTHING")
        .bind(pack.uuid, pack.frame_store, pack.object, pack.plain)
        .run();
  });
}

Result<std::vector<PackUse>> SqliteStore::pack_uses(std::span<const PackKey> packs,
                                                    Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<PackUse>> {
    std::vector<PackUse> uses;
    for (PackKey pack : packs) {
      Query query =
          db.query("SELECT checkpoint FROM checkpoint_pack WHERE pack = ?1 ORDER BY checkpoint");
      query.bind(pack);
      while (query.next()) uses.push_back({pack, query.i64(0)});
      CHECKPOINT_RETURN_IF_ERROR(query.status());
    }
    return uses;
  });
}

Result<PackKey> SqliteStore::create_collected_pack(const NewPack &pack, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<PackKey> {
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("INSERT INTO pack (uuid, frame_store, object, plain, checkpoint) "
                 "VALUES (?1, ?2, ?3, ?4, 0)")
            .bind(pack.uuid, pack.frame_store, pack.object, pack.plain)
            .run());
    return PackKey{db.last_key()};
  });
}

namespace {

using Place = std::pair<PackKey, uint64_t>;

// The checkpoints that refer to a pack of `from`, all of which are complete.
Result<std::set<CheckpointKey>> users_of(Connection &db, std::span<const PackKey> from) {
  std::set<CheckpointKey> users;
  for (PackKey pack : from) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<PackState> state, pack_state(db, pack));
    if (state != PackState::kReady) return moved_meanwhile();
    Query query = db.query(
        "SELECT c.key, c.state FROM checkpoint_pack AS r JOIN checkpoint AS c ON c.key = "
        "r.checkpoint WHERE r.pack = ?1");
    query.bind(pack);
    bool complete = true;
    while (query.next()) {
      complete = complete && state_from(query.text(1)) == CheckpointState::kComplete;
      users.insert(query.i64(0));
    }
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    if (!complete) return moved_meanwhile();
  }
  return users;
}

Status move_frames(Connection &db, CheckpointKey user, PackKey to, const std::set<PackKey> &from,
                   const std::map<Place, uint64_t> &places) {
  std::vector<std::pair<int64_t, uint64_t>> moved;  // index, new offset
  {
    Query query =
        db.query("SELECT idx, pack, payload_offset, record_pack FROM frame WHERE checkpoint = ?1");
    query.bind(user);
    while (query.next()) {
      if (from.count(query.i64(3)) > 0) return moved_meanwhile();
      if (from.count(query.i64(1)) == 0) continue;
      auto place = places.find({query.i64(1), query.u64(2)});
      if (place == places.end()) return moved_meanwhile();
      moved.emplace_back(query.i64(0), place->second);
    }
    CHECKPOINT_RETURN_IF_ERROR(query.status());
  }
  for (const auto &[index, offset] : moved)
    CHECKPOINT_RETURN_IF_ERROR(
        db.query(
              "UPDATE frame SET pack = ?3, payload_offset = ?4 WHERE checkpoint = ?1 AND idx = ?2")
            .bind(user, index, to, offset)
            .run());
  return moved.empty() ? Status::ok() : reference_pack(db, user, to);
}

}  // namespace

Status SqliteStore::move_payloads(const ReadyPack &to, std::span<const PackKey> from,
                                  std::span<const MovedPayload> moves, Cancellation &cancel) {
  std::map<Place, uint64_t> places;
  for (const MovedPayload &move : moves) places[{move.pack, move.offset}] = move.new_offset;
  const std::set<PackKey> packs(from.begin(), from.end());
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<PackState> state, pack_state(db, to.key));
    if (state != PackState::kUploading)
      return {Code::kExpired, "the pack of moved payloads was collected meanwhile"};
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE pack SET state = 'ready', size = ?2, sha256 = ?3 WHERE key = ?1")
            .bind(to.key, to.size, to.sha256)
            .run());
    CHECKPOINT_ASSIGN_OR_RETURN(std::set<CheckpointKey> users, users_of(db, from));
    for (CheckpointKey user : users)
      CHECKPOINT_RETURN_IF_ERROR(move_frames(db, user, to.key, packs, places));
    for (const MovedPayload &move : moves)
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("UPDATE digest SET pack = ?3, offset = ?4 WHERE pack = ?1 AND offset = ?2")
              .bind(move.pack, move.offset, to.key, move.new_offset)
              .run());
    for (PackKey pack : from) {
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("UPDATE pack SET state = 'condemned', state_since = julianday('now') "
                   "WHERE key = ?1")
              .bind(pack)
              .run());
      CHECKPOINT_RETURN_IF_ERROR(
          db.query("DELETE FROM checkpoint_pack WHERE pack = ?1").bind(pack).run());
    }
    return Status::ok();
  });
}

}  // namespace checkpoint::sqlite
