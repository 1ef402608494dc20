// SPDX-License-Identifier: LGPL-2.1-or-later
#include "conformance/frame_store_suite.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/object_name.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

// A place with an opened store that has its marker.
struct Fixture {
  explicit Fixture(int index)
      : place(frame_store_cases()[static_cast<size_t>(index)].make_place()) {
    store = open();
    ck_assert(store->write_marker(marker, cancel).is_ok());
  }
  std::shared_ptr<FrameStore> open() {
    auto made = place->make();
    Status status = made->open(cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    return made;
  }

  StoreMarker marker{Uuid::random(), Uuid::random()};
  std::unique_ptr<FrameStorePlace> place;
  Cancellation cancel;
  std::shared_ptr<FrameStore> store;
};

Bytes pattern(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (size_t i = 0; i < size; i += 8) {
    uint64_t v = random();
    std::memcpy(bytes.data() + i, &v, std::min<size_t>(8, size - i));
  }
  return bytes;
}

Status put(FrameStore &store, const std::string &name, ByteView bytes, Cancellation &cancel) {
  std::array<ByteView, 1> parts{bytes};
  return store.put(name, parts, std::nullopt, cancel);
}

// All of an object, by stat and get.
Result<Bytes> whole(FrameStore &store, const std::string &name, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(ObjectInfo info, store.stat(name, cancel));
  Bytes bytes(static_cast<size_t>(info.size));
  CHECKPOINT_RETURN_IF_ERROR(store.get(name, 0, bytes, cancel));
  return bytes;
}

std::set<std::string> listed(FrameStore &store, const std::string &prefix, Cancellation &cancel) {
  std::set<std::string> names;
  Status status = store.list(
      prefix,
      [&](const ObjectInfo &info) {
        ck_assert_msg(names.insert(info.name).second, "listed twice: %s", info.name.c_str());
        return true;
      },
      cancel);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return names;
}

void assert_code(const Status &status, Code code) {
  ck_assert_msg(status.is(code), "wanted %s, got %s", code_name(code), status.to_string().c_str());
}

void assert_ok(const Status &status) { assert_code(status, Code::kOk); }

}  // namespace

GST_START_TEST(an_object_comes_back_as_it_was_put) {
  Fixture f(__i__);
  const Bytes bytes = pattern(100003, 1);
  assert_ok(put(*f.store, "job/frames/a.pack", bytes, f.cancel));
  for (auto &store : {f.store, f.open()}) {
    auto back = whole(*store, "job/frames/a.pack", f.cancel);
    assert_ok(back.status());
    ck_assert(*back == bytes);
  }
}
GST_END_TEST

GST_START_TEST(an_object_may_be_empty_or_have_thousands_of_parts) {
  Fixture f(__i__);
  assert_ok(f.store->put("empty", {}, std::nullopt, f.cancel));
  assert_ok(put(*f.store, "empty-part", {}, f.cancel));
  for (const char *name : {"empty", "empty-part"}) {
    auto info = f.store->stat(name, f.cancel);
    ck_assert(info.is_ok() && info->size == 0 && info->name == name);
    assert_ok(f.store->get(name, 0, {}, f.cancel));
    Bytes one(1);
    assert_code(f.store->get(name, 0, one, f.cancel), Code::kTruncated);
  }
  const Bytes bytes = pattern(300000, 2);
  std::vector<ByteView> parts;
  for (size_t at = 0, length = 0; at < bytes.size(); at += length) {
    length = std::min<size_t>((parts.size() * 7) % 131, bytes.size() - at);
    parts.emplace_back(bytes.data() + at, length);
  }
  ck_assert(parts.size() > 4000);
  assert_ok(f.store->put("parts", parts, std::nullopt, f.cancel));
  ck_assert(*whole(*f.store, "parts", f.cancel) == bytes);
}
GST_END_TEST

