// SPDX-License-Identifier: LGPL-2.1-or-later
// Collecting packs, and moving payloads between them.
#include <algorithm>

#include "backends/postgres/commit.h"
#include "backends/postgres/rows.h"
#include "backends/postgres/store_impl.h"
#include "backends/sql/housekeeping.h"

namespace checkpoint::postgres {

namespace {

std::vector<int64_t> sorted(std::span<const PackKey> packs) {
  std::vector<int64_t> keys(packs.begin(), packs.end());
  std::sort(keys.begin(), keys.end());
  return keys;
}

// Until the transaction ends nobody refers to these packs, and those that wanted to have done it.
// In the order of the keys, as everybody does.
Status lock_packs(Connection &db, const std::vector<int64_t> &keys) {
  Query query = db.query("SELECT key FROM @pack WHERE key = ANY ($1) ORDER BY key FOR UPDATE");
  return query.bind(keys).run();
}

// Which of `packs` the statement's rows name.
Result<std::vector<bool>> named_by(Query &query, std::span<const PackKey> packs) {
  std::vector<PackKey> named;
  while (query.next()) named.push_back(query.i64(0));
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  std::sort(named.begin(), named.end());
  std::vector<bool> found;
  for (PackKey pack : packs) found.push_back(std::binary_search(named.begin(), named.end(), pack));
  return found;
}

double milliseconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()); }

}  // namespace

Result<std::vector<PackRow>> PostgresStore::list_packs(const PackQuery &query,
                                                       Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<PackRow>> {
    std::vector<PackRow> rows;
    Query select = db.query(pack_page_sql(query.filter, kPostgres));
    select.bind(query.frame_store, query.after, query.limit, milliseconds(query.age));
    while (select.next()) rows.push_back(read_pack(select));
    CHECKPOINT_RETURN_IF_ERROR(select.status());
    return rows;
  });
}

Result<std::vector<std::optional<PackRow>>> PostgresStore::find_packs(FrameStoreKey frame_store,
                                                                      std::span<const Uuid> packs,
                                                                      Cancellation &cancel) {
  std::vector<std::optional<std::string_view>> uuids;
  for (const Uuid &uuid : packs)
    uuids.emplace_back(
        std::string_view(reinterpret_cast<const char *>(uuid.bytes.data()), uuid.bytes.size()));
  return read(cancel, [&](Connection &db) -> Result<std::vector<std::optional<PackRow>>> {
    std::vector<std::optional<PackRow>> rows(packs.size());
    Query query = db.query("SELECT " CHECKPOINT_PACK_COLUMNS
                           ", asked.number FROM unnest($2) WITH ORDINALITY AS asked (wanted, "
                           "number) JOIN @pack ON uuid = encode(wanted, 'hex')::uuid "
                           "WHERE frame_store = $1");
    query.bind(frame_store, uuids);
    while (query.next()) rows[query.u64(8) - 1] = read_pack(query);
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

Result<std::vector<bool>> PostgresStore::condemn_packs(std::span<const PackKey> packs,
                                                       std::chrono::milliseconds age,
                                                       Cancellation &cancel) {
  const std::string sql =
      "UPDATE @pack AS p SET state = 'condemned', state_since = clock_timestamp() "
      "WHERE p.key = ANY ($1) AND " +
      pack_filter_sql(PackFilter::kUnreferenced, "$2", kPostgres) + " RETURNING p.key";
  const std::vector<int64_t> keys = sorted(packs);
  return write(cancel, [&](Connection &db) -> Result<std::vector<bool>> {
    CHECKPOINT_RETURN_IF_ERROR(lock_packs(db, keys));
    Query query = db.query(sql);
    query.bind(keys, milliseconds(age));
    return named_by(query, packs);
  });
}

Result<std::vector<bool>> PostgresStore::confirm_condemned(std::span<const PackKey> packs,
                                                           std::chrono::milliseconds grace,
                                                           Cancellation &cancel) {
  const std::string still = "SELECT p.key FROM @pack AS p WHERE p.key = ANY ($1) AND " +
                            pack_filter_sql(PackFilter::kCondemned, "$2", kPostgres);
  const std::vector<int64_t> keys = sorted(packs);
  return write(cancel, [&](Connection &db) -> Result<std::vector<bool>> {
    CHECKPOINT_RETURN_IF_ERROR(lock_packs(db, keys));
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE @pack AS p SET state = 'ready', state_since = NULL WHERE p.key = ANY ($1) "
                 "AND p.state = 'condemned' AND EXISTS (SELECT FROM @checkpoint_pack AS r WHERE "
                 "r.pack = p.key)")
            .bind(keys)
            .run());
    Query query = db.query(still);
    query.bind(keys, milliseconds(grace));
    return named_by(query, packs);
  });
}

Status PostgresStore::mark_deleted(std::span<const PackKey> packs, Cancellation &cancel) {
  const std::vector<int64_t> keys = sorted(packs);
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(lock_packs(db, keys));
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE @pack SET state = 'deleted', state_since = clock_timestamp() "
                 "WHERE key = ANY ($1) AND state = 'condemned'")
            .bind(keys)
            .run());
    return db
        .query(
            "DELETE FROM @digest AS d USING @pack AS p WHERE d.pack = ANY ($1) AND p.key = d.pack "
            "AND p.state = 'deleted'")
        .bind(keys)
        .run();
  });
}

