// SPDX-License-Identifier: LGPL-2.1-or-later
// Records as bytes; docs/format.md describes them to the byte.
#pragma once

#include <functional>

#include "common/bytes.h"
#include "common/status.h"
#include "core/record.h"

namespace checkpoint {

// Appends one framed record (kind, version, length, checksum, body) and returns where it lies in
// `out`.
struct RecordSpan {
  size_t offset = 0;
  size_t length = 0;
};
// A record whose body would be 4 GiB or more can't be written: then `out` is as before and the
// length is 0.
RecordSpan append_record(const Record &record, ByteWriter &out);

// Reads the one record that `bytes` holds. kCorrupt for anything else, kNewerSchema for a record of
// a later format; allocates at most in proportion to bytes.size().
Result<Record> parse_record(ByteView bytes);

// Calls `each` with every record of a records section and its place in it. Stops at the first that
// fails. Kinds of 128 and more that this release does not know are passed over.
Status parse_records(ByteView section, const std::function<Status(Record &&, RecordSpan)> &each);

}  // namespace checkpoint
