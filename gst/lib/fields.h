// SPDX-License-Identifier: LGPL-2.1-or-later
// The fields of the seed's row that are texts, as GObject properties: the same on a state, where
// they can be set, and on a checkpoint.
#pragma once

#include <glib-object.h>

#include "common/status.h"
#include "store/model.h"

namespace checkpoint {

inline constexpr guint kFirstFieldProperty = 100;  // a class's own ones are below it

void install_field_properties(GObjectClass *klass, bool writable);
// False: not one of them.
bool set_field(CheckpointFields &fields, guint id, const GValue *value);
bool get_field(const CheckpointFields &fields, guint id, GValue *value);
// Those that hold JSON do.
Status check_fields(const CheckpointFields &fields);

}  // namespace checkpoint
