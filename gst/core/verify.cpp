// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/verify.h"

#include <utility>
#include <vector>

#include "core/frame_fetcher.h"
#include "core/frame_rows.h"
#include "core/names.h"
#include "core/pack.h"
#include "core/read_plan.h"
#include "core/reader.h"
#include "core/record_codec.h"

namespace checkpoint {

namespace {

constexpr unsigned kPage = 256;

// Is the object what is broken, or can't we tell?
bool is_damage(const Status &status) {
  switch (status.code()) {
    case Code::kMissing:
    case Code::kCorrupt:
    case Code::kTruncated:
    case Code::kArchived:
    case Code::kExpired:
    case Code::kNewerSchema:
    case Code::kUnsupported:
      return true;
    default:
      return false;
  }
}

std::string place_of(const CheckpointRow &checkpoint, const FrameRow &frame) {
  return "checkpoint " + checkpoint.id.to_string() + ", sequence " + std::to_string(frame.sequence);
}

}  // namespace

Verifier::Verifier(std::shared_ptr<Stores> stores, const VerifyOptions &options,
                   OnFinding on_finding, OnFrame on_frame)
    : stores_(std::move(stores)),
      options_(options),
      on_finding_(std::move(on_finding)),
      on_frame_(std::move(on_frame)) {}

Status Verifier::check(const CheckpointRow &checkpoint, Cancellation &cancel, uint64_t first) {
  if (!options_.data) return check_rows(checkpoint, first, cancel);
  CHECKPOINT_RETURN_IF_ERROR(check_payloads(checkpoint, first, cancel));
  return check_rows(checkpoint, 0, cancel);
}

void Verifier::looked_at(const CheckpointRow &checkpoint, const FrameRow &frame,
                         const Status &why) {
  frames_++;
  if (!why.is_ok()) {
    broken_frames_++;
    on_finding_({checkpoint.id, frame.index, frame.sequence, why});
  }
  on_frame_(frame.index + 1);
}

// Reads all of it as a replay does.
Status Verifier::check_payloads(const CheckpointRow &checkpoint, uint64_t first,
                                Cancellation &cancel) {
  ReaderOptions options;
  options.workers = options_.workers;
  CheckpointReader reader(stores_, checkpoint, options);
  ReplayRange range;
  range.first = first;
  range.events = false;
  reader.seek(range);
  for (;;) {
    Result<ReplayItem> item = reader.next(cancel);
    if (item.is_ok()) {
      if (std::holds_alternative<ReplayEnd>(*item)) return Status::ok();
      looked_at(checkpoint, std::get<ReplayFrame>(*item).row, Status::ok());
      continue;
    }
    const auto failed = reader.failed();
    if (!failed || !is_damage(item.status())) return item.status();
    looked_at(checkpoint, failed->row, item.status());
    range.first = failed->place + 1;
    if (range.first >= checkpoint.frames) return Status::ok();
    reader.seek(range);
  }
}

// The rows, and the packs that they name. With `data` frames were counted already.
Status Verifier::check_rows(const CheckpointRow &checkpoint, uint64_t first, Cancellation &cancel) {
  PackCache cache(stores_->metadata);
  std::unordered_map<PackKey, bool> told;
  while (first < checkpoint.frames) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        const auto rows, read_frame_page(*stores_->metadata, checkpoint, first, kPage, cancel));
    std::vector<PackKey> keys;
    for (const FrameRow &row : rows) {
      keys.push_back(row.record.pack);
      if (row.payload.raw_length > 0) keys.push_back(row.payload.pack);
    }
    CHECKPOINT_ASSIGN_OR_RETURN(auto packs, cache.find(keys, cancel));
    for (const FrameRow &row : rows) {
      Status why;
      for (const bool record : {false, true}) {
        if (!record && row.payload.raw_length == 0) continue;
        const auto pack = packs.find(record ? row.record.pack : row.payload.pack);
        if (pack == packs.end()) {
          why = Status(Code::kCorrupt, "its pack is not known");
          continue;
        }
        const Status fits = record ? check_record_ref(row.record, pack->second)
                                   : check_payload_ref(row.payload, pack->second, UINT64_MAX);
        const Status state = look_at(pack->second, cancel);
        if (!state.is_ok() && !is_damage(state)) return state;
        if (!fits.is_ok()) why = fits.with_context("pack " + pack->second.object);
        if (state.is_ok()) continue;
        // With all bytes read, its frames told already what a replay can't have.
        if (!options_.data) {
          why = state;
        } else if (!std::exchange(told[pack->first], true)) {
          broken_packs_++;
          on_finding_({checkpoint.id,
                       {},
                       {},
                       state.with_context("checkpoint " + checkpoint.id.to_string())});
        }
      }
      if (options_.data) continue;
      looked_at(checkpoint, row, why.is_ok() ? why : why.with_context(place_of(checkpoint, row)));
    }
    first = rows.back().index + 1;
  }
  return Status::ok();
}

Status Verifier::look_at(const PackRow &pack, Cancellation &cancel) {
  const auto known = packs_.find(pack.key);
  if (known != packs_.end()) return known->second;
  Status state;
  if (pack.state == PackState::kDeleted) state = Status(Code::kExpired, "the pack was deleted");
  // The objects of a plain pack are its frames' alone.
  if (state.is_ok() && !pack.plain) {
    Result<ObjectInfo> info = stores_->frames->stat(pack.object, cancel);
    if (!info.is_ok())
      state = info.status();
    else if (info->size != pack.size)
      state = Status(Code::kCorrupt, "the object has " + std::to_string(info->size) +
                                         " bytes instead of " + std::to_string(pack.size));
    else if (options_.data)
      state = check_parts(pack, cancel);
  }
  if (!state.is_ok()) {
    if (!is_damage(state)) return state;
    state = state.with_context("pack " + pack.object);
  }
  packs_.emplace(pack.key, state);
  return state;
}

// What is in a pack beside its payloads.
Status Verifier::check_parts(const PackRow &pack, Cancellation &cancel) {
  if (pack.size < kPackHeaderSize + kPackFooterSize)
    return {Code::kCorrupt, "it is too short for a pack"};
  const auto read = [&](uint64_t offset, uint64_t length) -> Result<Bytes> {
    Bytes bytes(length);
    CHECKPOINT_RETURN_IF_ERROR(stores_->frames->get(pack.object, offset, bytes, cancel));
    return bytes;
  };
  CHECKPOINT_ASSIGN_OR_RETURN(Bytes head, read(0, kPackHeaderSize));
  CHECKPOINT_ASSIGN_OR_RETURN(PackHeader header, parse_pack_header(head));
  CHECKPOINT_ASSIGN_OR_RETURN(Bytes tail, read(pack.size - kPackFooterSize, kPackFooterSize));
  CHECKPOINT_ASSIGN_OR_RETURN(PackFooter footer, parse_pack_footer(tail, pack.size));
  ByteReader checksum(ByteView(head).last(sizeof(uint64_t)));
  if (header.pack != pack.uuid || checksum.u64() != footer.header_checksum)
    return {Code::kCorrupt, "another pack lies there"};
  CHECKPOINT_ASSIGN_OR_RETURN(Bytes index, read(footer.index_offset, footer.index_length));
  CHECKPOINT_RETURN_IF_ERROR(parse_pack_index(index, footer.records_offset).status());
  CHECKPOINT_ASSIGN_OR_RETURN(Bytes records, read(footer.records_offset, footer.records_length));
  return parse_records(records, [](Record &&, RecordSpan) { return Status::ok(); });
}

}  // namespace checkpoint
