// SPDX-License-Identifier: LGPL-2.1-or-later
// What differs between two checkpoints: of one pair of stores or of two.
//
// Frames are matched by their sequence, and detections of one label by the overlap of their boxes.
// Both sides are read side by side in pages, so memory does not grow with a checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/stores.h"
#include "store/model.h"

namespace checkpoint {

struct DiffSide {
  std::shared_ptr<Stores> stores;
  CheckpointRow checkpoint;
};

struct DiffOptions {
  // Two boxes are of one object from this intersection over union on, 0..1.
  double min_overlap = 0.5;
  // Confidences this far apart, or less, are the same.
  double min_shift = 0;
  unsigned page = 256;  // rows asked for at once
};

// A detection that only one side has, or that is not the same on both.
struct DetectionChange {
  std::optional<DetectionRow> a, b;
  double overlap = 0;  // of both boxes, 0..1
  bool moved = false, shifted = false, tracked_otherwise = false;
};

// A frame that only one side has, or that is not the same on both.
struct FrameChange {
  uint64_t sequence = 0;
  std::optional<FrameRow> a, b;
  bool payload = false;  // its bytes, once decoded
  bool timing = false;   // PTS, DTS, duration, offset or offset-end
  bool flags = false;    // but for DISCONT on a first frame, which a replay sets by itself
  bool caps = false;
  // Those of a frame that only one side has too.
  std::vector<DetectionChange> detections;

  // Of a frame that both have: does it differ in more than its detections?
  bool changed() const { return payload || timing || flags || caps; }
};

// A field of the configuration or the stats. A value is JSON text; nullopt: that side lacks it.
struct FieldChange {
  std::string field;  // "config_snapshot.facedetect0.scale-factor"
  std::optional<std::string> a, b;
};

struct LabelTotals {
  uint64_t a = 0, b = 0;  // detections on each side
  uint64_t gained = 0, lost = 0, moved = 0, shifted = 0, tracked_otherwise = 0;
  double shift = 0;         // sum of what confidences rose by from a to b...
  uint64_t with_shift = 0;  // ...of so many that have one on both sides
};

struct DiffTotals {
  uint64_t frames_a = 0, frames_b = 0;
  uint64_t added = 0, removed = 0, changed = 0;
  uint64_t payload = 0, timing = 0, flags = 0, caps = 0;  // of the changed ones
  LabelTotals detections;                                 // of all labels
  // The labels that were met first, kMaxLabels at most.
  std::map<std::string, LabelTotals> labels;
  static constexpr size_t kMaxLabels = 1000;
  std::vector<FieldChange> fields;

  bool empty() const;
};

struct DiffListener {
  // Each frame that differs, by sequence; false ends the comparison with kCancelled.
  std::function<bool(const FrameChange &)> frame = [](const FrameChange &) { return true; };
  // Frames compared so far, of how many at most.
  std::function<void(uint64_t, uint64_t)> progress = [](uint64_t, uint64_t) {};
};

// Waits on the stores. Payloads are read only where neither where they lie nor what was noted about
// them tells whether they are the same: where both are compressed, and otherwise.
Result<DiffTotals> diff_checkpoints(const DiffSide &a, const DiffSide &b,
                                    const DiffOptions &options, const DiffListener &listener,
                                    Cancellation &cancel);

// The parts of it.

// Intersection over union, 0..1; two equal boxes without an area are the same.
double box_overlap(const DetectionRow &a, const DetectionRow &b);
// Pairs those of one label whose boxes overlap most, best pairs first, and says what differs.
std::vector<DetectionChange> diff_detections(const std::vector<DetectionRow> &a,
                                             const std::vector<DetectionRow> &b,
                                             const DiffOptions &options);
// Configuration, stats, video path and profile. What is no JSON is compared as a text.
std::vector<FieldChange> diff_fields(const CheckpointFields &a, const CheckpointFields &b);

}  // namespace checkpoint
