// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/diff.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <variant>

#include "core/detection_cursor.h"
#include "core/reader.h"
#include "core/row_cursor.h"

namespace checkpoint {

namespace {

constexpr uint32_t kDiscont = 1 << 6;  // GST_BUFFER_FLAG_DISCONT

// The frames of a checkpoint by sequence, then index. One page in memory.
class FramesBySequence {
 public:
  FramesBySequence(const DiffSide &side, unsigned page) : side_(side) {
    page_.checkpoint = side.checkpoint.key;
    page_.first = uint64_t{1} << 63;  // the first in this order
    page_.order = FramePage::Order::kSequence;
    page_.limit = std::max(page, 2u);
  }

  // nullptr: there are no more.
  Result<const FrameRow *> front(Cancellation &cancel) {
    while (rows_.empty() && !done_) CHECKPOINT_RETURN_IF_ERROR(read(cancel));
    if (rows_.empty() && taken_ != side_.checkpoint.frames)
      return deleted_or(*side_.stores->metadata, side_.checkpoint.id,
                        {Code::kCorrupt, "checkpoint " + side_.checkpoint.id.to_string() +
                                             " has rows of " + std::to_string(taken_) + " of its " +
                                             std::to_string(side_.checkpoint.frames) + " frames"},
                        cancel);
    return rows_.empty() ? nullptr : &rows_.front();
  }
  FrameRow take() {
    FrameRow row = std::move(rows_.front());
    rows_.pop_front();
    taken_++;
    return row;
  }
  uint64_t taken() const { return taken_; }

 private:
  Status read(Cancellation &cancel) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> page,
                                side_.stores->metadata->read_frames(page_, cancel));
    done_ = page.size() < page_.limit;
    // A page begins with those of the last sequence again: there may be more of them than it holds.
    const bool stuck = !done_ && last_ && page.back().sequence == last_->sequence;
    if (stuck) page_.limit *= 2;
    for (FrameRow &row : page) {
      if (last_ && row.sequence == last_->sequence && row.index <= last_->index) continue;
      // Committed since the checkpoint's row was read.
      if (row.index < side_.checkpoint.frames) rows_.push_back(row);
    }
    if (!page.empty()) {
      last_ = page.back();
      page_.first = last_->sequence;
    }
    return Status::ok();
  }

  const DiffSide side_;
  FramePage page_;
  std::deque<FrameRow> rows_;
  std::optional<FrameRow> last_;  // read
  uint64_t taken_ = 0;
  bool done_ = false;
};

// Payloads by index; frames that follow each other are read ahead.
class Payloads {
 public:
  explicit Payloads(const DiffSide &side) : side_(side) {}

  Result<ReplayFrame> get(uint64_t index, Cancellation &cancel) {
    if (!reader_) {
      ReaderOptions options;
      options.read_ahead = 8 << 20;  // bytes; in vain where the next frames are not asked for
      reader_ = std::make_unique<CheckpointReader>(side_.stores, side_.checkpoint, options);
    }
    if (index != next_) {
      ReplayRange range;
      range.first = index;
      range.events = false;
      reader_->seek(range);
    }
    next_ = kNone;
    CHECKPOINT_ASSIGN_OR_RETURN(ReplayItem item, reader_->next(cancel));
    auto *frame = std::get_if<ReplayFrame>(&item);
    if (!frame) return Status(Code::kInternal, "no frame " + std::to_string(index));
    next_ = index + 1;
    return std::move(*frame);
  }

 private:
  const DiffSide side_;
  std::unique_ptr<CheckpointReader> reader_;
  uint64_t next_ = kNone;
};

class Comparison {
 public:
  Comparison(const DiffSide &a, const DiffSide &b, const DiffOptions &options,
             const DiffListener &listener)
      : options_(options),
        listener_(listener),
        one_place_(a.stores->frame_store_uuid == b.stores->frame_store_uuid),
        a_(a, options),
        b_(b, options) {}

  Result<DiffTotals> run(Cancellation &cancel) {
    totals_.fields = diff_fields(a_.side.checkpoint.fields, b_.side.checkpoint.fields);
    totals_.frames_a = a_.side.checkpoint.frames;
    totals_.frames_b = b_.side.checkpoint.frames;
    for (Side *side : {&a_, &b_}) {
      CHECKPOINT_ASSIGN_OR_RETURN(
          side->caps, side->side.stores->metadata->read_caps(side->side.checkpoint.key, cancel));
    }
    for (;;) {
      CHECKPOINT_RETURN_IF_ERROR(cancel.check());
      CHECKPOINT_ASSIGN_OR_RETURN(const FrameRow *a, a_.frames.front(cancel));
      CHECKPOINT_ASSIGN_OR_RETURN(const FrameRow *b, b_.frames.front(cancel));
      if (!a && !b) return std::move(totals_);
      FrameChange change;
      // In the order of the pages, where numbers beyond int64 are less than all others.
      const bool take_a =
          a && (!b || static_cast<int64_t>(a->sequence) <= static_cast<int64_t>(b->sequence));
      const bool take_b = b && (!take_a || a->sequence == b->sequence);
      change.sequence = take_a ? a->sequence : b->sequence;
      if (take_a) change.a = a_.frames.take();
      if (take_b) change.b = b_.frames.take();
      CHECKPOINT_RETURN_IF_ERROR(compare(change, cancel));
      listener_.progress(a_.frames.taken() + b_.frames.taken(),
                         totals_.frames_a + totals_.frames_b);
    }
  }

