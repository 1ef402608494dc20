// SPDX-License-Identifier: LGPL-2.1-or-later
// The checker of docs/how-to/compare-two-streams.md: what it sees, and what it does not mind.
#include "support/stream_text.h"

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <functional>
#include <string>

#include "backends/backends.h"
#include "elements/checkpointsink.h"
#include "elements/checkpointsrc.h"
#include "elements/gst_handles.h"
#include "support/check.h"
#include "support/pipeline.h"
#include "support/private_meta.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

// What the next element `checkstreamchange` does to frame 2.
std::function<void(GstBuffer *)> change;

struct Changer {
  GstBaseTransform parent;
};
struct ChangerClass {
  GstBaseTransformClass parent;
};

static void changer_init(Changer *) {}

GstFlowReturn changer_ip(GstBaseTransform *, GstBuffer *buffer) {
  auto *roi = gst_buffer_add_video_region_of_interest_meta(buffer, "face", 1, 2, 3, 4);
  gst_video_region_of_interest_meta_add_param(
      roi, gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, 0.5, nullptr));
  if (GST_BUFFER_OFFSET(buffer) == 2 && change) change(buffer);
  return GST_FLOW_OK;
}

static void changer_class_init(ChangerClass *klass) {
  auto any = gst_caps_new_any();
  for (auto [name, way] : {std::pair{"sink", GST_PAD_SINK}, std::pair{"src", GST_PAD_SRC}})
    gst_element_class_add_pad_template(GST_ELEMENT_CLASS(klass),
                                       gst_pad_template_new(name, way, GST_PAD_ALWAYS, any));
  gst_caps_unref(any);
  gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(klass), "Changer", "Filter", "Changes",
                                        "tests");
  GST_BASE_TRANSFORM_CLASS(klass)->transform_ip = changer_ip;
}

G_DEFINE_TYPE(Changer, changer, GST_TYPE_BASE_TRANSFORM)

void set_up() {
  register_backends();
  GST_ELEMENT_REGISTER(checkpointsink, nullptr);
  GST_ELEMENT_REGISTER(checkpointsrc, nullptr);
  gst_element_register(nullptr, "checkstreamchange", GST_RANK_NONE, changer_get_type());
}

const std::string kStream =
    "videotestsrc num-buffers=4 ! video/x-raw,format=I420,width=34,height=18 ! checkstreamchange";

StreamText changed(std::function<void(GstBuffer *)> how) {
  change = std::move(how);
  StreamText stream = read_stream(kStream);
  change = nullptr;
  ck_assert_msg(stream.error.empty(), "%s", stream.error.c_str());
  return stream;
}

GstVideoRegionOfInterestMeta *region(GstBuffer *buffer) {
  return reinterpret_cast<GstVideoRegionOfInterestMeta *>(
      gst_buffer_get_meta(buffer, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
}

}  // namespace

GST_START_TEST(the_first_difference_is_named) {
  set_up();
  const StreamText plain = changed(nullptr);
  ck_assert_uint_eq(plain.frames, 4);
  ck_assert(plain.items.size() > 4);  // a segment
  ck_assert(!first_difference(plain, changed(nullptr)));
  const std::pair<const char *, std::function<void(GstBuffer *)>> kChanges[] = {
      {"frame 2: pts: ",
       [](GstBuffer *b) {
         GST_BUFFER_PTS(b)
         ++;
       }},
      {"frame 2: dts: none | 5", [](GstBuffer *b) { GST_BUFFER_DTS(b) = 5; }},
      {"frame 2: duration: ",
       [](GstBuffer *b) {
         GST_BUFFER_DURATION(b)
         --;
       }},
      {"frame 2: offset: 2 | 9", [](GstBuffer *b) { GST_BUFFER_OFFSET(b) = 9; }},
      {"frame 2: offset-end: ", [](GstBuffer *b) { GST_BUFFER_OFFSET_END(b) = 9; }},
      {"frame 2: flags: ", [](GstBuffer *b) { GST_BUFFER_FLAG_SET(b, GST_BUFFER_FLAG_MARKER); }},
      {"frame 2: flags: ", [](GstBuffer *b) { GST_BUFFER_FLAG_SET(b, GST_BUFFER_FLAG_DISCONT); }},
      {"frame 2: content: SHA-256 ", [](GstBuffer *b) { gst_buffer_memset(b, 100, 1, 1); }},
      {"frame 2: meta 0: GstVideoRegionOfInterestMetaAPI face at 1,2 of 3x4",
       [](GstBuffer *b) { region(b)->x++; }},
      {"frame 2: meta 0: ",
       [](GstBuffer *b) {
         gst_structure_set(static_cast<GstStructure *>(region(b)->params->data), "confidence",
                           G_TYPE_DOUBLE, 0.75, nullptr);
       }},
      {"frame 2: meta 0: ",
       [](GstBuffer *b) { gst_buffer_remove_meta(b, reinterpret_cast<GstMeta *>(region(b))); }},
      {"frame 2: meta 1: nothing | CheckPrivateMetaAPI", [](GstBuffer *b) { add_private_meta(b); }},
  };
  for (const auto &[expected, how] : kChanges) {
    const auto difference = first_difference(plain, changed(how));
    ck_assert_msg(difference && difference->starts_with(expected), "%s is not %s",
                  difference ? difference->c_str() : "no difference", expected);
  }
  const StreamText shorter = read_stream("videotestsrc num-buffers=3 ! identity");
  const StreamText longer = read_stream("videotestsrc num-buffers=4 ! identity");
  ck_assert(first_difference(shorter, longer) == "the end | frame 3");
  const StreamText small = read_stream("videotestsrc num-buffers=3 ! video/x-raw,width=32");
  ck_assert(first_difference(shorter, small)->starts_with("frame 0: caps: "));
  // Events, by what is in them.
  const StreamText later = read_stream(
      "videotestsrc num-buffers=3 timestamp-offset=1000000000 ! taginject tags=\"title=a\"");
  const StreamText other = read_stream(
      "videotestsrc num-buffers=3 timestamp-offset=1000000000 ! taginject tags=\"title=b\"");
  ck_assert(first_difference(later, other)->starts_with("event before frame 0: content: "));
}
GST_END_TEST

GST_START_TEST(a_replay_is_the_same) {
  set_up();
  TempDir folder;
  const std::string stores = " job-id=j stage=s frame-store=" + folder.file("frames") +
                             " metadata-store=" + folder.file("checkpoints.db") + " ";
  BusLog log = run_line(kStream + " ! checkpointsink" + stores);
  ck_assert(log.eos);
  const StreamText stored = read_stream(kStream), played = read_stream("checkpointsrc" + stores);
  ck_assert_msg(played.error.empty(), "%s", played.error.c_str());
  const auto difference = first_difference(stored, played);
  ck_assert_msg(!difference, "%s", difference->c_str());
}
GST_END_TEST

GST_START_TEST(a_stream_that_fails_says_why) {
  set_up();
  ck_assert(!read_stream("no-such-element").error.empty());
  const StreamText broken = read_stream("videotestsrc ! identity error-after=2");
  ck_assert(!broken.error.empty() && broken.frames <= 2);
}
GST_END_TEST

static Suite *stream_text_suite() {
  Suite *suite = suite_create("stream_text");
  TCase *tc = tcase_create("stream_text");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, the_first_difference_is_named);
  tcase_add_test(tc, a_replay_is_the_same);
  tcase_add_test(tc, a_stream_that_fails_says_why);
  return suite;
}
GST_CHECK_MAIN(stream_text);
