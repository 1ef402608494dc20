// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsrc: what select and filtered play, and how that is sought.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "support/gate.h"
#include "support/source_run.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

using Indexes = std::vector<uint64_t>;

constexpr auto kSet = GST_SEEK_TYPE_SET;
constexpr auto kKeep = GST_SEEK_TYPE_NONE;
constexpr auto kTime = GST_FORMAT_TIME;
constexpr auto kIndex = GST_FORMAT_DEFAULT;

int64_t time_of(uint64_t index) { return static_cast<int64_t>(index * kFrameTime); }

void add_segment(CheckpointMaker &maker) {
  GstSegment segment;
  gst_segment_init(&segment, kTime);
  add_stored_event(maker, gst_event_new_segment(&segment));
}

// `count` frames; every tenth has a face, whose confidence is its index in thousandths, and
// every 25th is track 3.
CheckpointRow make_detections(const SourcePlace &place, uint64_t count) {
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  add_segment(maker);
  for (uint64_t i = 0; i < count; i++) {
    MadeFrame frame = source_frame(i);
    if (i % 10 == 0) {
      DetectionRow face;
      face.label = "face";
      face.confidence = static_cast<double>(i) / 1000;
      frame.detections.push_back(face);
    }
    if (i % 25 == 0) {
      DetectionRow car;
      car.label = "car";
      car.track = 3;
      frame.detections.push_back(car);
    }
    maker.add_frame(frame);
    if (i % 100 == 99) maker.commit();
  }
  return maker.complete();
}

Indexes every(uint64_t step, uint64_t first, uint64_t end) {
  Indexes all;
  for (uint64_t i = first; i < end; i += step) all.push_back(i);
  return all;
}

GstElement *selecting(const SourcePlace &place, const char *select) {
  GstElement *source = place.make_source();
  g_object_set(source, "select", select, nullptr);
  return source;
}

std::vector<Passed> play_from(SourceRun &run, double rate, GstFormat format, int64_t start,
                              int64_t stop) {
  run.take();
  ck_assert(run.seek(rate, format, GST_SEEK_FLAG_FLUSH, kSet, start, kSet, stop));
  gst_message_unref(run.wait_for(GST_MESSAGE_EOS));
  return run.take();
}

// Which buffers say that something is missing before them.
Indexes disconts(const std::vector<Passed> &passed) {
  Indexes found;
  for (const Passed &one : passed)
    if (one.buffer && GST_BUFFER_FLAG_IS_SET(one.buffer.get(), GST_BUFFER_FLAG_DISCONT))
      found.push_back(SourceRun::index_of(one.buffer.get()));
  return found;
}

std::vector<GstSegment> segments(const std::vector<Passed> &passed) {
  std::vector<GstSegment> found;
  for (const Passed &one : passed) {
    if (!one.event || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_SEGMENT) continue;
    gst_event_copy_segment(one.event.get(), &found.emplace_back());
  }
  return found;
}

// The one message of that type, whose text holds this.
void must_say(SourceRun &run, GstMessageType type, const char *text) {
  auto messages = run.take_messages(type);
  ck_assert_uint_eq(messages.size(), 1);
  GError *error = nullptr;
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error(messages[0], &error, nullptr);
  else
    gst_message_parse_warning(messages[0], &error, nullptr);
  ck_assert_msg(std::strstr(error->message, text), "%s", error->message);
  g_error_free(error);
  gst_message_unref(messages[0]);
}

}  // namespace

GST_START_TEST(g27_select_plays_the_frames_that_match) {
  SourcePlace place;
  make_detections(place, 300);
  const auto played = [&](const char *select, unsigned before, unsigned after, bool filtered) {
    GstElement *source = selecting(place, select);
    g_object_set(source, "select-before", before, "select-after", after, "filtered", filtered,
                 nullptr);
    SourceRun run(source);
    run.play_to_end();
    const auto passed = run.take();
    ck_assert_uint_eq(segments(passed).size(), 1);
    return SourceRun::indexes(passed);
  };
  ck_assert(played("label = 'face'", 0, 0, false) == every(10, 0, 300));
  ck_assert(played("label = 'face' and confidence > 0.25", 0, 0, false) == every(10, 260, 300));
  ck_assert(played("label = 'face' and confidence > 0.28 or track = 3 and index < 60", 0, 0,
                   false) == (Indexes{0, 25, 50, 290}));
  ck_assert(played("time >= 11.6", 0, 0, false) == every(1, 290, 300));
  ck_assert(played("index in (3, 299)", 1, 2, true) == (Indexes{2, 3, 4, 5, 298, 299}));
}
GST_END_TEST

