// SPDX-License-Identifier: LGPL-2.1-or-later
// What the calls of a GstCheckpointStore share.
#pragma once

#include <gst/checkpoint/gstcheckpointstore.h>

#include <memory>
#include <string>

#include "lib/place.h"

namespace checkpoint {

const std::shared_ptr<StorePlace> &place_of(GstCheckpointStore *store);

std::string text_or_empty(const gchar *text);

}  // namespace checkpoint