GST_START_TEST(an_object_may_be_large) {
  Fixture f(__i__);
  const Bytes bytes = pattern(64 << 20, 3);
  std::array<ByteView, 3> parts{ByteView(bytes).first(5), ByteView(bytes).subspan(5, 40 << 20),
                                ByteView(bytes).subspan(5 + (40 << 20))};
  assert_ok(f.store->put("large", parts, std::nullopt, f.cancel));
  ck_assert(*whole(*f.store, "large", f.cancel) == bytes);
}
GST_END_TEST

GST_START_TEST(g10_a_get_is_whole_or_fails) {
  Fixture f(__i__);
  const Bytes bytes = pattern(1000, 4);
  assert_ok(put(*f.store, "a", bytes, f.cancel));
  struct Range {
    uint64_t offset;
    size_t size;
  };
  for (Range r : {Range{0, 1}, {0, 1000}, {999, 1}, {1, 998}, {500, 0}, {1000, 0}}) {
    Bytes out(r.size);
    assert_ok(f.store->get("a", r.offset, out, f.cancel));
    ck_assert(std::equal(out.begin(), out.end(), bytes.begin() + static_cast<long>(r.offset)));
  }
  for (Range r : {Range{0, 1001},
                  {999, 2},
                  {1000, 1},
                  {1001, 0},
                  {5000, 10},
                  {UINT64_MAX, 1},
                  {UINT64_MAX - 5, 10},
                  {uint64_t{1} << 63, 10}}) {
    Bytes out(r.size);
    assert_code(f.store->get("a", r.offset, out, f.cancel), Code::kTruncated);
  }
}
GST_END_TEST

GST_START_TEST(g11_what_is_not_there_is_missing) {
  Fixture f(__i__);
  assert_ok(put(*f.store, "job/frames/a.pack", pattern(10, 5), f.cancel));
  Bytes out(1);
  for (const char *name : {"b", "job/frames/a", "job/frames/a.pack2", "job", "job/frames",
                           "job/frames/a.pack/x", "other/frames/a.pack"}) {
    assert_code(f.store->get(name, 0, out, f.cancel), Code::kMissing);
    assert_code(f.store->stat(name, f.cancel).status(), Code::kMissing);
  }
}
GST_END_TEST

GST_START_TEST(a_name_is_taken_once) {
  Fixture f(__i__);
  const Bytes first = pattern(5000, 6);
  assert_ok(put(*f.store, "job/frames/a", first, f.cancel));
  for (size_t size : {0, 1, 5000, 9000})
    assert_code(put(*f.store, "job/frames/a", pattern(size, 7), f.cancel), Code::kAlreadyExists);
  ck_assert(*whole(*f.store, "job/frames/a", f.cancel) == first);
}
GST_END_TEST

GST_START_TEST(of_threads_that_put_one_name_one_wins) {
  Fixture f(__i__);
  if (!f.place->decides_races()) return;
  for (int round = 0; round < 10; round++) {
    const std::string name = "race/" + std::to_string(round) + "/object";
    std::atomic<int> winner{-1}, refused{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; t++)
      threads.emplace_back([&, t] {
        auto store = t % 2 ? f.store : f.open();
        const Bytes bytes = pattern(20000, static_cast<unsigned>(100 + t));
        while (!go) std::this_thread::yield();
        Status status = put(*store, name, bytes, f.cancel);
        if (status.is_ok()) ck_assert_int_eq(winner.exchange(t), -1);
        if (status.is(Code::kAlreadyExists)) refused++;
      });
    go = true;
    for (auto &thread : threads) thread.join();
    ck_assert_int_ge(winner, 0);
    ck_assert_int_eq(refused, 7);
    ck_assert(*whole(*f.store, name, f.cancel) ==
              pattern(20000, static_cast<unsigned>(100 + winner)));
  }
}
GST_END_TEST

GST_START_TEST(calls_run_side_by_side) {
  Fixture f(__i__);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; i++) {
        const std::string name = "job" + std::to_string(i % 3) + "/frames/" + std::to_string(t) +
                                 "-" + std::to_string(i);
        const Bytes bytes = pattern(3000 + static_cast<size_t>(i), static_cast<unsigned>(t * i));
        assert_ok(put(*f.store, name, bytes, f.cancel));
        auto back = whole(*f.store, name, f.cancel);
        assert_ok(back.status());
        ck_assert(*back == bytes);
        if (i % 5 == 0) assert_ok(f.store->remove(name, f.cancel));
      }
    });
  for (auto &thread : threads) thread.join();
  ck_assert_int_eq(listed(*f.store, "", f.cancel).size(), 80);
}
GST_END_TEST

