// SPDX-License-Identifier: LGPL-2.1-or-later
// Which bytes to get for a run of frames: payloads and records that lie side by side come in one
// get. Pure planning; no store is touched here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/status.h"
#include "store/model.h"

namespace checkpoint {

inline constexpr uint64_t kFetchBytes = 4 << 20;  // of one get, unless one frame is larger
inline constexpr uint64_t kFetchGap = 64 << 10;   // bytes between two parts that are read along

// One ranged get.
struct Fetch {
  bool records = false;  // of records, else of payloads
  PackKey pack = 0;
  uint64_t offset = 0;  // in the object
  uint64_t length = 0;
  std::vector<size_t> frames;  // whose parts lie in it: places in the run, in the run's order
};

// A row as the plan needs it.
struct PlannedFrame {
  const FrameRow *row = nullptr;
  bool payload = false;        // get its payload
  bool record = false;         // get its record
  bool plain_payload = false;  // the payload is an object of its own (PackRow::plain)
};

// The gets for `run`, the first ones for its first frames. Rows may go up or down.
std::vector<Fetch> plan_fetches(std::span<const PlannedFrame> run);

// May these bytes be asked for? A row is input like any other: what it claims has to fit its pack
// and the bound before anything is allocated.
Status check_payload_ref(const PayloadRef &ref, const PackRow &pack, uint64_t max_frame_bytes);
Status check_record_ref(const RecordRef &ref, const PackRow &pack);

}  // namespace checkpoint
