// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties that checkpointsink and checkpointtap share.
#pragma once

#include <gst/gst.h>

#include "elements/recorder.h"

namespace checkpoint {

inline constexpr guint kFirstRecorderProperty = 100;  // an element's own ones are below it

// In class_init.
void install_recorder_properties(GObjectClass *klass);
// False: not one of them. Call with the object lock held; setting is for NULL and READY only, which
// GST_PARAM_MUTABLE_READY says and the caller checks.
bool set_recorder_property(RecorderSettings &settings, guint id, const GValue *value);
bool get_recorder_property(const RecorderSettings &settings, guint id, GValue *value);

// In class_init: the action signal `checkpoint-now`. `handler` is a
// guint64 (*)(the element), for Recorder::checkpoint_now().
void install_recorder_signals(GType type, GCallback handler);

// Fields of `stats` that both elements have, added to `structure`.
void add_recorder_stats(GstStructure *structure, const Recorder &recorder);

}  // namespace checkpoint
