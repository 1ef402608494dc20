// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/frame_fetcher.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>
#include <unordered_set>

#include "common/log.h"
#include "core/names.h"
#include "core/record_codec.h"
#include "core/row_cursor.h"

namespace checkpoint {

Result<std::unordered_map<PackKey, PackRow>> PackCache::find(std::span<const PackKey> packs,
                                                             Cancellation &cancel) {
  std::unordered_map<PackKey, PackRow> found;
  std::vector<PackKey> unknown;
  {
    std::lock_guard lock(mutex_);
    for (PackKey key : packs) {
      if (found.count(key)) continue;
      auto it = by_key_.find(key);
      if (it == by_key_.end()) {
        if (std::find(unknown.begin(), unknown.end(), key) == unknown.end()) unknown.push_back(key);
        continue;
      }
      rows_.splice(rows_.begin(), rows_, it->second);
      found.emplace(key, *it->second);
    }
  }
  if (unknown.empty()) return found;
  std::vector<PackRow> rows;
  Result<std::vector<PackRow>> all = store_->get_packs(unknown, cancel);
  if (all.is_ok()) {
    rows = std::move(*all);
  } else if (all.status().is(Code::kNotFound)) {
    // One unknown pack must not hide the others.
    for (PackKey key : unknown) {
      Result<std::vector<PackRow>> one = store_->get_packs(std::span(&key, 1), cancel);
      if (!one.is_ok() && !one.status().is(Code::kNotFound)) return one.status();
      if (one.is_ok()) rows.insert(rows.end(), one->begin(), one->end());
    }
  } else {
    return all.status();
  }
  std::lock_guard lock(mutex_);
  for (PackRow &row : rows) {
    if (!by_key_.count(row.key)) {
      rows_.push_front(row);
      by_key_[row.key] = rows_.begin();
    }
    found.emplace(row.key, std::move(row));
  }
  while (rows_.size() > capacity_) {
    by_key_.erase(rows_.back().key);
    rows_.pop_back();
  }
  return found;
}

FrameFetcher::FrameFetcher(std::shared_ptr<Stores> stores, std::shared_ptr<const Playlist> playlist,
                           size_t pool_bytes)
    : stores_(std::move(stores)),
      playlist_(std::move(playlist)),
      pool_(ChunkPool::create(pool_bytes)) {}

Result<std::shared_ptr<Chunk>> FrameFetcher::get(const std::string &object, uint64_t offset,
                                                 uint64_t length, Cancellation &cancel) {
  std::shared_ptr<Chunk> chunk = pool_->allocate(length);
  if (!chunk) return Status(Code::kInternal, "no memory for " + std::to_string(length) + " bytes");
  gets_++;
  CHECKPOINT_RETURN_IF_ERROR(stores_->frames->get(object, offset, chunk->span(), cancel));
  bytes_ += length;
  return chunk;
}

namespace {

bool is_plain(const PackRow &pack, bool record) { return pack.plain && !record; }

std::string object_of(const FrameRow &row, const PackRow &pack, bool record) {
  return is_plain(pack, record) ? plain_object_name(pack.object, row.payload) : pack.object;
}

uint64_t offset_of(const FrameRow &row, const PackRow &pack, bool record) {
  if (record) return row.record.offset;
  return is_plain(pack, record) ? 0 : row.payload.offset;
}

uint64_t length_of(const FrameRow &row, bool record) {
  return record ? row.record.length : row.payload.length;
}

// A record's checksum is its own: that of another frame at the same place is right, too.
bool is_of(const FrameRecord &record, const FrameRow &row) {
  const auto what = [](const FrameRow &r) {
    return std::tie(r.index, r.sequence, r.pts, r.dts, r.duration, r.offset, r.offset_end, r.flags,
                    r.caps, r.payload.checksum, r.payload.length);
  };
  return what(record.row) == what(row);
}

// Would the same get, made again, perhaps give other bytes?
bool worth_another_get(const Status &status) {
  return status.is(Code::kTruncated) || status.is(Code::kCorrupt);
}

}  // namespace

std::vector<LoadedPart> FrameFetcher::load(const Fetch &fetch,
                                           std::span<const PlayedFrame *const> frames,
                                           const PackRow &pack, PayloadCodec &codec,
                                           Cancellation &cancel) {
  std::vector<LoadedPart> parts;
  parts.reserve(frames.size());
  if (frames.size() == 1) {
    parts.push_back(load_alone(fetch.records, *frames[0], pack, 2, codec, cancel));
    return parts;
  }
  Result<std::shared_ptr<Chunk>> chunk = get(pack.object, fetch.offset, fetch.length, cancel);
  if (!chunk.is_ok() && !worth_another_get(chunk.status())) {
    const Status why = diagnose(chunk.status(), *frames[0], cancel);
    for (const PlayedFrame *frame : frames)
      parts.push_back({named(why, *frame, pack, fetch.records), {}, 0, {}});
    return parts;
  }
  std::unordered_set<size_t> given_out;
  for (const PlayedFrame *frame : frames) {
    const FrameRow &row = frame->row;
    LoadedPart part;
    if (chunk.is_ok()) {
      const size_t at = offset_of(row, pack, fetch.records) - fetch.offset;
      if (fetch.records) {
        part = take_record(row, (*chunk)->view().subspan(at, row.record.length));
      } else {
        // Two frames may be one payload; each gets memory of its own, since an element downstream
        // may change what it got.
        part = take_payload(row, *chunk, at, !given_out.insert(at).second, codec);
      }
    } else {
      part.status = chunk.status();
    }
    if (worth_another_get(part.status))
      part = load_alone(fetch.records, *frame, pack, chunk.is_ok() ? 1 : 2, codec, cancel);
    else if (!part.status.is_ok())
      part.status = named(part.status, *frame, pack, fetch.records);
    parts.push_back(std::move(part));
  }
  return parts;
}

LoadedPart FrameFetcher::load_alone(bool record, const PlayedFrame &frame, const PackRow &pack,
                                    int tries, PayloadCodec &codec, Cancellation &cancel) {
  const FrameRow &row = frame.row;
  LoadedPart part;
  for (; tries > 0; tries--) {
    Result<std::shared_ptr<Chunk>> chunk = get(
        object_of(row, pack, record), offset_of(row, pack, record), length_of(row, record), cancel);
    if (!chunk.is_ok())
      part.status = chunk.status();
    else if (record)
      part = take_record(row, (*chunk)->view());
    else
      part = take_payload(row, *chunk, 0, false, codec);
    if (part.status.is_ok() || !worth_another_get(part.status)) break;
    if (tries > 1)
      log(LogLevel::kWarning, "reader",
          "once more: " + named(part.status, frame, pack, record).message());
  }
  if (!part.status.is_ok()) {
    part.chunk.reset();
    part.status = named(diagnose(part.status, frame, cancel), frame, pack, record);
  }
  return part;
}

LoadedPart FrameFetcher::take_payload(const FrameRow &row, const std::shared_ptr<Chunk> &chunk,
                                      size_t offset, bool shared, PayloadCodec &codec) {
  LoadedPart part;
  const PayloadRef &ref = row.payload;
  const ByteView stored = ByteView(chunk->view()).subspan(offset, ref.length);
  if (checksum_of(stored) != ref.checksum) {
    part.status = Status(Code::kCorrupt, "the payload's checksum is wrong");
    return part;
  }
  if (ref.codec == Codec::kNone && !shared) {
    part.chunk = chunk;
    part.offset = offset;
    return part;
  }
  part.chunk = pool_->allocate(ref.raw_length);
  if (!part.chunk) {
    part.status =
        Status(Code::kInternal, "no memory for " + std::to_string(ref.raw_length) + " bytes");
    return part;
  }
  if (ref.codec == Codec::kNone)
    std::memcpy(part.chunk->data(), stored.data(), stored.size());
  else
    part.status = codec.decode(ref.codec, stored, part.chunk->span());
  return part;
}

LoadedPart FrameFetcher::take_record(const FrameRow &row, ByteView bytes) {
  LoadedPart part;
  Result<Record> record = parse_record(bytes);
  if (!record.is_ok()) {
    part.status = record.status();
    return part;
  }
  auto *frame = std::get_if<FrameRecord>(&*record);
  if (!frame || !is_of(*frame, row)) {
    part.status = Status(Code::kCorrupt, "the record there is another frame's");
    return part;
  }
  part.metas = std::move(frame->metas);
  return part;
}

Status FrameFetcher::check(const PlayedFrame &frame, const PackRow &pack, bool record,
                           uint64_t max_frame_bytes) const {
  Status status = record ? check_record_ref(frame.row.record, pack)
                         : check_payload_ref(frame.row.payload, pack, max_frame_bytes);
  if (pack.state == PackState::kDeleted)
    status = Status(Code::kExpired, "the pack was deleted");
  else if (pack.frame_store != stores_->frame_store)
    status = Status(Code::kUnavailable,
                    "the pack lies in another frame store than " + stores_->frames->display_uri(),
                    "name the frame store that the checkpoint was written to");
  return status.is_ok() ? status : named(status, frame, pack, record);
}

Status FrameFetcher::named(const Status &status, const PlayedFrame &frame, const PackRow &pack,
                           bool record) const {
  const FrameRow &row = frame.row;
  if (status.is(Code::kCancelled)) return status;
  return status.with_context(
      "checkpoint " + checkpoint_of(frame).to_string() + ", sequence " +
      std::to_string(row.sequence) + ", pack " + object_of(row, pack, record) + ", offset " +
      std::to_string(offset_of(row, pack, record)) + (record ? " (record)" : ""));
}

Status FrameFetcher::diagnose(const Status &status, const PlayedFrame &frame,
                              Cancellation &cancel) {
  if (status.is(Code::kTruncated))
    return {Code::kCorrupt, "the object ends before these bytes: " + status.message()};
  if (!status.is(Code::kMissing)) return status;
  // Gone, or is the whole store not there? A disk that is not mounted looks like a store without
  // objects, but for its marker.
  Result<std::optional<StoreMarker>> marker = stores_->frames->read_marker(cancel);
  if (!marker.is_ok() && !marker.status().is(Code::kMissing)) return marker.status();
  if (!marker.is_ok() || !*marker || (*marker)->frame_store != stores_->frame_store_uuid)
    return {Code::kUnavailable,
            "frame store " + stores_->frames->display_uri() +
                " is not there, or another store is in its place",
            "is the disk mounted and the bucket the right one?"};
  // A collector may have moved the payload since its row was read, and collected the old pack.
  const Result<std::vector<PackRow>> pack =
      stores_->metadata->get_packs({&frame.row.payload.pack, 1}, cancel);
  const bool collected =
      pack.is_ok() ? pack->front().state == PackState::kDeleted : pack.status().is(Code::kNotFound);
  if (collected && frame.row.payload.raw_length > 0)
    return {Code::kExpired, "its pack was collected while it was being read",
            "what is still needed lies in another pack now: open it again"};
  return deleted_or(*stores_->metadata, checkpoint_of(frame),
                    {Code::kMissing, "the object is gone"}, cancel);
}

}  // namespace checkpoint
