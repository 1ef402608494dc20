// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/timeline.h"

#include <algorithm>

namespace checkpoint::tool {

namespace {

constexpr unsigned kPage = 512;

// Stream times of frames that are asked for in their order.
class Times {
 public:
  Times(MetadataStore &store, CheckpointKey checkpoint) : store_(store) {
    page_.checkpoint = checkpoint;
    page_.limit = kPage;
  }
  Result<uint64_t> of(uint64_t index, Cancellation &cancel) {
    while (at_ < rows_.size() && rows_[at_].index < index) at_++;
    if (at_ >= rows_.size()) {
      page_.first = index;
      CHECKPOINT_ASSIGN_OR_RETURN(rows_, store_.read_frames(page_, cancel));
      at_ = 0;
    }
    return rows_.empty() || rows_[at_].index != index ? kNone : rows_[at_].stream_time;
  }

 private:
  MetadataStore &store_;
  FramePage page_;
  std::vector<FrameRow> rows_;
  size_t at_ = 0;
};

}  // namespace

Result<Timeline> read_timeline(MetadataStore &store, const CheckpointRow &checkpoint,
                               Cancellation &cancel) {
  Timeline timeline;
  timeline.in_time = checkpoint.first_time != kNone && checkpoint.end_time != kNone &&
                     checkpoint.end_time > checkpoint.first_time;
  timeline.begin = timeline.in_time ? checkpoint.first_time : 0;
  timeline.end = timeline.in_time ? checkpoint.end_time : std::max<uint64_t>(checkpoint.frames, 1);
  const auto length = static_cast<double>(timeline.end - timeline.begin);

  const size_t steps = std::clamp<uint64_t>(checkpoint.frames / 4, 1, Timeline::kMaxSteps);

  std::map<std::string, Timeline::Row> rows;
  Times times(store, checkpoint.key);
  DetectionPage page;
  page.checkpoint = checkpoint.key;
  page.end = checkpoint.frames;
  page.limit = kPage;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<DetectionRow> found,
                                store.read_detections(page, cancel));
    CHECKPOINT_RETURN_IF_ERROR(store.check_readable({&checkpoint.key, 1}, Uuid(), cancel));
    for (const DetectionRow &one : found) {
      timeline.detections++;
      auto row = rows.find(one.label);
      if (row == rows.end()) {
        if (rows.size() >= Timeline::kMaxLabels) {
          timeline.other_labels++;
          continue;
        }
        row = rows.emplace(one.label, Timeline::Row{}).first;
        row->second.label = one.label;
        row->second.steps.resize(steps);
      }
      row->second.detections++;
      uint64_t at = one.index;
      if (timeline.in_time) {
        CHECKPOINT_ASSIGN_OR_RETURN(at, times.of(one.index, cancel));
        if (at == kNone) continue;
      }
      const double part =
          at <= timeline.begin ? 0 : static_cast<double>(at - timeline.begin) / length;
      const auto step = static_cast<size_t>(part * static_cast<double>(steps));
      row->second.steps[std::min(step, steps - 1)]++;
    }
    if (found.size() < page.limit) break;
    page.first = found.back().index;
    page.ordinal = found.back().ordinal + 1;
  }
  for (auto &[label, row] : rows) timeline.rows.push_back(std::move(row));
  std::stable_sort(
      timeline.rows.begin(), timeline.rows.end(),
      [](const Timeline::Row &a, const Timeline::Row &b) { return a.detections > b.detections; });
  return timeline;
}

}  // namespace checkpoint::tool
