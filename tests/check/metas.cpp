// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/check/gstharness.h>
#include <gst/video/gstvideoaffinetransformationmeta.h>
#include <gst/video/video-sei.h>
#include <gst/video/video.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "elements/buffer_input.h"
#include "elements/identity_meta.h"
#include "elements/meta_codec.h"
#include "elements/structure_codec.h"
#include "support/check.h"
#include "support/leak_pause.h"
#include "support/private_meta.h"

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
  Status status = serialize_metas(buffer, watch, {}, out.metas, out.detections);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return out;
}

BufferPtr load(const std::vector<MetaBlob> &metas) {
  BufferPtr buffer = frame();
  Status status = deserialize_metas(buffer.get(), *frame_caps(), metas, nullptr);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return buffer;
}

GstVideoRegionOfInterestMeta *add_region(GstBuffer *buffer, const char *type,
                                         std::vector<GstStructure *> params = {}) {
  auto *roi = gst_buffer_add_video_region_of_interest_meta(buffer, type, 1, 2, 30, 40);
  for (GstStructure *s : params) gst_video_region_of_interest_meta_add_param(roi, s);
  return roi;
}

std::vector<GstVideoRegionOfInterestMeta *> regions(GstBuffer *buffer) {
  std::vector<GstVideoRegionOfInterestMeta *> out;
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE))
    out.push_back(reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta));
  return out;
}

}  // namespace

GST_START_TEST(g13_regions_come_back_field_by_field) {
  BufferPtr buffer = frame();
  GstStructure *nested = gst_structure_new("inner", "größe", G_TYPE_STRING, "\xf0\x9f\x98\x80",
                                           "max", G_TYPE_UINT64, G_MAXUINT64, nullptr);
  GstStructure *params =
      gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, 0.1, "nan", G_TYPE_DOUBLE,
                        std::nan(""), "min", G_TYPE_INT64, G_MININT64, "null", G_TYPE_STRING,
                        nullptr, "in", GST_TYPE_STRUCTURE, nested, nullptr);
  gst_structure_free(nested);
  GValue tensor = G_VALUE_INIT;
  g_value_init(&tensor, G_TYPE_VARIANT);
  const float floats[] = {1.5F, -0.0F, 3e38F};
  g_value_set_variant(&tensor,
                      g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, floats, sizeof floats, 1));
  gst_structure_take_value(params, "data_buffer", &tensor);
  auto *first = add_region(buffer.get(), "fußgänger", {params, gst_structure_new_empty("empty")});
  first->id = G_MAXINT;
  first->parent_id = G_MININT;
  first->x = G_MAXUINT;
  add_region(buffer.get(), "second");
  add_region(buffer.get(), nullptr);

  Stored stored = store(buffer.get());
  ck_assert_uint_eq(stored.metas.size(), 3);
  BufferPtr back = load(stored.metas);
  auto got = regions(back.get());
  ck_assert_uint_eq(got.size(), 3);
  ck_assert_str_eq(g_quark_to_string(got[0]->roi_type), "fußgänger");
  ck_assert(got[0]->id == G_MAXINT && got[0]->parent_id == G_MININT);
  ck_assert(got[0]->x == G_MAXUINT && got[0]->y == 2 && got[0]->w == 30 && got[0]->h == 40);
  ck_assert_str_eq(g_quark_to_string(got[1]->roi_type), "second");
  ck_assert_uint_eq(got[2]->roi_type, 0);
  ck_assert_uint_eq(g_list_length(got[0]->params), 2);
  auto *p = static_cast<GstStructure *>(got[0]->params->data);
  ck_assert(gst_structure_has_name(p, "detection"));
  ck_assert_int_eq(gst_structure_n_fields(p), 6);
  double number = 0;
  ck_assert(gst_structure_get_double(p, "confidence", &number) && number == 0.1);
  ck_assert(gst_structure_get_double(p, "nan", &number) && std::isnan(number));
  gint64 min = 0;
  ck_assert(gst_structure_get_int64(p, "min", &min) && min == G_MININT64);
  ck_assert(gst_structure_has_field_typed(p, "null", G_TYPE_STRING));
  ck_assert(gst_structure_get_string(p, "null") == nullptr);
  const GstStructure *in = gst_value_get_structure(gst_structure_get_value(p, "in"));
  guint64 max = 0;
  ck_assert(gst_structure_get_uint64(in, "max", &max) && max == G_MAXUINT64);
  ck_assert_str_eq(gst_structure_get_string(in, "größe"), "\xf0\x9f\x98\x80");
  GVariant *bytes = g_value_get_variant(gst_structure_get_value(p, "data_buffer"));
  ck_assert_str_eq(g_variant_get_type_string(bytes), "ay");
  ck_assert(g_variant_get_size(bytes) == sizeof floats);
  ck_assert(memcmp(g_variant_get_data(bytes), floats, sizeof floats) == 0);
  p = static_cast<GstStructure *>(got[0]->params->next->data);
  ck_assert(gst_structure_has_name(p, "empty") && gst_structure_n_fields(p) == 0);
}
GST_END_TEST

