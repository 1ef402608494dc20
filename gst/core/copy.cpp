// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/copy.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/detection_cursor.h"
#include "core/reader.h"
#include "core/warning_observer.h"

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

Status copy_contents(const std::shared_ptr<Stores> &from, const CheckpointRow &row,
                     CheckpointWriter &writer, const CopyListener &listener, Cancellation &cancel) {
  CheckpointReader reader(from, row, ReaderOptions{});
  DetectionCursor detections(from->metadata, row.key);
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<CapsRow> caps, reader.caps(cancel));
  std::optional<uint32_t> current;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(ReplayItem item, reader.next(cancel));
    if (std::holds_alternative<ReplayEnd>(item)) return Status::ok();
    if (auto *event = std::get_if<ReplayEvent>(&item)) {
      CHECKPOINT_RETURN_IF_ERROR(writer.push_event(event->row.type, std::move(event->row.body)));
      continue;
    }
    auto &frame = std::get<ReplayFrame>(item);
    if (current != frame.row.caps) {
      current = frame.row.caps;
      for (const CapsRow &one : caps)
        if (one.number == *current) CHECKPOINT_RETURN_IF_ERROR(writer.set_caps(one.caps));
    }
    const FrameRow frame_row = frame.row;
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<DetectionRow> found,
                                detections.of_frame(frame_row.index, cancel));
    std::unique_ptr<FrameInput> input =
        std::make_unique<CopiedFrame>(std::move(frame), std::move(found));
    CHECKPOINT_RETURN_IF_ERROR(writer.push(input, timing_of(frame_row), frame_row.sequence));
    listener.progress(frame_row.index + 1, row.frames);
  }
}

}  // namespace

Result<CopyResult> copy_checkpoint(const std::shared_ptr<Stores> &from, const CheckpointRow &row,
                                   const std::shared_ptr<Stores> &to, const WriterOptions &options,
                                   const CopyListener &listener, Cancellation &cancel) {
  if (row.state != CheckpointState::kComplete)
    return Status(Code::kInvalidArgument, "only a complete checkpoint can be copied");
  if (from->frame_store_uuid == to->frame_store_uuid)
    return Status(Code::kInvalidArgument, "both pairs of stores are the same");
  CopyResult result;
  bool resume = false;
  auto there = to->metadata->get_checkpoint(row.id, cancel);
  if (there.is_ok()) {
    result.was_there = there->state == CheckpointState::kComplete;
    if (result.was_there) return result;
    resume = there->state == CheckpointState::kPartial;
  } else if (!there.status().is(Code::kNotFound)) {
    return there.status();
  }
  CHECKPOINT_ASSIGN_OR_RETURN(const std::optional<JobRow> job,
                              from->metadata->find_job(row.fields.job_id, cancel));
  if (!job) return Status(Code::kExpired, "job '" + row.fields.job_id + "' is gone");
  CHECKPOINT_ASSIGN_OR_RETURN(
      const JobRow theirs,
      to->metadata->ensure_job(row.fields.job_id, Uuid::random(), job->identity_key, cancel));

  CheckpointWriter writer([to](Cancellation &) { return to; }, options,
                          std::make_shared<WarningObserver>(listener.warning));
  Cancellation::Hook hook(cancel, [&writer] { writer.interrupt(); });
  const auto run = [&]() -> Status {
    CHECKPOINT_RETURN_IF_ERROR(writer.begin(row.fields, true, resume, row.id));
    CHECKPOINT_RETURN_IF_ERROR(copy_contents(from, row, writer, listener, cancel));
    return writer.finish(std::nullopt, std::chrono::hours(24));
  };
  if (Status status = run(); !status.is_ok()) {
    writer.stop(std::chrono::seconds(10), "the copy was stopped");
    return status;
  }
  const WriterStats stats = writer.stats();
  result.bytes_new = stats.bytes_new;
  result.bytes_reused = stats.bytes_reused;
  return result;
}

}  // namespace checkpoint
