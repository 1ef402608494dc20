// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/copier.h"

#include <optional>
#include <utility>
#include <variant>

#include "core/detection_cursor.h"
#include "core/reader.h"

namespace checkpoint {

namespace {

class CopiedFrame : public FrameInput {
 public:
  CopiedFrame(ReplayFrame frame, std::vector<DetectionRow> detections)
      : frame_(std::move(frame)), detections_(std::move(detections)) {}

  size_t held_bytes() const override { return frame_.size; }
  size_t payload_size() const override { return frame_.size; }
  Content content() const override { return frame_.row.payload.content; }
  Result<std::optional<ByteView>> map() override {
    if (frame_.size == 0) return std::optional<ByteView>(ByteView{});
    return std::optional<ByteView>(frame_.chunk->view().subspan(frame_.offset, frame_.size));
  }
  Status copy_to(MutableByteView) override {
    return {Code::kInternal, "a copied frame lies in one piece"};
  }
  Status metas(std::vector<MetaBlob> &metas, std::vector<DetectionRow> &detections) override {
    metas = std::move(frame_.metas);
    detections = std::move(detections_);
    return Status::ok();
  }

 private:
  ReplayFrame frame_;
  std::vector<DetectionRow> detections_;
};

FrameTiming timing_of(const FrameRow &row) {
  return {row.pts, row.dts, row.duration, row.stream_time, row.offset, row.offset_end, row.flags};
}

}  // namespace

Status Copier::told(Status status) {
  writer_failed_ = writer_failed_ || !status.is_ok();
  return status;
}

// In the order of their numbers, the unused ones too: so they have the same numbers there.
Status Copier::set_caps(size_t count) {
  for (; caps_told_ < count && caps_told_ < caps_.size(); caps_told_++)
    CHECKPOINT_RETURN_IF_ERROR(told(to_.set_caps(caps_[caps_told_].caps)));
  return Status::ok();
}

Status Copier::copy(const CheckpointRow &row, const std::function<void(const FrameRow &)> &each,
                    Cancellation &cancel) {
  CheckpointReader reader(from_, row, ReaderOptions{});
  DetectionCursor detections(from_->metadata, row.key);
  CHECKPOINT_ASSIGN_OR_RETURN(caps_, reader.caps(cancel));
  reader.seek({next_});
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(ReplayItem item, reader.next(cancel));
    if (std::holds_alternative<ReplayEnd>(item)) return Status::ok();
    if (auto *event = std::get_if<ReplayEvent>(&item)) {
      EventRow &found = event->row;
      if (found.index == event_index_ && found.ordinal < event_ordinal_) continue;
      event_index_ = found.index;
      event_ordinal_ = found.ordinal + 1;
      CHECKPOINT_RETURN_IF_ERROR(told(to_.push_event(found.type, std::move(found.body))));
      continue;
    }
    auto &frame = std::get<ReplayFrame>(item);
    CHECKPOINT_RETURN_IF_ERROR(set_caps(size_t{frame.row.caps} + 1));
    const FrameRow frame_row = frame.row;
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<DetectionRow> found,
                                detections.of_frame(frame_row.index, cancel));
    std::optional<uint64_t> sequence;
    if (frame_row.sequence != kNone) sequence = frame_row.sequence;
    std::unique_ptr<FrameInput> input =
        std::make_unique<CopiedFrame>(std::move(frame), std::move(found));
    CHECKPOINT_RETURN_IF_ERROR(told(to_.push(input, timing_of(frame_row), sequence)));
    next_ = frame_row.index + 1;
    each(frame_row);
  }
}

Status Copier::copy_rest(const CheckpointRow &row, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(caps_, from_->metadata->read_caps(row.key, cancel));
  return set_caps(caps_.size());
}

}  // namespace checkpoint
