// SPDX-License-Identifier: LGPL-2.1-or-later
// Several processes on one database file, and processes that end in the middle of a call.
#include <signal.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "conformance/metadata_fixture.h"
#include "support/child.h"
#include "support/gate.h"
#include "support/sqlite_place.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

// A place that outlives the Fixture of one process.
class SharedPlace : public MetadataStorePlace {
 public:
  explicit SharedPlace(SqlitePlace &place) : place_(place) {}
  std::shared_ptr<MetadataStore> make(std::chrono::milliseconds busy_timeout) override {
    return place_.make(busy_timeout);
  }
  std::unique_ptr<SqlAccess> sql() override { return place_.sql(); }

 private:
  SqlitePlace &place_;
};

std::shared_ptr<MetadataStore> open_again(SqlitePlace &place) {
  Cancellation cancel;
  std::shared_ptr<MetadataStore> store = place.make();
  MUST(store->open(cancel));
  return store;
}

}  // namespace

GST_START_TEST(g32_many_processes_make_the_schema_at_once) {
  SqlitePlace place;
  int barrier[2];
  ck_assert_int_eq(pipe(barrier), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 12; i++)
    children.push_back(start_child([&] {
      Cancellation cancel;
      std::shared_ptr<MetadataStore> store = place.make();
      char byte;
      close(barrier[1]);
      // Ends for all at once, when the parent closes its end.
      if (read(barrier[0], &byte, 1) != 0) return 1;
      MUST(store->open(cancel));
      MUST(store->ensure_job("raced", Uuid::random(), IdentityKey{}, cancel));
      return 0;
    }));
  close(barrier[1]);
  for (pid_t child : children) ck_assert_int_eq(wait_for_child(child), 0);
  close(barrier[0]);
  ck_assert(MUST(place.sql()->query("SELECT count(*), count(DISTINCT uuid) FROM store"))[0] ==
            (std::vector<std::string>{"1", "1"}));
  ck_assert(MUST(place.sql()->query("SELECT count(*) FROM job"))[0][0] == "1");
  ck_assert(MUST(place.sql()->query("PRAGMA integrity_check"))[0][0] == "ok");
}
GST_END_TEST

GST_START_TEST(g01_what_was_committed_survives_a_kill) {
  SqlitePlace place;
  int code = run_in_child([&] {
    Fixture f(std::make_unique<SharedPlace>(place));
    f.add_checkpoint("decode");
    CommitBatch batch = f.next_commit(100);
    batch.digests.push_back({digest_of(1), batch.frames[0].payload});
    f.commit(batch);
    kill(getpid(), SIGKILL);
    return 0;
  });
  ck_assert_int_eq(code, -SIGKILL);
  std::shared_ptr<MetadataStore> store = open_again(place);
  Cancellation cancel;
  CheckpointQuery query;
  query.include_partial = true;
  std::vector<CheckpointRow> rows = MUST(store->list_checkpoints(query, cancel));
  ck_assert(rows.size() == 1 && rows[0].frames == 100 && rows[0].commit_no == 1);
  FramePage page{rows[0].key, 0, false, 1000};
  std::vector<FrameRow> frames = MUST(store->read_frames(page, cancel));
  ck_assert_int_eq(static_cast<int>(frames.size()), 100);
  for (const FrameRow &frame : frames)
    ck_assert(same(frame, frame_row(frame.index, frames[0].payload.pack)));
}
GST_END_TEST

