/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gst/checkpoint/gstcheckpointstate.h>

G_BEGIN_DECLS

/**
 * GST_TYPE_CHECKPOINT_CHECKPOINT:
 *
 * The type of #GstCheckpointCheckpoint.
 */
#define GST_TYPE_CHECKPOINT_CHECKPOINT (gst_checkpoint_checkpoint_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointCheckpoint, gst_checkpoint_checkpoint, GST, CHECKPOINT_CHECKPOINT,
                     GObject)

GVariant *gst_checkpoint_checkpoint_read_frames_manifest(GstCheckpointCheckpoint *checkpoint,
                                                         GCancellable *cancellable, GError **error);
gchar *gst_checkpoint_checkpoint_read_frames_meta(GstCheckpointCheckpoint *checkpoint,
                                                  GCancellable *cancellable, GError **error);
GVariant *gst_checkpoint_checkpoint_read_filtered_frame_sequences(
    GstCheckpointCheckpoint *checkpoint, GCancellable *cancellable, GError **error);
GstCheckpointState *gst_checkpoint_checkpoint_to_state(GstCheckpointCheckpoint *checkpoint);

G_END_DECLS
