// SPDX-License-Identifier: LGPL-2.1-or-later
// GstAnalyticsRelationMeta, which detectors attach since GStreamer 1.24.
#include <gst/analytics/analytics.h>
#include <gst/video/video.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "elements/meta_codec.h"
#include "support/check.h"
#include "support/leak_pause.h"
#include "support/random_content.h"

using namespace checkpoint;

namespace {

std::shared_ptr<const StreamCaps> frame_caps() {
  CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1"));
  return *StreamCaps::from_caps(caps.get());
}

BufferPtr frame() { return BufferPtr(gst_buffer_new_allocate(nullptr, 64 * 64, nullptr)); }

struct Stored {
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;
};

Stored store(GstBuffer *buffer, MetaWatch *watch = nullptr) {
  Stored out;
  MetaWatch strict(true, nullptr);
  Status status = serialize_metas(buffer, watch ? watch : &strict, {}, out.metas, out.detections);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return out;
}

BufferPtr load(const std::vector<MetaBlob> &metas) {
  BufferPtr buffer = frame();
  Status status = deserialize_metas(buffer.get(), *frame_caps(), metas, nullptr);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return buffer;
}

GstAnalyticsMtd entry(GstAnalyticsRelationMeta *meta, guint id) {
  GstAnalyticsMtd found;
  ck_assert(gst_analytics_relation_meta_get_mtd(meta, id, GST_ANALYTICS_MTD_TYPE_ANY, &found));
  return found;
}

bool same_bits(gfloat a, gfloat b) { return memcmp(&a, &b, sizeof a) == 0; }

#if GST_CHECK_VERSION(1, 26, 0)
void must_be_the_same_picture(GstBuffer *a, GstBuffer *b) {
  GstVideoMeta *va = gst_buffer_get_video_meta(a), *vb = gst_buffer_get_video_meta(b);
  ck_assert(va && vb && va->format == vb->format);
  ck_assert(va->width == vb->width && va->height == vb->height);
  GstMapInfo ma, mb;
  ck_assert(gst_buffer_map(a, &ma, GST_MAP_READ) && gst_buffer_map(b, &mb, GST_MAP_READ));
  const size_t row = va->width * (va->format == GST_VIDEO_FORMAT_GRAY8 ? 1u : 2u);
  for (guint y = 0; y < va->height; y++)
    ck_assert(memcmp(ma.data + y * static_cast<size_t>(va->stride[0]),
                     mb.data + y * static_cast<size_t>(vb->stride[0]), row) == 0);
  gst_buffer_unmap(a, &ma);
  gst_buffer_unmap(b, &mb);
}
#endif

void must_be_the_same(GstAnalyticsMtd &a, GstAnalyticsMtd &b) {
  const GstAnalyticsMtdType type = gst_analytics_mtd_get_mtd_type(&a);
  ck_assert(type == gst_analytics_mtd_get_mtd_type(&b));
  if (type == gst_analytics_od_mtd_get_mtd_type()) {
    ck_assert(gst_analytics_od_mtd_get_obj_type(&a) == gst_analytics_od_mtd_get_obj_type(&b));
    gint box_a[4], box_b[4];
    gfloat level_a, level_b, turn_a = 0, turn_b = 0;
#if GST_CHECK_VERSION(1, 26, 0)
    gst_analytics_od_mtd_get_oriented_location(&a, &box_a[0], &box_a[1], &box_a[2], &box_a[3],
                                               &turn_a, &level_a);
    gst_analytics_od_mtd_get_oriented_location(&b, &box_b[0], &box_b[1], &box_b[2], &box_b[3],
                                               &turn_b, &level_b);
#else
    gst_analytics_od_mtd_get_location(&a, &box_a[0], &box_a[1], &box_a[2], &box_a[3], &level_a);
    gst_analytics_od_mtd_get_location(&b, &box_b[0], &box_b[1], &box_b[2], &box_b[3], &level_b);
#endif
    ck_assert(memcmp(box_a, box_b, sizeof box_a) == 0);
    ck_assert(same_bits(level_a, level_b) && same_bits(turn_a, turn_b));
  } else if (type == gst_analytics_cls_mtd_get_mtd_type()) {
    const gsize count = gst_analytics_cls_mtd_get_length(&a);
    ck_assert_uint_eq(count, gst_analytics_cls_mtd_get_length(&b));
    for (gsize i = 0; i < count; i++) {
      ck_assert(gst_analytics_cls_mtd_get_quark(&a, i) == gst_analytics_cls_mtd_get_quark(&b, i));
      ck_assert(same_bits(gst_analytics_cls_mtd_get_level(&a, i),
                          gst_analytics_cls_mtd_get_level(&b, i)));
    }
  } else if (type == gst_analytics_tracking_mtd_get_mtd_type()) {
    guint64 id_a, id_b;
    GstClockTime first_a, first_b, last_a, last_b;
    gboolean lost_a, lost_b;
    gst_analytics_tracking_mtd_get_info(&a, &id_a, &first_a, &last_a, &lost_a);
    gst_analytics_tracking_mtd_get_info(&b, &id_b, &first_b, &last_b, &lost_b);
    ck_assert(id_a == id_b && first_a == first_b && last_a == last_b && lost_a == lost_b);
  } else {
#if GST_CHECK_VERSION(1, 26, 0)
    ck_assert(type == gst_analytics_segmentation_mtd_get_mtd_type());
    gint at_a[2], at_b[2];
    guint size_a[2], size_b[2];
    BufferPtr mask_a(
        gst_analytics_segmentation_mtd_get_mask(&a, &at_a[0], &at_a[1], &size_a[0], &size_a[1]));
    BufferPtr mask_b(
        gst_analytics_segmentation_mtd_get_mask(&b, &at_b[0], &at_b[1], &size_b[0], &size_b[1]));
    ck_assert(memcmp(at_a, at_b, sizeof at_a) == 0 && memcmp(size_a, size_b, sizeof size_a) == 0);
    must_be_the_same_picture(mask_a.get(), mask_b.get());
    ck_assert(GST_BUFFER_PTS(mask_a.get()) == GST_BUFFER_PTS(mask_b.get()));
    const gsize count = gst_analytics_segmentation_mtd_get_region_count(&a);
    ck_assert_uint_eq(count, gst_analytics_segmentation_mtd_get_region_count(&b));
    for (gsize i = 0; i < count; i++)
      ck_assert_uint_eq(gst_analytics_segmentation_mtd_get_region_id(&a, i),
                        gst_analytics_segmentation_mtd_get_region_id(&b, i));
#endif
  }
}

// Asks GStreamer, not the stored bytes.
void must_be_the_same(GstBuffer *a, GstBuffer *b) {
  GstAnalyticsRelationMeta *ma = gst_buffer_get_analytics_relation_meta(a);
  GstAnalyticsRelationMeta *mb = gst_buffer_get_analytics_relation_meta(b);
  ck_assert(ma && mb);
  const auto count = static_cast<guint>(gst_analytics_relation_get_length(ma));
  ck_assert_uint_eq(count, gst_analytics_relation_get_length(mb));
  for (guint i = 0; i < count; i++) {
    GstAnalyticsMtd ea = entry(ma, i), eb = entry(mb, i);
    must_be_the_same(ea, eb);
    for (guint j = 0; j < count; j++)
      ck_assert(gst_analytics_relation_meta_get_relation(ma, i, j) ==
                gst_analytics_relation_meta_get_relation(mb, i, j));
  }
}

// A face that is a person's, tracked and classified, and named by a region.
struct Scene {
  BufferPtr buffer = frame();
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta(buffer.get());
  GstAnalyticsMtd face, person, classes, track;

