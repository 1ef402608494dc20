// SPDX-License-Identifier: LGPL-2.1-or-later
#include <barrier>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "backends/backends.h"
#include "backends/memory/memory_store.h"
#include "core/stores.h"
#include "store/digest.h"
#include "store/registry.h"
#include "support/check.h"
#include "support/child.h"
#include "support/faulty_frame_store.h"
#include "support/rows_in_memory.h"

using namespace checkpoint;

using Access = Stores::Access;

static std::shared_ptr<FrameStore> frames(const char *name) { return memory_frame_store(name); }

// Of which every writer has seen that nothing is there before one makes it.
template <typename Barrier>
static std::shared_ptr<FrameStore> raced_for(const char *name, Barrier &all) {
  auto place = std::make_shared<FaultyFrameStore>(frames(name));
  place->before("write_marker", [&all](const FrameStoreCall &, Cancellation &) {
    all.arrive_and_wait();
    return Status::ok();
  });
  return place;
}

GST_START_TEST(a_writer_binds_and_a_reader_finds) {
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  auto written = Stores::bind(frames("a"), metadata, Access::kWrite, cancel);
  ck_assert(written.is_ok());
  ck_assert((*written)->frame_store != 0);
  auto marker = *frames("a")->read_marker(cancel);
  ck_assert(marker && marker->frame_store == (*written)->frame_store_uuid);
  ck_assert(marker->metadata_store == metadata->id);
  for (Access access : {Access::kRead, Access::kWrite}) {
    auto again = Stores::bind(frames("a"), metadata, access, cancel);
    ck_assert(again.is_ok());
    ck_assert((*again)->frame_store == (*written)->frame_store);
    ck_assert((*again)->frame_store_uuid == (*written)->frame_store_uuid);
  }
  ck_assert_int_eq(metadata->rows.size(), 1);
}
GST_END_TEST

GST_START_TEST(reading_where_nothing_is_makes_nothing) {
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  metadata->there = false;
  Status s = Stores::bind(frames("b"), metadata, Access::kRead, cancel).status();
  ck_assert(s.is(Code::kNotFound));
  ck_assert(s.message().find("memory://b") != std::string::npos);
  ck_assert(s.message().find("rows://here") != std::string::npos);
  ck_assert(!metadata->opened);
  metadata->there = true;
  ck_assert(
      Stores::bind(frames("b"), metadata, Access::kRead, cancel).status().is(Code::kNotFound));
  ck_assert(!*frames("b")->read_marker(cancel));
  ck_assert(metadata->rows.empty());
}
GST_END_TEST

GST_START_TEST(g40_an_unmounted_store_is_unavailable) {
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  metadata->rows.push_back({7, Uuid::random(), "memory://unmounted", true});
  for (Access access : {Access::kRead, Access::kWrite}) {
    Status s = Stores::bind(frames("unmounted"), metadata, access, cancel).status();
    ck_assert(s.is(Code::kUnavailable));
    ck_assert(s.hint().find("mounted") != std::string::npos);
  }
  ck_assert(!*frames("unmounted")->read_marker(cancel));
  // Elsewhere a writer may begin anew, a reader finds nothing and says where the frames are.
  Status s = Stores::bind(frames("elsewhere"), metadata, Access::kRead, cancel).status();
  ck_assert(s.is(Code::kUnavailable));
  ck_assert(s.message().find("memory://unmounted") != std::string::npos);
  ck_assert(Stores::bind(frames("elsewhere"), metadata, Access::kWrite, cancel).is_ok());
}
GST_END_TEST

