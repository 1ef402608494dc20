/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/checkpoint/gstcheckpointcheckpoint.h>

G_BEGIN_DECLS

/**
 * GST_TYPE_CHECKPOINT_STORE:
 *
 * The type of #GstCheckpointStore.
 */
#define GST_TYPE_CHECKPOINT_STORE (gst_checkpoint_store_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointStore, gst_checkpoint_store, GST, CHECKPOINT_STORE, GObject)

GstCheckpointStore *gst_checkpoint_store_new(const gchar *frame_store, const gchar *metadata_store);

/* save */
gchar *gst_checkpoint_store_save(GstCheckpointStore *store, const gchar *job_id, const gchar *stage,
                                 gint stage_index, GstCheckpointState *state,
                                 GVariant *frames_manifest, gboolean is_scenario,
                                 const gchar *scenario_label, GCancellable *cancellable,
                                 GError **error);
void gst_checkpoint_store_save_async(GstCheckpointStore *store, const gchar *job_id,
                                     const gchar *stage, gint stage_index,
                                     GstCheckpointState *state, GVariant *frames_manifest,
                                     gboolean is_scenario, const gchar *scenario_label,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data);
gchar *gst_checkpoint_store_save_finish(GstCheckpointStore *store, GAsyncResult *result,
                                        GError **error);

/* load */
GstCheckpointCheckpoint *gst_checkpoint_store_load(GstCheckpointStore *store, const gchar *job_id,
                                                   const gchar *stage, GCancellable *cancellable,
                                                   GError **error);
void gst_checkpoint_store_load_async(GstCheckpointStore *store, const gchar *job_id,
                                     const gchar *stage, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
GstCheckpointCheckpoint *gst_checkpoint_store_load_finish(GstCheckpointStore *store,
                                                          GAsyncResult *result, GError **error);
GstCheckpointCheckpoint *gst_checkpoint_store_load_scenario(GstCheckpointStore *store,
                                                            const gchar *job_id, const gchar *stage,
                                                            const gchar *scenario_label,
                                                            GCancellable *cancellable,
                                                            GError **error);
GstCheckpointCheckpoint *gst_checkpoint_store_load_by_id(GstCheckpointStore *store, const gchar *id,
                                                         GCancellable *cancellable, GError **error);

/* list */
gchar **gst_checkpoint_store_list(GstCheckpointStore *store, const gchar *job_id,
                                  GCancellable *cancellable, GError **error);
void gst_checkpoint_store_list_async(GstCheckpointStore *store, const gchar *job_id,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data);
gchar **gst_checkpoint_store_list_finish(GstCheckpointStore *store, GAsyncResult *result,
                                         GError **error);
GList *gst_checkpoint_store_list_checkpoints(GstCheckpointStore *store, const gchar *job_id,
                                             gboolean with_scenarios, gboolean with_partial,
                                             GCancellable *cancellable, GError **error);

G_END_DECLS