  explicit Scene(const char *label = "face", gfloat confidence = 0.75F) {
    gst_analytics_relation_meta_add_od_mtd(meta, g_quark_from_string("person"), -3, 0, 60, 64, 0.5F,
                                           &person);
    gst_analytics_relation_meta_add_od_mtd(meta, label ? g_quark_from_string(label) : 0, 10, 20, 30,
                                           40, confidence, &face);
    gfloat levels[] = {0.125F, 0.5F};
    GQuark labels[] = {g_quark_from_string("sad"), g_quark_from_string("glad")};
    gst_analytics_relation_meta_add_cls_mtd(meta, 2, levels, labels, &classes);
    gst_analytics_relation_meta_add_tracking_mtd(meta, 4711, GST_SECOND, &track);
    gst_analytics_tracking_mtd_update_last_seen(&track, 2 * GST_SECOND);
    relate(face, person, GST_ANALYTICS_REL_TYPE_IS_PART_OF);
    relate(person, face, GST_ANALYTICS_REL_TYPE_CONTAIN);
    relate(face, classes, GST_ANALYTICS_REL_TYPE_RELATE_TO);
    relate(track, face, GST_ANALYTICS_REL_TYPE_RELATE_TO);
  }
  void relate(GstAnalyticsMtd &from, GstAnalyticsMtd &to, GstAnalyticsRelTypes types) {
    ck_assert(gst_analytics_relation_meta_set_relation(meta, types, from.id, to.id));
  }
  GstVideoRegionOfInterestMeta *add_region(const char *label, guint x, guint y) {
    auto *roi = gst_buffer_add_video_region_of_interest_meta(buffer.get(), label, x, y, 30, 40);
    roi->id = static_cast<gint>(face.id);
    return roi;
  }
};

}  // namespace

