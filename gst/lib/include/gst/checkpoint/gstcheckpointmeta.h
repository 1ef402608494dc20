/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How an application has a meta of its own kept by checkpointsink and put back by checkpointsrc.
 *
 * A GstCustomMeta needs none of this, and since GStreamer 1.24 neither does a meta whose
 * GstMetaInfo has a serialize_func and a deserialize_func. There is no library to link: the codec
 * is attached to the type of the meta, where the elements look for it.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstCheckpointMetaCodec:
 * @encode: appends the bytes of @meta to @bytes. FALSE: this one can't be kept. It is then treated
 * as any other that can't be: counted and warned of, an error under strict-metas.
 * @decode: adds the meta that @bytes are of to @buffer, which is writable. FALSE, with nothing
 * added, where they are none: a damaged or hostile store can hold any bytes.
 * @user_data: given to both.
 *
 * Both are called on threads of the elements, several at once. What they write is stored for years:
 * begin it with a version.
 */
typedef struct {
  gboolean (*encode)(const GstMeta *meta, GByteArray *bytes, gpointer user_data);
  gboolean (*decode)(GstBuffer *buffer, const guint8 *bytes, gsize size, gpointer user_data);
  gpointer user_data;
} GstCheckpointMetaCodec;

/* Names the layout of the struct above, which never changes under this name. */
#define GST_CHECKPOINT_META_CODEC_KEY "gst-checkpoint-meta-codec-1"

/**
 * gst_checkpoint_meta_set_codec:
 * @api: what gst_meta_api_type_register() returned for the meta. Its name is stored, and finds the
 *   codec again in the process that plays the frames
 * @codec: (nullable): lives as long as the process; NULL: none any more
 *
 * Any thread, any time; what counts is what is set when a frame passes. Metas that gst-checkpoint
 * has a codec of its own for (docs/fidelity.md) never come to this one.
 */
static inline void gst_checkpoint_meta_set_codec(GType api, const GstCheckpointMetaCodec *codec) {
  g_type_set_qdata(api, g_quark_from_string(GST_CHECKPOINT_META_CODEC_KEY), (gpointer)codec);
}

G_END_DECLS
