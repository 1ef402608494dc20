// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/video/gstvideoaffinetransformationmeta.h>
#include <gst/video/video-sei.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "elements/event_codec.h"
#include "elements/meta_codec.h"
#include "fuzz/make_seeds.h"
#include "fuzz/meta_kinds.h"
#include "support/private_meta.h"
#include "support/random_content.h"

using namespace checkpoint;

namespace {

// A structure with a value of every kind that is stored.
StructurePtr every_value() {
  StructurePtr s(gst_structure_new(
      "detection", "label", G_TYPE_STRING, "größe", "confidence", G_TYPE_DOUBLE, 0.5, "id",
      G_TYPE_INT, -3, "u", G_TYPE_UINT, 7u, "wide", G_TYPE_UINT64, G_MAXUINT64, "on",
      G_TYPE_BOOLEAN, TRUE, "rate", GST_TYPE_FRACTION, 25, 1, "range", GST_TYPE_INT_RANGE, 1, 9,
      "doubles", GST_TYPE_DOUBLE_RANGE, 0.0, 1.0, "mask", GST_TYPE_BITMASK, guint64{3}, "type",
      G_TYPE_GTYPE, GST_TYPE_BUFFER, "null", G_TYPE_STRING, nullptr, nullptr));
  GstStructure *out = s.get();
  StructurePtr inner(gst_structure_new("inner", "x", G_TYPE_INT, 1, nullptr));
  gst_structure_set(out, "s", GST_TYPE_STRUCTURE, inner.get(), nullptr);
  CapsPtr caps(gst_caps_new_simple("video/x-raw", "width", G_TYPE_INT, 8, nullptr));
  gst_structure_set(out, "caps", GST_TYPE_CAPS, caps.get(), nullptr);
  gst_structure_set(out, "variant", G_TYPE_VARIANT, g_variant_new_parsed("{'a': <[1.5, 2.5]>}"),
                    nullptr);
  GstPtr<GBytes> bytes(g_bytes_new("\1\2\3", 3));
  gst_structure_set(out, "bytes", G_TYPE_BYTES, bytes.get(), nullptr);
  GDate *date = g_date_new_dmy(29, G_DATE_FEBRUARY, 2024);
  gst_structure_set(out, "date", G_TYPE_DATE, date, nullptr);
  g_date_free(date);
  GstDateTime *time = gst_date_time_new(2.0, 2024, 2, 29, 12, 30, 5.25);
  gst_structure_set(out, "time", GST_TYPE_DATE_TIME, time, nullptr);
  gst_date_time_unref(time);
  const gchar *strings[] = {"a", "", nullptr};
  gst_structure_set(out, "strv", G_TYPE_STRV, strings, nullptr);
  GValue list = G_VALUE_INIT, element = G_VALUE_INIT;
  gst_value_list_init(&list, 2);
  g_value_init(&element, G_TYPE_INT);
  for (gint i = 0; i < 2; i++) {
    g_value_set_int(&element, i);
    gst_value_list_append_value(&list, &element);
  }
  gst_structure_take_value(out, "list", &list);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_structure_set(out, "segment", GST_TYPE_SEGMENT, &segment, nullptr);
  BufferPtr buffer(gst_buffer_new_memdup("abc", 3));
  gst_structure_set(out, "buffer", GST_TYPE_BUFFER, buffer.get(), nullptr);
  GstSample *sample = gst_sample_new(buffer.get(), caps.get(), &segment, nullptr);
  gst_structure_set(out, "sample", GST_TYPE_SAMPLE, sample, nullptr);
  gst_sample_unref(sample);
  return s;
}

void write_metas(GstBuffer *buffer, const std::string &suffix) {
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;
  if (!serialize_metas(buffer, nullptr, {}, metas, detections).is_ok()) std::abort();
  for (const MetaBlob &meta : metas) {
    ByteWriter out;
    const auto *kind = std::find(std::begin(kMetaKinds), std::end(kMetaKinds), meta.type);
    if (kind == std::end(kMetaKinds)) std::abort();
    out.u8(static_cast<uint8_t>(kind - kMetaKinds));
    out.raw(meta.body);
    write_seed("metas", meta.type + suffix, out.bytes());
  }
}

void meta_seeds() {
  BufferPtr holder(gst_buffer_new_allocate(nullptr, 96, nullptr));
  GstBuffer *buffer = holder.get();
  GstVideoMeta *video = gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_INTERLACED,
                                                  GST_VIDEO_FORMAT_RGB, 8, 4);
  video->id = 0;
  auto *roi = gst_buffer_add_video_region_of_interest_meta(buffer, "face", 1, 2, 3, 4);
  gst_video_region_of_interest_meta_add_param(roi, every_value().release());
  gst_buffer_add_video_crop_meta(buffer)->width = 8;
  gst_buffer_add_video_affine_transformation_meta(buffer);
  gst_buffer_add_video_time_code_meta_full(buffer, 25, 1, nullptr, GST_VIDEO_TIME_CODE_FLAGS_NONE,
                                           1, 2, 3, 4, 0);
  CapsPtr reference(gst_caps_new_empty_simple("timestamp/x-unix"));
  gst_buffer_add_reference_timestamp_meta(buffer, reference.get(), 5, 6);
  const guint8 data[] = {0x80, 0x80, 1};
  gst_buffer_add_video_caption_meta(buffer, GST_VIDEO_CAPTION_TYPE_CEA708_RAW, data, sizeof data);
  gst_buffer_add_video_afd_meta(buffer, 0, GST_VIDEO_AFD_SPEC_ATSC_A53,
                                GST_VIDEO_AFD_4_3_FULL_16_9_FULL);
  gst_buffer_add_video_bar_meta(buffer, 0, TRUE, 1, 2);
  guint8 uuid[16] = {1, 2, 3};
  guint8 copy[] = {9, 8};
  gst_buffer_add_video_sei_user_data_unregistered_meta(buffer, uuid, copy, sizeof copy);
  gst_buffer_add_protection_meta(buffer, every_value().release());
  const gchar *tags[] = {nullptr};
  gst_meta_register_custom("GstSeedMeta", tags, nullptr, nullptr, nullptr);
  GstCustomMeta *custom = gst_buffer_add_custom_meta(buffer, "GstSeedMeta");
  gst_structure_set(gst_custom_meta_get_structure(custom), "n", G_TYPE_INT, 1, nullptr);

