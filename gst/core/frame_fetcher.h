// SPDX-License-Identifier: LGPL-2.1-or-later
// Gets payloads and records from the frame store, verifies and decodes them. What fails is tried
// once more where that can help, and then named: checkpoint, sequence, pack, offset.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/chunk.h"
#include "core/codec.h"
#include "core/playlist.h"
#include "core/read_plan.h"
#include "core/record.h"
#include "core/stores.h"

namespace checkpoint {

// The rows of the packs seen last.
class PackCache {
 public:
  explicit PackCache(std::shared_ptr<MetadataStore> store, size_t capacity = 1024)
      : store_(std::move(store)), capacity_(capacity) {}

  // Any thread. Looks up those that are not known; a pack that nobody knows has no entry.
  Result<std::unordered_map<PackKey, PackRow>> find(std::span<const PackKey> packs,
                                                    Cancellation &cancel);

 private:
  const std::shared_ptr<MetadataStore> store_;
  const size_t capacity_;
  std::mutex mutex_;
  std::list<PackRow> rows_;                                           // protected by mutex_
  std::unordered_map<PackKey, std::list<PackRow>::iterator> by_key_;  // protected by mutex_
};

// One frame's part of a fetch: its payload, or its metas.
struct LoadedPart {
  Status status;
  std::shared_ptr<Chunk> chunk;
  size_t offset = 0;  // of the payload in `chunk`
  std::vector<MetaBlob> metas;
};

class FrameFetcher {
 public:
  FrameFetcher(std::shared_ptr<Stores> stores, std::shared_ptr<const Playlist> playlist,
               size_t pool_bytes);

  // Any thread; `codec` is the thread's own. `frames` are those of fetch.frames, in that order, and
  // so are the parts. kCancelled in all of them when it was cancelled.
  std::vector<LoadedPart> load(const Fetch &fetch, std::span<const PlayedFrame *const> frames,
                               const PackRow &pack, PayloadCodec &codec, Cancellation &cancel);

  // May the frame's payload or record be got from `pack`? Before anything is allocated for it.
  Status check(const PlayedFrame &frame, const PackRow &pack, bool record,
               uint64_t max_frame_bytes) const;
  // Says which frame a failure is about.
  Status named(const Status &status, const PlayedFrame &frame, const PackRow &pack,
               bool record) const;

  uint64_t gets() const { return gets_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Result<std::shared_ptr<Chunk>> get(const std::string &object, uint64_t offset, uint64_t length,
                                     Cancellation &cancel);
  LoadedPart load_alone(bool record, const PlayedFrame &frame, const PackRow &pack, int tries,
                        PayloadCodec &codec, Cancellation &cancel);
  LoadedPart take_payload(const FrameRow &row, const std::shared_ptr<Chunk> &chunk, size_t offset,
                          bool shared, PayloadCodec &codec);
  LoadedPart take_record(const FrameRow &row, ByteView bytes);
  // What a get's failure means: is one object gone, or the whole store?
  Status diagnose(const Status &status, const PlayedFrame &frame, Cancellation &cancel);
  const Uuid &checkpoint_of(const PlayedFrame &frame) const {
    return playlist_->layers()[frame.layer].id;
  }

  const std::shared_ptr<Stores> stores_;
  const std::shared_ptr<const Playlist> playlist_;
  const std::shared_ptr<ChunkPool> pool_;
  std::atomic<uint64_t> gets_{0}, bytes_{0};
};

}  // namespace checkpoint
