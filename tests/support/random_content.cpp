// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/random_content.h"

#include <gst/video/gstvideoaffinetransformationmeta.h>
#include <gst/video/video-sei.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <vector>

#include "elements/gst_handles.h"
#include "support/private_meta.h"

#ifdef HAVE_ANALYTICS
#include <gst/analytics/analytics.h>
#endif

namespace checkpoint {

std::string RandomContent::text() {
  static const char *const kTexts[] = {
      "",         "face",
      "größe 🎬",  "it's \"quoted\"; -- {x}",
      "\x01\n\t", "a very long label that goes on and on for a while"};
  return kTexts[below(std::size(kTexts))];
}

double RandomContent::real() {
  static const double kReals[] = {0.0,
                                  -0.0,
                                  0.1,
                                  1e-320,
                                  std::numeric_limits<double>::max(),
                                  -1.5,
                                  std::numeric_limits<double>::infinity(),
                                  std::numeric_limits<double>::quiet_NaN()};
  return kReals[below(std::size(kReals))];
}

uint64_t RandomContent::number() {
  static const uint64_t kNumbers[] = {0, 1, 255, 1ull << 31, 1ull << 53, UINT64_MAX - 1};
  return one_in(2) ? kNumbers[below(std::size(kNumbers))] : any();
}

GstStructure *RandomContent::structure(int depth) {
  static const char *const kNames[] = {"detection", "object_id", "colour", "x-private"};
  GstStructure *s = gst_structure_new_empty(kNames[below(std::size(kNames))]);
  for (uint64_t n = below(5); n > 0; n--) {
    const std::string name = "field" + std::to_string(below(9));
    const char *field = name.c_str();
    switch (below(depth < 3 ? 10 : 8)) {
      case 0:
        gst_structure_set(s, field, G_TYPE_INT, static_cast<int>(number()), nullptr);
        break;
      case 1:
        gst_structure_set(s, field, G_TYPE_UINT64, number(), nullptr);
        break;
      case 2:
        gst_structure_set(s, field, G_TYPE_INT64, static_cast<gint64>(number()), nullptr);
        break;
      case 3:
        gst_structure_set(s, field, G_TYPE_DOUBLE, real(), nullptr);
        break;
      case 4:
        gst_structure_set(s, field, G_TYPE_FLOAT, real(), nullptr);
        break;
      case 5:
        gst_structure_set(s, field, G_TYPE_STRING, one_in(4) ? nullptr : text().c_str(), nullptr);
        break;
      case 6:
        gst_structure_set(s, field, G_TYPE_BOOLEAN, one_in(2), nullptr);
        break;
      case 7: {
        const std::string bytes = text();
        gst_structure_set(
            s, field, G_TYPE_VARIANT,
            g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes.data(), bytes.size(), 1), nullptr);
        break;
      }
      case 8: {
        GstStructure *inner = structure(depth + 1);
        gst_structure_set(s, field, GST_TYPE_STRUCTURE, inner, nullptr);
        gst_structure_free(inner);
        break;
      }
      default: {
        GValue array = G_VALUE_INIT;
        g_value_init(&array, GST_TYPE_ARRAY);
        for (uint64_t k = below(4); k > 0; k--) {
          GValue v = G_VALUE_INIT;
          g_value_set_double(g_value_init(&v, G_TYPE_DOUBLE), real());
          gst_value_array_append_and_take_value(&array, &v);
        }
        gst_structure_take_value(s, field, &array);
      }
    }
  }
  return s;
}

void RandomContent::add_region(GstBuffer *buffer) {
  auto *roi = gst_buffer_add_video_region_of_interest_meta(
      buffer, one_in(2) ? "face" : text().c_str(), coordinate(), coordinate(), coordinate(),
      coordinate());
  roi->id = static_cast<gint>(number());
  roi->parent_id = static_cast<gint>(number());
  while (one_in(2)) gst_video_region_of_interest_meta_add_param(roi, structure());
}

