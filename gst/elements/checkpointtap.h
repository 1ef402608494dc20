// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointtap: stores what passes it as a checkpoint. docs/elements/checkpointtap.md.
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_CHECKPOINT_TAP (gst_checkpoint_tap_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointTap, gst_checkpoint_tap, GST, CHECKPOINT_TAP, GstElement)
GST_ELEMENT_REGISTER_DECLARE(checkpointtap)

G_END_DECLS
