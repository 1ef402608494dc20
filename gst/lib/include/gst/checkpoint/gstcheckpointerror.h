/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * GST_CHECKPOINT_ERROR:
 *
 * The domain of the errors of this library. A call that was cancelled fails with
 * %G_IO_ERROR_CANCELLED instead, as everywhere in GIO.
 *
 * Since: 0.1
 */
#define GST_CHECKPOINT_ERROR (gst_checkpoint_error_quark())

/**
 * GstCheckpointError:
 * @GST_CHECKPOINT_ERROR_FAILED: something else; the message says what
 * @GST_CHECKPOINT_ERROR_INVALID_ARGUMENT: a setting, name or field that can never work
 * @GST_CHECKPOINT_ERROR_NOT_FOUND: no such job, stage, checkpoint or version
 * @GST_CHECKPOINT_ERROR_BUSY: another writer is at work on that stage
 * @GST_CHECKPOINT_ERROR_LEASE_LOST: another writer has taken the stage over; nothing of this one is
 *   visible after that
 * @GST_CHECKPOINT_ERROR_UNAVAILABLE: a store can't be reached, or is not the one it should be; may
 *   work later
 * @GST_CHECKPOINT_ERROR_PERMISSION_DENIED: reachable, but not for this user
 * @GST_CHECKPOINT_ERROR_NO_SPACE: a disk or a quota is full
 * @GST_CHECKPOINT_ERROR_MISSING: frames that a checkpoint is made of are gone
 * @GST_CHECKPOINT_ERROR_CORRUPT: what is stored is damaged
 * @GST_CHECKPOINT_ERROR_ARCHIVED: has to be restored from an archive first
 * @GST_CHECKPOINT_ERROR_EXPIRED: was deleted while it was being read
 * @GST_CHECKPOINT_ERROR_TIMEOUT: took too long
 * @GST_CHECKPOINT_ERROR_UNSUPPORTED: a kind of caps, meta, codec or store that this build can't do
 * @GST_CHECKPOINT_ERROR_NEWER_SCHEMA: the store was made by a newer release
 *
 * What went wrong. Messages are one or two sentences for a person: what, and what to do next. They
 * hold no secret.
 *
 * Since: 0.1
 */
typedef enum {
  GST_CHECKPOINT_ERROR_FAILED,
  GST_CHECKPOINT_ERROR_INVALID_ARGUMENT,
  GST_CHECKPOINT_ERROR_NOT_FOUND,
  GST_CHECKPOINT_ERROR_BUSY,
  GST_CHECKPOINT_ERROR_LEASE_LOST,
  GST_CHECKPOINT_ERROR_UNAVAILABLE,
  GST_CHECKPOINT_ERROR_PERMISSION_DENIED,
  GST_CHECKPOINT_ERROR_NO_SPACE,
  GST_CHECKPOINT_ERROR_MISSING,
  GST_CHECKPOINT_ERROR_CORRUPT,
  GST_CHECKPOINT_ERROR_ARCHIVED,
  GST_CHECKPOINT_ERROR_EXPIRED,
  GST_CHECKPOINT_ERROR_TIMEOUT,
  GST_CHECKPOINT_ERROR_UNSUPPORTED,
  GST_CHECKPOINT_ERROR_NEWER_SCHEMA
} GstCheckpointError;

GQuark gst_checkpoint_error_quark(void);

G_END_DECLS
