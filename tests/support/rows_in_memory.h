// SPDX-License-Identifier: LGPL-2.1-or-later
// A metadata store that knows frame stores and nothing else: for tests of what binds the two.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/metadata_store.h"

namespace checkpoint {

class RowsInMemory : public MetadataStore {
 public:
  // For the test to set and to look at, while nobody else uses the store.
  Uuid id = Uuid::random();
  std::vector<FrameStoreRow> rows;
  bool there = true;
  bool opened = false;

  std::string display_uri() const override { return "rows://here"; }
  Result<bool> exists(Cancellation &) override { return there; }
  Status open(Cancellation &) override {
    std::lock_guard lock(mutex_);
    opened = true;
    return Status::ok();
  }
  Result<Uuid> uuid(Cancellation &) override { return id; }
  Result<std::vector<FrameStoreRow>> frame_stores(Cancellation &) override {
    std::lock_guard lock(mutex_);
    return rows;
  }
  Result<FrameStoreRow> ensure_frame_store(const Uuid &uuid, const std::string &uri,
                                           Cancellation &) override {
    std::lock_guard lock(mutex_);
    for (FrameStoreRow &row : rows) {
      if (row.uuid != uuid) continue;
      row.uri = uri;
      return row;
    }
    rows.push_back({static_cast<FrameStoreKey>(rows.size() + 1), uuid, uri, false});
    return rows.back();
  }
  Result<FrameStoreRow> ensure_frame_store_at(const std::string &uri, const Uuid &uuid,
                                              Cancellation &) override {
    std::lock_guard lock(mutex_);
    for (const FrameStoreRow &row : rows)
      if (row.uri == uri) return row;
    rows.push_back({static_cast<FrameStoreKey>(rows.size() + 1), uuid, uri, false});
    return rows.back();
  }

  Result<JobRow> ensure_job(const std::string &, const Uuid &, const IdentityKey &,
                            Cancellation &) override {
    return none();
  }
  Result<std::optional<JobRow>> find_job(const std::string &, Cancellation &) override {
    return none();
  }
  Result<std::vector<std::string>> list_jobs(const std::string &, unsigned,
                                             Cancellation &) override {
    return none();
  }
  Result<Lease> acquire_lease(JobKey, const Branch &, const std::string &, const LeaseOwner &,
                              std::chrono::milliseconds, std::chrono::milliseconds *,
                              Cancellation &) override {
    return none();
  }
  Status renew_lease(const Lease &, std::chrono::milliseconds, Cancellation &) override {
    return none();
  }
  Status release_lease(const Lease &, Cancellation &) override { return none(); }
  Result<CheckpointRow> create_checkpoint(const Lease &, const Uuid &, const CheckpointFields &,
                                          Cancellation &) override {
    return none();
  }
  Result<PackKey> create_pack(const Lease &, CheckpointKey, const NewPack &,
                              Cancellation &) override {
    return none();
  }
  Result<std::vector<std::optional<PayloadRef>>> find_payloads(JobKey, FrameStoreKey,
                                                               std::span<const Digest>,
                                                               Cancellation &) override {
    return none();
  }
  Result<std::vector<bool>> pin_packs(const Lease &, CheckpointKey, std::span<const PackKey>,
                                      Cancellation &) override {
    return none();
  }
  Status commit(const Lease &, const CommitBatch &, Cancellation &) override { return none(); }
  Result<CheckpointRow> restore_checkpoint(Lease &, const RestoredCheckpoint &,
                                           Cancellation &) override {
    return none();
  }
  Status take_place_of(const Uuid &, Cancellation &) override { return none(); }
  Result<std::vector<CheckpointRow>> list_checkpoints(const CheckpointQuery &,
                                                      Cancellation &) override {
    return none();
  }
  Result<CheckpointRow> get_checkpoint(const Uuid &, Cancellation &) override { return none(); }
  Result<std::vector<CapsRow>> read_caps(CheckpointKey, Cancellation &) override { return none(); }
  Result<std::vector<FrameRow>> read_frames(const FramePage &, Cancellation &) override {
    return none();
  }
  Result<std::vector<std::optional<FrameRow>>> find_frames(CheckpointKey, FramePage::Order,
                                                           std::span<const uint64_t>,
                                                           Cancellation &) override {
    return none();
  }
  Result<std::vector<uint64_t>> find_matches(const MatchQuery &, const Condition &,
                                             Cancellation &) override {
    return none();
  }
  Result<std::vector<EventRow>> read_events(CheckpointKey, uint64_t, uint64_t, unsigned,
                                            Cancellation &) override {
    return none();
  }
  Result<std::vector<DetectionRow>> read_detections(const DetectionPage &,
                                                    Cancellation &) override {
    return none();
  }
  Result<std::optional<uint64_t>> find_frame_at(CheckpointKey, uint64_t, Cancellation &) override {
    return none();
  }
  Result<std::vector<PackRow>> get_packs(std::span<const PackKey>, Cancellation &) override {
    return none();
  }

  Result<int64_t> now(Cancellation &) override { return none(); }
  Status pin_checkpoint(const Uuid &, Cancellation &) override { return none(); }
  Status unpin_checkpoint(const Uuid &, Cancellation &) override { return none(); }
  Status delete_checkpoint(const Uuid &, Cancellation &) override { return none(); }
  Result<std::vector<CheckpointRow>> deleted_checkpoints(CheckpointKey, unsigned,
                                                         Cancellation &) override {
    return none();
  }
  Result<bool> purge_checkpoint(CheckpointKey, unsigned, Cancellation &) override { return none(); }
  Result<PackTotals> held_only_by(std::span<const CheckpointKey>, Cancellation &) override {
    return none();
  }
  Status pin_for_reading(const Uuid &, std::span<const CheckpointKey>, std::chrono::milliseconds,
                         Cancellation &) override {
    return none();
  }
  Status renew_reader_pin(const Uuid &, std::chrono::milliseconds, Cancellation &) override {
    return none();
  }
  Status release_reader_pin(const Uuid &, Cancellation &) override { return none(); }
  Status check_readable(std::span<const CheckpointKey>, const Uuid &, Cancellation &) override {
    return none();
  }
  Result<std::vector<PackRow>> list_packs(const PackQuery &, Cancellation &) override {
    return none();
  }
  Result<std::vector<std::optional<PackRow>>> find_packs(FrameStoreKey, std::span<const Uuid>,
                                                         Cancellation &) override {
    return none();
  }
  Result<std::vector<bool>> condemn_packs(std::span<const PackKey>, std::chrono::milliseconds,
                                          Cancellation &) override {
    return none();
  }
  Result<std::vector<bool>> confirm_condemned(std::span<const PackKey>, std::chrono::milliseconds,
                                              Cancellation &) override {
    return none();
  }
  Status mark_deleted(std::span<const PackKey>, Cancellation &) override { return none(); }
  Status forget_packs(std::span<const PackKey>, std::chrono::milliseconds,
                      Cancellation &) override {
    return none();
  }
  Status condemn_stranger(const NewPack &, Cancellation &) override { return none(); }
  Result<std::vector<PackUse>> pack_uses(std::span<const PackKey>, Cancellation &) override {
    return none();
  }
  Result<PackKey> create_collected_pack(const NewPack &, Cancellation &) override { return none(); }
  Status move_payloads(const ReadyPack &, std::span<const PackKey>, std::span<const MovedPayload>,
                       Cancellation &) override {
    return none();
  }

 private:
  static Status none() { return {Code::kUnsupported, "this store knows frame stores only"}; }
  std::mutex mutex_;
};

}  // namespace checkpoint
