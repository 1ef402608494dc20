// SPDX-License-Identifier: LGPL-2.1-or-later
// What a GstCheckpointState holds.
#pragma once

#include <gst/checkpoint/gstcheckpointstate.h>

#include <memory>
#include <optional>
#include <vector>

#include "store/model.h"

namespace checkpoint {

struct SampleUnref {
  void operator()(GstSample *sample) const { gst_sample_unref(sample); }
};
using SamplePtr = std::unique_ptr<GstSample, SampleUnref>;

struct StateFrame {
  std::shared_ptr<GstSample> sample;  // has a buffer and caps
  std::optional<uint64_t> sequence;
};

struct StateContent {
  CheckpointFields fields;  // but for job, stage and branch
  std::string parent;       // '' or what the property was set to
  std::vector<StateFrame> frames;
};

// A copy; the frames are shared.
StateContent content_of(GstCheckpointState *state);
GstCheckpointState *make_state(const StateContent &content);

// The property filtered-frame-sequences: a GVariant of type "at".
GVariant *sequences_variant(const std::vector<uint64_t> &sequences);

}  // namespace checkpoint