 private:
  struct Side {
    Side(const DiffSide &its, const DiffOptions &options)
        : side(its),
          frames(its, options.page),
          detections(its.stores->metadata, its.checkpoint.key, options.page),
          payloads(its) {}
    const std::string &caps_of(const FrameRow &row) const {
      static const std::string none;
      for (const CapsRow &one : caps)
        if (one.number == row.caps) return one.caps;
      return none;
    }
    const DiffSide side;
    FramesBySequence frames;
    DetectionCursor detections;
    Payloads payloads;
    std::vector<CapsRow> caps;
  };

  Status compare(FrameChange &change, Cancellation &cancel) {
    std::vector<DetectionRow> of_a, of_b;
    if (change.a) {
      CHECKPOINT_ASSIGN_OR_RETURN(of_a, a_.detections.of_frame(change.a->index, cancel));
    }
    if (change.b) {
      CHECKPOINT_ASSIGN_OR_RETURN(of_b, b_.detections.of_frame(change.b->index, cancel));
    }
    count(of_a, of_b);
    change.detections = diff_detections(of_a, of_b, options_);
    if (change.a && change.b) {
      const FrameRow &a = *change.a, &b = *change.b;
      CHECKPOINT_ASSIGN_OR_RETURN(const bool same, same_payload(a, b, cancel));
      change.payload = !same;
      change.timing = a.pts != b.pts || a.dts != b.dts || a.duration != b.duration ||
                      a.offset != b.offset || a.offset_end != b.offset_end;
      const uint32_t ignored = a.index == 0 || b.index == 0 ? kDiscont : 0;
      change.flags = (a.flags | ignored) != (b.flags | ignored);
      change.caps = a_.caps_of(a) != b_.caps_of(b);
    }
    const bool differs = !change.a || !change.b || change.changed() || !change.detections.empty();
    if (!differs) return Status::ok();
    count(change);
    return listener_.frame(change) ? Status::ok() : Status(Code::kCancelled, "not asked for more");
  }

  // What is noted about two payloads tells mostly; else they are read.
  Result<bool> same_payload(const FrameRow &a, const FrameRow &b, Cancellation &cancel) {
    const PayloadRef &one = a.payload, &two = b.payload;
    if (one_place_ && one == two) return true;
    if (one.raw_length != two.raw_length || one.content != two.content) return false;
    if (one.raw_length == 0) return true;
    if (one.codec == two.codec && one.length == two.length && one.checksum == two.checksum)
      return true;
    if (one.codec == Codec::kNone && two.codec == Codec::kNone) return false;
    CHECKPOINT_ASSIGN_OR_RETURN(const ReplayFrame bytes_a, a_.payloads.get(a.index, cancel));
    CHECKPOINT_ASSIGN_OR_RETURN(const ReplayFrame bytes_b, b_.payloads.get(b.index, cancel));
    return bytes_a.size == bytes_b.size &&
           std::memcmp(bytes_a.chunk->data() + bytes_a.offset,
                       bytes_b.chunk->data() + bytes_b.offset, bytes_a.size) == 0;
  }

  // Calls `add` with the totals that a label counts in.
  template <typename Add>
  void count_label(const std::string &label, Add add) {
    add(totals_.detections);
    auto found = totals_.labels.find(label);
    if (found == totals_.labels.end()) {
      if (totals_.labels.size() >= DiffTotals::kMaxLabels) return;
      found = totals_.labels.emplace(label, LabelTotals{}).first;
    }
    add(found->second);
  }
  void count(const std::vector<DetectionRow> &a, const std::vector<DetectionRow> &b) {
    for (const DetectionRow &row : a) count_label(row.label, [](LabelTotals &t) { t.a++; });
    for (const DetectionRow &row : b) count_label(row.label, [](LabelTotals &t) { t.b++; });
  }
  void count(const FrameChange &change) {
    if (!change.a) totals_.added++;
    if (!change.b) totals_.removed++;
    if (change.changed()) totals_.changed++;
    totals_.payload += change.payload;
    totals_.timing += change.timing;
    totals_.flags += change.flags;
    totals_.caps += change.caps;
    for (const DetectionChange &one : change.detections) {
      count_label((one.a ? one.a : one.b)->label, [&](LabelTotals &t) {
        t.gained += !one.a;
        t.lost += !one.b;
        t.moved += one.moved;
        t.shifted += one.shifted;
        t.tracked_otherwise += one.tracked_otherwise;
        if (one.shifted && one.a->confidence && one.b->confidence) {
          t.shift += *one.b->confidence - *one.a->confidence;
          t.with_shift++;
        }
      });
    }
  }

  const DiffOptions options_;
  const DiffListener &listener_;
  const bool one_place_;  // references to payloads mean the same on both sides
  Side a_, b_;
  DiffTotals totals_;
};

}  // namespace

bool DiffTotals::empty() const {
  const LabelTotals &d = detections;
  return added == 0 && removed == 0 && changed == 0 && d.gained == 0 && d.lost == 0 &&
         d.moved == 0 && d.shifted == 0 && d.tracked_otherwise == 0 && fields.empty();
}

Result<DiffTotals> diff_checkpoints(const DiffSide &a, const DiffSide &b,
                                    const DiffOptions &options, const DiffListener &listener,
                                    Cancellation &cancel) {
  return Comparison(a, b, options, listener).run(cancel);
}

}  // namespace checkpoint
