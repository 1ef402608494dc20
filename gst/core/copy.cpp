// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/copy.h"

#include <optional>
#include <string>
#include <utility>

#include "core/copier.h"
#include "core/warning_observer.h"

namespace checkpoint {

namespace {

// What is complete there has its frames in that frame store?
Status check_place(const Stores &stores, const CheckpointRow &row, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(const auto frames,
                              stores.metadata->read_frames({row.key, 0, false, 1}, cancel));
  if (frames.empty()) return Status::ok();
  const PackKey key = frames[0].record.pack;
  CHECKPOINT_ASSIGN_OR_RETURN(const auto packs, stores.metadata->get_packs({&key, 1}, cancel));
  if (packs[0].frame_store == stores.frame_store) return Status::ok();
  return {Code::kInvalidArgument,
          "checkpoint " + row.id.to_string() +
              " is there already, with its frames elsewhere than " + stores.frames->display_uri(),
          "name the frame store that belongs to that metadata store"};
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
  auto there = to->metadata->get_checkpoint(row.id, cancel);
  if (there.is_ok()) {
    result.was_there = there->state == CheckpointState::kComplete;
    if (result.was_there) {
      CHECKPOINT_RETURN_IF_ERROR(check_place(*to, *there, cancel));
      return result;
    }
    if (there->state == CheckpointState::kDeleted)
      return Status(Code::kAlreadyExists,
                    "checkpoint " + row.id.to_string() + " was deleted there, and is not gone yet",
                    "\"gst-checkpoint-1.0 gc\" on those stores ends that; then copy it again");
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
    CHECKPOINT_RETURN_IF_ERROR(writer.begin(row.fields, true, false, row.id));
    Copier copier(from, writer);
    CHECKPOINT_RETURN_IF_ERROR(copier.copy(
        row, [&](const FrameRow &frame) { listener.progress(frame.index + 1, row.frames); },
        cancel));
    CHECKPOINT_RETURN_IF_ERROR(copier.copy_rest(row, cancel));
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
