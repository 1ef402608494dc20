// SPDX-License-Identifier: LGPL-2.1-or-later
// What is PostgreSQL's own: lost connections, rights, plans, other programs' schemas.
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "backends/postgres/postgres_store.h"
#include "backends/sql/condition.h"
#include "conformance/metadata_fixture.h"
#include "core/condition_parser.h"
#include "support/check.h"
#include "support/postgres_place.h"
#include "support/relay.h"
#include "support/temp_dir.h"

using namespace checkpoint;
using namespace checkpoint::conformance;
using std::chrono::milliseconds;

namespace {

struct RelayedPlace : PostgresPlace {
  RelayedPlace(const Relay &relay, const std::string &query)
      : PostgresPlace("&sslmode=disable&host=127.0.0.1&port=" + std::to_string(relay.port()) +
                      query) {}
};

}  // namespace

// --- lost answers and connections

GST_START_TEST(g04_the_lost_answer_of_a_commit_leaves_one_commit) {
  Relay relay(std::stoi(postgres_setting("port")));
  Fixture f(std::make_unique<RelayedPlace>(relay, __i__ == 0 ? "" : "&prepared-statements=false"));
  f.add_checkpoint("decode");
  for (Relay::Cut cut : {Relay::Cut::kAnswerToCommit, Relay::Cut::kCommitItself}) {
    const CommitBatch batch = f.next_commit(3);
    const int before = relay.cuts();
    relay.cut_next(cut);
    FAILS_WITH(Code::kUnknownOutcome, f.store->commit(f.lease, batch, f.cancel));
    ck_assert_int_eq(relay.cuts(), before + 1);
    // As a writer finds out: the new epoch waits the old transaction out.
    f.lease = MUST(f.store->acquire_lease(f.job.key, f.lease.branch, f.lease.stage, f.lease.owner,
                                          kMinute, nullptr, f.cancel));
    const CheckpointRow row = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
    ck_assert(row.commit_no == batch.commit_no - (cut == Relay::Cut::kCommitItself ? 1 : 0));
    if (row.commit_no < batch.commit_no) f.commit(batch);
    FAILS_WITH(Code::kInvalidArgument, f.store->commit(f.lease, batch, f.cancel));
    ck_assert(MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).frames == f.frames);
    ck_assert(MUST(f.store->read_frames({f.checkpoint.key, 0, false, 100}, f.cancel)).size() ==
              f.frames);
  }
}
GST_END_TEST

// Called back when it had been sent: nobody knows whether it happened, so nobody may say that it
// did not.
GST_START_TEST(g04_a_commit_that_is_called_back_too_late_is_in_doubt) {
  Relay relay(std::stoi(postgres_setting("port")));
  Fixture f(std::make_unique<RelayedPlace>(relay, ""));
  f.add_checkpoint("decode");
  const CommitBatch batch = f.next_commit(3);
  Cancellation called_back;
  relay.cut_next(Relay::Cut::kAnswerToCommit, [&] { called_back.cancel(); });
  FAILS_WITH(Code::kUnknownOutcome, f.store->commit(f.lease, batch, called_back));
  f.lease = MUST(f.store->acquire_lease(f.job.key, f.lease.branch, f.lease.stage, f.lease.owner,
                                        kMinute, nullptr, f.cancel));
  ck_assert(MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).commit_no == batch.commit_no);
}
GST_END_TEST

GST_START_TEST(g04_a_call_whose_answer_was_lost_is_made_again) {
  Relay relay(std::stoi(postgres_setting("port")));
  Fixture f(std::make_unique<RelayedPlace>(relay, ""));
  int cuts = 0;
  auto cut = [&] {
    ck_assert_int_eq(relay.cuts(), cuts++);
    relay.cut_next(Relay::Cut::kAnswerToCommit);
  };
  const LeaseOwner owner = this_process();
  cut();
  JobRow job = f.add_job("again");
  cut();
  f.lease =
      MUST(f.store->acquire_lease(job.key, Branch{}, "decode", owner, kMinute, nullptr, f.cancel));
  f.job = job;
  cut();
  f.checkpoint =
      MUST(f.store->create_checkpoint(f.lease, Uuid::random(), f.fields("decode"), f.cancel));
  ck_assert(f.checkpoint.version == 1);
  cut();
  const PackKey pack = f.add_pack();
  cut();
  std::vector<PackKey> packs{pack};
  ck_assert(MUST(f.store->pin_packs(f.lease, f.checkpoint.key, packs, f.cancel))[0]);
  cut();
  MUST(f.store->renew_lease(f.lease, kMinute, f.cancel));
  cut();
  MUST(f.store->release_lease(f.lease, f.cancel));
  ck_assert_int_eq(relay.cuts(), cuts);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  ck_assert(MUST(sql->query("SELECT count(*) FROM pack"))[0][0] == "1");
  ck_assert(MUST(sql->query("SELECT count(*) FROM checkpoint"))[0][0] == "1");
}
GST_END_TEST

