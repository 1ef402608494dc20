// SPDX-License-Identifier: LGPL-2.1-or-later
// What all frame stores have in common about the names of their objects, and the object that marks
// a store as ours.
#pragma once

#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/status.h"
#include "store/frame_store.h"

namespace checkpoint {

// Where a store keeps the marker. Names that begin with kReservedPrefix are the store's own, but
// for those of a job that happens to be called so ("<job>/frames/…").
inline constexpr std::string_view kReservedPrefix = ".gst-checkpoint/";
inline constexpr std::string_view kMarkerName = ".gst-checkpoint/marker.json";

// A name is a relative path: 1 to 1024 bytes of UTF-8 without control characters, components of 1
// to 255 bytes, none of them "." or "..", not reserved. kInvalidArgument says what is wrong, with
// nothing in it that a terminal obeys.
Status check_object_name(std::string_view name);
// The same for the beginning of a name, which may be empty and may end anywhere.
Status check_object_prefix(std::string_view prefix);
// Is it the store's own, so that no listing shows it?
bool is_reserved_object(std::string_view name);

// The marker as a small JSON text, for people who look into the store.
std::string marker_to_json(const StoreMarker &marker);
// kCorrupt: not a marker. kNewerSchema: of a later release's layout. `where` is for the message.
Result<StoreMarker> marker_from_json(ByteView json, const std::string &where);

}  // namespace checkpoint
