/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/checkpoint/gstcheckpointcheckpoint.h>

G_BEGIN_DECLS

/**
 * GST_TYPE_CHECKPOINT_FRAMES:
 *
 * The type of #GstCheckpointFrames.
 */
#define GST_TYPE_CHECKPOINT_FRAMES (gst_checkpoint_frames_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointFrames, gst_checkpoint_frames, GST, CHECKPOINT_FRAMES, GObject)

GstCheckpointFrames *gst_checkpoint_frames_new(GstCheckpointCheckpoint *checkpoint);
GstSample *gst_checkpoint_frames_next(GstCheckpointFrames *frames, GCancellable *cancellable,
                                      GError **error);
void gst_checkpoint_frames_next_async(GstCheckpointFrames *frames, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
GstSample *gst_checkpoint_frames_next_finish(GstCheckpointFrames *frames, GAsyncResult *result,
                                             GError **error);

G_END_DECLS
