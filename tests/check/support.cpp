// SPDX-License-Identifier: LGPL-2.1-or-later
#include <array>
#include <thread>

#include "backends/memory/memory_store.h"
#include "store/object_name.h"
#include "support/check.h"
#include "support/faulty_frame_store.h"
#include "support/gate.h"

using namespace checkpoint;

static Status put(FrameStore &store, const std::string &name, std::string_view text,
                  Cancellation &cancel) {
  std::array<ByteView, 1> parts{as_bytes(text)};
  return store.put(name, parts, std::nullopt, cancel);
}

GST_START_TEST(faults_come_as_ordered) {
  FaultyFrameStore store(memory_frame_store("faults"));
  Cancellation cancel;
  store.fail_next("put", Status(Code::kNoSpace, "full"), 2);
  ck_assert(put(store, "a", "hello", cancel).is(Code::kNoSpace));
  ck_assert(put(store, "a", "hello", cancel).is(Code::kNoSpace));
  ck_assert(put(store, "a", "hello", cancel).is_ok());
  ck_assert_int_eq(store.calls("put"), 3);
  ck_assert_int_eq(store.bytes_put(), 5);

  Bytes out(3);
  ck_assert(store.get("a", 1, out, cancel).is_ok());
  ck_assert(as_text(out) == "ell");
  store.flip_byte("a", 2);
  ck_assert(store.get("a", 1, out, cancel).is_ok());
  ck_assert(out[0] == std::byte{'e'} && out[1] == (std::byte{'l'} ^ std::byte{0xff}));
  store.shorten("a", 3);
  ck_assert(store.get("a", 1, out, cancel).is(Code::kTruncated));
  ck_assert_int_eq(store.stat("a", cancel)->size, 3);

  store.set_down(true);
  ck_assert(store.get("a", 0, out, cancel).is(Code::kUnavailable));
  store.set_down(false);
  store.after("remove", [](const FrameStoreCall &, Cancellation &) {
    return Status(Code::kTimeout, "answer lost");
  });
  ck_assert(store.remove("a", cancel).is(Code::kTimeout));
  ck_assert(store.stat("a", cancel).status().is(Code::kMissing));

  Gate gate;
  store.before("put", [&](const FrameStoreCall &, Cancellation &c) { return gate.pass(c); });
  Status status;
  std::thread thread([&] { status = put(store, "b", "x", cancel); });
  gate.wait_for_arrivals();
  cancel.cancel();
  thread.join();
  ck_assert(status.is(Code::kCancelled));
}
GST_END_TEST

GST_START_TEST(markers_are_read_as_written) {
  StoreMarker marker{Uuid::random(), Uuid::random()};
  std::string json = marker_to_json(marker);
  auto back = marker_from_json(as_bytes(json), "x");
  ck_assert(back.is_ok());
  ck_assert(back->frame_store == marker.frame_store);
  ck_assert(back->metadata_store == marker.metadata_store);
}
GST_END_TEST

GST_START_TEST(g34_no_bytes_crash_the_marker_parser) {
  ck_assert(marker_from_json({}, "x").status().is(Code::kCorrupt));
  std::string json = marker_to_json({Uuid::random(), Uuid::random()});
  for (size_t n = 0; n + 2 < json.size(); n++)
    ck_assert(!marker_from_json(as_bytes(json.substr(0, n)), "x").is_ok());
  for (const char *bad : {"[]", "null", "{\"format\": 1}", "\xff", "{\"version\": 1}"})
    ck_assert(marker_from_json(as_bytes(bad), "x").status().is(Code::kCorrupt));
  size_t at = json.find(": 1,");
  ck_assert(
      marker_from_json(as_bytes(json.replace(at, 4, ": 2,")), "x").status().is(Code::kNewerSchema));
}
GST_END_TEST

static Suite *support_suite() {
  Suite *suite = suite_create("support");
  TCase *tc = tcase_create("support");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, faults_come_as_ordered);
  tcase_add_test(tc, markers_are_read_as_written);
  tcase_add_test(tc, g34_no_bytes_crash_the_marker_parser);
  return suite;
}
GST_CHECK_MAIN(support);