void RandomContent::add_time_code(GstBuffer *buffer) {
  GDateTime *jam = one_in(2) ? g_date_time_new_utc(2024, static_cast<gint>(1 + below(12)),
                                                   static_cast<gint>(1 + below(28)),
                                                   static_cast<gint>(below(24)), 0,
                                                   static_cast<double>(below(60)))
                             : nullptr;
  const bool drop = one_in(2), fields = one_in(2);
  const auto flags = static_cast<GstVideoTimeCodeFlags>(
      (drop ? GST_VIDEO_TIME_CODE_FLAGS_DROP_FRAME : GST_VIDEO_TIME_CODE_FLAGS_NONE) |
      (fields ? GST_VIDEO_TIME_CODE_FLAGS_INTERLACED : GST_VIDEO_TIME_CODE_FLAGS_NONE));
  // No second 0: frames 0 and 1 of it are what is dropped.
  GstVideoTimeCode *code = gst_video_time_code_new(
      drop ? 30000 : 25, drop ? 1001 : 1, jam, flags, static_cast<guint>(below(24)),
      static_cast<guint>(below(60)), static_cast<guint>(1 + below(59)),
      static_cast<guint>(below(25)), fields ? static_cast<guint>(1 + below(2)) : 0);
  gst_buffer_add_video_time_code_meta(buffer, code);
  gst_video_time_code_free(code);
  if (jam) g_date_time_unref(jam);
}

GstTagList *RandomContent::tags() {
  if (one_in(3)) return nullptr;
  return gst_tag_list_new(GST_TAG_TITLE, "größe", GST_TAG_BITRATE, static_cast<guint>(below(1000)),
                          nullptr);
}

GstTocEntry *RandomContent::toc_entry(int depth) {
  static const GstTocEntryType kTypes[] = {GST_TOC_ENTRY_TYPE_ANGLE, GST_TOC_ENTRY_TYPE_EDITION,
                                           GST_TOC_ENTRY_TYPE_TRACK, GST_TOC_ENTRY_TYPE_CHAPTER};
  const std::string uid = "entry" + std::to_string(below(1000));
  GstTocEntry *entry = gst_toc_entry_new(kTypes[below(std::size(kTypes))], uid.c_str());
  if (!one_in(3))
    gst_toc_entry_set_start_stop_times(entry, static_cast<gint64>(maybe_time()),
                                       static_cast<gint64>(maybe_time()));
  if (one_in(3))
    gst_toc_entry_set_loop(entry, static_cast<GstTocLoopType>(below(4)),
                           static_cast<gint>(number()));
  gst_toc_entry_set_tags(entry, tags());
  for (uint64_t n = depth < 3 ? below(3) : 0; n > 0; n--)
    gst_toc_entry_append_sub_entry(entry, toc_entry(depth + 1));
  return entry;
}

GstEvent *RandomContent::toc_event() {
  GstToc *toc = gst_toc_new(one_in(2) ? GST_TOC_SCOPE_GLOBAL : GST_TOC_SCOPE_CURRENT);
  gst_toc_set_tags(toc, tags());
  for (uint64_t n = below(4); n > 0; n--) gst_toc_append_entry(toc, toc_entry(0));
  GstEvent *event = gst_event_new_toc(toc, one_in(2));
  gst_toc_unref(toc);
  return event;
}

void RandomContent::add_custom(GstBuffer *buffer) {
  const gchar *tags[] = {"video", nullptr};
  if (!gst_meta_get_info("CheckRandomMeta"))
    gst_meta_register_custom("CheckRandomMeta", tags, nullptr, nullptr, nullptr);
  GstCustomMeta *meta = gst_buffer_add_custom_meta(buffer, "CheckRandomMeta");
  StructurePtr fields(structure());
  for (gint i = 0; i < gst_structure_n_fields(fields.get()); i++) {
    const char *field = gst_structure_nth_field_name(fields.get(), static_cast<guint>(i));
    gst_structure_set_value(gst_custom_meta_get_structure(meta), field,
                            gst_structure_get_value(fields.get(), field));
  }
}

