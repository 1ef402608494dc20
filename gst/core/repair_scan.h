// SPDX-License-Identifier: LGPL-2.1-or-later
// The first half of a repair: what is in the frame store. Memory grows with the number of packs, of
// checkpoints and of payloads that a repack moved, not with other frames.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/pack.h"
#include "core/record.h"
#include "core/repair.h"

namespace checkpoint {

struct FoundPack {
  std::string object;
  bool plain = false;
  bool missing = false;            // only referred to
  uint64_t size = 0;               // of a missing one: at least so much
  std::vector<uint64_t> ordinals;  // of a plain one: its payloads, ascending
  bool told = false;               // that it is missing
  PackKey key = 0;                 // in the new metadata store
};

// A commit, as the records of a pack tell it.
struct FoundCommit {
  Uuid pack;
  uint64_t commit_no = 0, epoch = 0;
  int64_t put_at = 0;
  uint64_t first_index = 0, frames = 0;
  bool complete = false;
  std::optional<uint32_t> first_caps;                        // their number
  std::optional<std::pair<uint64_t, uint32_t>> first_event;  // its index and ordinal
};

struct FoundCheckpoint {
  CheckpointRecord head;
  Uuid job;
  IdentityKey identity_key{};
  std::vector<FoundCommit> commits;  // as they were found
};

// The commits that count, in their order, and how many frames later ones hold that don't.
struct CommitChain {
  std::vector<FoundCommit> commits;
  uint64_t frames = 0;
  uint64_t frames_lost = 0;
  bool complete = false;
};
CommitChain chain_of(std::vector<FoundCommit> commits);

struct PackRecords {
  PackHeader header;
  PackFooter footer;
  Bytes bytes;
};
// kCorrupt, kTruncated, kMissing: the pack is broken.
Result<PackRecords> read_records(FrameStore &frames, const FoundPack &pack, Cancellation &cancel);

struct FoundPacks {
  std::map<Uuid, FoundPack> packs;
  std::map<Uuid, FoundCheckpoint> checkpoints;
  // Payloads in packs without records, by job and identity: a repack moved them there.
  struct Moved {
    Uuid pack;
    PayloadRef payload;
  };
  std::map<std::pair<Uuid, Digest>, Moved> moved;
};
// Lists the frame store and reads the records of every pack. Broken ones are counted and told.
Status scan(FrameStore &frames, const Uuid &frame_store, FoundPacks &found,
            const RepairListener &listener, RepairResult &result, Cancellation &cancel);

}  // namespace checkpoint
