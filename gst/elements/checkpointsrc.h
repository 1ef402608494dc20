// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsrc: plays a stored checkpoint as if the stages before it had just run.
// docs/elements/checkpointsrc.md.
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_CHECKPOINT_SRC (gst_checkpoint_src_get_type())
G_DECLARE_FINAL_TYPE(GstCheckpointSrc, gst_checkpoint_src, GST, CHECKPOINT_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE(checkpointsrc)

G_END_DECLS