void RandomContent::add_meta(GstBuffer *buffer, const GstVideoInfo &info) {
  switch (below(15)) {
    case 0:
    case 1:
      add_region(buffer);
      break;
    case 2: {
      const std::string bytes = text() + "x";
      gst_buffer_add_video_caption_meta(
          buffer, one_in(2) ? GST_VIDEO_CAPTION_TYPE_CEA608_RAW : GST_VIDEO_CAPTION_TYPE_CEA708_CDP,
          reinterpret_cast<const guint8 *>(bytes.data()), bytes.size());
      break;
    }
    case 3: {
      CapsPtr reference(
          gst_caps_new_simple("timestamp/x-unix", "host", G_TYPE_STRING, text().c_str(), nullptr));
      gst_buffer_add_reference_timestamp_meta(buffer, reference.get(), number(), maybe_time());
      break;
    }
    case 4:
      add_time_code(buffer);
      break;
    case 5:
      add_custom(buffer);
      break;
    case 6: {
      auto *affine = gst_buffer_add_video_affine_transformation_meta(buffer);
      for (uint64_t n = below(4); n > 0; n--)
        affine->matrix[below(16)] = static_cast<gfloat>(real());
      break;
    }
    case 7: {
      auto *crop = gst_buffer_get_video_crop_meta(buffer);
      if (!crop) crop = gst_buffer_add_video_crop_meta(buffer);
      crop->x = static_cast<guint>(below(static_cast<uint64_t>(info.width)));
      crop->y = static_cast<guint>(below(static_cast<uint64_t>(info.height)));
      crop->width = static_cast<guint>(below(static_cast<uint64_t>(info.width) - crop->x + 1));
      crop->height = static_cast<guint>(below(static_cast<uint64_t>(info.height) - crop->y + 1));
      break;
    }
    case 8: {
      static const GstVideoAFDValue kValues[] = {
          GST_VIDEO_AFD_16_9_TOP_ALIGNED, GST_VIDEO_AFD_GREATER_THAN_16_9,
          GST_VIDEO_AFD_4_3_FULL_4_3_PILLAR, GST_VIDEO_AFD_16_9_LETTER_4_3_CENTER};
      gst_buffer_add_video_afd_meta(
          buffer, static_cast<guint8>(below(2)),
          one_in(2) ? GST_VIDEO_AFD_SPEC_DVB_ETSI : GST_VIDEO_AFD_SPEC_SMPTE_ST2016_1,
          kValues[below(std::size(kValues))]);
      break;
    }
    case 9:
      gst_buffer_add_video_bar_meta(buffer, static_cast<guint8>(below(2)), one_in(2),
                                    static_cast<guint>(number()), static_cast<guint>(number()));
      break;
    case 10: {
      guint8 uuid[16];
      for (guint8 &byte : uuid) byte = static_cast<guint8>(any());
      std::string data = text() + '\0';
      gst_buffer_add_video_sei_user_data_unregistered_meta(
          buffer, uuid, reinterpret_cast<guint8 *>(data.data()), data.size());
      break;
    }
    case 11:
      gst_buffer_add_protection_meta(buffer, structure());
      break;
    case 12: {
      if (gst_buffer_get_video_meta(buffer)) break;
      GstVideoInfo layout = info;
      static const GstVideoFrameFlags kFlags[] = {
          GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FRAME_FLAG_INTERLACED, GST_VIDEO_FRAME_FLAG_TFF,
          GST_VIDEO_FRAME_FLAG_RFF};
      GstVideoMeta *video = gst_buffer_add_video_meta_full(
          buffer, kFlags[below(std::size(kFlags))], GST_VIDEO_INFO_FORMAT(&info),
          static_cast<guint>(info.width), static_cast<guint>(info.height),
          GST_VIDEO_INFO_N_PLANES(&info), layout.offset, layout.stride);
      if (one_in(2)) video->id = static_cast<gint>(number());
      break;
    }
    case 13:
      add_coded_meta(buffer, number());
#if GST_CHECK_VERSION(1, 24, 0)
      add_serial_meta(buffer, number());
#endif
      break;
    default:
      add_analytics(buffer);
  }
}

