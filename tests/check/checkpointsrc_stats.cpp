// SPDX-License-Identifier: LGPL-2.1-or-later
// What checkpointsrc counts, and says while a store tries again.
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "support/check.h"
#include "support/gate.h"
#include "support/source_run.h"

using namespace checkpoint;

namespace {
uint64_t read_stat(GstElement *source, const char *name) {
  GstStructure *stats = nullptr;
  g_object_get(source, "stats", &stats, nullptr);
  guint64 value = 0;
  ck_assert(gst_structure_get_uint64(stats, name, &value));
  gst_structure_free(stats);
  return value;
}
}  // namespace

GST_START_TEST(what_a_store_tries_again_by_itself_is_told_at_once) {
  for (const bool connecting : {true, false}) {
    SourcePlace place;
    make_source_frames(place, 30);
    auto gate = std::make_shared<Gate>();
    place.frames()->before(connecting ? "open" : "get",
                           [gate](const FrameStoreCall &call, Cancellation &cancel) {
                             if (call.number > 1) return Status::ok();
                             for (int i = 0; i < 3; i++)
                               cancel.retried(Status(Code::kUnavailable, "the server said 503"));
                             return gate->pass(cancel);
                           });
    std::vector<uint64_t> all(30);
    std::iota(all.begin(), all.end(), 0);
    SourceRun run(place.make_source());
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    // While it is still being tried.
    GstMessage *message = run.wait_for(GST_MESSAGE_WARNING);
    GError *error = nullptr;
    gst_message_parse_warning(message, &error, nullptr);
    ck_assert(std::strstr(error->message, "the server said 503") != nullptr);
    g_clear_error(&error);
    gst_message_unref(message);
    gate->open();
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == all);
    ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
    ck_assert(run.take_messages(GST_MESSAGE_WARNING).empty());
    const uint64_t gets = read_stat(run.source(), "gets");
    ck_assert_uint_gt(gets, 0);
    gst_element_set_state(run.pipeline(), GST_STATE_READY);
    ck_assert_uint_eq(read_stat(run.source(), "retries"), 3);
    ck_assert_uint_eq(read_stat(run.source(), "gets"), gets);
    ck_assert_uint_ge(read_stat(run.source(), "rows"), 30);
    ck_assert_uint_ge(read_stat(run.source(), "bytes"), 30 * kFrameBytes);
  }
}
GST_END_TEST

static Suite *checkpointsrc_stats_suite() {
  Suite *suite = suite_create("checkpointsrc_stats");
  TCase *tc = tcase_create("stats");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, what_a_store_tries_again_by_itself_is_told_at_once);
  return suite;
}
GST_CHECK_MAIN(checkpointsrc_stats);