GST_START_TEST(connections_that_the_server_ended_are_replaced) {
  Fixture f(std::make_unique<PostgresPlace>("&connections=1"));
  f.add_checkpoint("decode");
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  const std::string schema = static_cast<PostgresPlace &>(*f.place).schema();
  auto end_all = [&] {
    return MUST(
        sql->query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                   "application_name = '1-" +
                   schema + "' AND usename = current_user"))[0][0];
  };
  // While nobody uses them …
  ck_assert(end_all() != "0");
  f.commit(f.next_commit(2));
  // … and at the first row of a commit.
  MUST(
      sql->execute("CREATE SEQUENCE first; CREATE FUNCTION end_it() RETURNS trigger LANGUAGE "
                   "plpgsql AS $$ BEGIN IF nextval('" +
                   schema +
                   ".first') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
                   "RETURN NULL; END $$; CREATE TRIGGER end_it AFTER INSERT ON frame FOR EACH "
                   "STATEMENT EXECUTE FUNCTION end_it()"));
  f.commit(f.next_commit(2));
  ck_assert(MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).frames == 4);
  ck_assert(MUST(sql->query("SELECT last_value FROM first"))[0][0] == "2");
}
GST_END_TEST

GST_START_TEST(transactions_that_were_in_each_others_way_are_made_again) {
  Fixture f(std::make_unique<PostgresPlace>());
  f.add_checkpoint("decode");
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  const std::string schema = static_cast<PostgresPlace &>(*f.place).schema();
  MUST(
      sql->execute("CREATE SEQUENCE first; CREATE FUNCTION clash() RETURNS trigger LANGUAGE "
                   "plpgsql AS $$ DECLARE n bigint := nextval('" +
                   schema +
                   ".first'); BEGIN IF n = 1 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = "
                   "'40P01'; ELSIF n = 2 THEN RAISE EXCEPTION 'serialization' USING ERRCODE = "
                   "'40001'; END IF; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER clash AFTER "
                   "INSERT ON commits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
                   "clash()"));
  f.commit(f.next_commit(2));
  ck_assert(MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).commit_no == 1);
  ck_assert(MUST(sql->query("SELECT last_value FROM first"))[0][0] == "3");
}
GST_END_TEST

GST_START_TEST(g22_a_lease_lost_while_the_rows_are_written_stops_the_commit) {
  Fixture f(std::make_unique<PostgresPlace>());
  f.add_checkpoint("decode");
  const CheckpointRow before = f.checkpoint;
  const CommitBatch batch = f.next_commit(2);
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  const std::string schema = static_cast<PostgresPlace &>(*f.place).schema();
  // As if another writer took it between the first look and the last.
  MUST(sql->execute("CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE " +
                    schema +
                    ".stage_lease SET epoch = epoch + 1; RETURN NULL; END $$; CREATE TRIGGER take "
                    "AFTER INSERT ON commits FOR EACH STATEMENT EXECUTE FUNCTION take()"));
  FAILS_WITH(Code::kLeaseLost, f.store->commit(f.lease, batch, f.cancel));
  ck_assert(same(before, MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel))));
  ck_assert(MUST(f.store->read_frames({f.checkpoint.key}, f.cancel)).empty());
  MUST(sql->execute("DROP TRIGGER take ON commits"));
  f.commit(batch);
}
GST_END_TEST

GST_START_TEST(g28_a_server_that_says_nothing_is_given_up) {
  Fixture f(std::make_unique<PostgresPlace>());
  f.add_checkpoint("decode");
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  MUST(
      sql->execute("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
                   "pg_sleep(600); RETURN NULL; END $$; CREATE TRIGGER slow AFTER INSERT ON job "
                   "FOR EACH STATEMENT EXECUTE FUNCTION slow()"));
  auto *place = static_cast<PostgresPlace *>(f.place.get());
  std::shared_ptr<MetadataStore> store = postgres_store_at(place->uri() + "&statement-timeout=50");
  MUST(store->open(f.cancel));
  Status status = status_of(store->ensure_job("slow", Uuid::random(), IdentityKey{}, f.cancel));
  ck_assert_msg(status.is(Code::kTimeout) && status.retryable(), "%s", status.to_string().c_str());
  MUST(store->uuid(f.cancel));
}
GST_END_TEST

namespace {

// A server of the test's own, which it may stop; the place of every test after it is there.
class OwnServer {
 public:
  OwnServer() {
    std::ofstream(folder_.file(".gst-checkpoint-services")).flush();  // for the script to believe
    run("start");
    std::ifstream file(folder_.file("postgres/uri"));
    std::string uri;
    std::getline(file, uri);
    g_setenv("GST_CHECKPOINT_TEST_POSTGRES", uri.c_str(), TRUE);
  }
  ~OwnServer() { run("down"); }
  void run(const char *what) {
    const std::string command = std::string(std::getenv("GST_CHECKPOINT_SOURCE")) +
                                "/tests/services/postgres " + what + " " + folder_.path();
    ck_assert_msg(std::system(command.c_str()) == 0, "%s", command.c_str());
  }
  // A line of its configuration, instead of the one before; it is restarted.
  void configure(const std::string &line) {
    std::ofstream(folder_.file("postgres/data/postgresql.auto.conf")) << line << std::endl;
    run("restart");
  }