  add_coded_meta(buffer, 12);
#if GST_CHECK_VERSION(1, 24, 0)
  add_serial_meta(buffer, 10);
#endif
  write_metas(buffer, "");
  // Small ones, that have what no other has; where this build knows them.
  for (int n : {1, 5, 9}) {
    BufferPtr other(gst_buffer_new());
    RandomContent(static_cast<uint64_t>(n)).add_analytics(other.get());
    write_metas(other.get(), std::to_string(n));
  }
}

void event_seeds() {
  // In the order of the target's types.
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  BufferPtr buffer(gst_buffer_new_memdup("abc", 3));
  GstEvent *events[] = {
      gst_event_new_segment(&segment),
      gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "a title", GST_TAG_BITRATE, 9u, nullptr)),
      gst_event_new_gap(1, 2),
      gst_event_new_flush_stop(TRUE),
      gst_event_new_buffer_size(GST_FORMAT_TIME, 1, 2, TRUE),
      gst_event_new_protection("9a04f079-9840-4286-ab92-e65be0885f95", buffer.get(), "here"),
      gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, every_value().release()),
      gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, every_value().release()),
      gst_event_new_custom(GST_EVENT_CUSTOM_BOTH, nullptr),
      RandomContent(3).toc_event(),
  };
  uint8_t number = 0;
  for (GstEvent *event : events) {
    EventPtr owned(event);
    auto stored = encode_event(event);
    if (!stored.is_ok() || !*stored) std::abort();
    ByteWriter out;
    out.u8(number++);
    out.raw((*stored)->body);
    write_seed("events", (*stored)->type, out.bytes());
  }
}

void caps_seeds() {
  const char *all[] = {
      "video/x-raw, format=(string)I420, width=(int)320, height=(int)240, framerate=(fraction)30/1",
      "video/x-raw(format:Interlaced), format=(string)NV12, width=(int)7, height=(int)5, "
      "interlace-mode=(string)alternate, field-order=(string)top-field-first",
      "video/x-raw, format=(string)v210, width=(int)17, height=(int)3, colorimetry=(string)bt601",
      "video/x-raw, format=(string)NV12_64Z32, width=(int)70, height=(int)40",
      "video/x-raw, format=(string)RGB8P, width=(int)3, height=(int)3",
      "video/x-raw, format=(string)RGB, width=(int)4, height=(int)2, x=(GstValueArray)< (int)1, "
      "(int)2 >, s=(string)\"a\\ b\\,c\"",
      "image/jpeg, width=(int)4, height=(int)2",
      "image/png"};
  int number = 0;
  for (const char *caps : all)
    write_seed("caps", "caps" + std::to_string(number++), as_bytes(caps));
}

}  // namespace

void element_seeds() {
  gst_init(nullptr, nullptr);
  meta_seeds();
  event_seeds();
  caps_seeds();
}
