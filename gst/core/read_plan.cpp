// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/read_plan.h"

#include <algorithm>
#include <string>

#include "core/codec.h"
#include "core/pack.h"

namespace checkpoint {

namespace {

// Payloads keep their place modulo the alignment in the chunk that they are read into, so only
// those that agree in it may share one.
bool same_alignment(uint64_t a, uint64_t b) { return a % kPackAlignment == b % kPackAlignment; }

// Takes the part [offset, offset + length) into `fetch` when it lies next to what is there.
bool extend(Fetch &fetch, uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  const uint64_t fetch_end = fetch.offset + fetch.length;
  if (!fetch.records && !same_alignment(offset, fetch.offset)) return false;
  if (offset >= fetch_end) {
    if (offset - fetch_end > kFetchGap) return false;
  } else if (end <= fetch.offset) {
    if (fetch.offset - end > kFetchGap) return false;
  } else {
    return false;
  }
  const uint64_t first = std::min(offset, fetch.offset);
  const uint64_t last = std::max(end, fetch_end);
  if (last - first > kFetchBytes) return false;
  fetch.offset = first;
  fetch.length = last - first;
  return true;
}

void add(std::vector<Fetch> &fetches, size_t &open, bool is_open, bool records, PackKey pack,
         uint64_t offset, uint64_t length, size_t frame) {
  if (is_open && fetches[open].pack == pack && extend(fetches[open], offset, length)) {
    fetches[open].frames.push_back(frame);
    return;
  }
  open = fetches.size();
  fetches.push_back({records, pack, offset, length, {frame}});
}

}  // namespace

std::vector<Fetch> plan_fetches(std::span<const PlannedFrame> run) {
  std::vector<Fetch> fetches;
  constexpr size_t kNoFetch = SIZE_MAX;
  size_t payloads = kNoFetch;  // the fetch that the next payload may join
  size_t records = kNoFetch;   // likewise for records
  const FrameRow *last = nullptr;
  for (size_t i = 0; i < run.size(); i++) {
    const PlannedFrame &frame = run[i];
    if (frame.record) {
      const RecordRef &ref = frame.row->record;
      add(fetches, records, records != kNoFetch, true, ref.pack, ref.offset, ref.length, i);
    }
    if (!frame.payload) continue;
    const PayloadRef &ref = frame.row->payload;
    if (frame.plain_payload) {
      fetches.push_back({false, ref.pack, 0, ref.length, {i}});
      payloads = kNoFetch;
    } else if (payloads != kNoFetch && last && last->payload == ref) {
      // A picture that stands still is stored once.
      fetches[payloads].frames.push_back(i);
    } else {
      add(fetches, payloads, payloads != kNoFetch, false, ref.pack, ref.offset, ref.length, i);
    }
    last = frame.row;
  }
  return fetches;
}

Status check_payload_ref(const PayloadRef &ref, const PackRow &pack, uint64_t max_frame_bytes) {
  if (ref.raw_length > max_frame_bytes)
    return {Code::kCorrupt, "the frame claims " + std::to_string(ref.raw_length) +
                                " bytes, more than the " + std::to_string(max_frame_bytes) +
                                " that are allowed"};
  if (!codec_available(ref.codec))
    return {Code::kUnsupported, "the payload is compressed with a codec that this build lacks"};
  if (ref.codec == Codec::kNone && ref.length != ref.raw_length)
    return {Code::kCorrupt, "an uncompressed payload of " + std::to_string(ref.length) +
                                " bytes claims to be " + std::to_string(ref.raw_length)};
  if (ref.length == 0 ||
      (ref.codec != Codec::kNone && ref.length > PayloadCodec::bound(ref.codec, ref.raw_length)))
    return {Code::kCorrupt, "a payload of " + std::to_string(ref.length) +
                                " stored bytes can't be a frame of " +
                                std::to_string(ref.raw_length)};
  if (pack.plain) return Status::ok();
  if (ref.offset > pack.size || ref.length > pack.size - ref.offset)
    return {Code::kCorrupt,
            "the payload would end behind the pack's " + std::to_string(pack.size) + " bytes"};
  return Status::ok();
}

Status check_record_ref(const RecordRef &ref, const PackRow &pack) {
  if (pack.plain) return {Code::kCorrupt, "a record can't lie in a pack of plain objects"};
  if (ref.length == 0 || ref.offset > pack.size || ref.length > pack.size - ref.offset)
    return {Code::kCorrupt,
            "the record would end behind the pack's " + std::to_string(pack.size) + " bytes"};
  return Status::ok();
}

}  // namespace checkpoint
