// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/earlier_frames.h"

#include <algorithm>
#include <utility>

#include "core/marks.h"
#include "core/record_codec.h"

namespace checkpoint {

namespace {
constexpr unsigned kEventPage = 256;
// Of records in one get, where they are more than one.
constexpr uint64_t kMaxGet = 4 << 20;
constexpr uint64_t kMaxRecord = uint64_t{UINT32_MAX} + 16;  // as the format has it
}  // namespace

EarlierFrames::EarlierFrames(std::shared_ptr<Stores> stores, CheckpointRow row, uint64_t first,
                             unsigned page)
    : stores_(std::move(stores)), row_(std::move(row)), page_(std::max(page, 1u)), next_(first) {}

Status EarlierFrames::open(Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(caps_, stores_->metadata->read_caps(row_.key, cancel));
  for (unsigned limit = kEventPage;; limit *= 2) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        std::vector<EventRow> events,
        stores_->metadata->read_events(row_.key, row_.frames, row_.frames + 1, limit, cancel));
    if (events.size() == limit) continue;
    for (EventRow &event : events) {
      if (is_mark(event.type))
        marks_.push_back(std::move(event.type));
      else
        last_events_ = event.ordinal + 1;
    }
    return Status::ok();
  }
}

Result<std::set<uint64_t>> EarlierFrames::left_out(Cancellation &cancel) const {
  std::set<uint64_t> indexes;
  unsigned limit = kEventPage;
  for (uint64_t first = 0;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        const std::vector<EventRow> events,
        stores_->metadata->read_events(row_.key, first, row_.frames + 1, limit, cancel));
    for (const EventRow &event : events)
      if (event.type == kMarkLeftOut && event.index > 0) indexes.insert(event.index - 1);
    if (events.size() < limit) return indexes;
    // A page begins with an index, so one that is full of one index's events has to be larger.
    if (events.back().index == first) limit *= 2;
    first = events.back().index;
  }
}

Result<FrameRecord> EarlierFrames::take(uint64_t index, Cancellation &cancel) {
  std::lock_guard lock(mutex_);
  while (next_ <= index) CHECKPOINT_RETURN_IF_ERROR(read_page(cancel));
  auto found = records_.find(index);
  if (found == records_.end())
    return Status(Code::kInternal, "frame " + std::to_string(index) + " was compared before");
  FrameRecord record = std::move(found->second);
  records_.erase(found);
  return record;
}

Status EarlierFrames::read_page(Cancellation &cancel) {
  FramePage page;
  page.checkpoint = row_.key;
  page.first = next_;
  page.limit = page_;
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows,
                              stores_->metadata->read_frames(page, cancel));
  if (rows.empty() || rows.front().index != next_)
    return {Code::kCorrupt, "checkpoint " + row_.id.to_string() + ": the row of frame " +
                                std::to_string(next_) + " is not there"};
  std::map<uint64_t, FrameRecord> records;
  for (size_t first = 0; first < rows.size();) {
    const RecordRef &begin = rows[first].record;
    size_t end = first + 1;
    while (end < rows.size() && rows[end].record.pack == begin.pack &&
           rows[end].record.offset >= begin.offset &&
           rows[end].record.offset + rows[end].record.length - begin.offset <= kMaxGet)
      end++;
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<PackRow> packs,
                                stores_->metadata->get_packs({&begin.pack, 1}, cancel));
    CHECKPOINT_RETURN_IF_ERROR(
        read_records(std::span(rows).subspan(first, end - first), packs.front(), records, cancel)
            .with_context("checkpoint " + row_.id.to_string() + ", the records of pack " +
                          packs.front().object));
    first = end;
  }
  next_ = rows.back().index + 1;
  records_.merge(records);
  return Status::ok();
}

Status EarlierFrames::read_records(std::span<const FrameRow> rows, const PackRow &pack,
                                   std::map<uint64_t, FrameRecord> &records, Cancellation &cancel) {
  if (pack.frame_store != stores_->frame_store)
    return {Code::kInvalidArgument, "they are in another frame store",
            "set frame-store to the one that the checkpoint was begun in"};
  const uint64_t begin = rows.front().record.offset;
  uint64_t end = 0;
  for (const FrameRow &row : rows) {
    // Before anything is allocated for what a damaged row says.
    if (row.record.offset > pack.size || row.record.length > pack.size - row.record.offset)
      return {Code::kCorrupt, "they end behind the pack"};
    if (row.record.length > kMaxRecord) return {Code::kCorrupt, "one is longer than any can be"};
    end = std::max(end, row.record.offset + row.record.length);
  }
  Bytes bytes(end - begin);
  CHECKPOINT_RETURN_IF_ERROR(stores_->frames->get(pack.object, begin, bytes, cancel));
  for (const FrameRow &row : rows) {
    CHECKPOINT_ASSIGN_OR_RETURN(Record record, parse_record(ByteView(bytes).subspan(
                                                   row.record.offset - begin, row.record.length)));
    auto *frame = std::get_if<FrameRecord>(&record);
    if (!frame || frame->row.index != row.index)
      return {Code::kCorrupt, "that of frame " + std::to_string(row.index) + " is another's"};
    records[row.index] = std::move(*frame);
  }
  return Status::ok();
}

}  // namespace checkpoint
