// SPDX-License-Identifier: LGPL-2.1-or-later
// A table of contents as a structure, which structure_codec.h writes and reads.
#pragma once

#include <gst/gst.h>

#include "common/status.h"
#include "elements/gst_handles.h"

namespace checkpoint {

StructurePtr toc_to_structure(const GstToc *toc, bool updated);
// The event of it. kCorrupt: that is no table of contents.
Result<EventPtr> toc_event_from_structure(const GstStructure *structure);

}  // namespace checkpoint
