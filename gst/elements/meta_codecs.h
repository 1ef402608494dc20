// SPDX-License-Identifier: LGPL-2.1-or-later
// The codecs behind meta_codec.h.
#pragma once

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

// The first byte of every body.
inline constexpr uint8_t kMetaBodyVersion = 1;
Status bad_meta(const char *name, const char *what);
// Reads that byte.
Status check_body_version(const char *name, ByteReader &in);

}  // namespace checkpoint
