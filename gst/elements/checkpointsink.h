// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsink: stores what a stage handed on. docs/elements/checkpointsink.md.
#pragma once

#include <gst/base/gstbasesink.h>

G_BEGIN_DECLS

#define GST_TYPE_CHECKPOINT_SINK (gst_checkpoint_sink_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointSink, gst_checkpoint_sink, GST, CHECKPOINT_SINK, GstBaseSink)

GST_ELEMENT_REGISTER_DECLARE(checkpointsink)

G_END_DECLS
