// SPDX-License-Identifier: LGPL-2.1-or-later
// GstStructure, GstCaps, tag lists and the values in them as bytes; docs/format.md describes the
// bytes. GStreamer's own text form is no storage format: one GVariant or pointer in it makes the
// whole text unreadable.
//
// A value comes back with the same type and the same bits, or is refused by the name of its type
// when it is written. Enums, flags and GTypes are written by name, since their numbers belong to a
// process.
//
// The readers take any bytes: they fail with kCorrupt (or kUnsupported for a type that this process
// does not know), allocate in proportion to the input, and never nest deeper than
// kMaxValueDepth.
#pragma once

#include <gst/gst.h>

#include "common/bytes.h"
#include "common/status.h"
#include "elements/gst_handles.h"

namespace checkpoint {

inline constexpr unsigned kMaxValueDepth = 32;
inline constexpr unsigned kMaxStructureFields = 4096;

// What a writer has written when it fails is of no use.
Status write_structure(const GstStructure *structure, ByteWriter &out);
Status write_value(const GValue *value, ByteWriter &out);
Status write_tag_list(const GstTagList *tags, ByteWriter &out);
Status write_caps(const GstCaps *caps, ByteWriter &out);
Status write_segment(const GstSegment &segment, ByteWriter &out);

Result<StructurePtr> read_structure(ByteReader &in);
// `value` is zero-initialised (G_VALUE_INIT) and stays so on failure.
Status read_value(ByteReader &in, GValue *value);
Result<TagListPtr> read_tag_list(ByteReader &in);
Result<CapsPtr> read_caps(ByteReader &in);
Result<GstSegment> read_segment(ByteReader &in);

// One structure and nothing else.
Result<Bytes> encode_structure(const GstStructure *structure);
Result<StructurePtr> parse_structure(ByteView bytes);

}  // namespace checkpoint