GST_START_TEST(detections_are_projected_for_queries) {
  auto one = [](const char *type, std::vector<GstStructure *> params) {
    BufferPtr buffer = frame();
    add_region(buffer.get(), type, std::move(params));
    Stored stored = store(buffer.get());
    ck_assert_uint_eq(stored.detections.size(), 1);
    return stored.detections[0];
  };
  auto number = [](const char *name, const char *field, double d) {
    return gst_structure_new(name, field, G_TYPE_DOUBLE, d, nullptr);
  };
  auto labelled = [](const char *name, const char *label, double confidence) {
    return gst_structure_new(name, "label", G_TYPE_STRING, label, "confidence", G_TYPE_DOUBLE,
                             confidence, nullptr);
  };
  DetectionRow row = one("car", {});
  ck_assert(row.label == "car" && !row.confidence && !row.track && row.source == "roi");
  ck_assert(row.x == 1 && row.y == 2 && row.width == 30 && row.height == 40);
  // The detector's own confidence before a classifier's, wherever it stands.
  row = one("car", {labelled("color", "red", 0.5), number("detection", "confidence", 0.75),
                    gst_structure_new("object_id", "id", G_TYPE_INT, 17, nullptr)});
  ck_assert(row.label == "car" && row.confidence == 0.75 && row.track == 17);
  row = one("car", {labelled("color", "red", 0.5), labelled("type", "van", 0.25)});
  ck_assert(row.label == "car" && row.confidence == 0.5);
  row = one("dog", {gst_structure_new("extra-data", "score", G_TYPE_FLOAT, 0.5, "label",
                                      G_TYPE_STRING, "dog", nullptr)});
  ck_assert(row.label == "dog" && row.confidence == 0.5);
  // A region that its detector left unnamed is named by the first label that it carries.
  row = one("", {number("detection", "confidence", 1), labelled("type", "van", 0.25)});
  ck_assert(row.label == "van" && row.confidence == 1);
  row = one(nullptr, {});
  ck_assert(row.label.empty());
  // What is no number stays out of the numbers.
  row = one("car", {number("detection", "confidence", std::nan("")),
                    gst_structure_new("object_id", "id", G_TYPE_UINT64, G_MAXUINT64, nullptr)});
  ck_assert(!row.confidence && !row.track);

  BufferPtr two = frame();
  add_region(two.get(), "a");
  add_region(two.get(), "b");
  Stored stored = store(two.get());
  ck_assert(stored.detections.size() == 2 && stored.detections[1].ordinal == 1);
  ck_assert(stored.detections[1].label == "b");
}
GST_END_TEST