GST_START_TEST(g13_objects_and_their_relations_come_back) {
  Scene scene;
  scene.add_region("face", 10, 20);
  BufferPtr back = load(store(scene.buffer.get()).metas);
  must_be_the_same(scene.buffer.get(), back.get());
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(back.get());
  // The region still names its object.
  auto *roi = reinterpret_cast<GstVideoRegionOfInterestMeta *>(
      gst_buffer_get_meta(back.get(), GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
  GstAnalyticsODMtd face;
  ck_assert(gst_analytics_relation_meta_get_od_mtd(meta, static_cast<guint>(roi->id), &face));
  ck_assert_str_eq(g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&face)), "face");
  // A filter behind a replay can go on with it.
  GstAnalyticsMtd more;
  for (int i = 0; i < 40; i++)
    ck_assert(gst_analytics_relation_meta_add_one_cls_mtd(meta, 0.5F, 0, &more));
  ck_assert(gst_analytics_relation_meta_set_relation(meta, GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                     face.id, more.id));
  // And one that copies the buffer.
  BufferPtr copy(gst_buffer_copy_deep(back.get()));
  must_be_the_same(copy.get(), back.get());

  BufferPtr empty = frame();
  gst_buffer_add_analytics_relation_meta(empty.get());
  back = load(store(empty.get()).metas);
  must_be_the_same(empty.get(), back.get());
}
GST_END_TEST

GST_START_TEST(g13_random_analytics_come_back) {
  for (uint64_t seed = 0; seed < 1500; seed++) {
    RandomContent random(seed);
    BufferPtr buffer = frame();
    random.add_analytics(buffer.get());
    Stored stored = store(buffer.get());
    BufferPtr back = load(stored.metas);
    must_be_the_same(buffer.get(), back.get());
    // The kind of a segmentation can't be asked for, but it is in the bytes.
    ck_assert(store(back.get()).metas == stored.metas);
  }
}
GST_END_TEST

GST_START_TEST(objects_are_projected_for_queries) {
  Stored stored = store(Scene().buffer.get());
  ck_assert_uint_eq(stored.detections.size(), 2);
  const DetectionRow &person = stored.detections[0], &face = stored.detections[1];
  ck_assert(person.label == "person" && person.confidence == 0.5 && !person.track);
  ck_assert(person.x == -3 && person.y == 0 && person.width == 60 && person.height == 64);
  ck_assert(person.source == "analytics" && person.ordinal == 0 && face.ordinal == 1);
  ck_assert(face.label == "face" && face.confidence == 0.75 && face.track == 4711);
  // An object without a type is what its classes say it is.
  stored = store(Scene(nullptr, -1).buffer.get());
  ck_assert(stored.detections[1].label == "glad" && !stored.detections[1].confidence);
  stored = store(Scene("face", NAN).buffer.get());
  ck_assert(!stored.detections[1].confidence);
}
GST_END_TEST

GST_START_TEST(an_object_that_is_a_region_too_counts_once) {
  Scene scene;
  scene.add_region("face", 11, 20);
  Stored stored = store(scene.buffer.get());
  ck_assert_uint_eq(stored.detections.size(), 2);
  const DetectionRow *region = nullptr;
  for (const DetectionRow &row : stored.detections)
    if (row.source == "roi") region = &row;
  // The region has no params: what it lacks is the object's.
  ck_assert(region && region->x == 11 && region->confidence == 0.75 && region->track == 4711);
  // An id alone is no link: a region has 0 when nobody gave it one.
  Scene other;
  other.add_region("car", 10, 20);
  other.add_region("face", 50, 20);
  ck_assert_uint_eq(store(other.buffer.get()).detections.size(), 4);
}
GST_END_TEST

