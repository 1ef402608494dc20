/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GST_TYPE_CHECKPOINT_STATE:
 *
 * The type of #GstCheckpointState.
 */
#define GST_TYPE_CHECKPOINT_STATE (gst_checkpoint_state_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointState, gst_checkpoint_state, GST, CHECKPOINT_STATE, GObject)

GstCheckpointState *gst_checkpoint_state_new(void);
void gst_checkpoint_state_add_frame(GstCheckpointState *state, GstSample *sample, gint64 sequence);

G_END_DECLS
