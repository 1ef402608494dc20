// SPDX-License-Identifier: LGPL-2.1-or-later
// Stores in memory that fail and lie as told, and checkpoints in them for a reader.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/reader.h"
#include "support/checkpoint_maker.h"
#include "support/faulty_frame_store.h"
#include "support/faulty_metadata_store.h"
// last
#include "support/check.h"

namespace checkpoint {

inline constexpr uint64_t kReaderFrameTime = 40'000'000;

// Lies about rows as a test tells it to.
class EditedMetadataStore : public FaultyMetadataStore {
 public:
  using FaultyMetadataStore::FaultyMetadataStore;
  std::function<void(FrameRow &)> edit;
  Result<std::vector<FrameRow>> read_frames(const FramePage &page, Cancellation &cancel) override {
    auto rows = FaultyMetadataStore::read_frames(page, cancel);
    if (rows.is_ok() && edit)
      for (FrameRow &row : *rows) edit(row);
    return rows;
  }
};

struct ReaderPlace {
  std::shared_ptr<FaultyFrameStore> frames;
  std::shared_ptr<EditedMetadataStore> metadata;
  std::shared_ptr<Stores> stores;
  Cancellation cancel;

  ReaderPlace() {
    stores = memory_stores(
        [this](std::shared_ptr<FrameStore> inner) {
          return frames = std::make_shared<FaultyFrameStore>(std::move(inner));
        },
        [this](std::shared_ptr<MetadataStore> inner) {
          return metadata = std::make_shared<EditedMetadataStore>(std::move(inner));
        });
  }
};

inline MadeFrame frame_at(uint64_t index, size_t bytes) {
  MadeFrame frame;
  frame.payload = made_payload(index, bytes);
  frame.pts = frame.stream_time = index * kReaderFrameTime;
  frame.duration = kReaderFrameTime;
  return frame;
}

inline MetaBlob meta_of(uint64_t index) { return {"roi", made_payload(index + 1000, 40)}; }

inline CheckpointRow simple(ReaderPlace &f, uint64_t count, size_t bytes, uint64_t per_pack = kNone,
                            bool metas = false, std::vector<std::string> *packs = nullptr,
                            std::vector<FrameRow> *rows = nullptr) {
  CheckpointMaker maker(f.stores, "job", "stage");
  maker.add_caps("video/x-raw");
  for (uint64_t i = 0; i < count; i++) {
    MadeFrame frame = frame_at(i, bytes);
    if (metas) frame.metas = {meta_of(i)};
    maker.add_frame(frame);
    if (per_pack != kNone && (i + 1) % per_pack == 0 && i + 1 < count) maker.commit();
  }
  CheckpointRow row = maker.complete();
  if (packs) *packs = maker.packs();
  if (rows) *rows = maker.rows();
  return row;
}

inline ByteView payload_of(const ReplayFrame &frame) {
  return frame.chunk ? ByteView(frame.chunk->view()).subspan(frame.offset, frame.size) : ByteView();
}

inline bool same_bytes(ByteView a, const Bytes &b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

inline ReplayFrame must_be_frame(Result<ReplayItem> item) {
  if (!item.is_ok()) ck_abort_msg("%s", item.status().to_string().c_str());
  ck_assert(std::holds_alternative<ReplayFrame>(*item));
  return std::get<ReplayFrame>(std::move(*item));
}

inline void must_be_end(const Result<ReplayItem> &item) {
  if (!item.is_ok()) ck_abort_msg("%s", item.status().to_string().c_str());
  ck_assert(std::holds_alternative<ReplayEnd>(*item));
}

}  // namespace checkpoint