GST_START_TEST(a_listing_is_of_names_that_begin_so) {
  Fixture f(__i__);
  std::set<std::string> all = {"a",
                               "ab",
                               "a b",
                               "a-/x",
                               "b/frames/1",
                               "b/frames/12",
                               "b/frames/2/3",
                               "b/other",
                               "c/\"q'",
                               "größe/日本",
                               ".gst-checkpoint/frames/1"};
  std::erase_if(all, [&](const std::string &name) { return !f.place->takes_name(name); });
  for (const std::string &name : all) assert_ok(put(*f.store, name, pattern(3, 8), f.cancel));
  for (const std::string prefix :
       {"", "a", "ab", "abc", "b", "b/", "b/f", "b/frames/", "b/frames/1", "b/frames/12",
        "b/frames/2", "c/\"", "größe/日", "gr", "z/y/x", ".", ".gst-checkpoint/"}) {
    std::set<std::string> expected;
    for (const std::string &name : all)
      if (name.rfind(prefix, 0) == 0) expected.insert(name);
    ck_assert_msg(listed(*f.store, prefix, f.cancel) == expected, "prefix '%s'", prefix.c_str());
  }
  unsigned calls = 0;
  assert_ok(f.store->list(
      "b/",
      [&](const ObjectInfo &info) {
        calls++;
        ck_assert_int_eq(info.size, 3);
        // The store may be used meanwhile.
        ck_assert(f.store->stat(info.name, f.cancel).is_ok());
        return calls < 2;
      },
      f.cancel));
  ck_assert_int_eq(calls, 2);
}
GST_END_TEST

GST_START_TEST(what_is_removed_is_gone) {
  Fixture f(__i__);
  const Bytes bytes = pattern(500, 9);
  assert_ok(put(*f.store, "job/frames/a", bytes, f.cancel));
  assert_ok(put(*f.store, "job/frames/b", bytes, f.cancel));
  ck_assert(*whole(*f.store, "job/frames/a", f.cancel) == bytes);
  assert_ok(f.store->remove("job/frames/a", f.cancel));
  Bytes out(1);
  assert_code(f.store->get("job/frames/a", 0, out, f.cancel), Code::kMissing);
  assert_code(f.store->stat("job/frames/a", f.cancel).status(), Code::kMissing);
  ck_assert(listed(*f.store, "job/", f.cancel) == std::set<std::string>{"job/frames/b"});
  ck_assert(*whole(*f.store, "job/frames/b", f.cancel) == bytes);
  for (const char *name : {"job/frames/a", "never/was/there", "job/frames", "job/frames/b/x"})
    assert_ok(f.store->remove(name, f.cancel));
  ck_assert(*whole(*f.store, "job/frames/b", f.cancel) == bytes);
  // The last one of a folder, and then a new one in it, from a store that knew the folder.
  assert_ok(f.open()->remove("job/frames/b", f.cancel));
  assert_ok(put(*f.store, "job/frames/c", bytes, f.cancel));
  ck_assert(*whole(*f.open(), "job/frames/c", f.cancel) == bytes);
}
GST_END_TEST

GST_START_TEST(g28_a_cancelled_call_ends_and_does_nothing) {
  Fixture f(__i__);
  assert_ok(put(*f.store, "a", pattern(10, 10), f.cancel));
  Cancellation cancelled;
  cancelled.cancel();
  Bytes out(1);
  assert_code(f.store->open(cancelled), Code::kCancelled);
  assert_code(f.store->read_marker(cancelled).status(), Code::kCancelled);
  assert_code(f.store->write_marker(f.marker, cancelled), Code::kCancelled);
  assert_code(put(*f.store, "b", pattern(10, 11), cancelled), Code::kCancelled);
  assert_code(f.store->get("a", 0, out, cancelled), Code::kCancelled);
  assert_code(f.store->stat("a", cancelled).status(), Code::kCancelled);
  assert_code(f.store->list(
                  "", [](const ObjectInfo &) { return true; }, cancelled),
              Code::kCancelled);
  assert_code(f.store->remove("a", cancelled), Code::kCancelled);
  ck_assert(listed(*f.store, "", f.cancel) == std::set<std::string>{"a"});
}
GST_END_TEST

