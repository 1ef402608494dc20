// SPDX-License-Identifier: LGPL-2.1-or-later
// Stream events as the rows that a checkpoint keeps, and back.
//
// Stored: segments of any format, tags, gaps, buffer sizes, protection, flushes (the FLUSH_STOP, as
// a record that there was one) and custom serialized events. Not content, and never stored: caps
// (they have rows of their own), EOS, stream-start and everything else that names streams of a
// process, and our own lineage and boundary events.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

#include "common/bytes.h"
#include "common/status.h"
#include "elements/gst_handles.h"

namespace checkpoint {

// EventRow::type and EventRow::body.
struct StoredEvent {
  std::string type;
  Bytes body;
};

// nullopt: not content. kUnsupported: content that can't be stored; the message names what.
Result<std::optional<StoredEvent>> encode_event(GstEvent *event);

// Takes any type and bytes: kCorrupt for those that are none of ours, kUnsupported for a type of
// value or event that this release or process does not know.
Result<EventPtr> decode_event(const std::string &type, ByteView body);

}  // namespace checkpoint