Status PostgresStore::forget_packs(std::span<const PackKey> packs, std::chrono::milliseconds age,
                                   Cancellation &cancel) {
  const std::string sql = "DELETE FROM @pack AS p WHERE p.key = ANY ($1) AND " +
                          pack_filter_sql(PackFilter::kDeleted, "$2", kPostgres);
  return write(cancel, [&](Connection &db) -> Status {
    return db.query(sql).bind(sorted(packs), milliseconds(age)).run();
  });
}

Status PostgresStore::condemn_stranger(const NewPack &pack, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Status {
    return db
        .query(
            "INSERT INTO @pack (uuid, frame_store, object, plain, checkpoint, state, "
            "state_since) VALUES ($1, $2, $3, $4, 0, 'condemned', clock_timestamp()) "
            "ON CONFLICT DO NOTHING")
        .bind(pack.uuid, pack.frame_store, pack.object, pack.plain)
        .run();
  });
}

Result<std::vector<PackUse>> PostgresStore::pack_uses(std::span<const PackKey> packs,
                                                      Cancellation &cancel) {
  return read(cancel, [&](Connection &db) -> Result<std::vector<PackUse>> {
    std::vector<PackUse> uses;
    Query query = db.query(
        "SELECT pack, checkpoint FROM @checkpoint_pack WHERE pack = ANY ($1) "
        "ORDER BY pack, checkpoint");
    query.bind(sorted(packs));
    while (query.next()) uses.push_back({query.i64(0), query.i64(1)});
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return uses;
  });
}

Result<PackKey> PostgresStore::create_collected_pack(const NewPack &pack, Cancellation &cancel) {
  return write(cancel, [&](Connection &db) -> Result<PackKey> {
    // The same pack again: the first answer was lost.
    Query query = db.query(
        "INSERT INTO @pack (uuid, frame_store, object, plain, checkpoint) VALUES ($1, $2, $3, $4, "
        "0) ON CONFLICT (uuid) DO UPDATE SET plain = excluded.plain RETURNING key");
    const bool added = query.bind(pack.uuid, pack.frame_store, pack.object, pack.plain).next();
    const PackKey key = added ? query.i64(0) : 0;
    CHECKPOINT_RETURN_IF_ERROR(query.status());
    return key;
  });
}