GST_START_TEST(g35_names_of_all_kinds_are_stored) {
  Fixture f(__i__);
  std::vector<std::string> names = {"größe/日本/\xf0\x9f\x8e\xac.raw",
                                    "a b/c  d",
                                    "q\"u'o`t$e/;drop table",
                                    "%2e%2e/%00",
                                    "-rf/*",
                                    "~x/frames/1",
                                    "...",
                                    "back\\slash",
                                    "a#b?c=d&e+f",
                                    std::string(255, 'x') + "/" + std::string(200, 'y')};
  std::erase_if(names, [&](const std::string &name) {
    if (f.place->takes_name(name)) return false;
    assert_code(put(*f.store, name, pattern(20, 1), f.cancel), Code::kInvalidArgument);
    return true;
  });
  for (size_t i = 0; i < names.size(); i++)
    assert_ok(put(*f.store, names[i], pattern(20 + i, static_cast<unsigned>(i)), f.cancel));
  auto other = f.open();
  for (size_t i = 0; i < names.size(); i++) {
    auto back = whole(*other, names[i], f.cancel);
    assert_ok(back.status());
    ck_assert(*back == pattern(20 + i, static_cast<unsigned>(i)));
  }
  ck_assert(listed(*other, "", f.cancel) == std::set<std::string>(names.begin(), names.end()));
}
GST_END_TEST

GST_START_TEST(g35_no_name_leaves_the_store) {
  using namespace std::string_literals;
  Fixture f(__i__);
  Bytes out(1);
  for (const std::string &name : {""s,
                                  "/"s,
                                  "/etc/passwd"s,
                                  ".."s,
                                  "../x"s,
                                  "a/../../x"s,
                                  "a/.."s,
                                  "a/./b"s,
                                  "."s,
                                  "a//b"s,
                                  "a/"s,
                                  "//"s,
                                  "a\0b"s,
                                  "a\nb"s,
                                  "\x7f"s,
                                  "\xff\xfe"s,
                                  std::string(256, 'x'),
                                  std::string(1025, 'x'),
                                  std::string(kMarkerName),
                                  ".gst-checkpoint/tmp/x"s,
                                  ".gst-checkpoint/lock"s}) {
    assert_code(put(*f.store, name, out, f.cancel), Code::kInvalidArgument);
    assert_code(f.store->get(name, 0, out, f.cancel), Code::kInvalidArgument);
    assert_code(f.store->stat(name, f.cancel).status(), Code::kInvalidArgument);
    assert_code(f.store->remove(name, f.cancel), Code::kInvalidArgument);
  }
  for (const std::string &prefix : {"../"s, "/"s, "a/../"s, "a//"s, "a\0"s})
    assert_code(f.store->list(
                    prefix, [](const ObjectInfo &) { return true; }, f.cancel),
                Code::kInvalidArgument);
  ck_assert(listed(*f.store, "", f.cancel).empty());
  assert_ok(f.store->read_marker(f.cancel).status());
}
GST_END_TEST

GST_START_TEST(a_marker_is_written_once) {
  auto place = frame_store_cases()[static_cast<size_t>(__i__)].make_place();
  Cancellation cancel;
  auto store = place->make();
  assert_ok(store->open(cancel));
  auto none = store->read_marker(cancel);
  ck_assert(none.is_ok() && !*none);
  StoreMarker marker{Uuid::random(), Uuid::random()};
  assert_ok(store->write_marker(marker, cancel));
  assert_code(store->write_marker({Uuid::random(), Uuid::random()}, cancel), Code::kAlreadyExists);
  for (auto &reader : {store, place->make()}) {
    assert_ok(reader->open(cancel));
    auto read = reader->read_marker(cancel);
    ck_assert(read.is_ok() && *read);
    ck_assert((*read)->frame_store == marker.frame_store);
    ck_assert((*read)->metadata_store == marker.metadata_store);
  }
  ck_assert(listed(*store, "", cancel).empty());
}
GST_END_TEST

