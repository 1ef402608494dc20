// SPDX-License-Identifier: LGPL-2.1-or-later
// What a detector attaches, with confidence and tracks, through a stage and the next one. The
// element here stands in for one that needs a model; tests/integration/film.cpp has real ones.
#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <string>
#include <vector>

#include "elements/checkpointsrc.h"
#include "support/check.h"
#include "support/passing.h"
#include "support/sink_place.h"

#ifdef HAVE_ANALYTICS
#include <gst/analytics/analytics.h>
#endif

using namespace checkpoint;

namespace {

struct Found {
  const char *label;
  guint x, y, width, height;
  double confidence;
  gint track;
  GstClockTime first_seen;
};

// What is in frame n: n % 3 things.
std::vector<Found> found_in(guint n) {
  std::vector<Found> all;
  for (guint i = 0; i < n % 3; i++)
    all.push_back({i == 0 ? "car" : "größe 🎬", n, i, 10 + i, 20, 0.25 + 0.125 * i + n / 128.0,
                   static_cast<gint>(7000 + i), static_cast<GstClockTime>(n) * GST_SECOND});
  return all;
}

// A region for each, and an object and a track where GStreamer has analytics metas (1.24), the
// region under the object's id.
void attach(GstBuffer *buffer, guint n) {
#ifdef HAVE_ANALYTICS
  GstAnalyticsRelationMeta *relations = gst_buffer_add_analytics_relation_meta(buffer);
#endif
  for (const Found &found : found_in(n)) {
    auto *region = gst_buffer_add_video_region_of_interest_meta(buffer, found.label, found.x,
                                                                found.y, found.width, found.height);
#ifdef HAVE_ANALYTICS
    GstAnalyticsODMtd object;
    GstAnalyticsTrackingMtd track;
    gst_analytics_relation_meta_add_od_mtd(
        relations, g_quark_from_string(found.label), static_cast<gint>(found.x),
        static_cast<gint>(found.y), static_cast<gint>(found.width), static_cast<gint>(found.height),
        static_cast<gfloat>(found.confidence), &object);
    gst_analytics_relation_meta_add_tracking_mtd(relations, static_cast<guint64>(found.track),
                                                 found.first_seen, &track);
    gst_analytics_relation_meta_set_relation(relations, GST_ANALYTICS_REL_TYPE_RELATE_TO, object.id,
                                             track.id);
    region->id = static_cast<gint>(object.id);
#endif
    gst_video_region_of_interest_meta_add_param(
        region, gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, found.confidence,
                                  "label_id", G_TYPE_INT, found.track - 7000, nullptr));
    gst_video_region_of_interest_meta_add_param(
        region, gst_structure_new("object_id", "id", G_TYPE_INT, found.track, nullptr));
  }
}

void must_have(GstBuffer *buffer, guint n) {
  const std::vector<Found> all = found_in(n);
  size_t regions = 0;
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    auto *region = reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta);
    ck_assert_uint_lt(regions, all.size());
    const Found &found = all[regions++];
    ck_assert_str_eq(g_quark_to_string(region->roi_type), found.label);
    ck_assert(region->x == found.x && region->y == found.y && region->w == found.width &&
              region->h == found.height);
    double confidence = 0;
    gint label_id = -1, track_id = -1;
    ck_assert(gst_structure_get(gst_video_region_of_interest_meta_get_param(region, "detection"),
                                "confidence", G_TYPE_DOUBLE, &confidence, "label_id", G_TYPE_INT,
                                &label_id, nullptr));
    ck_assert(confidence == found.confidence && label_id == found.track - 7000);
    ck_assert(gst_structure_get_int(
        gst_video_region_of_interest_meta_get_param(region, "object_id"), "id", &track_id));
    ck_assert_int_eq(track_id, found.track);
