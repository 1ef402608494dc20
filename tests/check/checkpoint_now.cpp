// SPDX-License-Identifier: LGPL-2.1-or-later
// The action signal checkpoint-now: what was taken before it is durable when its token comes back.
#include "support/check.h"
#include "support/gate.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

// Nothing is made durable unless somebody asks.
constexpr const char *kPatient = "job-id=j stage=s commit-interval=3600000";

guint64 checkpoint_now(const FedSink &sink) {
  guint64 token = 0;
  g_signal_emit_by_name(sink.element(), "checkpoint-now", &token);
  return token;
}

// The commit message that covers the token.
GstMessage *wait_for_token(FedSink &sink, guint64 token) {
  for (;;) {
    GstMessage *message = sink.wait_for("gst-checkpoint-commit");
    if (uint64_field(message, "token") >= token) return message;
    gst_message_unref(message);
  }
}

}  // namespace

GST_START_TEST(a_token_comes_back_when_all_before_it_is_durable) {
  SinkPlace place;
  FedSink sink(place.stores(), kPatient);
  for (guint64 i = 0; i < 3; i++) ck_assert_int_eq(sink.push(i, 1), GST_FLOW_OK);
  const guint64 first = checkpoint_now(sink);
  ck_assert_uint_gt(first, 0);
  GstMessage *commit = wait_for_token(sink, first);
  ck_assert_uint_eq(uint64_field(commit, "frames"), 3);
  const guint64 commit_no = uint64_field(commit, "commit-no");
  gst_message_unref(commit);
  EQUAL(place.value("SELECT count(*) FROM frame"), "3");

  // What is durable already is told at once, and no commit is made for it.
  const guint64 second = checkpoint_now(sink);
  ck_assert_uint_gt(second, first);
  commit = wait_for_token(sink, second);
  ck_assert_uint_eq(uint64_field(commit, "commit-no"), commit_no);
  gst_message_unref(commit);

  // An event behind the last frame counts too.
  ck_assert(sink.send(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "a title", nullptr))));
  commit = wait_for_token(sink, checkpoint_now(sink));
  ck_assert_uint_eq(uint64_field(commit, "frames"), 3);
  gst_message_unref(commit);
  EQUAL(place.value("SELECT idx FROM event WHERE type = 'tag'"), "3");

  ck_assert_int_eq(sink.push(3, 2), GST_FLOW_OK);
  ck_assert(sink.send(gst_event_new_eos()));
  ck_assert_uint_eq(checkpoint_now(sink), 0);
  EQUAL(place.value("SELECT state || frames FROM checkpoint"), "complete4");
  EQUAL(place.value("SELECT count(*) FROM event WHERE type = 'tag'"), "1");
}
GST_END_TEST

GST_START_TEST(the_commit_that_ends_the_checkpoint_covers_every_token) {
  SinkPlace place;
  Gate gate;
  place.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  FedSink sink(place.faulty_stores(), kPatient);
  ck_assert_int_eq(sink.push(0, 1), GST_FLOW_OK);
  const guint64 first = checkpoint_now(sink);
  gate.wait_for_arrivals(1);
  ck_assert_int_eq(sink.push(1, 2), GST_FLOW_OK);
  const guint64 second = checkpoint_now(sink);
  ck_assert_uint_gt(second, first);
  gate.open();
  ck_assert(sink.send(gst_event_new_eos()));
  GstMessage *complete = sink.wait_for("gst-checkpoint-complete");
  ck_assert_uint_eq(uint64_field(complete, "token"), second);
  gst_message_unref(complete);
}
GST_END_TEST

GST_START_TEST(no_token_where_nothing_is_written) {
  SinkPlace place;
  GstElement *idle = parse_line("checkpointsink job-id=j stage=s" + place.stores());
  guint64 token = 1;
  g_signal_emit_by_name(idle, "checkpoint-now", &token);
  ck_assert_uint_eq(token, 0);
  gst_object_unref(idle);

  // Before the first data there is nothing to cover: the checkpoint's first commit tells.
  FedSink sink(place.stores(), kPatient);
  token = checkpoint_now(sink);
  ck_assert_uint_gt(token, 0);
  ck_assert_int_eq(sink.push(0, 1), GST_FLOW_OK);
  gst_message_unref(wait_for_token(sink, token));
}
GST_END_TEST

static Suite *checkpoint_now_suite() {
  Suite *suite = suite_create("checkpoint_now");
  TCase *tc = tcase_create("checkpoint_now");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_token_comes_back_when_all_before_it_is_durable);
  tcase_add_test(tc, the_commit_that_ends_the_checkpoint_covers_every_token);
  tcase_add_test(tc, no_token_where_nothing_is_written);
  return suite;
}
GST_CHECK_MAIN(checkpoint_now);
