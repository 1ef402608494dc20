// SPDX-License-Identifier: LGPL-2.1-or-later
// What the SQLite store makes of its URI, and of the folder and file that it finds.
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "backends/sqlite/sqlite_store.h"
#include "conformance/metadata_fixture.h"
#include "support/child.h"
#include "support/sqlite_place.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

constexpr int kSkipped = 77;

Result<std::shared_ptr<MetadataStore>> make(const std::string &uri) {
  Result<StoreUri> parsed = parse_store_uri(uri, "sqlite");
  if (!parsed.is_ok()) return parsed.status();
  return make_sqlite_store(*parsed);
}

Status open(const std::string &uri) {
  Cancellation cancel;
  Result<std::shared_ptr<MetadataStore>> store = make(uri);
  if (!store.is_ok()) return store.status();
  return (*store)->open(cancel);
}

std::string contents(const std::string &path) {
  std::stringstream all;
  all << std::ifstream(path, std::ios::binary).rdbuf();
  return all.str();
}

void write_file(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool exists(const std::string &path) { return access(path.c_str(), F_OK) == 0; }

// The failure tells where, and what to do.
void check_says(const Status &status, Code code, const std::string &path) {
  ck_assert_msg(status.is(code), "%s", status.to_string().c_str());
  ck_assert_msg(status.message().find(path) != std::string::npos, "%s", status.to_string().c_str());
  ck_assert_msg(!status.hint().empty(), "%s", status.to_string().c_str());
}

}  // namespace

GST_START_TEST(uris_are_checked_before_the_disk_is_touched) {
  for (const char *uri :
       {"sqlite://host/x.db", "sqlite://user:pass@/x.db", "sqlite:///", "sqlite:///x.db?busy=1",
        "sqlite:///x.db?busy-timeout=soon", "sqlite:///x.db?busy-timeout=-1",
        "sqlite:///x.db?busy-timeout=1s", "sqlite:///x.db?journal=off", "memory://x?colour=red"}) {
    Result<std::shared_ptr<MetadataStore>> store = make(uri);
    ck_assert_msg(!store.is_ok() && store.status().is(Code::kInvalidArgument), "%s", uri);
    ck_assert_msg(store.status().to_string().find("pass") == std::string::npos, "%s", uri);
  }
  ck_assert(MUST(make("sqlite:///a/./b/../x.db?busy-timeout=5&journal=wal"))->display_uri() ==
            "sqlite:///a/x.db");
  ck_assert(MUST(make("memory://name"))->display_uri() == "memory://name");
  // Not open: no call works, and none crashes.
  Cancellation cancel;
  FAILS_WITH(Code::kUnavailable, MUST(make("memory://name"))->list_jobs("", 1, cancel));
}
GST_END_TEST

GST_START_TEST(missing_folders_are_made_for_this_user_alone) {
  TempDir folder;
  MUST(open("sqlite://" + folder.file("a/b c/x.db")));
  for (const char *made : {"a", "a/b c"}) {
    struct stat info;
    ck_assert(stat(folder.file(made).c_str(), &info) == 0);
    ck_assert_int_eq(static_cast<int>(info.st_mode & 0777), 0700);
  }
  ck_assert(contents(folder.file("a/b c/x.db")).rfind("SQLite format 3", 0) == 0);
}
GST_END_TEST

GST_START_TEST(a_new_database_is_for_this_user_alone) {
  TempDir folder;
  ck_assert_int_eq(chmod(folder.path().c_str(), 0755), 0);
  umask(022);
  std::shared_ptr<MetadataStore> store = MUST(make(folder.file("x.db")));
  Cancellation cancel;
  MUST(store->open(cancel));
  MUST(store->ensure_job("street", Uuid::random(), IdentityKey{}, cancel));
  for (const char *made : {"x.db", "x.db-wal", "x.db-shm"}) {
    struct stat info;
    ck_assert_msg(stat(folder.file(made).c_str(), &info) == 0, "%s", made);
    ck_assert_msg((info.st_mode & 0777) == 0600, "%s: %o", made, info.st_mode & 0777u);
  }
  // Who wants others to read it says so once.
  ck_assert_int_eq(chmod(folder.file("x.db").c_str(), 0640), 0);
  store = MUST(make(folder.file("x.db")));
  MUST(store->open(cancel));
  struct stat info;
  ck_assert(stat(folder.file("x.db").c_str(), &info) == 0 && (info.st_mode & 0777) == 0640);
}
GST_END_TEST