GST_START_TEST(g13_other_metas_come_back) {
  BufferPtr buffer = frame();
  GstVideoMeta *video = gst_buffer_add_video_meta(
      buffer.get(),
      static_cast<GstVideoFrameFlags>(GST_VIDEO_FRAME_FLAG_INTERLACED | GST_VIDEO_FRAME_FLAG_TFF),
      GST_VIDEO_FORMAT_GRAY8, 64, 64);
  video->id = 3;
  GDateTime *jam = g_date_time_new_utc(2020, 2, 29, 23, 59, 59.25);
  GstVideoTimeCode *tc = gst_video_time_code_new(
      30000, 1001, jam, GST_VIDEO_TIME_CODE_FLAGS_DROP_FRAME, 12, 34, 56, 17, 1);
  g_date_time_unref(jam);
  ck_assert(gst_buffer_add_video_time_code_meta(buffer.get(), tc) != nullptr);
  CapsPtr ntp(gst_caps_from_string("timestamp/x-ntp,host=(string)\"a b\""));
  gst_buffer_add_reference_timestamp_meta(buffer.get(), ntp.get(), G_MAXUINT64 - 1,
                                          GST_CLOCK_TIME_NONE);
  const guint8 text[] = {0x80, 0x00, 0xff};
  gst_buffer_add_video_caption_meta(buffer.get(), GST_VIDEO_CAPTION_TYPE_CEA708_RAW, text, 3);
  gst_buffer_add_video_afd_meta(buffer.get(), 1, GST_VIDEO_AFD_SPEC_ATSC_A53,
                                GST_VIDEO_AFD_4_3_FULL_16_9_FULL);
  gst_buffer_add_video_bar_meta(buffer.get(), 0, TRUE, 7, G_MAXUINT);
  auto *affine = gst_buffer_add_video_affine_transformation_meta(buffer.get());
  affine->matrix[3] = -0.5F;
  BufferPtr key(gst_buffer_new_memdup("key", 3));
  gst_buffer_add_protection_meta(
      buffer.get(), gst_structure_new("application/x-cenc", "iv_size", G_TYPE_UINT, 8u, "kid",
                                      GST_TYPE_BUFFER, key.get(), nullptr));
  guint8 uuid[16] = {1, 2, 3}, data[] = {9, 8, 0};
  gst_buffer_add_video_sei_user_data_unregistered_meta(buffer.get(), uuid, data, 3);
  const gchar *tags[] = {"video", "size", nullptr};
  if (!gst_meta_get_info("CheckCustomMeta"))
    gst_meta_register_custom("CheckCustomMeta", tags, nullptr, nullptr, nullptr);
  GstCustomMeta *custom = gst_buffer_add_custom_meta(buffer.get(), "CheckCustomMeta");
  gst_structure_set(gst_custom_meta_get_structure(custom), "n", G_TYPE_UINT64, G_MAXUINT64,
                    nullptr);

  Stored stored = store(buffer.get());
  ck_assert_uint_eq(stored.metas.size(), 10);
  BufferPtr back = load(stored.metas);
  video = gst_buffer_get_video_meta(back.get());
  ck_assert(video && video->id == 3 && video->width == 64 && video->stride[0] == 64);
  ck_assert_int_eq(video->flags, GST_VIDEO_FRAME_FLAG_INTERLACED | GST_VIDEO_FRAME_FLAG_TFF);
  GstVideoTimeCodeMeta *code = gst_buffer_get_video_time_code_meta(back.get());
  ck_assert(code && gst_video_time_code_compare(&code->tc, tc) == 0);
  ck_assert(code->tc.field_count == 1 && code->tc.config.flags == tc->config.flags);
  ck_assert(g_date_time_equal(code->tc.config.latest_daily_jam, tc->config.latest_daily_jam));
  gst_video_time_code_free(tc);
  auto *reference = gst_buffer_get_reference_timestamp_meta(back.get(), nullptr);
  ck_assert(reference && gst_caps_is_strictly_equal(reference->reference, ntp.get()));
  ck_assert(reference->timestamp == G_MAXUINT64 - 1 && reference->duration == GST_CLOCK_TIME_NONE);
  auto *caption = gst_buffer_get_video_caption_meta(back.get());
  ck_assert(caption && caption->size == 3 && memcmp(caption->data, text, 3) == 0);
  ck_assert(caption->caption_type == GST_VIDEO_CAPTION_TYPE_CEA708_RAW);
  auto *afd = gst_buffer_get_video_afd_meta(back.get());
  ck_assert(afd && afd->field == 1 && afd->spec == GST_VIDEO_AFD_SPEC_ATSC_A53);
  ck_assert(afd->afd == GST_VIDEO_AFD_4_3_FULL_16_9_FULL);
  auto *bar = gst_buffer_get_video_bar_meta(back.get());
  ck_assert(bar && bar->is_letterbox && bar->bar_data1 == 7 && bar->bar_data2 == G_MAXUINT);
  affine = gst_buffer_get_video_affine_transformation_meta(back.get());
  ck_assert(affine && affine->matrix[3] == -0.5F && affine->matrix[0] == 1.0F);
  auto *protection = gst_buffer_get_protection_meta(back.get());
  ck_assert(protection && gst_structure_has_name(protection->info, "application/x-cenc"));
  const GValue *kid = gst_structure_get_value(protection->info, "kid");
  ck_assert(kid && gst_buffer_memcmp(gst_value_get_buffer(kid), 0, "key", 3) == 0);
  auto *user = gst_buffer_get_video_sei_user_data_unregistered_meta(back.get());
  ck_assert(user && memcmp(user->uuid, uuid, 16) == 0 && user->size == 3);
  ck_assert(memcmp(user->data, data, 3) == 0);
  custom = gst_buffer_get_custom_meta(back.get(), "CheckCustomMeta");
  guint64 n = 0;
  ck_assert(custom && gst_structure_get_uint64(gst_custom_meta_get_structure(custom), "n", &n) &&
            n == G_MAXUINT64);
}
GST_END_TEST