GST_START_TEST(g25_a_selection_is_sought) {
  SourcePlace place;
  make_detections(place, 300);
  SourceRun run(selecting(place, "label = 'face' and index > 35"));
  g_object_set(run.source(), "select-after", 1u, nullptr);
  run.play_to_end();
  auto passed = run.take();
  Indexes all;
  for (uint64_t i : every(10, 40, 300)) {
    all.push_back(i);
    all.push_back(i + 1);
  }
  ck_assert(SourceRun::indexes(passed) == all);
  // A jump over frames is told, and running time goes with the frames' times from the first on.
  ck_assert(disconts(passed) == every(10, 40, 300));
  ck_assert_uint_eq(segments(passed)[0].start, 40 * kFrameTime);
  ck_assert_uint_eq(segments(passed)[0].stop, 292 * kFrameTime);

  gint64 value = 0;
  ck_assert(gst_element_query_duration(run.source(), kTime, &value));
  ck_assert_int_eq(value, time_of(292));
  ck_assert(gst_element_query_duration(run.source(), kIndex, &value));
  ck_assert_int_eq(value, 292);
  ck_assert(gst_element_query_position(run.source(), kIndex, &value));
  ck_assert_int_eq(value, 292);

  const auto found = [&](double rate, GstFormat format, int64_t start, int64_t stop) {
    return SourceRun::indexes(play_from(run, rate, format, start, stop));
  };
  // To a frame that is selected, or to where it is not: from the next one on.
  ck_assert(found(1.0, kTime, time_of(70), time_of(90)) == (Indexes{70, 71, 80, 81}));
  ck_assert(found(1.0, kTime, time_of(71) + 5, time_of(81)) == (Indexes{71, 80}));
  ck_assert(found(1.0, kTime, time_of(72), time_of(80)).empty());
  ck_assert(found(1.0, kTime, 0, time_of(50)) == (Indexes{40, 41}));
  ck_assert(found(1.0, kIndex, 95, 112) == (Indexes{100, 101, 110, 111}));
  ck_assert(found(1.0, kIndex, 101, 102) == (Indexes{101}));
  ck_assert(found(-1.0, kTime, time_of(70), time_of(91)) == (Indexes{90, 81, 80, 71, 70}));
  ck_assert(found(-1.0, kTime, 0, time_of(55)) == (Indexes{51, 50, 41, 40}));
  ck_assert(found(-1.0, kIndex, 60, 82) == (Indexes{81, 80, 71, 70, 61, 60}));
  ck_assert(found(-2.0, kIndex, 280, -1) == (Indexes{291, 290, 281, 280}));
  ck_assert(found(1.0, kTime, time_of(292), -1).empty());
}
GST_END_TEST

GST_START_TEST(g27_a_selection_within_a_range_and_again) {
  SourcePlace place;
  make_detections(place, 100);
  {
    GstElement *source = selecting(place, "label = 'face'");
    g_object_set(source, "select-before", 2u, "start-index", gint64{19}, "stop-index", gint64{40},
                 nullptr);
    SourceRun run(source);
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == (Indexes{19, 20, 28, 29, 30, 38, 39}));
  }
  {
    GstElement *source = selecting(place, "label = 'car'");
    g_object_set(source, "loop", TRUE, "num-buffers", 7, nullptr);
    SourceRun run(source);
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == (Indexes{0, 25, 50, 75, 0, 25, 50}));
  }
  {
    SourceRun run(selecting(place, "label = 'nobody'"));
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()).empty());
    must_say(run, GST_MESSAGE_WARNING, "No frame matches select");
  }
}
GST_END_TEST

GST_START_TEST(g26_the_first_selected_frame_reads_little) {
  SourcePlace place;
  make_detections(place, 3000);
  SourceRun run(selecting(place, "label = 'face'"));
  g_object_set(run.source(), "read-ahead", guint64{4 * kFrameBytes}, nullptr);
  run.set_state(GST_STATE_PAUSED);
  // One page of matches more than what tells the range.
  ck_assert_uint_le(place.metadata()->calls("find_matches"), 4);
  ck_assert_uint_le(place.metadata()->calls("find_frames"), 4);
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == every(10, 0, 3000));
}
GST_END_TEST

