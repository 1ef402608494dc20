// SPDX-License-Identifier: LGPL-2.1-or-later
// The caps of pad templates: what can be a frame of a checkpoint.
#pragma once

#include <gst/video/video.h>

// clang-format off
#define CHECKPOINT_FRAME_CAPS                                                                              \
  GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE(GST_VIDEO_FORMATS_ALL) ";"                                           \
                  GST_VIDEO_CAPS_MAKE_WITH_FEATURES(GST_CAPS_FEATURE_FORMAT_INTERLACED, GST_VIDEO_FORMATS_ALL) ";" \
                  "image/jpeg; image/png")
// clang-format on