GST_START_TEST(of_processes_that_write_a_marker_one_wins) {
  constexpr int kProcesses = 6;
  auto place = frame_store_cases()[static_cast<size_t>(__i__)].make_place();
  if (!place->shared_by_processes() || !place->decides_races()) return;
  int go[2], out[2];
  ck_assert(pipe(go) == 0 && pipe(out) == 0);
  std::vector<pid_t> children;
  for (int c = 0; c < kProcesses; c++) {
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    close(go[1]);
    Cancellation cancel;
    auto store = place->make();
    char byte;
    ssize_t ended = read(go[0], &byte, 1);  // until the parent closes its end
    StoreMarker mine{Uuid::random(), Uuid::random()};
    bool ok = ended == 0 && store->open(cancel).is_ok();
    Status status = store->write_marker(mine, cancel);
    auto seen = store->read_marker(cancel);
    ok = ok && (status.is_ok() || status.is(Code::kAlreadyExists)) && seen.is_ok() && *seen;
    ok = ok && (*seen)->frame_store.is_nil() == false &&
         ((*seen)->frame_store == mine.frame_store) == status.is_ok();
    if (ok) ok = write(out[1], (*seen)->frame_store.bytes.data(), 16) == 16;
    _exit(ok ? 0 : 1);
  }
  close(go[0]);
  close(go[1]);
  for (pid_t child : children) {
    int status = 1;
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
  }
  Uuid first, next;
  ck_assert(read(out[0], first.bytes.data(), 16) == 16);
  for (int c = 1; c < kProcesses; c++) {
    ck_assert(read(out[0], next.bytes.data(), 16) == 16);
    ck_assert(next == first);
  }
  close(out[0]);
  close(out[1]);
}
GST_END_TEST

GST_START_TEST(g02_a_killed_put_leaves_nothing_half_there) {
  Fixture f(__i__);
  if (!f.place->shared_by_processes()) return;
  std::mt19937 random(__i__ + 1);
  for (int round = 0; round < 12; round++) {
    int out[2];
    ck_assert(pipe(out) == 0);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
      close(out[0]);
      auto store = f.place->make();
      if (!store->open(f.cancel).is_ok()) _exit(1);
      for (unsigned char i = 0; i < 50; i++) {
        std::string name = "r" + std::to_string(round) + "/" + std::to_string(i);
        if (!put(*store, name, pattern(600000, i), f.cancel).is_ok()) _exit(1);
        if (write(out[1], &i, 1) != 1) _exit(1);
      }
      _exit(0);
    }
    close(out[1]);
    unsigned char told = 0, until = static_cast<unsigned char>(random() % 4);
    while (read(out[0], &told, 1) == 1 && told < until) {
    }
    kill(child, SIGKILL);  // somewhere in the next put
    int status;
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert(WIFSIGNALED(status) || told == 49);
    while (read(out[0], &told, 1) == 1) {  // what it said before it died counts
    }
    close(out[0]);
    auto store = f.open();
    for (unsigned i = 0; i <= told; i++) {
      auto back = whole(*store, "r" + std::to_string(round) + "/" + std::to_string(i), f.cancel);
      assert_ok(back.status());
      ck_assert(*back == pattern(600000, i));
    }
    for (const std::string &name : listed(*store, "r" + std::to_string(round) + "/", f.cancel)) {
      unsigned i = static_cast<unsigned>(std::stoul(name.substr(name.find('/') + 1)));
      ck_assert(*whole(*store, name, f.cancel) == pattern(600000, i));
    }
  }
}
GST_END_TEST