GST_START_TEST(g13_a_custom_meta_of_another_process) {
  // As a process that registered it would have stored it.
  ByteWriter w;
  w.u8(1);
  w.u32(1);
  w.text("video");
  StructurePtr s(gst_structure_new("CheckFarMeta", "f", G_TYPE_INT, 5, nullptr));
  ck_assert(write_structure(s.get(), w).is_ok());
  Bytes body = w.take();
  ck_assert(gst_meta_get_info("CheckFarMeta") == nullptr);
  BufferPtr back = load({{"custom", body}});
  GstCustomMeta *meta = gst_buffer_get_custom_meta(back.get(), "CheckFarMeta");
  ck_assert(meta != nullptr);
  ck_assert(gst_meta_api_type_has_tag(meta->meta.info->api, g_quark_from_string("video")));
  ck_assert(store(back.get()).metas == std::vector<MetaBlob>({{"custom", body}}));
  // Names that belong to others are not taken from them.
  for (auto [taken, code] :
       {std::pair{"GstVideoMeta", Code::kCorrupt}, std::pair{"GstOtherMeta", Code::kUnsupported}}) {
    gst_video_meta_get_info();
    std::string text(as_text(body));
    text.replace(text.find("CheckFarMeta"), 12, taken);
    Bytes renamed(as_bytes(text).begin(), as_bytes(text).end());
    BufferPtr buffer = frame();
    ck_assert(
        deserialize_metas(buffer.get(), *frame_caps(), {{"custom", renamed}}, nullptr).is(code));
  }
}
GST_END_TEST

