// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/stored_frames.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/checkpoint_cursor.h"
#include "core/reader.h"
#include "elements/buffer_output.h"
#include "lib/rows.h"

namespace checkpoint {

namespace {

constexpr size_t kPage = 256;
constexpr unsigned kCheckpoints = 50;

// Reads frames of one checkpoint.
class OriginReader {
 public:
  OriginReader(std::shared_ptr<Stores> stores, const CheckpointRow &row)
      : reader_(std::move(stores), row, ReaderOptions()) {}

  // Reads only these ahead: [first, end).
  void begin(uint64_t first, uint64_t end) { reader_.seek({first, end, false, false}); }

  Result<StoredFrame> next(Cancellation &cancel) {
    CHECKPOINT_ASSIGN_OR_RETURN(ReplayItem item, reader_.next(cancel));
    auto *frame = std::get_if<ReplayFrame>(&item);
    if (!frame) return Status(Code::kExpired, "frames were deleted while they were read");
    StoredFrame out;
    out.row = frame->row;
    CHECKPOINT_ASSIGN_OR_RETURN(out.caps, caps(out.row.caps, cancel));
    CHECKPOINT_ASSIGN_OR_RETURN(out.buffer, make_buffer(std::move(*frame), *out.caps));
    return out;
  }

 private:
  Result<std::shared_ptr<const StreamCaps>> caps(uint32_t number, Cancellation &cancel) {
    if (auto known = caps_.find(number); known != caps_.end()) return known->second;
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CapsRow> rows, reader_.caps(cancel));
    for (const CapsRow &row : rows) {
      if (row.number != number) continue;
      CHECKPOINT_ASSIGN_OR_RETURN(caps_[number], StreamCaps::parse(row.caps));
      return caps_[number];
    }
    return Status(Code::kCorrupt, "the caps of a frame are not known");
  }

  CheckpointReader reader_;
  std::map<uint32_t, std::shared_ptr<const StreamCaps>> caps_;
};

}  // namespace

Status StoredFrames::look_in(const CheckpointRow &checkpoint, const FramesManifest &manifest,
                             Cancellation &cancel) {
  std::vector<uint64_t> wanted;
  for (const auto &[sequence, name] : manifest)
    if (!found_.contains(sequence)) wanted.push_back(sequence);
  const size_t origin = origins_.size();
  uint64_t frames = 0;
  for (size_t at = 0; at < wanted.size(); at += kPage) {
    const std::span<const uint64_t> page =
        std::span(wanted).subspan(at, std::min(kPage, wanted.size() - at));
    CHECKPOINT_ASSIGN_OR_RETURN(
        auto rows,
        stores_->metadata->find_frames(checkpoint.key, FramePage::Order::kSequence, page, cancel));
    std::vector<FrameRow> known;
    for (const auto &row : rows)
      if (row && row->index < checkpoint.frames) known.push_back(*row);
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<std::string> names,
                                payload_names(*stores_, known, cancel));
    for (size_t i = 0; i < known.size(); i++) {
      if (manifest.at(known[i].sequence) != names[i]) continue;
      found_[known[i].sequence] = {origin, known[i].index};
      frames++;
    }
  }
  if (frames > 0) origins_.push_back({checkpoint, frames});
  return Status::ok();
}

Result<StoredFrames> StoredFrames::find(std::shared_ptr<Stores> stores,
                                        const CheckpointFields &fields,
                                        const FramesManifest &manifest, Cancellation &cancel) {
  StoredFrames self;
  self.stores_ = std::move(stores);
  if (fields.parent) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow parent,
                                self.stores_->metadata->get_checkpoint(*fields.parent, cancel));
    CHECKPOINT_RETURN_IF_ERROR(self.look_in(parent, manifest, cancel));
  }
  CheckpointQuery query;
  query.job_id = fields.job_id;
  query.limit = kCheckpoints;
  CheckpointCursor cursor(*self.stores_->metadata, query);
  while (self.found_.size() < manifest.size()) {
    CHECKPOINT_ASSIGN_OR_RETURN(const CheckpointRow *const row, cursor.next(cancel));
    if (!row) break;
    CHECKPOINT_RETURN_IF_ERROR(self.look_in(*row, manifest, cancel));
  }
  for (const auto &[sequence, name] : manifest)
    if (!self.found_.contains(sequence))
      return Status(Code::kNotFound,
                    "frames_manifest: no complete checkpoint of job \"" + fields.job_id +
                        "\" has frame " + std::to_string(sequence) + " as " + name,
                    "give the manifest as an earlier stage of the job has it, or no manifest and "
                    "the frames");
  return self;
}

std::optional<Uuid> StoredFrames::origin() const {
  const auto most =
      std::max_element(origins_.begin(), origins_.end(),
                       [](const Origin &a, const Origin &b) { return a.frames < b.frames; });
  return most == origins_.end() ? std::nullopt : std::optional<Uuid>(most->row.id);
}

Status StoredFrames::visit(const StoredFrameVisitor &visit, Cancellation &cancel) const {
  std::vector<std::unique_ptr<OriginReader>> readers;
  for (const Origin &origin : origins_)
    readers.push_back(std::make_unique<OriginReader>(stores_, origin.row));
  for (auto at = found_.begin(); at != found_.end();) {
    // What lies side by side is read together.
    const Place first = at->second;
    uint64_t end = first.index;
    auto run_end = at;
    for (; run_end != found_.end() && run_end->second.origin == first.origin &&
           run_end->second.index == end;
         ++run_end)
      end++;
    readers[first.origin]->begin(first.index, end);
    for (; at != run_end; ++at) {
      CHECKPOINT_ASSIGN_OR_RETURN(StoredFrame frame, readers[first.origin]->next(cancel));
      CHECKPOINT_RETURN_IF_ERROR(visit(std::move(frame)));
    }
  }
  return Status::ok();
}

}  // namespace checkpoint
