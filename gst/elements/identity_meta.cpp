// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/identity_meta.h"

#include <mutex>

namespace checkpoint {

void register_identity_meta() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Without tags it depends on nothing that a filter changes, so every filter keeps it.
    static const gchar *no_tags[] = {nullptr};
    if (!gst_meta_get_info(kIdentityMetaName))
      gst_meta_register_custom(kIdentityMetaName, no_tags, nullptr, nullptr, nullptr);
  });
}

void set_frame_identity(GstBuffer *buffer, const FrameIdentity &identity) {
  register_identity_meta();
  GstCustomMeta *meta = gst_buffer_get_custom_meta(buffer, kIdentityMetaName);
  if (!meta) meta = gst_buffer_add_custom_meta(buffer, kIdentityMetaName);
  gst_structure_set(gst_custom_meta_get_structure(meta), "job-id", G_TYPE_STRING,
                    identity.job_id.c_str(), "sequence", G_TYPE_UINT64, identity.sequence,
                    "region-params", G_TYPE_BOOLEAN, identity.regions_had_params ? TRUE : FALSE,
                    nullptr);
}

std::optional<FrameIdentity> frame_identity(GstBuffer *buffer) {
  register_identity_meta();
  GstCustomMeta *meta = gst_buffer_get_custom_meta(buffer, kIdentityMetaName);
  if (!meta) return std::nullopt;
  const GstStructure *structure = gst_custom_meta_get_structure(meta);
  const char *job_id = gst_structure_get_string(structure, "job-id");
  guint64 sequence = 0;
  if (!job_id || !gst_structure_get_uint64(structure, "sequence", &sequence)) return std::nullopt;
  gboolean params = FALSE;
  gst_structure_get_boolean(structure, "region-params", &params);
  return FrameIdentity{job_id, sequence, params == TRUE};
}

}  // namespace checkpoint