#ifdef HAVE_ANALYTICS

void RandomContent::add_analytics(GstBuffer *buffer) {
  if (gst_buffer_get_analytics_relation_meta(buffer)) return;
  GstAnalyticsRelationMeta *meta = gst_buffer_add_analytics_relation_meta(buffer);
  const auto label = [&]() -> GQuark {
    return one_in(4) ? 0 : g_quark_from_string(text().c_str());
  };
  const auto signed_number = [&] { return static_cast<gint>(number()); };
  const auto count = static_cast<guint>(below(12));
  for (guint id = 0; id < count; id++) {
    GstAnalyticsMtd made;
    switch (below(4)) {
      case 0:
#if GST_CHECK_VERSION(1, 26, 0)
        if (one_in(2)) {
          gst_analytics_relation_meta_add_oriented_od_mtd(
              meta, label(), signed_number(), signed_number(), signed_number(), signed_number(),
              static_cast<gfloat>(real()), static_cast<gfloat>(real()), &made);
          break;
        }
#endif
        gst_analytics_relation_meta_add_od_mtd(meta, label(), signed_number(), signed_number(),
                                               signed_number(), signed_number(),
                                               static_cast<gfloat>(real()), &made);
        break;
      case 1: {
        std::vector<gfloat> levels;
        std::vector<GQuark> labels;
        for (uint64_t n = 1 + below(5); n > 0; n--) {
          levels.push_back(static_cast<gfloat>(real()));
          labels.push_back(label());
        }
        gst_analytics_relation_meta_add_cls_mtd(meta, levels.size(), levels.data(), labels.data(),
                                                &made);
        break;
      }
      case 2:
        gst_analytics_relation_meta_add_tracking_mtd(meta, number(), maybe_time(), &made);
        if (one_in(2)) gst_analytics_tracking_mtd_update_last_seen(&made, maybe_time());
        if (one_in(3)) gst_analytics_tracking_mtd_set_lost(&made);
        break;
      default: {
#if GST_CHECK_VERSION(1, 26, 0)
        const auto width = static_cast<guint>(1 + below(9)),
                   height = static_cast<guint>(1 + below(9));
        GstVideoInfo info;
        gst_video_info_set_format(
            &info, one_in(2) ? GST_VIDEO_FORMAT_GRAY8 : GST_VIDEO_FORMAT_GRAY16_LE, width, height);
        GstBuffer *mask = gst_buffer_new_allocate(nullptr, info.size, nullptr);
        for (gsize at = 0; at < info.size; at++)
          gst_buffer_memset(mask, at, static_cast<guint8>(any()), 1);
        gst_buffer_add_video_meta(mask, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
                                  width, height);
        if (one_in(3)) GST_BUFFER_PTS(mask) = maybe_time();
        std::vector<guint> regions(1 + below(5));
        for (guint &region : regions) region = static_cast<guint>(number());
        gst_analytics_relation_meta_add_segmentation_mtd(
            meta, mask, one_in(2) ? GST_SEGMENTATION_TYPE_SEMANTIC : GST_SEGMENTATION_TYPE_INSTANCE,
            regions.size(), regions.data(), signed_number(), signed_number(),
            static_cast<guint>(number()), static_cast<guint>(number()), &made);
#else
        gst_analytics_relation_meta_add_one_cls_mtd(meta, 0.5F, label(), &made);
#endif
      }
    }
  }
  for (uint64_t n = count > 0 ? below(20) : 0; n > 0; n--)
    gst_analytics_relation_meta_set_relation(
        meta, static_cast<GstAnalyticsRelTypes>(2u << below(3)), static_cast<guint>(below(count)),
        static_cast<guint>(below(count)));
}

#else

void RandomContent::add_analytics(GstBuffer *) {}

#endif

}  // namespace checkpoint