GST_START_TEST(what_is_left_out_is_counted_and_said_once) {
  BufferPtr buffer = frame();
  BufferPtr parent = frame();
  gst_buffer_add_parent_buffer_meta(buffer.get(), parent.get());
  set_frame_identity(buffer.get(), {"job", 5});
  gst_buffer_add_video_meta(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 64,
                            64);
  std::vector<std::string> warnings;
  MetaWatch watch(false, [&](const Status &s) { warnings.push_back(s.message()); });
  Stored stored = store(buffer.get(), &watch);
  ck_assert(stored.metas.empty());  // dropped on purpose, or told by the caps
  ck_assert(warnings.empty() && watch.counts().empty());

  add_private_meta(buffer.get());
  int pointed = 0;
  add_region(buffer.get(), "car",
             {gst_structure_new("raw", "p", G_TYPE_POINTER, &pointed, nullptr),
              gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, 0.5, nullptr)});
  for (int i = 0; i < 3; i++) stored = store(buffer.get(), &watch);
  ck_assert_uint_eq(warnings.size(), 2);
  ck_assert(watch.counts().at("CheckPrivateMetaAPI") == 3);
  ck_assert(watch.counts().at("GstVideoRegionOfInterestMeta/raw") == 3);
  // The region itself stays, with the param that can be kept.
  ck_assert(stored.metas.size() == 1 && stored.detections.size() == 1);
  BufferPtr back = load(stored.metas);
  ck_assert_uint_eq(g_list_length(regions(back.get())[0]->params), 1);

  MetaWatch strict(true, nullptr);
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;
  Status status = serialize_metas(buffer.get(), &strict, {}, metas, detections);
  ck_assert(status.is(Code::kUnsupported));
  ck_assert(status.message().find("CheckPrivateMetaAPI") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(bare_regions_behind_a_converter_are_warned_of) {
  int warnings = 0;
  MetaWatch watch(false, [&](const Status &) { warnings++; });
  BufferPtr bare = frame(), rich = frame();
  add_region(bare.get(), "a");
  add_region(rich.get(), "a", {gst_structure_new_empty("detection")});
  watch.saw(bare.get());
  ck_assert_int_eq(warnings, 0);
  watch.saw(rich.get());
  watch.saw(frame().get());
  ck_assert_int_eq(warnings, 0);
  watch.saw(bare.get());
  watch.saw(bare.get());
  ck_assert_int_eq(warnings, 1);

  // Of another process, where they had some.
  int replayed = 0;
  MetaWatch next(false, [&](const Status &) { replayed++; });
  set_frame_identity(bare.get(), {"job", 5, false});
  next.saw(bare.get());
  ck_assert_int_eq(replayed, 0);
  set_frame_identity(bare.get(), {"job", 5, true});
  next.saw(bare.get());
  next.saw(bare.get());
  ck_assert_int_eq(replayed, 1);
}
GST_END_TEST

GST_START_TEST(metas_that_can_not_be_made_here) {
  BufferPtr buffer = frame();
  std::vector<MetaBlob> unknown = {{"from-the-future", Bytes(3)}};
  ck_assert(
      deserialize_metas(buffer.get(), *frame_caps(), unknown, nullptr).is(Code::kUnsupported));
  int warnings = 0;
  MetaWatch watch(false, [&](const Status &) { warnings++; });
  ck_assert(deserialize_metas(buffer.get(), *frame_caps(), unknown, &watch).is_ok());
  ck_assert_int_eq(warnings, 1);
  // Broken bytes are an error whoever watches.
  std::vector<MetaBlob> broken = {{"roi", Bytes(3, std::byte{1})}};
  ck_assert(deserialize_metas(buffer.get(), *frame_caps(), broken, &watch).is(Code::kCorrupt));
}
GST_END_TEST

GST_START_TEST(g34_any_bytes_for_metas) {
  LeakPause pause;
  BufferPtr buffer = frame();
  add_region(buffer.get(), "car",
             {gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, 0.5, nullptr)});
  const guint8 text[] = {1, 2, 3};
  gst_buffer_add_video_caption_meta(buffer.get(), GST_VIDEO_CAPTION_TYPE_CEA708_RAW, text, 3);
  gst_buffer_add_video_time_code_meta_full(buffer.get(), 25, 1, nullptr,
                                           GST_VIDEO_TIME_CODE_FLAGS_NONE, 1, 2, 3, 4, 0);
  CapsPtr ntp(gst_caps_from_string("timestamp/x-ntp"));
  gst_buffer_add_reference_timestamp_meta(buffer.get(), ntp.get(), 1, 2);
  gst_buffer_add_video_crop_meta(buffer.get())->width = 5;
  std::vector<MetaBlob> good = store(buffer.get()).metas;
  ck_assert_uint_eq(good.size(), 5);
  std::mt19937 rng(11);
  auto caps = frame_caps();
  for (int i = 0; i < 40000; i++) {
    MetaBlob blob = good[rng() % good.size()];
    if (rng() % 3 == 0) blob.type = meta_codecs()[rng() % meta_codecs().size()]->name();
    // Registering types from noise would fill this process with them.
    if (blob.type == "custom") continue;
    for (size_t k = 1 + rng() % 3; k > 0; k--)
      blob.body[1 + rng() % (blob.body.size() - 1)] =
          static_cast<std::byte>(rng() % 5 ? rng() % 8 : rng());
    if (rng() % 4 == 0) blob.body.resize(rng() % (blob.body.size() + 1));
    BufferPtr to = frame();
    if (deserialize_metas(to.get(), *caps, {blob}, nullptr).is_ok()) store(to.get());
  }
}
GST_END_TEST

static Suite *metas_suite() {
  Suite *suite = suite_create("metas");
  TCase *tc = tcase_create("metas");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_regions_come_back_field_by_field);
  tcase_add_test(tc, detections_are_projected_for_queries);
  tcase_add_test(tc, g13_other_metas_come_back);
  tcase_add_test(tc, g13_a_custom_meta_of_another_process);
  tcase_add_test(tc, what_is_left_out_is_counted_and_said_once);
  tcase_add_test(tc, bare_regions_behind_a_converter_are_warned_of);
  tcase_add_test(tc, metas_that_can_not_be_made_here);
  tcase_add_test(tc, g34_any_bytes_for_metas);
  return suite;
}
GST_CHECK_MAIN(metas);