GST_START_TEST(a_relative_path_stays_where_it_was) {
  TempDir folder;
  ck_assert_int_eq(chdir(folder.path().c_str()), 0);
  std::shared_ptr<MetadataStore> store = MUST(make("x.db"));
  ck_assert_int_eq(chdir("/"), 0);
  Cancellation cancel;
  MUST(store->open(cancel));
  MUST(store->uuid(cancel));
  ck_assert(exists(folder.file("x.db")));
  ck_assert(!exists("/x.db"));
}
GST_END_TEST

GST_START_TEST(what_is_no_database_of_ours_is_left_alone) {
  TempDir folder;
  const std::string text(5000, 'x');
  write_file(folder.file("notes.txt"), text);
  check_says(open("sqlite://" + folder.file("notes.txt")), Code::kCorrupt,
             folder.file("notes.txt"));
  ck_assert(contents(folder.file("notes.txt")) == text);
  check_says(open("sqlite://" + folder.path()), Code::kInvalidArgument, folder.path());
  check_says(open("sqlite://" + folder.file("notes.txt/x.db")), Code::kInvalidArgument,
             folder.file("notes.txt"));
  ck_assert_int_eq(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  check_says(open("sqlite://" + folder.file("pipe")), Code::kInvalidArgument, folder.file("pipe"));
  for (const char *beside : {"x.db-journal", "x.db-wal", "x.db-shm"}) {
    ck_assert_int_eq(mkfifo(folder.file(beside).c_str(), 0600), 0);
    check_says(open("sqlite://" + folder.file("x.db")), Code::kInvalidArgument,
               folder.file(beside));
    ck_assert_int_eq(unlink(folder.file(beside).c_str()), 0);
  }

  MUST(open_sqlite(folder.file("other.db"))->execute("CREATE TABLE recipe (name TEXT)"));
  const std::string before = contents(folder.file("other.db"));
  check_says(open("sqlite://" + folder.file("other.db")), Code::kInvalidArgument,
             folder.file("other.db"));
  ck_assert(contents(folder.file("other.db")) == before);
}
GST_END_TEST

GST_START_TEST(an_empty_file_becomes_a_database) {
  TempDir folder;
  write_file(folder.file("x.db"), "");
  MUST(open("sqlite://" + folder.file("x.db")));
}
GST_END_TEST

GST_START_TEST(g32_a_newer_schema_is_refused) {
  SqlitePlace place;
  Cancellation cancel;
  MUST(place.make()->open(cancel));
  MUST(place.sql()->execute("PRAGMA user_version = 4711"));
  Status status = place.make()->open(cancel);
  check_says(status, Code::kNewerSchema, place.path());
  ck_assert(status.message().find("4711") != std::string::npos);
  ck_assert(MUST(place.sql()->query("PRAGMA user_version"))[0][0] == "4711");
}
GST_END_TEST

GST_START_TEST(a_folder_or_file_that_may_not_be_written_is_named) {
  TempDir folder;
  ck_assert_int_eq(chmod(folder.path().c_str(), 0755), 0);
  MUST(open("sqlite://" + folder.file("a/x.db")));
  MUST(open("sqlite://" + folder.file("b/x.db")));
  ck_assert_int_eq(chmod(folder.file("a").c_str(), 0555), 0);
  ck_assert_int_eq(chmod(folder.file("a/x.db").c_str(), 0444), 0);
  ck_assert_int_eq(chmod(folder.file("b").c_str(), 0555), 0);
  ck_assert_int_eq(chmod(folder.file("b/x.db").c_str(), 0666), 0);
  int code = run_in_child([&] {
    // The superuser may write everywhere.
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 1;
    check_says(open("sqlite://" + folder.file("a/x.db")), Code::kPermissionDenied,
               folder.file("a/x.db"));
    check_says(open("sqlite://" + folder.file("b/x.db")), Code::kPermissionDenied,
               folder.file("b"));
    check_says(open("sqlite://" + folder.file("a/new.db")), Code::kPermissionDenied,
               folder.file("a"));
    check_says(open("sqlite://" + folder.file("a/c/d/new.db")), Code::kPermissionDenied,
               folder.file("a/c"));
    return 0;
  });
  ck_assert_int_eq(code, 0);
}
GST_END_TEST

GST_START_TEST(g09_a_damaged_database_is_said_to_be_damaged) {
  Fixture f(std::make_unique<SqlitePlace>());
  const std::string path = static_cast<SqlitePlace &>(*f.place).path();
  f.add_checkpoint("decode");
  f.commit(f.next_commit(5000));
  const CheckpointKey key = f.checkpoint.key;
  MUST(f.place->sql()->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  f.store.reset();
  // Every page from the middle on is overwritten.
  std::string bytes = contents(path);
  for (size_t i = bytes.size() / 2; i < bytes.size(); i++) bytes[i] = static_cast<char>(0xa5);
  write_file(path, bytes);
  f.store = f.another();
  FramePage page{key, 0, false, 10000};
  Status status = status_of(f.store->read_frames(page, f.cancel));
  check_says(status, Code::kCorrupt, path);
  // The connection is good for what is not damaged.
  MUST(f.store->uuid(f.cancel));
}
GST_END_TEST

GST_START_TEST(g40_a_database_that_went_away_is_unavailable) {
  Fixture f(std::make_unique<SqlitePlace>());
  const std::string path = static_cast<SqlitePlace &>(*f.place).path();
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(1);
  ck_assert_int_eq(rename(path.c_str(), (path + ".away").c_str()), 0);
  check_says(f.store->commit(f.lease, batch, f.cancel), Code::kUnavailable, path);
  check_says(status_of(f.store->uuid(f.cancel)), Code::kUnavailable, path);
  // Another file in its place is not it.
  write_file(path, "");
  check_says(f.store->commit(f.lease, batch, f.cancel), Code::kUnavailable, path);
  ck_assert(contents(path).empty());
  ck_assert_int_eq(rename((path + ".away").c_str(), path.c_str()), 0);
  f.commit(batch);
}
GST_END_TEST

GST_START_TEST(g03_a_full_disk_is_no_space_and_loses_no_commit) {
  TempDir folder;
  const std::string disk = folder.file("disk");
  ck_assert_int_eq(mkdir(disk.c_str(), 0700), 0);
  int code = run_in_child([&] {
    // A small disk that only this process sees.
    const std::string map = "0 " + std::to_string(getuid()) + " 1";
    const bool superuser = geteuid() == 0;
    if (unshare(superuser ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return kSkipped;
    if (!superuser) write_file("/proc/self/uid_map", map);
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=4m") != 0)
      return kSkipped;
    struct DiskPlace : MetadataStorePlace {
      explicit DiskPlace(std::string uri) : uri_(std::move(uri)) {}
      std::shared_ptr<MetadataStore> make(std::chrono::milliseconds) override {
        return MUST(::make(uri_));
      }
      std::string uri_;
    };
    Fixture f(std::make_unique<DiskPlace>("sqlite://" + disk + "/x.db"));
    write_file(disk + "/filler", std::string(1 << 20, 'x'));
    f.add_checkpoint("decode");
    // Their packs are there before the disk is full.
    std::vector<CommitBatch> batches;
    for (int i = 0; i < 30; i++) batches.push_back(f.next_commit(1000));
    Status status;
    uint64_t committed = 0;
    for (const CommitBatch &batch : batches) {
      status = f.store->commit(f.lease, batch, f.cancel);
      if (!status.is_ok()) break;
      committed++;
    }
    check_says(status, Code::kNoSpace, disk + "/x.db");
    // Readers go on, and another process finds what was committed.
    for (std::shared_ptr<MetadataStore> store :
         {f.store, MUST(make("sqlite://" + disk + "/x.db"))}) {
      MUST(store->open(f.cancel));
      CheckpointRow row = MUST(store->get_checkpoint(f.checkpoint.id, f.cancel));
      ck_assert(row.commit_no == committed && row.frames == committed * 1000);
      FramePage page{f.checkpoint.key, 0, false, 1000000};
      ck_assert(MUST(store->read_frames(page, f.cancel)).size() == row.frames);
    }
    // Once there is space the same commit works.
    ck_assert_int_eq(unlink((disk + "/filler").c_str()), 0);
    f.commit(batches.at(committed));
    return 0;
  });
  ck_assert(code == 0 || code == kSkipped);
}
GST_END_TEST

GST_START_TEST(the_journal_is_as_chosen_and_stays_small) {
  {
    Fixture f(std::make_unique<SqlitePlace>("&journal=delete"));
    ck_assert(MUST(f.place->sql()->query("PRAGMA journal_mode"))[0][0] == "delete");
    ck_assert(!exists(static_cast<SqlitePlace &>(*f.place).path() + "-wal"));
  }
  Fixture f(std::make_unique<SqlitePlace>());
  const std::string wal = static_cast<SqlitePlace &>(*f.place).path() + "-wal";
  ck_assert(MUST(f.place->sql()->query("PRAGMA journal_mode"))[0][0] == "wal");
  f.add_checkpoint("decode");
  // A reader that kept a cursor open would keep the log from being used again.
  for (int i = 0; i < 30; i++) {
    f.commit(f.next_commit(2000));
    ck_assert(MUST(f.store->read_frames({f.checkpoint.key, 0, false, 10}, f.cancel)).size() == 10);
    MUST(f.store->find_frame_at(f.checkpoint.key, 1000, f.cancel));
    MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  }
  struct stat info;
  ck_assert(stat(wal.c_str(), &info) == 0);
  ck_assert_msg(info.st_size < 8 << 20, "%ld bytes", static_cast<long>(info.st_size));
}
GST_END_TEST

GST_START_TEST(databases_in_memory_live_by_their_name) {
  Cancellation cancel;
  std::shared_ptr<MetadataStore> a = MUST(make("memory://a"));
  MUST(a->open(cancel));
  const Uuid uuid = MUST(a->uuid(cancel));
  MUST(a->ensure_job("street", Uuid::random(), IdentityKey{}, cancel));
  a.reset();
  std::shared_ptr<MetadataStore> again = MUST(make("memory://a")), b = MUST(make("memory://b"));
  MUST(again->open(cancel));
  MUST(b->open(cancel));
  ck_assert(MUST(again->uuid(cancel)) == uuid);
  ck_assert(MUST(again->find_job("street", cancel)).has_value());
  ck_assert(!(MUST(b->uuid(cancel)) == uuid));
  ck_assert(!MUST(b->find_job("street", cancel)).has_value());
  ck_assert(!exists(":memory:") && !exists("a"));
}
GST_END_TEST

// The queries of docs/stores/sqlite.md work as they stand there, and it names every column.
GST_START_TEST(the_documented_queries_and_columns_are_there) {
  const char *source = g_getenv("GST_CHECKPOINT_SOURCE");
  if (source == nullptr) return;
  const std::string page = contents(std::string(source) + "/docs/stores/sqlite.md");
  ck_assert(!page.empty());
  Fixture f(std::make_unique<SqlitePlace>());
  f.add_checkpoint("detect");
  CommitBatch batch = f.next_commit(2);
  DetectionRow person;
  person.index = 1;
  person.label = "person";
  person.confidence = 0.9;
  batch.detections.push_back(person);
  f.commit(batch);
  f.complete();
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  int queries = 0;
  for (size_t at = 0; (at = page.find("```sql\n", at)) != std::string::npos; queries++) {
    at += 7;
    const size_t end = page.find("```", at);
    auto rows = MUST(sql->query(page.substr(at, end - at)));
    ck_assert_msg(rows.size() == 1, "query %d", queries);
    at = end + 3;
  }
  ck_assert_int_eq(queries, 3);
  for (const auto &row :
       MUST(sql->query("SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) "
                       "AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'")))
    for (const std::string &name : row)
      ck_assert_msg(page.find("`" + name + "`") != std::string::npos ||
                        page.find(name + ",") != std::string::npos ||
                        page.find(name + ")") != std::string::npos,
                    "%s.%s is not described", row[0].c_str(), row[1].c_str());
}
GST_END_TEST

static Suite *sqlite_files_suite() {
  Suite *suite = suite_create("sqlite_files");
  TCase *tc = tcase_create("files");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, uris_are_checked_before_the_disk_is_touched);
  tcase_add_test(tc, missing_folders_are_made_for_this_user_alone);
  tcase_add_test(tc, a_new_database_is_for_this_user_alone);
  tcase_add_test(tc, a_relative_path_stays_where_it_was);
  tcase_add_test(tc, what_is_no_database_of_ours_is_left_alone);
  tcase_add_test(tc, an_empty_file_becomes_a_database);
  tcase_add_test(tc, g32_a_newer_schema_is_refused);
  tcase_add_test(tc, a_folder_or_file_that_may_not_be_written_is_named);
  tcase_add_test(tc, g09_a_damaged_database_is_said_to_be_damaged);
  tcase_add_test(tc, g40_a_database_that_went_away_is_unavailable);
  tcase_add_test(tc, g03_a_full_disk_is_no_space_and_loses_no_commit);
  tcase_add_test(tc, the_journal_is_as_chosen_and_stays_small);
  tcase_add_test(tc, databases_in_memory_live_by_their_name);
  tcase_add_test(tc, the_documented_queries_and_columns_are_there);
  return suite;
}
GST_CHECK_MAIN(sqlite_files);