GST_START_TEST(an_entry_that_can_not_be_kept_keeps_its_place) {
  static const GstAnalyticsMtdImpl private_impl = {"private kind", nullptr, nullptr, {}};
  BufferPtr buffer = frame();
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta(buffer.get());
  GstAnalyticsMtd made, object;
  ck_assert(gst_analytics_relation_meta_add_mtd(meta, &private_impl, 8, &made) != nullptr);
  gst_analytics_relation_meta_add_od_mtd(meta, g_quark_from_string("a"), 1, 2, 3, 4, 1, &object);
  ck_assert(gst_analytics_relation_meta_set_relation(meta, GST_ANALYTICS_REL_TYPE_CONTAIN, made.id,
                                                     object.id));
  std::vector<std::string> warnings;
  MetaWatch watch(false, [&](const Status &s) { warnings.push_back(s.message()); });
  Stored stored = store(buffer.get(), &watch);
  ck_assert_uint_eq(warnings.size(), 1);
  ck_assert(watch.counts().at("GstAnalyticsRelationMeta/private-kind") == 1);
  BufferPtr back = load(stored.metas);
  meta = gst_buffer_get_analytics_relation_meta(back.get());
  ck_assert_uint_eq(gst_analytics_relation_get_length(meta), 2);
  ck_assert(gst_analytics_relation_meta_get_od_mtd(meta, object.id, &object));
  ck_assert(gst_analytics_relation_meta_get_relation(meta, made.id, object.id) ==
            GST_ANALYTICS_REL_TYPE_CONTAIN);
  // What is lost is lost once: the next stage has nothing to say about it.
  ck_assert(store(back.get()).metas == stored.metas);

  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;
  MetaWatch strict(true, nullptr);
  Status status = serialize_metas(buffer.get(), &strict, {}, metas, detections);
  ck_assert(status.is(Code::kUnsupported));
  ck_assert(status.message().find("private-kind") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(broken_analytics_leave_nothing_behind) {
  std::vector<MetaBlob> good = store(Scene().buffer.get()).metas;
  std::vector<MetaBlob> twice = {good[0], good[0]};
  BufferPtr buffer = frame();
  ck_assert(deserialize_metas(buffer.get(), *frame_caps(), twice, nullptr).is(Code::kCorrupt));
  for (size_t length = 1; length < good[0].body.size(); length++) {
    MetaBlob cut = good[0];
    cut.body.resize(length);
    buffer = frame();
    ck_assert(deserialize_metas(buffer.get(), *frame_caps(), {cut}, nullptr).is(Code::kCorrupt));
    ck_assert(gst_buffer_get_analytics_relation_meta(buffer.get()) == nullptr);
  }
}
GST_END_TEST

GST_START_TEST(g34_any_bytes_for_analytics) {
  LeakPause pause;
  std::mt19937_64 engine(5);
  for (uint64_t seed = 0; seed < 4000; seed++) {
    RandomContent random(seed);
    BufferPtr buffer = frame();
    random.add_analytics(buffer.get());
    MetaBlob blob = store(buffer.get()).metas[0];
    for (size_t n = 1 + engine() % 3; n > 0; n--)
      blob.body[1 + engine() % (blob.body.size() - 1)] =
          static_cast<std::byte>(engine() % 4 ? engine() % 6 : engine());
    if (engine() % 4 == 0) blob.body.resize(engine() % (blob.body.size() + 1));
    BufferPtr to = frame();
    if (deserialize_metas(to.get(), *frame_caps(), {blob}, nullptr).is_ok()) store(to.get());
  }
}
GST_END_TEST

static Suite *analytics_suite() {
  Suite *suite = suite_create("analytics");
  TCase *tc = tcase_create("analytics");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_objects_and_their_relations_come_back);
  tcase_add_test(tc, g13_random_analytics_come_back);
  tcase_add_test(tc, objects_are_projected_for_queries);
  tcase_add_test(tc, an_object_that_is_a_region_too_counts_once);
  tcase_add_test(tc, an_entry_that_can_not_be_kept_keeps_its_place);
  tcase_add_test(tc, broken_analytics_leave_nothing_behind);
  tcase_add_test(tc, g34_any_bytes_for_analytics);
  return suite;
}
GST_CHECK_MAIN(analytics);
