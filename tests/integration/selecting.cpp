// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frames later stages hold and which of them are played, in pipelines on every pair of
// stores.
#include <gst/gst.h>
#include <gst/video/gstvideometa.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "support/check.h"
#include "support/checkpoint_maker.h"
#include "support/home.h"
#include "support/launch.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

using Numbers = std::vector<uint64_t>;

constexpr const char *kFilm =
    "videotestsrc num-buffers=60 ! video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! "
    "checkpointsink job-id=street stage=decode";

Numbers numbers(uint64_t first, uint64_t end, uint64_t step = 1) {
  Numbers all;
  for (uint64_t i = first; i < end; i += step) all.push_back(i);
  return all;
}

void must_be_good(const BusLog &log) {
  ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "%s%s",
                log.errors.empty() ? "" : log.errors[0].c_str(),
                log.warnings.empty() ? "" : log.warnings[0].c_str());
}

// Runs the line; what passes the element "at" goes through `change`, which may replace the buffer,
// and is dropped where that says so.
using Change = std::function<bool(GstBuffer *&buffer, uint64_t number)>;
struct Changing {
  Change change;
  uint64_t number = 0;
};
BusLog run_changed(const std::string &line, Change change, double rate = 1.0) {
  GstElement *pipeline = parse_line(line);
  Changing changing{std::move(change)};
  GstElement *at = gst_bin_get_by_name(GST_BIN(pipeline), "at");
  GstPad *pad = gst_element_get_static_pad(at, "src");
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad *, GstPadProbeInfo *info, gpointer data) {
        auto *c = static_cast<Changing *>(data);
        GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
        const bool keep = !c->change || c->change(buffer, c->number);
        c->number++;
        GST_PAD_PROBE_INFO_DATA(info) = buffer;
        return keep ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
      },
      &changing, nullptr);
  if (rate < 0) {
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    ck_assert_int_eq(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND),
                     GST_STATE_CHANGE_SUCCESS);
    ck_assert(gst_element_seek(pipeline, rate, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                               GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_END, 0));
  }
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  BusLog log = wait_for_end(pipeline);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pad);
  gst_object_unref(at);
  gst_object_unref(pipeline);
  return log;
}

// As an element that makes buffers of its own: pixels and times stay, metas don't.
bool make_anew(GstBuffer *&buffer) {
  GstBuffer *anew = gst_buffer_copy_region(
      buffer,
      static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS |
                                      GST_BUFFER_COPY_MEMORY),
      0, static_cast<gsize>(-1));
  gst_buffer_unref(buffer);
  buffer = anew;
  return true;
}

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

std::string json(const Numbers &list) {
  std::string text;
  for (uint64_t number : list) text += (text.empty() ? "" : ",") + std::to_string(number);
  return "[" + text + "]";
}

void must_hold(const Home &home, const std::string &stage, const Numbers &sequences) {
  const std::string found = without_spaces(
      home.value("SELECT filtered_frame_sequences FROM stage_checkpoints WHERE stage = '" + stage +
                 "' AND state = 'complete'"));
  ck_assert_msg(found == json(sequences), "%s: %s", stage.c_str(), found.c_str());
}

std::string stage_after(const std::string &source, const std::string &elements,
                        const std::string &stage) {
  return "checkpointsrc job-id=street " + source + " ! " + elements +
         " ! checkpointsink stage=" + stage;
}

}  // namespace

GST_START_TEST(g27_a_later_stage_says_which_frames_it_holds) {
  Home home;
  must_be_good(run_line(kFilm));
  must_hold(home, "decode", numbers(0, 60));
  for (bool anew : {false, true}) {
    const std::string suffix = anew ? "-anew" : "";
    const auto pass = [&](GstBuffer *&buffer) { return !anew || make_anew(buffer); };
    const auto thirds = [&](GstBuffer *&buffer, uint64_t number) {
      return number % 3 == 1 && pass(buffer);
    };
    must_be_good(
        run_changed(stage_after("stage=decode", "identity name=at", "thirds" + suffix), thirds));
    must_hold(home, "thirds" + suffix, numbers(1, 60, 3));
    // From a stage that left out frames, and in the other order.
    must_be_good(run_changed(
        stage_after("stage=thirds" + suffix, "identity name=at", "back" + suffix),
        [&](GstBuffer *&buffer, uint64_t) { return pass(buffer); }, -1.0));
    Numbers back = numbers(1, 60, 3);
    std::reverse(back.begin(), back.end());
    must_hold(home, "back" + suffix, back);
    must_be_good(run_changed(stage_after("stage=back" + suffix + " start-index=5 stop-index=9",
                                         "identity name=at", "some" + suffix),
                             [&](GstBuffer *&buffer, uint64_t) { return pass(buffer); }));
    must_hold(home, "some" + suffix, {43, 40, 37, 34});
  }
  // Frames that come twice are the frames that they are copies of.
  must_be_good(run_line(stage_after("stage=decode stop-index=10",
                                    "videorate ! video/x-raw,framerate=50/1", "double")));
  const std::string doubled = without_spaces(
      home.value("SELECT filtered_frame_sequences FROM stage_checkpoints WHERE stage = 'double'"));
  ck_assert_msg(doubled.starts_with("[0,0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9"), "%s",
                doubled.c_str());
}
GST_END_TEST

