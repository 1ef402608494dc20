// SPDX-License-Identifier: LGPL-2.1-or-later
// Between the files of the analytics codec: the entries of a GstAnalyticsRelationMeta that are
// pictures. Without a GStreamer that has them (1.26) both functions say so.
#pragma once

#include <gst/analytics/analytics.h>

#include "elements/meta_codec.h"

namespace checkpoint {

inline constexpr const char *kAnalyticsName = "analytics";

// Is it one?
bool is_segments(GstAnalyticsMtd &entry);
// Appends the entry; what `out` holds after a failure is of no use.
Status write_segments(GstAnalyticsMtd &segments, MetaWatch &watch, ByteWriter &out);
Status read_segments(ByteReader &in, GstAnalyticsRelationMeta *meta, GstAnalyticsMtd *made);

}  // namespace checkpoint
