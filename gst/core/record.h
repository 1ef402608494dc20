// SPDX-License-Identifier: LGPL-2.1-or-later
// What a checkpoint is made of, in memory and in the records of a pack. Plain values; the bytes are
// record_codec.h's.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/uuid.h"
#include "store/model.h"

namespace checkpoint {

// One meta of a buffer, written and read by elements/meta_codec.h; core only carries it.
struct MetaBlob {
  std::string type;  // the codec's name: "roi", "video", ...
  Bytes body;
  bool operator==(const MetaBlob &) const = default;
};

// Begins the records of every commit, so that one pack alone tells what it is part of.
struct CheckpointRecord {
  Uuid id;
  CheckpointFields fields;
  uint32_t version = 0;
  uint64_t epoch = 0;
  uint64_t commit_no = 0;
  int64_t created_at = 0;  // milliseconds since 1970, UTC
};

struct CapsRecord {
  CapsRow row;
};

struct EventRecord {
  EventRow row;
};

struct FrameRecord {
  FrameRow row;       // row.payload.pack, row.record and row.has_metas are not part of the bytes
  Uuid payload_pack;  // stands for row.payload.pack; nil for a frame without bytes
  Digest digest{};    // all zero for a frame without bytes
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow>
      detections;  // the projection of the metas, so that a repair needs no GStreamer
};

// Ends the records of every commit.
struct CommitRecord {
  uint64_t commit_no = 0;
  uint64_t first_index = 0;  // of the frames in this commit
  uint64_t frames = 0;       // how many
  bool complete = false;     // the checkpoint ended here, cleanly
  std::string stats;         // JSON object, with `complete`
};

using Record = std::variant<CheckpointRecord, CapsRecord, EventRecord, FrameRecord, CommitRecord>;

}  // namespace checkpoint