GST_START_TEST(g40_a_foreign_store_is_not_touched) {
  Cancellation cancel;
  auto theirs = std::make_shared<RowsInMemory>();
  ck_assert(Stores::bind(frames("theirs"), theirs, Access::kWrite, cancel).is_ok());
  auto ours = std::make_shared<RowsInMemory>();
  for (Access access : {Access::kRead, Access::kWrite}) {
    Status s = Stores::bind(frames("theirs"), ours, access, cancel).status();
    ck_assert(s.is(Code::kInvalidArgument));
    ck_assert(s.message().find("memory://theirs") != std::string::npos);
    ck_assert(s.message().find(theirs->id.to_string()) != std::string::npos);
    ck_assert(s.message().find("rows://here") != std::string::npos);
    ck_assert(!s.hint().empty());
  }
  ck_assert(ours->rows.empty());
  ours->rows.push_back({7, Uuid::random(), "memory://theirs", true});
  Status s = Stores::bind(frames("theirs"), ours, Access::kWrite, cancel).status();
  ck_assert(s.is(Code::kUnavailable));
}
GST_END_TEST

GST_START_TEST(a_bound_place_that_lost_nothing_keeps_its_identity) {
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  metadata->rows.push_back({7, Uuid::random(), "memory://emptied", false});
  auto stores = Stores::bind(frames("emptied"), metadata, Access::kWrite, cancel);
  ck_assert(stores.is_ok());
  ck_assert((*stores)->frame_store == 7);
  ck_assert_int_eq(metadata->rows.size(), 1);
}
GST_END_TEST

GST_START_TEST(writers_at_once_agree_on_one_marker) {
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  std::vector<std::thread> threads;
  std::vector<Uuid> seen(8);
  std::barrier all(static_cast<std::ptrdiff_t>(seen.size()));
  for (size_t i = 0; i < seen.size(); i++)
    threads.emplace_back([&, i] {
      auto stores = Stores::bind(raced_for("raced", all), metadata, Access::kWrite, cancel);
      if (stores.is_ok()) seen[i] = (*stores)->frame_store_uuid;
    });
  for (auto &thread : threads) thread.join();
  for (const Uuid &uuid : seen) ck_assert(uuid == seen[0] && !uuid.is_nil());
  ck_assert_int_eq(metadata->rows.size(), 1);
}
GST_END_TEST

GST_START_TEST(g40_of_two_metadata_stores_at_once_one_gets_the_place) {
  Cancellation cancel;
  std::barrier both(2);
  std::vector<std::thread> threads;
  std::vector<Status> ends(2);
  for (Status &end : ends)
    threads.emplace_back([&] {
      end = Stores::bind(raced_for("contended", both), std::make_shared<RowsInMemory>(),
                         Access::kWrite, cancel)
                .status();
    });
  for (auto &thread : threads) thread.join();
  const Status &other = ends[0].is_ok() ? ends[1] : ends[0];
  ck_assert(ends[0].is_ok() != ends[1].is_ok() && other.is(Code::kInvalidArgument));
  ck_assert(other.message().find("belongs to the metadata store") != std::string::npos);
}
GST_END_TEST

// As on a server without conditional puts: each writer's marker is taken.
GST_START_TEST(writers_at_once_agree_where_every_marker_is_taken) {
  class OneOfTwo : public FaultyFrameStore {
   public:
    using FaultyFrameStore::FaultyFrameStore;
    std::string display_uri() const override { return "s3://both"; }
  };
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  std::barrier both(2);
  std::vector<std::thread> threads;
  std::vector<Uuid> seen(2);
  for (size_t i = 0; i < seen.size(); i++)
    threads.emplace_back([&, i] {
      auto place = std::make_shared<OneOfTwo>(frames(i == 0 ? "one" : "two"));
      // By now each has seen that nothing is there.
      place->before("read_marker", [&](const FrameStoreCall &, Cancellation &) {
        both.arrive_and_wait();
        return Status::ok();
      });
      auto stores = Stores::bind(place, metadata, Access::kWrite, cancel);
      if (stores.is_ok()) seen[i] = (*stores)->frame_store_uuid;
    });
  for (auto &thread : threads) thread.join();
  ck_assert(seen[0] == seen[1] && !seen[0].is_nil());
  ck_assert_int_eq(metadata->rows.size(), 1);
}
GST_END_TEST

