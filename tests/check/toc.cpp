// SPDX-License-Identifier: LGPL-2.1-or-later
// Tables of contents as stored events.
#include <gst/gst.h>

#include <random>
#include <string>

#include "elements/event_codec.h"
#include "support/check.h"
#include "support/leak_pause.h"
#include "support/random_content.h"

using namespace checkpoint;

namespace {

EventPtr through_the_store(GstEvent *event) {
  auto stored = encode_event(event);
  ck_assert_msg(stored.is_ok() && stored->has_value(), "%s", stored.status().message().c_str());
  auto back = decode_event((*stored)->type, (*stored)->body);
  ck_assert_msg(back.is_ok(), "%s", back.status().message().c_str());
  return std::move(back).value();
}

void must_be_same(GList *a, GList *b) {
  ck_assert_uint_eq(g_list_length(a), g_list_length(b));
  for (; a; a = a->next, b = b->next) {
    auto *x = static_cast<GstTocEntry *>(a->data), *y = static_cast<GstTocEntry *>(b->data);
    ck_assert_int_eq(gst_toc_entry_get_entry_type(x), gst_toc_entry_get_entry_type(y));
    ck_assert_str_eq(gst_toc_entry_get_uid(x), gst_toc_entry_get_uid(y));
    gint64 from[2] = {}, to[2] = {};
    ck_assert_int_eq(gst_toc_entry_get_start_stop_times(x, &from[0], &to[0]),
                     gst_toc_entry_get_start_stop_times(y, &from[1], &to[1]));
    ck_assert(from[0] == from[1] && to[0] == to[1]);
    GstTocLoopType loops[2] = {};
    gint repeats[2] = {};
    gst_toc_entry_get_loop(x, &loops[0], &repeats[0]);
    gst_toc_entry_get_loop(y, &loops[1], &repeats[1]);
    ck_assert(loops[0] == loops[1] && repeats[0] == repeats[1]);
    GstTagList *p = gst_toc_entry_get_tags(x), *q = gst_toc_entry_get_tags(y);
    ck_assert(p && q ? gst_tag_list_is_equal(p, q) : p == q);
    must_be_same(gst_toc_entry_get_sub_entries(x), gst_toc_entry_get_sub_entries(y));
  }
}

}  // namespace

GST_START_TEST(g13_tables_of_contents_come_back) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    EventPtr sent(RandomContent(seed).toc_event());
    EventPtr back = through_the_store(sent.get());
    GstToc *a = nullptr, *b = nullptr;
    gboolean updated[2] = {};
    gst_event_parse_toc(sent.get(), &a, &updated[0]);
    gst_event_parse_toc(back.get(), &b, &updated[1]);
    ck_assert_int_eq(updated[0], updated[1]);
    ck_assert_int_eq(gst_toc_get_scope(a), gst_toc_get_scope(b));
    GstTagList *p = gst_toc_get_tags(a), *q = gst_toc_get_tags(b);
    ck_assert(p && q ? gst_tag_list_is_equal(p, q) : p == q);
    must_be_same(gst_toc_get_entries(a), gst_toc_get_entries(b));
    gst_toc_unref(a);
    gst_toc_unref(b);
  }
}
GST_END_TEST

GST_START_TEST(g34_any_bytes_for_tables_of_contents) {
  LeakPause pause;
  std::mt19937 rng(7);
  for (int i = 0; i < 10000; i++) {
    EventPtr event(RandomContent(static_cast<uint64_t>(i % 50)).toc_event());
    StoredEvent stored = **encode_event(event.get());
    for (size_t k = 1 + rng() % 3; k > 0; k--)
      stored.body[rng() % stored.body.size()] = static_cast<std::byte>(rng());
    if (rng() % 4 == 0) stored.body.resize(rng() % (stored.body.size() + 1));
    auto back = decode_event(stored.type, stored.body);
    if (back.is_ok()) ck_assert_int_eq(GST_EVENT_TYPE(back->get()), GST_EVENT_TOC);
  }
}
GST_END_TEST

static Suite *toc_suite() {
  Suite *suite = suite_create("toc");
  TCase *tc = tcase_create("toc");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_tables_of_contents_come_back);
  tcase_add_test(tc, g34_any_bytes_for_tables_of_contents);
  return suite;
}
GST_CHECK_MAIN(toc);
