// SPDX-License-Identifier: LGPL-2.1-or-later
// The codecs behind meta_codec.h.
#pragma once

#include <gst/video/gstvideometa.h>

#include "elements/meta_codec.h"

namespace checkpoint {

const MetaCodec &region_codec();
const MetaCodec &video_codec();
const MetaCodec &crop_codec();
const MetaCodec &affine_codec();
const MetaCodec &time_code_codec();
const MetaCodec &reference_timestamp_codec();
const MetaCodec &caption_codec();
const MetaCodec &afd_codec();
const MetaCodec &bar_codec();
const MetaCodec &user_data_codec();
const MetaCodec &protection_codec();
const MetaCodec &custom_codec();

const MetaCodec &application_codec();
#if GST_CHECK_VERSION(1, 24, 0)
const MetaCodec &serialized_codec();
#endif
#ifdef HAVE_ANALYTICS
const MetaCodec &analytics_codec();
// Fills in what the region's row lacks from the analytics object that is the same thing.
void complete_from_object(GstBuffer *buffer, const GstVideoRegionOfInterestMeta &region,
                          DetectionRow &row);
#endif

// The codec that is asked to store `meta`; nullptr: none can.
const MetaCodec *find_meta_codec(const GstMeta *meta);

// The first byte of every body.
inline constexpr uint8_t kMetaBodyVersion = 1;
Status bad_meta(const char *name, const char *what);
// Reads that byte.
Status check_body_version(const char *name, ByteReader &in);

}  // namespace checkpoint