namespace {

Result<uint64_t> count(Query &query) {
  const uint64_t rows = query.next() ? query.u64(0) : 0;
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  return rows;
}

// The checkpoints that refer to a pack of `from`, all of which are complete.
Result<std::vector<int64_t>> users_of(Connection &db, const std::vector<int64_t> &from) {
  Query ready = db.query("SELECT count(*) FROM @pack WHERE key = ANY ($1) AND state = 'ready'");
  ready.bind(from);
  CHECKPOINT_ASSIGN_OR_RETURN(uint64_t all, count(ready));
  if (all != from.size()) return moved_meanwhile();
  std::vector<int64_t> users;
  bool complete = true;
  // Nobody deletes them meanwhile.
  Query query = db.query(
      "SELECT c.key, c.state FROM @checkpoint AS c WHERE c.key IN (SELECT checkpoint FROM "
      "@checkpoint_pack WHERE pack = ANY ($1)) ORDER BY c.key FOR SHARE");
  query.bind(from);
  while (query.next()) {
    users.push_back(query.i64(0));
    complete = complete && state_from(query.text(1)) == CheckpointState::kComplete;
  }
  CHECKPOINT_RETURN_IF_ERROR(query.status());
  if (!complete) return moved_meanwhile();
  return users;
}

struct Moves {
  std::vector<int64_t> packs, offsets, new_offsets;
};

Status move_frames(Connection &db, PackKey to, const std::vector<int64_t> &from,
                   const std::vector<int64_t> &users, const Moves &moves) {
  CHECKPOINT_RETURN_IF_ERROR(
      db.query("INSERT INTO @checkpoint_pack (checkpoint, pack) SELECT DISTINCT checkpoint, "
               "$1::bigint FROM @frame WHERE checkpoint = ANY ($2) AND pack = ANY ($3) "
               "ON CONFLICT DO NOTHING")
          .bind(to, users, from)
          .run());
  CHECKPOINT_RETURN_IF_ERROR(
      db.query("UPDATE @frame AS f SET pack = $1, payload_offset = m.new_offset "
               "FROM unnest($3, $4, $5) AS m (pack, old_offset, new_offset) "
               "WHERE f.checkpoint = ANY ($2) AND f.pack = m.pack AND "
               "f.payload_offset = m.old_offset")
          .bind(to, users, moves.packs, moves.offsets, moves.new_offsets)
          .run());
  Query left = db.query(
      "SELECT count(*) FROM @frame WHERE checkpoint = ANY ($1) AND (pack = ANY ($2) OR "
      "record_pack = ANY ($2))");
  left.bind(users, from);
  CHECKPOINT_ASSIGN_OR_RETURN(uint64_t unmoved, count(left));
  return unmoved == 0 ? Status::ok() : moved_meanwhile();
}

}  // namespace

Status PostgresStore::move_payloads(const ReadyPack &to, std::span<const PackKey> from,
                                    std::span<const MovedPayload> moves, Cancellation &cancel) {
  const std::vector<int64_t> packs = sorted(from);
  std::vector<int64_t> locked = packs;
  locked.push_back(to.key);
  std::sort(locked.begin(), locked.end());
  Moves columns;
  for (const MovedPayload &move : moves) {
    columns.packs.push_back(move.pack);
    columns.offsets.push_back(static_cast<int64_t>(move.offset));
    columns.new_offsets.push_back(static_cast<int64_t>(move.new_offset));
  }
  return write(cancel, [&](Connection &db) -> Status {
    CHECKPOINT_RETURN_IF_ERROR(lock_packs(db, locked));
    {
      Query query = db.query(
          "UPDATE @pack SET state = 'ready', size = $2, sha256 = $3 WHERE key = $1 AND state = "
          "'uploading'");
      CHECKPOINT_RETURN_IF_ERROR(query.bind(to.key, to.size, to.sha256).run());
      if (query.rows() == 0) {
        // Done already, when an answer was lost; else somebody collected it.
        Query done = db.query(
            "SELECT count(*) FROM @pack WHERE (key = $1 AND state = 'ready') OR (key = ANY ($2) "
            "AND state = 'condemned')");
        done.bind(to.key, packs);
        CHECKPOINT_ASSIGN_OR_RETURN(uint64_t rows, count(done));
        if (rows == packs.size() + 1) return Status::ok();
        return {Code::kExpired, "the pack of moved payloads was collected meanwhile"};
      }
    }
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<int64_t> users, users_of(db, packs));
    CHECKPOINT_RETURN_IF_ERROR(move_frames(db, to.key, packs, users, columns));
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE @digest AS d SET pack = $1, \"offset\" = m.new_offset "
                 "FROM unnest($2, $3, $4) AS m (pack, old_offset, new_offset) "
                 "WHERE d.pack = m.pack AND d.\"offset\" = m.old_offset")
            .bind(to.key, columns.packs, columns.offsets, columns.new_offsets)
            .run());
    CHECKPOINT_RETURN_IF_ERROR(
        db.query("UPDATE @pack SET state = 'condemned', state_since = clock_timestamp() "
                 "WHERE key = ANY ($1)")
            .bind(packs)
            .run());
    return db.query("DELETE FROM @checkpoint_pack WHERE pack = ANY ($1)").bind(packs).run();
  });
}

}  // namespace checkpoint::postgres