// Killed at each statement of a commit in turn: nothing of it is there, until the last.
GST_START_TEST(g02_a_commit_that_is_killed_leaves_nothing) {
  unsigned points = 0;
  bool more = true;
  for (unsigned point = 1; more; point++) {
    SqlitePlace place;
    int code = run_in_child([&] {
      Fixture f(std::make_unique<SharedPlace>(place));
      f.add_checkpoint("decode");
      f.commit(f.next_commit(2));
      CommitBatch batch = f.next_commit(2);
      batch.digests.push_back({digest_of(1), batch.frames[0].payload});
      batch.events.push_back({2, 0, "tag", {}});
      batch.end = CommitBatch::End::kComplete;
      unsigned seen = 0;
      std::string last;
      on_sqlite_statement([&](const std::string &sql, sqlite3 *) {
        // A statement for many rows, or a trigger of it, is one point.
        if (sql == last) return;
        last = sql;
        if (++seen == point) kill(getpid(), SIGKILL);
      });
      f.commit(batch);
      return 0;
    });
    ck_assert(code == 0 || code == -SIGKILL);
    more = code != 0;
    if (more) points++;
    std::shared_ptr<MetadataStore> store = open_again(place);
    Cancellation cancel;
    CheckpointQuery query;
    query.include_partial = true;
    std::vector<CheckpointRow> rows = MUST(store->list_checkpoints(query, cancel));
    ck_assert_int_eq(static_cast<int>(rows.size()), 1);
    FramePage page{rows[0].key, 0, false, 1000};
    ck_assert(MUST(store->read_frames(page, cancel)).size() == rows[0].frames);
    ck_assert_int_eq(static_cast<int>(rows[0].frames), more ? 2 : 4);
    ck_assert((rows[0].state == CheckpointState::kComplete) == !more);
    ck_assert(MUST(store->read_events(rows[0].key, 0, kNone, 9, cancel)).size() == (more ? 0 : 1));
    // Its writer is gone, so the next one need not wait for the lease.
    MUST(store->acquire_lease(rows[0].job, Branch{}, "decode", this_process(), kMinute, nullptr,
                              cancel));
    ck_assert(MUST(place.sql()->query("PRAGMA integrity_check"))[0][0] == "ok");
  }
  ck_assert_msg(points >= 10, "only %u points", points);
}
GST_END_TEST

GST_START_TEST(g28_waiting_for_another_process_can_be_cancelled) {
  SqlitePlace place;
  open_again(place).reset();
  int locked[2], done[2];
  ck_assert(pipe(locked) == 0 && pipe(done) == 0);
  pid_t child = start_child([&] {
    close(done[1]);
    std::shared_ptr<void> lock = place.lock_out_writers();
    char byte = 1;
    if (write(locked[1], &byte, 1) != 1) return 1;
    return read(done[0], &byte, 1) == 0 ? 0 : 1;
  });
  char byte;
  ck_assert(read(locked[0], &byte, 1) == 1);
  std::shared_ptr<MetadataStore> store = open_again(place);  // which needs no lock
  Cancellation cancel, nobody;
  Status status;
  std::thread thread([&] {
    status = status_of(store->ensure_job("street", Uuid::random(), IdentityKey{}, cancel));
  });
  place.wait_until_a_call_waits();
  ck_assert(!MUST(store->find_job("street", nobody)).has_value());
  cancel.cancel();
  thread.join();
  FAILS_WITH(Code::kCancelled, status);
  close(done[1]);
  ck_assert_int_eq(wait_for_child(child), 0);
  MUST(store->ensure_job("street", Uuid::random(), IdentityKey{}, nobody));
  for (int fd : {locked[0], locked[1], done[0]}) close(fd);
}
GST_END_TEST

GST_START_TEST(g28_a_commit_under_way_can_be_cancelled) {
  Fixture f(std::make_unique<SqlitePlace>());
  f.add_checkpoint("decode");
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  CommitBatch batch = f.next_commit(1000);
  Cancellation cancel;
  int rows = 0;
  on_sqlite_statement([&](const std::string &sql, sqlite3 *) {
    if (sql.rfind("INSERT INTO frame ", 0) == 0 && ++rows == 500) cancel.cancel();
  });
  FAILS_WITH(Code::kCancelled, f.store->commit(f.lease, batch, cancel));
  on_sqlite_statement({});
  ck_assert(rows >= 500 && rows < 1000);
  ck_assert(same(before, MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel))));
  ck_assert(MUST(f.store->read_frames({f.checkpoint.key}, f.cancel)).empty());
  f.commit(batch);
}
GST_END_TEST

// A call that waits for its turn behind another one of this process.
GST_START_TEST(g28_waiting_for_another_thread_can_be_cancelled) {
  std::unique_ptr<MetadataStorePlace> place;
  if (__i__ == 0) place = std::make_unique<SqlitePlace>();
  if (__i__ == 1) place = std::make_unique<SqliteMemoryPlace>();
  Fixture f(std::move(place));
  Gate gate;
  Cancellation first, second, third;
  on_sqlite_statement([&](const std::string &sql, sqlite3 *) {
    // Held in the middle of its transaction.
    if (sql.rfind("INSERT INTO job", 0) == 0) static_cast<void>(gate.pass(f.cancel));
  });
  Status statuses[3];
  auto ensure = [&](int i, Cancellation &cancel) {
    statuses[i] = status_of(f.store->ensure_frame_store(Uuid::random(), "memory://x", cancel));
  };
  std::thread holder([&] {
    statuses[0] = status_of(f.store->ensure_job("new", Uuid::random(), IdentityKey{}, first));
  });
  gate.wait_for_arrivals();
  std::thread waiting([&] { ensure(1, second); });
  f.place->wait_until_a_call_waits();
  std::thread next([&] { ensure(2, third); });
  f.place->wait_until_a_call_waits();
  second.cancel();
  waiting.join();
  FAILS_WITH(Code::kCancelled, statuses[1]);
  gate.open();
  holder.join();
  next.join();
  MUST(statuses[0]);
  MUST(statuses[2]);
}
GST_END_TEST