GST_START_TEST(g11_a_store_that_is_down_is_unavailable) {
  Cancellation cancel;
  auto metadata = std::make_shared<RowsInMemory>();
  auto faulty = std::make_shared<FaultyFrameStore>(frames("down"));
  faulty->set_down(true);
  ck_assert(Stores::bind(faulty, metadata, Access::kWrite, cancel).status().is(Code::kUnavailable));
  ck_assert(metadata->rows.empty());
  faulty->set_down(false);
  faulty->after("write_marker", [](const FrameStoreCall &, Cancellation &) {
    return Status(Code::kTimeout, "answer lost");
  });
  ck_assert(Stores::bind(faulty, metadata, Access::kWrite, cancel).status().is(Code::kTimeout));
  // Marker and row are there all the same.
  auto reader = Stores::bind(faulty, metadata, Access::kRead, cancel);
  ck_assert(reader.is_ok());
  auto writer = Stores::bind(faulty, metadata, Access::kWrite, cancel);
  ck_assert(writer.is_ok() && (*writer)->frame_store != 0);
  ck_assert((*writer)->frame_store_uuid == (*reader)->frame_store_uuid);
}
GST_END_TEST

GST_START_TEST(one_pair_per_place_while_somebody_holds_it) {
  static auto metadata = std::make_shared<RowsInMemory>();
  StoreRegistry &registry = StoreRegistry::instance();
  register_memory(registry);
  registry.add_metadata_store("rows",
                              [](const StoreUri &) -> Result<std::shared_ptr<MetadataStore>> {
                                return std::shared_ptr<MetadataStore>(metadata);
                              });
  Cancellation cancel;
  g_setenv("GST_CHECKPOINT_FRAME_STORE", "memory://shared", TRUE);
  auto a = *Stores::open("memory://shared", "rows://here", Access::kWrite, cancel);
  auto b = *Stores::open("", "rows://here", Access::kRead, cancel);
  ck_assert(a == b);
  auto other = *Stores::open("memory://other", "rows://here", Access::kWrite, cancel);
  ck_assert(a != other);
  std::weak_ptr<Stores> gone = a;
  a.reset();
  b.reset();
  ck_assert(gone.expired());
  cancel.cancel();
  ck_assert(Stores::open("memory://shared", "rows://here", Access::kRead, cancel)
                .status()
                .is(Code::kCancelled));
}
GST_END_TEST

// A thread that was left behind does so whenever its server answers.
GST_START_TEST(what_is_hashed_while_the_process_exits_is_hashed) {
  ck_assert_int_eq(run_in_child([]() -> int {
                     // Before libcrypto's own way out is known, so it is called after that.
                     std::atexit([] { _exit(sha256_of({}).is_ok() ? 0 : 1); });
                     register_backends();
                     if (!sha256_of({}).is_ok()) return 2;
                     std::exit(3);
                   }),
                   0);
}
GST_END_TEST

static Suite *stores_suite() {
  Suite *suite = suite_create("stores");
  TCase *tc = tcase_create("stores");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_writer_binds_and_a_reader_finds);
  tcase_add_test(tc, reading_where_nothing_is_makes_nothing);
  tcase_add_test(tc, g40_an_unmounted_store_is_unavailable);
  tcase_add_test(tc, g40_a_foreign_store_is_not_touched);
  tcase_add_test(tc, a_bound_place_that_lost_nothing_keeps_its_identity);
  tcase_add_test(tc, writers_at_once_agree_on_one_marker);
  tcase_add_test(tc, g40_of_two_metadata_stores_at_once_one_gets_the_place);
  tcase_add_test(tc, writers_at_once_agree_where_every_marker_is_taken);
  tcase_add_test(tc, g11_a_store_that_is_down_is_unavailable);
  tcase_add_test(tc, one_pair_per_place_while_somebody_holds_it);
  tcase_add_test(tc, what_is_hashed_while_the_process_exits_is_hashed);
  return suite;
}
GST_CHECK_MAIN(stores);