 private:
  const TempDir folder_;
};

}  // namespace

GST_START_TEST(g01_a_restart_of_the_server_loses_no_commit) {
  OwnServer server;
  Fixture f(std::make_unique<PostgresPlace>());
  f.add_checkpoint("decode");
  constexpr uint64_t kCommits = 60;
  std::vector<CommitBatch> batches;
  for (uint64_t i = 0; i < kCommits; i++) batches.push_back(f.next_commit(2));
  std::atomic<bool> restarted{false};
  std::atomic<uint64_t> done{0};
  Status status;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kCommits && status.is_ok(); i++) {
      // Some before, some while it happens, and some after.
      while (i + 20 > kCommits && !restarted) f.cancel.sleep_for(milliseconds(1));
      status = f.store->commit(f.lease, batches[i], f.cancel);
      if (status.is(Code::kUnknownOutcome)) {
        f.lease = MUST(f.store->acquire_lease(f.job.key, f.lease.branch, f.lease.stage,
                                              f.lease.owner, kMinute, nullptr, f.cancel));
        const uint64_t commits = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).commit_no;
        ck_assert(commits == i || commits == i + 1);
        status = commits == i ? f.store->commit(f.lease, batches[i], f.cancel) : Status::ok();
      }
      done++;
    }
  });
  while (done < 5) ck_assert(f.cancel.sleep_for(milliseconds(1)));
  server.run("restart");
  restarted = true;
  writer.join();
  MUST(status);
  const CheckpointRow row = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  ck_assert(row.commit_no == kCommits && row.frames == 2 * kCommits);
  std::vector<FrameRow> rows =
      MUST(f.store->read_frames({f.checkpoint.key, 0, false, 1000}, f.cancel));
  ck_assert(rows.size() == 2 * kCommits);
  for (size_t i = 0; i < rows.size(); i++) ck_assert(same(rows[i], batches[i / 2].frames[i % 2]));
}
GST_END_TEST

GST_START_TEST(g04_a_commit_that_no_standby_has_confirmed_is_in_doubt) {
  OwnServer server;
  Fixture f(std::make_unique<PostgresPlace>("&statement-timeout=500"));
  f.add_checkpoint("decode");
  MUST(f.store->commit(f.lease, f.next_commit(2), f.cancel));
  const CommitBatch batch = f.next_commit(2);
  server.configure("synchronous_standby_names = 'nobody'");
  // The server calls it back, and says COMMIT.
  FAILS_WITH(Code::kUnknownOutcome, f.store->commit(f.lease, batch, f.cancel));
  server.configure("");
  MUST(f.store->renew_lease(f.lease, kMinute, f.cancel));
  ck_assert_uint_eq(MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel)).commit_no, 2);
}
GST_END_TEST

GST_START_TEST(g37_the_certificate_of_the_server_is_checked) {
  const char *ca = std::getenv("GST_CHECKPOINT_TEST_POSTGRES_CA_FILE");
  if (ca == nullptr) return;  // a server of the user's, perhaps without TLS
  TempDir folder;
  const std::string stranger = folder.file("stranger.pem");
  const std::string make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
      "-days 1 -subj /CN=stranger -keyout " +
      folder.file("key") + " -out " + stranger + " 2>/dev/null";
  ck_assert_int_eq(std::system(make.c_str()), 0);
  const std::string checked = "&sslmode=verify-full&sslrootcert=";
  Cancellation cancel;
  PostgresPlace trusted(checked + ca);
  MUST(trusted.make()->open(cancel));
  PostgresPlace refused(checked + stranger);
  const Status status = refused.make()->open(cancel);
  FAILS_WITH(Code::kUnavailable, status);
  ck_assert_msg(status.to_string().find("certificate") != std::string::npos, "%s",
                status.to_string().c_str());
}
GST_END_TEST

static Suite *postgres_server_suite() {
  Suite *suite = suite_create("postgres_server");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_loop_test(tc, g04_the_lost_answer_of_a_commit_leaves_one_commit, 0, 2);
  tcase_add_test(tc, g04_a_commit_that_is_called_back_too_late_is_in_doubt);
  tcase_add_test(tc, g04_a_call_whose_answer_was_lost_is_made_again);
  tcase_add_test(tc, connections_that_the_server_ended_are_replaced);
  tcase_add_test(tc, transactions_that_were_in_each_others_way_are_made_again);
  tcase_add_test(tc, g22_a_lease_lost_while_the_rows_are_written_stops_the_commit);
  tcase_add_test(tc, g28_a_server_that_says_nothing_is_given_up);
  tcase_add_test(tc, g01_a_restart_of_the_server_loses_no_commit);
  tcase_add_test(tc, g04_a_commit_that_no_standby_has_confirmed_is_in_doubt);
  tcase_add_test(tc, g37_the_certificate_of_the_server_is_checked);
  return suite;
}

int main(int argc, char **argv) {
  if (!have_postgres_server()) return 77;
  gst_check_init(&argc, &argv);
  return gst_check_run_suite(postgres_server_suite(), "postgres_server", __FILE__);
}