// Pins and commits of one process against a collector in another, in any order: what is committed
// refers to packs that were ready, and a pack that was condemned is referred to by nobody.
GST_START_TEST(g23_pins_and_a_collector_never_miss_each_other) {
  SqlitePlace place;
  {
    Fixture f(std::make_unique<SharedPlace>(place));
    f.add_checkpoint("decode");
    f.commit(f.next_commit(1));
    MUST(f.store->release_lease(f.lease, f.cancel));
  }
  pid_t collector = start_child([&] {
    std::unique_ptr<SqlAccess> sql = place.sql();
    for (int i = 0; i < 300; i++)
      MUST(
          sql->execute("BEGIN IMMEDIATE; UPDATE pack SET state = 'condemned' WHERE key IN ("
                       "SELECT key FROM pack WHERE state = 'ready' AND NOT EXISTS (SELECT 1 FROM "
                       "checkpoint_pack WHERE pack = pack.key) LIMIT 1); COMMIT"));
    return 0;
  });
  {
    Fixture f(std::make_unique<SharedPlace>(place));
    std::unique_ptr<SqlAccess> sql = f.place->sql();
    for (int round = 0; round < 60; round++) {
      // A pack that nobody refers to any more, and a checkpoint that wants to use it again.
      f.add_checkpoint("old");
      CommitBatch old = f.next_commit(1);
      old.digests.push_back({digest_of(static_cast<uint64_t>(round)), old.frames[0].payload});
      f.commit(old);
      MUST(sql->execute("DELETE FROM checkpoint_pack WHERE checkpoint = " +
                        std::to_string(f.checkpoint.key)));
      f.add_checkpoint("new");
      std::vector<Digest> digests{digest_of(static_cast<uint64_t>(round))};
      auto found = MUST(f.store->find_payloads(f.job.key, f.frame_store.key, digests, f.cancel))[0];
      CommitBatch batch = f.next_commit(1);
      if (found) {
        std::vector<PackKey> packs{found->pack};
        if (MUST(f.store->pin_packs(f.lease, f.checkpoint.key, packs, f.cancel))[0]) {
          batch.frames[0].payload = *found;
          batch.used_packs = packs;
        }
      }
      f.commit(batch);
    }
  }
  ck_assert_int_eq(wait_for_child(collector), 0);
  ck_assert(MUST(place.sql()->query(
                "SELECT count(*) FROM frame JOIN checkpoint ON checkpoint.key = frame.checkpoint "
                "JOIN pack ON pack.key = frame.pack WHERE checkpoint.stage = 'new' AND "
                "pack.state <> 'ready'"))[0][0] == "0");
  ck_assert(
      MUST(place.sql()->query("SELECT count(*) FROM checkpoint_pack JOIN pack ON pack.key = pack "
                              "WHERE pack.state <> 'ready'"))[0][0] == "0");
}
GST_END_TEST

static Suite *sqlite_crash_suite() {
  Suite *suite = suite_create("sqlite_crash");
  TCase *tc = tcase_create("crash");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g32_many_processes_make_the_schema_at_once);
  tcase_add_test(tc, g01_what_was_committed_survives_a_kill);
  tcase_add_test(tc, g02_a_commit_that_is_killed_leaves_nothing);
  tcase_add_test(tc, g28_waiting_for_another_process_can_be_cancelled);
  tcase_add_test(tc, g28_a_commit_under_way_can_be_cancelled);
  tcase_add_loop_test(tc, g28_waiting_for_another_thread_can_be_cancelled, 0, 2);
  tcase_add_test(tc, g23_pins_and_a_collector_never_miss_each_other);
  return suite;
}
GST_CHECK_MAIN(sqlite_crash);
