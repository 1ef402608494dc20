/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gst-checkpoint for applications: pkg-config gstreamer-checkpoint-1.0, docs/library.md. */
#pragma once

#include <gst/checkpoint/gstcheckpointcheckpoint.h>
#include <gst/checkpoint/gstcheckpointerror.h>
#include <gst/checkpoint/gstcheckpointframes.h>
#include <gst/checkpoint/gstcheckpointmeta.h>
#include <gst/checkpoint/gstcheckpointstate.h>
#include <gst/checkpoint/gstcheckpointstore.h>
