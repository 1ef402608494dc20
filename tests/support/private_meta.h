// SPDX-License-Identifier: LGPL-2.1-or-later
// A meta of an application that nobody knows how to store: a number.
#pragma once

#include <gst/gst.h>

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

}  // namespace checkpoint
