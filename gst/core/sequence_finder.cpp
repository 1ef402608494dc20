// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/sequence_finder.h"

#include <algorithm>
#include <utility>

#include "core/catalog.h"

namespace checkpoint {

SequenceFinder::SequenceFinder(std::shared_ptr<MetadataStore> store, CheckpointRow parent,
                               unsigned page)
    : store_(std::move(store)), parent_(std::move(parent)), page_(std::max(page, 2u)) {}

// Are all frames with that PTS in the page? Those with the last one's may go on behind it.
bool SequenceFinder::covers(uint64_t pts) const {
  return !candidates_.empty() && candidates_.front().pts <= pts && pts < candidates_.back().pts;
}

Status SequenceFinder::read_page(uint64_t pts, Cancellation &cancel) {
  FramePage page;
  page.checkpoint = parent_.key;
  page.first = pts;
  page.limit = page_;
  page.order = FramePage::Order::kPts;
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> rows, store_->read_frames(page, cancel));
  candidates_.clear();
  for (const FrameRow &row : rows)
    candidates_.push_back({row.pts, row.stream_time, row.index, row.sequence});
  return Status::ok();
}

Result<SequenceFinder::Found> SequenceFinder::find(uint64_t pts, uint64_t stream_time,
                                                   Cancellation &cancel) {
  std::vector<Candidate> found;
  if (pts != kNone) {
    if (!covers(pts)) CHECKPOINT_RETURN_IF_ERROR(read_page(pts, cancel));
    for (const Candidate &candidate : candidates_)
      if (candidate.pts == pts) found.push_back(candidate);
  }
  if (found.empty()) {
    CHECKPOINT_ASSIGN_OR_RETURN(uint64_t sequence, new_sequence(cancel));
    return Found{sequence, How::kNew};
  }
  const auto at_that_time = [&](const Candidate &c) { return c.stream_time == stream_time; };
  if (std::any_of(found.begin(), found.end(), at_that_time))
    std::erase_if(found, [&](const Candidate &c) { return !at_that_time(c); });
  auto best = std::find_if(found.begin(), found.end(),
                           [&](const Candidate &c) { return c.index >= next_index_; });
  if (best == found.end()) best = found.begin();
  const bool one = std::all_of(found.begin(), found.end(), [&](const Candidate &c) {
    return c.sequence == found.front().sequence;
  });
  next_index_ = best->index + 1;
  return Found{best->sequence, one ? How::kFound : How::kAmbiguous};
}

// Above all sequences of the parent and of those it was run from.
Result<uint64_t> SequenceFinder::new_sequence(Cancellation &cancel) {
  if (next_new_) return (*next_new_)++;
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CheckpointRow> rows, ancestors(*store_, parent_, cancel));
  rows.push_back(parent_);
  if (own_) rows.push_back(*own_);
  uint64_t next = 0;
  for (const CheckpointRow &row : rows) {
    FramePage page;
    page.checkpoint = row.key;
    page.first = INT64_MAX;
    page.reverse = true;
    page.limit = 1;
    page.order = FramePage::Order::kSequence;
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> last, store_->read_frames(page, cancel));
    if (!last.empty() && last[0].sequence <= INT64_MAX) next = std::max(next, last[0].sequence + 1);
  }
  next_new_ = next + 1;
  return next;
}

}  // namespace checkpoint
