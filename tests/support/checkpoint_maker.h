// SPDX-License-Identifier: LGPL-2.1-or-later
// Puts checkpoints into a pair of stores by hand: real packs and real rows, each pack and commit
// cut where the test says so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/pack.h"
#include "core/record.h"
#include "core/stores.h"

namespace checkpoint {

// A frame to store. What is not set is none.
struct MadeFrame {
  Bytes payload;
  uint64_t pts = kNone, dts = kNone, duration = kNone, stream_time = kNone;
  uint64_t offset = kNone, offset_end = kNone;
  uint32_t flags = 0;
  uint32_t caps = 0;
  uint64_t sequence = kNone;  // kNone: its index
  Codec codec = Codec::kNone;
  Content content = Content::kRaw;
  std::vector<MetaBlob> metas;
  std::vector<DetectionRow> detections;  // index and ordinal are filled in
};

// Stops the test with a message when a store fails.
class CheckpointMaker {
 public:
  CheckpointMaker(std::shared_ptr<Stores> stores, const std::string &job_id,
                  const std::string &stage, const Branch &branch = {}, bool plain = false,
                  const std::optional<Uuid> &parent = {},
                  const std::optional<std::vector<uint64_t>> &filtered = {},
                  const CheckpointFields &given = {});  // configuration, stats, …
  ~CheckpointMaker();

  uint32_t add_caps(const std::string &text);
  // Belongs before the next frame.
  void add_event(const std::string &type, Bytes body);
  void add_frame(const MadeFrame &frame);
  // A frame whose payload is that of an earlier one, in whatever pack.
  void add_repeat(const MadeFrame &frame, uint64_t index_of_payload);
  // Puts a pack with what was added since, and commits it.
  void commit() { commit(CommitBatch::End::kNo); }
  CheckpointRow complete() { return commit(CommitBatch::End::kComplete); }
  CheckpointRow leave_partial() { return commit(CommitBatch::End::kPartial); }

  const std::vector<FrameRow> &rows() const { return rows_; }  // committed ones have their places
  const std::vector<std::string> &packs() const { return packs_; }  // objects
  const Uuid &id() const { return id_; }

 private:
  CheckpointRow commit(CommitBatch::End end);
  void open_pack();

  std::shared_ptr<Stores> stores_;
  const bool plain_;
  Cancellation cancel_;
  CheckpointFields fields_;
  JobRow job_;
  Lease lease_;
  Uuid id_;
  CheckpointKey key_ = 0;
  uint64_t commit_no_ = 0;
  uint64_t first_time_ = kNone, end_time_ = kNone;
  uint32_t next_caps_ = 0, event_ordinal_ = 0;

  std::unique_ptr<PackBuilder> builder_;
  std::string object_;      // of the pack under way
  PackKey pack_ = 0;        // of the pack under way
  PackKey plain_pack_ = 0;  // with plain objects: where the payloads are
  Uuid plain_uuid_;
  std::string plain_object_;
  uint64_t plain_payloads_ = 0;
  std::vector<CapsRow> caps_;
  std::vector<EventRow> events_;
  std::vector<FrameRecord> frames_;  // since the last commit
  std::vector<NewDigest> digests_;
  std::vector<std::string> packs_;
  std::vector<FrameRow> rows_;
  std::vector<Uuid> payload_packs_;  // of rows_
  std::shared_ptr<ChunkPool> pool_ = ChunkPool::create(0);
};

// `count` bytes that are all different from those of another `number`.
Bytes made_payload(uint64_t number, size_t count);

// A pair of stores in memory of its own, around `frames` where given.
std::shared_ptr<Stores> memory_stores(
    const std::function<std::shared_ptr<FrameStore>(std::shared_ptr<FrameStore>)> &wrap_frames = {},
    const std::function<std::shared_ptr<MetadataStore>(std::shared_ptr<MetadataStore>)>
        &wrap_metadata = {});

// The pair at these URIs, to write to.
std::shared_ptr<Stores> stores_at(const std::string &frame_store,
                                  const std::string &metadata_store);

}  // namespace checkpoint
