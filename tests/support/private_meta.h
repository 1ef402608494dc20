// SPDX-License-Identifier: LGPL-2.1-or-later
// Metas of an application: a number. Nobody knows how to store the first; the others bring
// functions for that, in the two ways that there are.
#pragma once

#include <gst/checkpoint/gstcheckpointmeta.h>
#include <gst/gst.h>

#include <cstring>

namespace checkpoint {

struct PrivateMeta {
  GstMeta meta;
  guint64 number;
};

inline const GstMetaInfo *private_meta_info() {
  static const GstMetaInfo *const info = [] {
    const gchar *tags[] = {nullptr};
    return gst_meta_register(
        gst_meta_api_type_register("CheckPrivateMetaAPI", tags), "CheckPrivateMeta",
        sizeof(PrivateMeta),
        [](GstMeta *meta, gpointer, GstBuffer *) -> gboolean {
          reinterpret_cast<PrivateMeta *>(meta)->number = 0;
          return TRUE;
        },
        nullptr, nullptr);
  }();
  return info;
}

inline PrivateMeta *add_private_meta(GstBuffer *buffer, guint64 number = 0) {
  auto *meta =
      reinterpret_cast<PrivateMeta *>(gst_buffer_add_meta(buffer, private_meta_info(), nullptr));
  meta->number = number;
  return meta;
}

// The same with a codec of ours, which writes even numbers.
inline const GstMetaInfo *coded_meta_info() {
  static const GstMetaInfo *const info = [] {
    const gchar *tags[] = {nullptr};
    const GType api = gst_meta_api_type_register("CheckCodedMetaAPI", tags);
    static const GstCheckpointMetaCodec codec = {
        [](const GstMeta *meta, GByteArray *bytes, gpointer) -> gboolean {
          auto *number = &reinterpret_cast<const PrivateMeta *>(meta)->number;
          if (*number % 2 != 0) return FALSE;
          g_byte_array_append(bytes, reinterpret_cast<const guint8 *>(number), 8);
          return TRUE;
        },
        [](GstBuffer *buffer, const guint8 *bytes, gsize size, gpointer) -> gboolean {
          if (size != 8) return FALSE;
          GstMeta *meta = gst_buffer_add_meta(buffer, coded_meta_info(), nullptr);
          memcpy(&reinterpret_cast<PrivateMeta *>(meta)->number, bytes, 8);
          return TRUE;
        },
        nullptr};
    gst_checkpoint_meta_set_codec(api, &codec);
    return gst_meta_register(api, "CheckCodedMeta", sizeof(PrivateMeta),
                             private_meta_info()->init_func, nullptr, nullptr);
  }();
  return info;
}

// `number` is made even.
inline PrivateMeta *add_coded_meta(GstBuffer *buffer, guint64 number) {
  auto *meta =
      reinterpret_cast<PrivateMeta *>(gst_buffer_add_meta(buffer, coded_meta_info(), nullptr));
  meta->number = number & ~guint64{1};
  return meta;
}

#if GST_CHECK_VERSION(1, 24, 0)
inline const GstMetaInfo *serial_meta_info() {
  static const GstMetaInfo *const info = [] {
    const gchar *tags[] = {nullptr};
    GstMetaInfo *made = gst_meta_info_new(gst_meta_api_type_register("CheckSerialMetaAPI", tags),
                                          "CheckSerialMeta", sizeof(PrivateMeta));
    made->init_func = private_meta_info()->init_func;
    made->serialize_func = [](const GstMeta *meta, GstByteArrayInterface *data,
                              guint8 *version) -> gboolean {
      *version = 3;
      auto *number = &reinterpret_cast<const PrivateMeta *>(meta)->number;
      // An odd number it can't write.
      return *number % 2 == 0 && gst_byte_array_interface_append_data(
                                     data, reinterpret_cast<const guint8 *>(number), 8);
    };
    made->deserialize_func = [](const GstMetaInfo *own, GstBuffer *buffer, const guint8 *data,
                                gsize size, guint8 version) -> GstMeta * {
      if (size != 8 || version != 3) return nullptr;
      GstMeta *meta = gst_buffer_add_meta(buffer, own, nullptr);
      memcpy(&reinterpret_cast<PrivateMeta *>(meta)->number, data, 8);
      return meta;
    };
    return gst_meta_info_register(made);
  }();
  return info;
}

// `number` is made even.
inline PrivateMeta *add_serial_meta(GstBuffer *buffer, guint64 number) {
  auto *meta =
      reinterpret_cast<PrivateMeta *>(gst_buffer_add_meta(buffer, serial_meta_info(), nullptr));
  meta->number = number & ~guint64{1};
  return meta;
}
#endif

}  // namespace checkpoint
