// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/source_connection.h"

#include <algorithm>

#include "core/catalog.h"

namespace checkpoint {

namespace {

CheckpointSelector selector_of(const CheckpointUri &what) {
  CheckpointSelector selector;
  selector.id = what.checkpoint_id;
  selector.job_id = what.job_id;
  selector.stage = what.stage;
  if (what.scenario) selector.branch = {true, *what.scenario};
  if (what.version != 0) selector.version = what.version;
  selector.allow_partial = what.allow_partial;
  return selector;
}

// An id says all; what is said besides must not contradict it.
Status check_agreement(const CheckpointUri &what, const CheckpointRow &row) {
  if (!what.checkpoint_id) return Status::ok();
  const char *field = nullptr;
  if (!what.job_id.empty() && what.job_id != row.fields.job_id) field = "job-id";
  if (!what.stage.empty() && what.stage != row.fields.stage) field = "stage";
  if (what.version != 0 && what.version != row.version) field = "version";
  if (what.scenario && row.fields.branch != Branch{true, *what.scenario}) field = "scenario";
  if (!field) return Status::ok();
  return {Code::kNotFound, "checkpoint " + row.id.to_string() + " has another " + field +
                               ": it is version " + std::to_string(row.version) + " of job \"" +
                               row.fields.job_id + "\", stage \"" + row.fields.stage + "\""};
}

uint64_t end_of(const FrameRow &row) {
  if (row.stream_time == kNone) return kNone;
  return row.stream_time + (row.duration == kNone ? 0 : row.duration);
}

}  // namespace

Result<std::shared_ptr<SourceConnection>> SourceConnection::open(const SourceSettings &settings,
                                                                 Cancellation &cancel) {
  std::shared_ptr<SourceConnection> self(new SourceConnection());
  const CheckpointSelector selector = selector_of(settings.what);
  auto stores =
      Stores::open(settings.frame_store, settings.metadata_store, Stores::Access::kRead, cancel);
  if (!stores.is_ok())
    return stores.status().is(Code::kNotFound)
               ? stores.status().with_context(not_found_text(selector))
               : stores.status();
  self->stores_ = std::move(*stores);
  CHECKPOINT_ASSIGN_OR_RETURN(self->row_, find_checkpoint(*self->stores_, selector, cancel));
  const CheckpointRow &row = self->row_;
  CHECKPOINT_RETURN_IF_ERROR(check_agreement(settings.what, row));
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<JobRow> job,
                              self->stores_->metadata->find_job(row.fields.job_id, cancel));
  if (job) self->job_uuid_ = job->uuid;

  ReaderOptions options;
  options.read_ahead = settings.read_ahead;
  // A store that takes many puts at once gives many gets at once.
  options.workers = std::clamp(self->stores_->frames->traits().puts_in_flight, 2u, 8u);
  self->reader_ = std::make_unique<CheckpointReader>(self->stores_, row, options);
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CapsRow> caps, self->reader_->caps(cancel));
  for (const CapsRow &one : caps) {
    Result<std::shared_ptr<const StreamCaps>> parsed = StreamCaps::parse(one.caps);
    if (!parsed.is_ok() || one.number != self->caps_.size())
      return (parsed.is_ok() ? Status(Code::kCorrupt, "they are not numbered in order")
                             : parsed.status())
          .with_context("checkpoint " + row.id.to_string() + ", caps " +
                        std::to_string(one.number));
    self->caps_.push_back(std::move(*parsed));
  }

  const uint64_t stop =
      settings.what.stop_index < 0 ? kNone : static_cast<uint64_t>(settings.what.stop_index);
  self->end_ = std::min(stop, row.frames);
  self->first_ = std::min(static_cast<uint64_t>(settings.what.start_index), self->end_);
  if (self->whole()) {
    self->first_time_ = row.first_time;
    self->end_time_ = row.end_time;
  } else if (self->first_ < self->end_) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameRow> first, self->frame(self->first_, cancel));
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameRow> last, self->frame(self->end_ - 1, cancel));
    if (first) self->first_time_ = first->stream_time;
    if (last) self->end_time_ = self->end_ == row.frames ? row.end_time : end_of(*last);
  }
  return self;
}

Result<std::optional<FrameRow>> SourceConnection::frame(uint64_t index,
                                                        Cancellation &cancel) const {
  if (index >= row_.frames) return std::optional<FrameRow>();
  FramePage page;
  page.checkpoint = row_.key;
  page.first = index;
  page.limit = 1;
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> rows,
                              stores_->metadata->read_frames(page, cancel));
  if (rows.empty() || rows[0].index != index) return std::optional<FrameRow>();
  return std::optional<FrameRow>(std::move(rows[0]));
}

Result<std::optional<uint64_t>> SourceConnection::index_at(uint64_t time,
                                                           Cancellation &cancel) const {
  return reader_->find_frame_at(time, cancel);
}

Result<std::optional<uint64_t>> SourceConnection::time_of(uint64_t index,
                                                          Cancellation &cancel) const {
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameRow> row, frame(index, cancel));
  if (row && row->stream_time != kNone) return std::optional<uint64_t>(row->stream_time);
  if (!row && index == end_ && end_time_ != kNone) return std::optional<uint64_t>(end_time_);
  return std::optional<uint64_t>();
}

}  // namespace checkpoint