// A stage that kept every third frame, run from one that kept the even ones of the first; the list
// is of both and of the first.
GST_START_TEST(g27_filtered_plays_the_list) {
  SourcePlace place;
  const CheckpointRow decode = make_detections(place, 100);
  CheckpointMaker even(place.stores(), "job", "even", {}, false, decode.id);
  even.add_caps(
      "video/x-raw, format=(string)GRAY8, width=(int)32, height=(int)8, "
      "framerate=(fraction)25/1");
  add_segment(even);
  for (uint64_t i = 0; i < 100; i += 2) {
    MadeFrame frame = source_frame(i);
    frame.sequence = i;
    even.add_frame(frame);
  }
  const CheckpointRow even_row = even.complete();
  const Indexes list{0, 1, 2, 3, 30, 31, 32, 60, 20, 20};
  CheckpointMaker maker(place.stores(), "job", "detect", {}, false, even_row.id, list);
  maker.add_caps(kFrameCaps);
  add_segment(maker);
  for (uint64_t i = 0; i < 100; i += 3) {
    MadeFrame frame = source_frame(i);
    frame.sequence = i;
    frame.flags = i == 0 ? 0 : GST_BUFFER_FLAG_MARKER;
    maker.add_frame(frame);
  }
  maker.complete();

  GstElement *source = place.make_source();
  g_object_set(source, "stage", "detect", "filtered", TRUE, nullptr);
  SourceRun run(source);
  run.play_to_end();
  auto passed = run.take();
  ck_assert(SourceRun::indexes(passed) == list);
  ck_assert_uint_eq(segments(passed).size(), 1);
  ck_assert(disconts(passed) == (Indexes{0, 30, 60, 20, 20}));
  // Each as its checkpoint has it.
  int width = 0;
  for (const Passed &one : passed) {
    if (one.event && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_CAPS) {
      GstCaps *caps = nullptr;
      gst_event_parse_caps(one.event.get(), &caps);
      gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width);
    }
    if (!one.buffer) continue;
    const uint64_t i = SourceRun::index_of(one.buffer.get());
    ck_assert_int_eq(width, i % 3 == 0 || i % 2 == 1 ? 16 : 32);
    ck_assert(GST_BUFFER_FLAG_IS_SET(one.buffer.get(), GST_BUFFER_FLAG_MARKER) ==
              (i % 3 == 0 && i != 0));
  }
  // Its places are those of the list.
  gint64 value = 0;
  ck_assert(gst_element_query_duration(run.source(), kIndex, &value));
  ck_assert_int_eq(value, 10);
  ck_assert(SourceRun::indexes(play_from(run, 1.0, kIndex, 4, 7)) == (Indexes{30, 31, 32}));
  ck_assert(SourceRun::indexes(play_from(run, -1.0, kIndex, 4, 7)) == (Indexes{32, 31, 30}));
  ck_assert(SourceRun::indexes(play_from(run, 1.0, kTime, time_of(31), time_of(60))) ==
            (Indexes{31, 32}));
  // Nothing is shown then, and what comes next in time is at the end of the list.
  ck_assert(SourceRun::indexes(play_from(run, 1.0, kTime, time_of(10), time_of(32))) ==
            (Indexes{20, 20}));
  gst_element_set_state(run.pipeline(), GST_STATE_NULL);
  g_object_set(run.source(), "select", "label = 'face'", "select-after", 1u, nullptr);
  run.take();
  run.play_to_end();
  // 20 is taken from the stage between, which has no faces; so are 0 and 30 from the last one.
  ck_assert(SourceRun::indexes(run.take()).empty());
  gst_element_set_state(run.pipeline(), GST_STATE_NULL);
  g_object_set(run.source(), "select", "time > 1.2 or track = 9", nullptr);
  run.take();
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == (Indexes{31, 32, 60, 20}));
}
GST_END_TEST

