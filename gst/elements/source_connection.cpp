// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/source_connection.h"

#include <algorithm>

#include "core/catalog.h"
#include "core/condition_parser.h"

namespace checkpoint {

namespace {

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

}  // namespace

Result<std::shared_ptr<SourceConnection>> SourceConnection::open(
    const SourceSettings &settings, std::function<void(const Status &)> on_warning,
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
  CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow row,
                              find_checkpoint(*self->stores_->metadata, selector, cancel));
  CHECKPOINT_RETURN_IF_ERROR(check_agreement(settings.what, row));

  PlaylistOptions played;
  if (!settings.what.select.empty()) {
    CHECKPOINT_ASSIGN_OR_RETURN(played.select, parse_condition(settings.what.select));
  }
  played.before = settings.what.select_before;
  played.after = settings.what.select_after;
  played.filtered = settings.what.filtered;
  CHECKPOINT_ASSIGN_OR_RETURN(
      self->playlist_, Playlist::open(self->stores_->metadata, std::move(row), played, cancel));
  ReaderOptions options;
  options.read_ahead = settings.read_ahead;
  options.on_warning = std::move(on_warning);
  // A store that takes many puts at once gives many gets at once.
  options.workers = std::clamp(self->stores_->frames->traits().puts_in_flight, 2u, 8u);
  self->reader_ = std::make_unique<CheckpointReader>(self->stores_, self->playlist_, options);
  for (unsigned layer = 0; layer < self->playlist_->layers().size(); layer++)
    CHECKPOINT_RETURN_IF_ERROR(self->read_caps(layer, cancel));
  CHECKPOINT_RETURN_IF_ERROR(self->find_range(settings.what, cancel));
  return self;
}

Status SourceConnection::read_caps(unsigned layer, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CapsRow> caps, reader_->caps(cancel, layer));
  auto &known = caps_.emplace_back();
  for (const CapsRow &one : caps) {
    Result<std::shared_ptr<const StreamCaps>> parsed = StreamCaps::parse(one.caps);
    if (!parsed.is_ok() || one.number != known.size())
      return (parsed.is_ok() ? Status(Code::kCorrupt, "they are not numbered in order")
                             : parsed.status())
          .with_context("checkpoint " + playlist_->layers()[layer].id.to_string() + ", caps " +
                        std::to_string(one.number));
    known.push_back(std::move(*parsed));
  }
  return Status::ok();
}

std::shared_ptr<const StreamCaps> SourceConnection::caps(unsigned layer, uint32_t number) const {
  return number < caps_[layer].size() ? caps_[layer][number] : nullptr;
}

Status SourceConnection::find_range(const CheckpointUri &what, Cancellation &cancel) {
  const uint64_t stop = what.stop_index < 0 ? kNone : static_cast<uint64_t>(what.stop_index);
  end_ = std::min(stop, places());
  first_ = std::min(static_cast<uint64_t>(what.start_index), end_);
  if (!what.select.empty()) {
    SelectedPlaces up(playlist_, first_, end_, false), down(playlist_, first_, end_, true);
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<uint64_t> first, up.next(1, cancel));
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<uint64_t> last, down.next(1, cancel));
    first_ = first.empty() ? end_ : first[0];
    end_ = last.empty() ? first_ : last[0] + 1;
  }
  if (whole()) {
    first_time_ = row().first_time;
    end_time_ = row().end_time;
  } else {
    CHECKPOINT_ASSIGN_OR_RETURN(Playlist::TimeRange times,
                                playlist_->time_range(first_, end_, cancel));
    first_time_ = times.begin;
    end_time_ = times.end;
    // Some frame before the last one may be shown longer.
    if (!is_filtered() && first_ < end_ && end_ == places()) end_time_ = row().end_time;
  }
  return Status::ok();
}

Result<std::optional<FrameRow>> SourceConnection::frame(uint64_t place,
                                                        Cancellation &cancel) const {
  if (place >= places()) return std::optional<FrameRow>();
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PlayedFrame> frames,
                              playlist_->frames({&place, 1}, cancel));
  if (!frames[0].found) return std::optional<FrameRow>();
  return std::optional<FrameRow>(std::move(frames[0].row));
}

Result<std::optional<uint64_t>> SourceConnection::place_at(uint64_t time,
                                                           Cancellation &cancel) const {
  return playlist_->place_at(time, cancel);
}

Result<std::optional<uint64_t>> SourceConnection::played_from(uint64_t place, bool down,
                                                              Cancellation &cancel) const {
  const uint64_t above = place == kNone ? kNone : place + 1;
  SelectedPlaces played(playlist_, down ? first_ : std::max(place, first_),
                        down ? std::min(above, end_) : end_, down);
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<uint64_t> found, played.next(1, cancel));
  return found.empty() ? std::optional<uint64_t>() : std::optional<uint64_t>(found[0]);
}

Result<std::optional<uint64_t>> SourceConnection::time_of(uint64_t place,
                                                          Cancellation &cancel) const {
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<FrameRow> found, frame(place, cancel));
  if (found && found->stream_time != kNone) return std::optional<uint64_t>(found->stream_time);
  if (!found && place == end_ && end_time_ != kNone) return std::optional<uint64_t>(end_time_);
  return std::optional<uint64_t>();
}

}  // namespace checkpoint