GST_START_TEST(g40_a_store_that_went_away_is_unavailable) {
  Fixture f(__i__);
  assert_ok(put(*f.store, "job/frames/a", pattern(10, 12), f.cancel));
  if (!f.place->hide()) return;
  for (auto &store : {f.store, f.place->make()}) {
    Bytes out(1);
    assert_code(store->get("job/frames/b", 0, out, f.cancel), Code::kUnavailable);
    assert_code(store->stat("job/frames/a", f.cancel).status(), Code::kUnavailable);
    assert_code(store->list(
                    "", [](const ObjectInfo &) { return true; }, f.cancel),
                Code::kUnavailable);
    assert_code(store->remove("job/frames/a", f.cancel), Code::kUnavailable);
    assert_code(put(*store, "job/frames/c", out, f.cancel), Code::kUnavailable);
  }
  f.place->show();
  ck_assert(*whole(*f.store, "job/frames/a", f.cancel) == pattern(10, 12));
  ck_assert(listed(*f.store, "", f.cancel) == std::set<std::string>{"job/frames/a"});
}
GST_END_TEST

GST_START_TEST(g40_a_store_that_was_replaced_is_unavailable) {
  Fixture f(__i__), other(__i__);
  assert_ok(put(*f.store, "job/frames/a", pattern(10, 13), f.cancel));
  assert_ok(put(*other.store, "job/frames/theirs", pattern(10, 14), f.cancel));
  Bytes out(1);
  if (!f.place->replace_by(*other.place)) return;
  assert_code(f.store->get("job/frames/b", 0, out, f.cancel), Code::kUnavailable);
  assert_code(f.store->stat("job/frames/a", f.cancel).status(), Code::kUnavailable);
  assert_code(f.store->remove("job/frames/theirs", f.cancel), Code::kUnavailable);
  assert_code(f.store->list(
                  "", [](const ObjectInfo &) { return true; }, f.cancel),
              Code::kUnavailable);
  assert_code(put(*f.store, "job/frames/c", out, f.cancel), Code::kUnavailable);
  // The caller who reads the marker anew has decided that it is the right one now.
  auto marker = f.store->read_marker(f.cancel);
  ck_assert(marker.is_ok() && *marker && (*marker)->frame_store == other.marker.frame_store);
  ck_assert(*whole(*f.store, "job/frames/theirs", f.cancel) == pattern(10, 14));
}
GST_END_TEST

void checkpoint::add_frame_store_suite(TCase *tc) {
  int n = static_cast<int>(frame_store_cases().size());
  tcase_add_loop_test(tc, an_object_comes_back_as_it_was_put, 0, n);
  tcase_add_loop_test(tc, an_object_may_be_empty_or_have_thousands_of_parts, 0, n);
  tcase_add_loop_test(tc, an_object_may_be_large, 0, n);
  tcase_add_loop_test(tc, g10_a_get_is_whole_or_fails, 0, n);
  tcase_add_loop_test(tc, g11_what_is_not_there_is_missing, 0, n);
  tcase_add_loop_test(tc, a_name_is_taken_once, 0, n);
  tcase_add_loop_test(tc, of_threads_that_put_one_name_one_wins, 0, n);
  tcase_add_loop_test(tc, calls_run_side_by_side, 0, n);
  tcase_add_loop_test(tc, a_listing_is_of_names_that_begin_so, 0, n);
  tcase_add_loop_test(tc, what_is_removed_is_gone, 0, n);
  tcase_add_loop_test(tc, g28_a_cancelled_call_ends_and_does_nothing, 0, n);
  tcase_add_loop_test(tc, g35_names_of_all_kinds_are_stored, 0, n);
  tcase_add_loop_test(tc, g35_no_name_leaves_the_store, 0, n);
  tcase_add_loop_test(tc, a_marker_is_written_once, 0, n);
  tcase_add_loop_test(tc, of_processes_that_write_a_marker_one_wins, 0, n);
  tcase_add_loop_test(tc, g02_a_killed_put_leaves_nothing_half_there, 0, n);
  tcase_add_loop_test(tc, g40_a_store_that_went_away_is_unavailable, 0, n);
  tcase_add_loop_test(tc, g40_a_store_that_was_replaced_is_unavailable, 0, n);
}