GST_START_TEST(g27_a_frame_of_the_list_that_is_nowhere) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage", {}, false, {}, Indexes{0, 9, 1, 8, 2});
  maker.add_caps(kFrameCaps);
  add_segment(maker);
  for (uint64_t i = 0; i < 3; i++) maker.add_frame(source_frame(i));
  const CheckpointRow row = maker.complete();
  for (bool skip : {false, true}) {
    GstElement *source = place.make_source();
    g_object_set(source, "filtered", TRUE, nullptr);
    if (skip) gst_util_set_object_arg(G_OBJECT(source), "on-missing", "skip");
    SourceRun run(source);
    if (skip) {
      run.play_to_end();
      const auto passed = run.take();
      ck_assert(SourceRun::indexes(passed) == (Indexes{0, 1, 2}));
      ck_assert(disconts(passed) == (Indexes{0, 1, 2}));
      auto warnings = run.take_messages(GST_MESSAGE_WARNING);
      ck_assert_uint_eq(warnings.size(), 2);
      for (GstMessage *message : warnings) gst_message_unref(message);
      continue;
    }
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    GstMessage *message = run.wait_for(GST_MESSAGE_ERROR);
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    ck_assert(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
    ck_assert(std::strstr(error->message, "sequence 9"));
    ck_assert(std::strstr(error->message, row.id.to_string().c_str()));
    g_error_free(error);
    gst_message_unref(message);
    ck_assert(SourceRun::indexes(run.take()) == (Indexes{0}));
  }
}
GST_END_TEST

GST_START_TEST(g27_a_wrong_expression_is_pointed_at) {
  SourcePlace place;
  make_source_frames(place, 3);
  SourceRun run(selecting(place, "label = 'face' and konfidence > 0.5"));
  ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
  must_say(run, GST_MESSAGE_ERROR, "column 20: there is no field 'konfidence'");
  gst_element_set_state(run.pipeline(), GST_STATE_NULL);

  GError *error = nullptr;
  ck_assert(!gst_uri_handler_set_uri(GST_URI_HANDLER(run.source()),
                                     "checkpoint://job/stage?select=label%3Dface", &error));
  ck_assert(g_error_matches(error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
  ck_assert_msg(std::strstr(error->message, "column 7"), "%s", error->message);
  g_clear_error(&error);
  ck_assert(gst_uri_handler_set_uri(
      GST_URI_HANDLER(run.source()),
      "checkpoint://job/stage?select=index%3D1&select-after=4&filtered=true", &error));
  gchar *select = nullptr;
  guint before = 9, after = 0;
  gboolean filtered = FALSE;
  g_object_get(run.source(), "select", &select, "select-before", &before, "select-after", &after,
               "filtered", &filtered, nullptr);
  ck_assert_str_eq(select, "index=1");
  ck_assert(before == 0 && after == 4 && filtered);
  g_free(select);
  gchar *uri = gst_uri_handler_get_uri(GST_URI_HANDLER(run.source()));
  ck_assert_str_eq(uri, "checkpoint://job/stage?select=index%3D1&select-after=4&filtered=true");
  g_free(uri);
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == (Indexes{1, 2}));
}
GST_END_TEST

GST_START_TEST(g28_stopping_while_a_selection_is_looked_for) {
  SourcePlace place;
  make_detections(place, 300);
  for (const char *call : {"find_matches", "find_frames"}) {
    auto gate = std::make_shared<Gate>();
    place.metadata()->before(call, [gate](Cancellation &c) { return gate->pass(c); });
    for (GstState state : {GST_STATE_NULL, GST_STATE_READY}) {
      SourceRun run(selecting(place, "label = 'face' and index != 20"));
      ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_ASYNC);
      gate->wait_for_arrivals();
      ck_assert(gst_element_set_state(run.pipeline(), state) == GST_STATE_CHANGE_SUCCESS);
      ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
    }
    place.metadata()->before(call, {});
    gate->open();
  }
}
GST_END_TEST

static Suite *checkpointsrc_select_suite() {
  Suite *suite = suite_create("checkpointsrc_select");
  TCase *tc = tcase_create("checkpointsrc_select");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g27_select_plays_the_frames_that_match);
  tcase_add_test(tc, g25_a_selection_is_sought);
  tcase_add_test(tc, g27_a_selection_within_a_range_and_again);
  tcase_add_test(tc, g26_the_first_selected_frame_reads_little);
  tcase_add_test(tc, g27_filtered_plays_the_list);
  tcase_add_test(tc, g27_a_frame_of_the_list_that_is_nowhere);
  tcase_add_test(tc, g27_a_wrong_expression_is_pointed_at);
  tcase_add_test(tc, g28_stopping_while_a_selection_is_looked_for);
  return suite;
}
GST_CHECK_MAIN(checkpointsrc_select);
