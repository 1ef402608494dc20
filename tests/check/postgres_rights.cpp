// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may do what in a database of PostgreSQL: the schema, roles with the documented grants, and
// that the documented queries are served by indexes.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "backends/postgres/postgres_store.h"
#include "backends/sql/condition.h"
#include "conformance/metadata_fixture.h"
#include "core/condition_parser.h"
#include "support/check.h"
#include "support/postgres_place.h"

using namespace checkpoint;
using namespace checkpoint::conformance;
using std::chrono::milliseconds;

namespace {

void replace_all(std::string &text, const std::string &from, const std::string &to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// The blocks of SQL in docs/stores/postgres.md.
std::vector<std::string> documented_sql() {
  std::ifstream file(std::string(std::getenv("GST_CHECKPOINT_SOURCE")) +
                     "/docs/stores/postgres.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  std::vector<std::string> blocks;
  for (size_t at = all.find("```sql\n"); at != std::string::npos; at = all.find("```sql\n", at)) {
    at += 7;
    blocks.push_back(all.substr(at, all.find("```", at) - at));
  }
  return blocks;
}

// What the store sends for a select, its parameters written out.
std::string match_query(const std::string &text, CheckpointKey checkpoint) {
  const sql::MatchSql made = sql::match_sql({}, MUST(parse_condition(text)), {'$', "", ""});
  std::vector<std::string> values{std::to_string(checkpoint), "0", "9000", "64"};
  for (const FieldValue &value : made.values) {
    if (const auto *label = std::get_if<std::string>(&value))
      values.push_back("'" + *label + "'::text");
    else if (const auto *whole = std::get_if<int64_t>(&value))
      values.push_back(std::to_string(*whole) + "::bigint");
    else
      values.push_back(std::to_string(std::get<double>(value)) + "::float8");
  }
  std::string query = made.text;
  for (size_t i = values.size(); i > 0; i--)
    for (size_t at; (at = query.find("$" + std::to_string(i))) != std::string::npos;)
      query.replace(at, 1 + std::to_string(i).size(), values[i - 1]);
  return query;
}

std::string plan_of(SqlAccess &sql, const std::string &query) {
  std::string plan;
  for (const auto &row : MUST(sql.query("EXPLAIN " + query))) plan += row[0] + "\n";
  return plan;
}

}  // namespace

GST_START_TEST(g32_many_processes_make_the_schema_at_once) {
  PostgresPlace place;
  constexpr int kProcesses = 6;
  int gate[2];
  ck_assert_int_eq(pipe(gate), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; i++) {
    const std::string uri = place.uri();
    const pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
      close(gate[1]);
      char byte;
      static_cast<void>(!read(gate[0], &byte, 1));
      Cancellation cancel;
      Result<StoreUri> parsed = parse_store_uri(uri, "sqlite");
      Result<std::shared_ptr<MetadataStore>> store = make_postgres_store(*parsed);
      Status status = store.is_ok() ? (*store)->open(cancel) : store.status();
      if (!status.is_ok()) g_printerr("%s\n", status.to_string().c_str());
      _exit(status.is_ok() ? 0 : 1);
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]);
  for (pid_t child : children) {
    int status = 0;
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  ck_assert(MUST(place.sql()->query("SELECT count(*), min(schema_version) FROM store")) ==
            (std::vector<std::vector<std::string>>{{"1", "2"}}));
}
GST_END_TEST

GST_START_TEST(g32_a_newer_schema_is_refused) {
  PostgresPlace place;
  Cancellation cancel;
  ck_assert(!MUST(place.make()->exists(cancel)));
  MUST(place.make()->open(cancel));
  ck_assert(MUST(place.make()->exists(cancel)));
  MUST(place.sql()->execute("UPDATE store SET schema_version = 99"));
  Status status = place.make()->open(cancel);
  FAILS_WITH(Code::kNewerSchema, status);
  ck_assert(status.message().find("99") != std::string::npos);
  ck_assert(status.message().find(" 2") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(the_tables_of_another_program_are_left_alone) {
  PostgresPlace place;
  Cancellation cancel;
  PostgresAccess access(postgres_server());
  MUST(access.execute("CREATE SCHEMA " + place.schema()));
  std::unique_ptr<SqlAccess> sql = place.sql();
  MUST(sql->execute("CREATE TABLE store (id integer, name text); CREATE TABLE pack (id integer)"));
  ck_assert(!MUST(place.make()->exists(cancel)));
  FAILS_WITH(Code::kInvalidArgument, place.make()->open(cancel));
  ck_assert(MUST(sql->query("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                            "'" +
                            place.schema() + "'::regnamespace"))[0][0] == "2");
  MUST(sql->execute("DROP TABLE store, pack; CREATE TABLE mine (id integer)"));
  MUST(place.make()->open(cancel));
}
GST_END_TEST

GST_START_TEST(a_database_that_is_not_utf8_is_refused) {
  PostgresAccess access(postgres_server());
  PostgresPlace place;
  const std::string database = place.schema() + "_latin1";
  Status made = access.execute("CREATE DATABASE " + database +
                               " ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  if (!made.is_ok() && made.message().find("permission denied") != std::string::npos) return;
  MUST(made);
  Cancellation cancel;
  Status status = postgres_store_at(place.uri() + "&dbname=" + database)->open(cancel);
  MUST(access.execute("DROP DATABASE " + database + " WITH (FORCE)"));
  FAILS_WITH(Code::kInvalidArgument, status);
  ck_assert(status.message().find("LATIN1") != std::string::npos);
  ck_assert(status.message().find("UTF8") != std::string::npos);
  status = postgres_store_at(place.uri() + "&dbname=" + database)->open(cancel);
  FAILS_WITH(Code::kUnavailable, status);
  ck_assert(!status.retryable());
}
GST_END_TEST

namespace {

// Roles with the documented grants, for one place.
class Roles {
 public:
  explicit Roles(const PostgresPlace &place) : access_(postgres_server()), prefix_(place.schema()) {
    const std::vector<std::string> blocks = documented_sql();
    auto grants = std::find_if(blocks.begin(), blocks.end(),
                               [](const std::string &b) { return b.rfind("GRANT", 0) == 0; });
    ck_assert(grants != blocks.end());
    std::string sql = *grants;
    replace_all(sql, "gst_checkpoint", place.schema());
    for (const char *role : {"writer", "reader", "collector"}) {
      replace_all(sql, std::string("checkpoint_") + role, name(role));
      MUST(access_.execute("CREATE ROLE " + name(role)));
      MUST(access_.execute("GRANT " + name(role) + " TO CURRENT_USER"));
    }
    MUST(access_.execute(sql));
  }
  ~Roles() {
    for (const char *role : {"writer", "reader", "collector"}) {
      MUST(access_.execute("DROP OWNED BY " + name(role)));
      MUST(access_.execute("DROP ROLE " + name(role)));
    }
  }
  std::string name(const std::string &role) const { return prefix_ + "_" + role; }
  std::string option(const std::string &role) const { return "&options=-c%20role%3D" + name(role); }

 private:
  PostgresAccess access_;
  const std::string prefix_;
};

}  // namespace

GST_START_TEST(the_documented_grants_are_enough) {
  Fixture f(std::make_unique<PostgresPlace>());
  auto *place = static_cast<PostgresPlace *>(f.place.get());
  Roles roles(*place);
  // A writer does all that a writer does.
  f.store = postgres_store_at(place->uri() + roles.option("writer"));
  MUST(f.store->open(f.cancel));
  MUST(f.store->ensure_frame_store(f.frame_store.uuid, "memory://moved", f.cancel));
  MUST(f.store->ensure_frame_store_at("memory://a place of its own", Uuid::random(), f.cancel));
  f.frame_store = MUST(f.store->ensure_frame_store(Uuid::random(), "memory://new", f.cancel));
  f.job = f.add_job("writer's");
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(2);
  batch.digests.push_back({digest_of(1), batch.frames[0].payload});
  batch.events.push_back({0, 0, "tag", {}});
  batch.detections.emplace_back();
  std::vector<PackKey> packs{batch.ready_packs[0].key};
  MUST(f.store->pin_packs(f.lease, f.checkpoint.key, packs, f.cancel));
  f.commit(batch);
  MUST(f.store->renew_lease(f.lease, kMinute, f.cancel));
  f.complete();

  // A reader reads, and can't write.
  std::shared_ptr<MetadataStore> reader = postgres_store_at(place->uri() + roles.option("reader"));
  ck_assert(MUST(reader->exists(f.cancel)));
  MUST(reader->open(f.cancel));
  ck_assert(same(MUST(reader->get_checkpoint(f.checkpoint.id, f.cancel)), f.checkpoint));
  ck_assert(MUST(reader->read_frames({f.checkpoint.key}, f.cancel)).size() == 2);
  ck_assert(MUST(reader->get_packs(packs, f.cancel)).size() == 1);
  FAILS_WITH(Code::kPermissionDenied,
             reader->ensure_job("reader's", Uuid::random(), IdentityKey{}, f.cancel));
  FAILS_WITH(Code::kPermissionDenied,
             reader->acquire_lease(f.job.key, Branch{}, "reader's", this_process(), kMinute,
                                   nullptr, f.cancel));

  // All of them hold what they read.
  const CheckpointKey key = f.checkpoint.key;
  for (const char *role : {"writer", "reader", "collector"}) {
    std::shared_ptr<MetadataStore> store = postgres_store_at(place->uri() + roles.option(role));
    MUST(store->open(f.cancel));
    const Uuid pin = Uuid::random();
    MUST(store->pin_for_reading(pin, {&key, 1}, kMinute, f.cancel));
    MUST(store->renew_reader_pin(pin, kMinute, f.cancel));
    MUST(store->check_readable({&key, 1}, pin, f.cancel));
    MUST(store->release_reader_pin(pin, f.cancel));
  }

  // A collector may not drop what the triggers would not let it change.
  PostgresAccess sql(postgres_server() +
                         (postgres_server().find('?') == std::string::npos ? "?" : "&") +
                         roles.option("collector").substr(1),
                     place->schema());
  ck_assert(!sql.execute("DELETE FROM frame").is_ok());
}
GST_END_TEST

// All that deleting, collecting and repacking asks of the database.
GST_START_TEST(the_documented_grants_are_enough_for_a_collector) {
  constexpr std::chrono::milliseconds kNow{0};
  Fixture f(std::make_unique<PostgresPlace>());
  auto *place = static_cast<PostgresPlace *>(f.place.get());
  Roles roles(*place);
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(3);
  const PackKey pack = batch.ready_packs[0].key;
  batch.digests.push_back({digest_of(1), batch.frames[0].payload});
  batch.events.push_back({0, 0, "tag", {}});
  batch.detections.emplace_back();
  batch.end = CommitBatch::End::kComplete;
  f.commit(batch);
  MUST(f.store->release_lease(f.lease, f.cancel));
  const CheckpointRow origin = f.checkpoint;
  f.add_checkpoint("detect");
  batch = f.next_commit(1);
  batch.frames[0].payload = frame_row(0, pack).payload;
  batch.used_packs.push_back(pack);
  batch.end = CommitBatch::End::kComplete;
  f.commit(batch);
  MUST(f.store->release_lease(f.lease, f.cancel));
  const CheckpointRow user = f.checkpoint;
  f.lease = {};

  std::shared_ptr<MetadataStore> store =
      postgres_store_at(place->uri() + roles.option("collector"));
  MUST(store->open(f.cancel));
  const auto purge = [&](const CheckpointRow &row) {
    MUST(store->delete_checkpoint(row.id, f.cancel));
    ck_assert(MUST(store->deleted_checkpoints(0, 9, f.cancel)).size() == 1);
    while (!MUST(store->purge_checkpoint(row.key, 2, f.cancel))) {
    }
  };
  MUST(store->now(f.cancel));
  MUST(store->pin_checkpoint(origin.id, f.cancel));
  MUST(store->unpin_checkpoint(origin.id, f.cancel));
  MUST(store->held_only_by({&origin.key, 1}, f.cancel));
  purge(origin);

  ck_assert(MUST(store->pack_uses({&pack, 1}, f.cancel)).size() == 1);
  ReadyPack to;
  to.key = MUST(store->create_collected_pack(
      {Uuid::random(), f.frame_store.key, "street/frames/n.pack", false}, f.cancel));
  to.size = 500;
  const MovedPayload move{pack, 0, 192};
  MUST(store->move_payloads(to, {&pack, 1}, {&move, 1}, f.cancel));
  purge(user);
  MUST(store->condemn_stranger({Uuid::random(), f.frame_store.key, "street/frames/x.pack", false},
                               f.cancel));
  PackQuery query;
  query.frame_store = f.frame_store.key;
  std::vector<PackKey> keys;
  for (PackFilter filter : {PackFilter::kUnreferenced, PackFilter::kCondemned})
    for (const PackRow &row : MUST([&] {
           query.filter = filter;
           return store->list_packs(query, f.cancel);
         }()))
      keys.push_back(row.key);
  ck_assert_int_eq(keys.size(), 4);
  MUST(store->condemn_packs(keys, kNow, f.cancel));
  for (bool gone : MUST(store->confirm_condemned(keys, kNow, f.cancel))) ck_assert(gone);
  MUST(store->mark_deleted(keys, f.cancel));
  MUST(store->forget_packs(keys, kNow, f.cancel));
  PostgresAccess sql(postgres_server(), place->schema());
  for (const char *table : {"checkpoint", "checkpoint_pack", "pack", "frame", "digest", "commits"})
    ck_assert(MUST(sql.query(std::string("SELECT count(*) FROM ") + table))[0][0] == "0");
}
GST_END_TEST

GST_START_TEST(a_role_without_rights_is_told_so) {
  PostgresPlace place;
  Cancellation cancel;
  MUST(place.make()->open(cancel));
  PostgresAccess access(postgres_server());
  const std::string role = place.schema() + "_nobody";
  MUST(access.execute("CREATE ROLE " + role));
  MUST(access.execute("GRANT " + role + " TO CURRENT_USER"));
  Status status = postgres_store_at(place.uri() + "&options=-c%20role%3D" + role)->open(cancel);
  MUST(access.execute("DROP ROLE " + role));
  FAILS_WITH(Code::kPermissionDenied, status);
  ck_assert(status.hint().find("grants") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(g36_the_password_of_a_refused_login_is_not_shown) {
  PostgresAccess access(postgres_server());
  PostgresPlace place;
  const std::string role = place.schema() + "_login";
  std::string uri = "postgresql://" + role + ":wrong-Xq7Zw9@" + postgres_setting("host") + ":" +
                    postgres_setting("port") + "/no_such_database?reconnect-timeout=0";
  Cancellation cancel;
  Status status = postgres_store_at(uri)->open(cancel);
  ck_assert(!status.is_ok());
  ck_assert_msg(status.to_string().find("Xq7Zw9") == std::string::npos, "%s",
                status.to_string().c_str());
  ck_assert_msg(status.is(Code::kPermissionDenied) || status.is(Code::kUnavailable), "%s",
                status.to_string().c_str());
  ck_assert_msg(!status.retryable() && !status.hint().empty(), "%s", status.to_string().c_str());
}
GST_END_TEST

GST_START_TEST(g31_the_documented_queries_use_their_indexes) {
  Fixture f(std::make_unique<PostgresPlace>());
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  for (int i = 0; i < 20; i++) {
    f.job = f.add_job(i == 10 ? "a street" : "job " + std::to_string(i));
    f.add_checkpoint("detect");
    MUST(sql->execute(
        "INSERT INTO frame SELECT " + std::to_string(f.checkpoint.key) +
        ", n, n, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, false, n, NULL, 1, n, NULL, NULL, 0, 0 "
        "FROM generate_series(0, 4999) AS n; INSERT INTO detection SELECT " +
        std::to_string(f.checkpoint.key) +
        ", n, 0, CASE WHEN n % 500 = 0 THEN 'person' ELSE 'thing ' || n % 50 END, (n % 97) / "
        "97.0, 0, 0, 1, 1, NULL, 'roi' FROM generate_series(0, 4999) AS n"));
    f.complete();
  }
  // Many other checkpoints of little.
  MUST(sql->execute(
      "INSERT INTO job (uuid, job_id, identity_key) SELECT gen_random_uuid(), 'other ' || n, '' "
      "FROM generate_series(1, 2000) AS n; INSERT INTO checkpoint (id, job, is_scenario, "
      "scenario_label, stage, stage_index, version, state, frames_prefix, stage_output_key, stats, "
      "config_snapshot, config_overrides, config_declared, video_path, profile_name) SELECT "
      "gen_random_uuid(), key, false, '', 'decode', 0, v, 'complete', '', '', '', '', '', '', '', "
      "'' FROM job, generate_series(1, 5) AS v WHERE job_id LIKE 'other%'"));
  for (const char *table : {"frame", "detection", "checkpoint", "job"})
    MUST(sql->execute(std::string("ANALYZE ") + table));

  std::vector<std::string> queries;
  for (const std::string &block : documented_sql())
    if (block.rfind("SELECT", 0) == 0) queries.push_back(block);
  ck_assert_int_eq(static_cast<int>(queries.size()), 3);
  const std::vector<std::vector<const char *>> indexes{{"detection_by_label", "frame_pkey"},
                                                       {"job_job_id_key", "detection_pkey"},
                                                       {"job_job_id_key"}};
  for (size_t i = 0; i < queries.size(); i++) {
    const std::string plan = plan_of(*sql, queries[i]);
    for (const char *index : indexes[i])
      ck_assert_msg(plan.find(index) != std::string::npos, "no %s in\n%s", index, plan.c_str());
    for (const char *table : {"detection", "frame", "checkpoint"})
      ck_assert_msg(plan.find(std::string("Seq Scan on ") + table) == std::string::npos, "%s",
                    plan.c_str());
    MUST(sql->query(queries[i]));
  }
  // What select asks for: the detections of that label or track, not all of the checkpoint.
  for (const auto &[text, index] : std::vector<std::pair<const char *, const char *>>{
           {"label = 'person' and confidence > 0.5", "detection_of_label"},
           {"track = 3 and area > 10", "detection_of_track"},
           {"label = 'person' and time > 1", "detection_of_label"}}) {
    const std::string plan = plan_of(*sql, match_query(text, f.checkpoint.key));
    ck_assert_msg(plan.find(index) != std::string::npos, "no %s in\n%s", index, plan.c_str());
    ck_assert_msg(plan.find("Seq Scan") == std::string::npos, "%s", plan.c_str());
  }
  // What the store itself asks for.
  for (const char *query :
       {"SELECT * FROM frame WHERE checkpoint = 3 AND idx >= 50 ORDER BY checkpoint, idx LIMIT 32",
        "SELECT * FROM frame WHERE checkpoint = 3 AND idx <= 50 ORDER BY checkpoint DESC, idx DESC "
        "LIMIT 32",
        "SELECT f.stream_time FROM frame AS f WHERE f.checkpoint = 3 AND f.stream_time BETWEEN 0 "
        "AND 400 ORDER BY f.checkpoint DESC, f.stream_time DESC LIMIT 1",
        "SELECT * FROM frame WHERE checkpoint = 3 AND pts >= 50 ORDER BY checkpoint, pts, idx "
        "LIMIT "
        "32",
        "SELECT * FROM frame WHERE checkpoint = 3 AND sequence <= 50 ORDER BY checkpoint DESC, "
        "sequence DESC, idx DESC LIMIT 1",
        "SELECT c.key FROM checkpoint AS c WHERE c.state = 'complete' AND c.key < 9000 ORDER BY "
        "c.key DESC LIMIT 50"}) {
    const std::string plan = plan_of(*sql, query);
    ck_assert_msg(plan.find("Index") != std::string::npos && plan.find("Sort") == std::string::npos,
                  "%s", plan.c_str());
  }
}
GST_END_TEST

static Suite *postgres_rights_suite() {
  Suite *suite = suite_create("postgres_rights");
  TCase *tc = tcase_create("postgres_rights");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g32_many_processes_make_the_schema_at_once);
  tcase_add_test(tc, g32_a_newer_schema_is_refused);
  tcase_add_test(tc, the_tables_of_another_program_are_left_alone);
  tcase_add_test(tc, a_database_that_is_not_utf8_is_refused);
  tcase_add_test(tc, the_documented_grants_are_enough);
  tcase_add_test(tc, the_documented_grants_are_enough_for_a_collector);
  tcase_add_test(tc, a_role_without_rights_is_told_so);
  tcase_add_test(tc, g36_the_password_of_a_refused_login_is_not_shown);
  tcase_add_test(tc, g31_the_documented_queries_use_their_indexes);
  return suite;
}

int main(int argc, char **argv) {
  if (!have_postgres_server()) return 77;
  gst_check_init(&argc, &argv);
  return gst_check_run_suite(postgres_rights_suite(), "postgres_rights", __FILE__);
}