#ifdef HAVE_ANALYTICS
    GstAnalyticsRelationMeta *relations = gst_buffer_get_analytics_relation_meta(buffer);
    ck_assert(relations != nullptr);
    GstAnalyticsODMtd object;
    ck_assert(
        gst_analytics_relation_meta_get_od_mtd(relations, static_cast<guint>(region->id), &object));
    ck_assert_str_eq(g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&object)), found.label);
    gint x = 0, y = 0, width = 0, height = 0;
    gfloat level = 0;
    gst_analytics_od_mtd_get_location(&object, &x, &y, &width, &height, &level);
    ck_assert(static_cast<guint>(x) == found.x && static_cast<guint>(y) == found.y &&
              static_cast<guint>(width) == found.width &&
              static_cast<guint>(height) == found.height);
    ck_assert(level == static_cast<gfloat>(found.confidence));
    GstAnalyticsTrackingMtd track;
    ck_assert(gst_analytics_relation_meta_get_tracking_mtd(relations, object.id + 1, &track));
    ck_assert(gst_analytics_relation_meta_get_relation(relations, object.id, track.id) ==
              GST_ANALYTICS_REL_TYPE_RELATE_TO);
    guint64 id = 0;
    GstClockTime first = 0, last = 0;
    gboolean lost = TRUE;
    gst_analytics_tracking_mtd_get_info(&track, &id, &first, &last, &lost);
    ck_assert(id == static_cast<guint64>(found.track) && first == found.first_seen && !lost);
#endif
  }
  ck_assert_uint_eq(regions, all.size());
}

}  // namespace

// The element.
G_DECLARE_FINAL_TYPE(TestDetector, test_detector, TEST, DETECTOR, GstBaseTransform)
struct _TestDetector {
  GstBaseTransform parent;
  guint frames;
};
// clang-format off
G_DEFINE_FINAL_TYPE(TestDetector, test_detector, GST_TYPE_BASE_TRANSFORM)
static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));
// clang-format on
static GstFlowReturn test_detector_transform_ip(GstBaseTransform *base, GstBuffer *buffer) {
  attach(buffer, TEST_DETECTOR(base)->frames++);
  return GST_FLOW_OK;
}
static void test_detector_init(TestDetector *) {}
static void test_detector_class_init(TestDetectorClass *klass) {
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  gst_element_class_add_static_pad_template(element, &sink_template);
  gst_element_class_add_static_pad_template(element, &src_template);
  gst_element_class_set_static_metadata(element, "Test detector", "Filter/Video", "Finds things",
                                        "tests");
  GST_BASE_TRANSFORM_CLASS(klass)->transform_ip = test_detector_transform_ip;
}

GST_START_TEST(g13_what_a_detector_found_comes_back_field_by_field) {
  SinkPlace place;
  ck_assert(GST_ELEMENT_REGISTER(checkpointsrc, nullptr));
  ck_assert(gst_element_register(nullptr, "testdetector", GST_RANK_NONE, test_detector_get_type()));
  const std::string stores = place.stores();
  const auto detected = passed_in(
      test_source(12) +
          "testdetector ! checkpointsink name=k strict-metas=true job-id=j stage=detect" + stores,
      "k");
  // A second stage keeps them, and so does what is played of that.
  const auto next = passed_in("checkpointsrc job-id=j stage=detect" + stores +
                                  "! checkpointsink name=k strict-metas=true stage=next" + stores,
                              "k");
  const auto again =
      passed_in("checkpointsrc job-id=j stage=next" + stores + "! fakesink name=k", "k");
  for (const auto &frames : {&detected, &next, &again}) {
    ck_assert_uint_eq(frames->size(), 12);
    for (guint n = 0; n < 12; n++) must_have((*frames)[n].buffer.get(), n);
  }
  // Counted once, although there may be two metas for one thing; and found by what was found.
  EQUAL(
      place.value("SELECT count(*) FROM detection JOIN checkpoint ON key = checkpoint WHERE stage "
                  "= 'next'"),
      "12");
  const auto sure = passed_in(
      "checkpointsrc job-id=j stage=next select=\"label = 'car' and "
      "confidence > 0.3\"" +
          stores + "! fakesink name=k",
      "k");
  ck_assert_uint_eq(sure.size(), 4);  // 7, 8, 10 and 11
}
GST_END_TEST

static Suite *detectors_suite() {
  Suite *suite = suite_create("detectors");
  TCase *tc = tcase_create("detectors");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_what_a_detector_found_comes_back_field_by_field);
  return suite;
}
GST_CHECK_MAIN(detectors);