GST_START_TEST(g27_frames_that_are_none_of_the_parents_are_told) {
  Home home;
  must_be_good(run_line(kFilm));
  const BusLog log =
      run_changed(stage_after("stage=decode stop-index=6", "identity name=at", "moved"),
                  [](GstBuffer *&buffer, uint64_t number) {
                    make_anew(buffer);
                    if (number == 2) GST_BUFFER_PTS(buffer) += 1;
                    if (number == 4) GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
                    return true;
                  });
  ck_assert(log.eos && log.errors.empty());
  ck_assert_uint_eq(log.warnings.size(), 1);
  ck_assert_msg(log.warnings[0].find("2 frames none of them") != std::string::npos, "%s",
                log.warnings[0].c_str());
  must_hold(home, "moved", {0, 1, 60, 3, 61, 5});
}
GST_END_TEST

// Every fifth frame shows a face, the surer the later, and the same one from frame 30 on; every
// twelfth a car.
static void add_detections(GstBuffer *buffer, uint64_t number) {
  if (number % 5 == 0) {
    auto *face = gst_buffer_add_video_region_of_interest_meta(buffer, "face", 3, 4, 10, 12);
    gst_video_region_of_interest_meta_add_param(
        face, gst_structure_new("detection", "confidence", G_TYPE_DOUBLE,
                                static_cast<double>(number) / 100, nullptr));
    if (number >= 30)
      gst_video_region_of_interest_meta_add_param(
          face, gst_structure_new("object_id", "id", G_TYPE_INT, 7, nullptr));
  }
  if (number % 12 == 0)
    gst_video_region_of_interest_meta_add_param(
        gst_buffer_add_video_region_of_interest_meta(buffer, "car", 0, 0, 40, 20),
        gst_structure_new("detection", "label_id", G_TYPE_INT, 1, nullptr));
}

GST_START_TEST(g27_what_is_selected_goes_on_to_the_next_stage) {
  Home home;
  must_be_good(run_line(kFilm));
  must_be_good(run_changed(stage_after("stage=decode", "identity name=at", "detect"),
                           [](GstBuffer *&buffer, uint64_t number) {
                             buffer = gst_buffer_make_writable(buffer);
                             add_detections(buffer, number);
                             return true;
                           }));
  const struct {
    const char *select;
    Numbers sequences;
  } cases[] = {
      {"label = 'face'", numbers(0, 60, 5)},
      {"label = 'face' and confidence > 0.3", numbers(35, 60, 5)},
      {"label = 'face' and confidence > 0.5 or label = 'car'", {0, 12, 24, 36, 48, 55}},
      {"track = 7 and time < 1.64", {30, 35, 40}},
      {"area >= 800 and not index in (12, 24)", {0, 36, 48}},
      {"label not in ('face', 'car')", {}},
  };
  int n = 0;
  for (const auto &one : cases) {
    const std::string stage = "picked-" + std::to_string(n++);
    const BusLog log = run_line(
        stage_after("stage=detect select=\"" + std::string(one.select) + "\"", "identity", stage));
    ck_assert(log.eos && log.errors.empty() && log.warnings.empty() == !one.sequences.empty());
    must_hold(home, stage, one.sequences);
  }
  // As a user of a shell asks for it, with frames around; the detections come along.
  Launch around(
      "checkpointsrc job-id=street stage=detect select=\"label = 'car' and index > 30\" "
      "select-before=1 select-after=2 ! checkpointsink stage=around");
  ck_assert_int_eq(around.wait(), 0);
  must_hold(home, "around", {35, 36, 37, 38, 47, 48, 49, 50});
  ck_assert(home.value("SELECT count(*) FROM detection JOIN checkpoint ON checkpoint.key = "
                       "detection.checkpoint WHERE stage = 'around'") == "4");
  Launch by_uri(
      "urisourcebin uri=checkpoint://street/detect?select=label%3D%27car%27&select-after=1 ! "
      "checkpointsink stage=by-uri");
  ck_assert_int_eq(by_uri.wait(), 0);
  must_hold(home, "by-uri", {0, 1, 12, 13, 24, 25, 36, 37, 48, 49});
}
GST_END_TEST

GST_START_TEST(g27_the_filtered_list_is_played) {
  Home home;
  must_be_good(run_line(kFilm));
  const auto decode =
      Uuid::parse(home.value("SELECT id FROM stage_checkpoints WHERE stage = 'decode'"));
  {
    // A stage that kept no frame itself and names those that matter.
    CheckpointMaker maker(stores_at(home.frame_store(), home.metadata_store()), "street", "filter",
                          {}, false, decode, Numbers{50, 3, 7, 59});
    maker.complete();
  }
  must_hold(home, "filter", {50, 3, 7, 59});
  must_be_good(run_line(stage_after("stage=filter filtered=true", "identity", "again")));
  must_hold(home, "again", {50, 3, 7, 59});
  must_be_good(
      run_line(stage_after("stage=filter filtered=true select=\"index < 10\"", "identity", "few")));
  must_hold(home, "few", {3, 7});
}
GST_END_TEST

static Suite *selecting_suite() {
  Suite *suite = suite_create("selecting");
  TCase *tc = tcase_create("selecting");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g27_a_later_stage_says_which_frames_it_holds);
  tcase_add_test(tc, g27_frames_that_are_none_of_the_parents_are_told);
  tcase_add_test(tc, g27_what_is_selected_goes_on_to_the_next_stage);
  tcase_add_test(tc, g27_the_filtered_list_is_played);
  return suite;
}
CHECKPOINT_CHECK_MAIN(selecting);
