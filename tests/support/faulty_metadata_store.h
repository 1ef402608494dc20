// SPDX-License-Identifier: LGPL-2.1-or-later
// A metadata store that fails, waits or counts as a test tells it to, and else forwards to the real
// one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "store/metadata_store.h"

namespace checkpoint {

// Calls are named as the virtuals are: "commit", "create_pack"… Any thread.
class FaultyMetadataStore : public MetadataStore {
 public:
  // Runs on the caller's thread and may wait (see Gate).
  using Hook = std::function<Status(Cancellation &)>;

  explicit FaultyMetadataStore(std::shared_ptr<MetadataStore> inner) : inner_(std::move(inner)) {}

  // A failure is what the caller gets, and the store is not asked. An empty hook takes it back.
  void before(const std::string &call, Hook hook) { set(before_, call, std::move(hook)); }
  // A failure is what the caller gets, although the store has done it: a lost answer. Runs only
  // when the store succeeded.
  void after(const std::string &call, Hook hook) { set(after_, call, std::move(hook)); }
  // The next `times` calls fail with this before they reach the store.
  void fail_next(const std::string &call, const Status &status, unsigned times = 1) {
    before(call,
           [status, left = std::make_shared<unsigned>(times), mutex = &mutex_](Cancellation &) {
             std::lock_guard lock(*mutex);
             if (*left == 0) return Status::ok();
             (*left)--;
             return status;
           });
  }
  // Everything is kUnavailable while it is down.
  void set_down(bool down) {
    std::lock_guard lock(mutex_);
    down_ = down;
  }
  // How often it was called, those that failed included.
  uint64_t calls(const std::string &call) const {
    std::lock_guard lock(mutex_);
    auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
  }
  // The names in the order in which the calls began.
  std::vector<std::string> history() const {
    std::lock_guard lock(mutex_);
    return history_;
  }

  std::string display_uri() const override { return inner_->display_uri(); }
  Result<bool> exists(Cancellation &cancel) override {
    return through<Result<bool>>("exists", cancel, [&] { return inner_->exists(cancel); });
  }
  Status open(Cancellation &cancel) override {
    return through<Status>("open", cancel, [&] { return inner_->open(cancel); });
  }
  Result<Uuid> uuid(Cancellation &cancel) override {
    return through<Result<Uuid>>("uuid", cancel, [&] { return inner_->uuid(cancel); });
  }
  Result<std::vector<FrameStoreRow>> frame_stores(Cancellation &cancel) override {
    return through<Result<std::vector<FrameStoreRow>>>(
        "frame_stores", cancel, [&] { return inner_->frame_stores(cancel); });
  }
  Result<FrameStoreRow> ensure_frame_store(const Uuid &uuid, const std::string &uri,
                                           Cancellation &cancel) override {
    return through<Result<FrameStoreRow>>("ensure_frame_store", cancel, [&] {
      return inner_->ensure_frame_store(uuid, uri, cancel);
    });
  }
  Result<FrameStoreRow> ensure_frame_store_at(const std::string &uri, const Uuid &uuid,
                                              Cancellation &cancel) override {
    return through<Result<FrameStoreRow>>("ensure_frame_store_at", cancel, [&] {
      return inner_->ensure_frame_store_at(uri, uuid, cancel);
    });
  }
  Result<JobRow> ensure_job(const std::string &job_id, const Uuid &uuid, const IdentityKey &key,
                            Cancellation &cancel) override {
    return through<Result<JobRow>>("ensure_job", cancel,
                                   [&] { return inner_->ensure_job(job_id, uuid, key, cancel); });
  }
  Result<std::optional<JobRow>> find_job(const std::string &job_id, Cancellation &cancel) override {
    return through<Result<std::optional<JobRow>>>("find_job", cancel,
                                                  [&] { return inner_->find_job(job_id, cancel); });
  }
  Result<std::vector<std::string>> list_jobs(const std::string &after, unsigned limit,
                                             Cancellation &cancel) override {
    return through<Result<std::vector<std::string>>>(
        "list_jobs", cancel, [&] { return inner_->list_jobs(after, limit, cancel); });
  }
  Result<Lease> acquire_lease(JobKey job, const Branch &branch, const std::string &stage,
                              const LeaseOwner &owner, std::chrono::milliseconds ttl,
                              std::chrono::milliseconds *expires_in,
                              Cancellation &cancel) override {
    return through<Result<Lease>>("acquire_lease", cancel, [&] {
      return inner_->acquire_lease(job, branch, stage, owner, ttl, expires_in, cancel);
    });
  }
  Status renew_lease(const Lease &lease, std::chrono::milliseconds ttl,
                     Cancellation &cancel) override {
    return through<Status>("renew_lease", cancel,
                           [&] { return inner_->renew_lease(lease, ttl, cancel); });
  }
  Status release_lease(const Lease &lease, Cancellation &cancel) override {
    return through<Status>("release_lease", cancel,
                           [&] { return inner_->release_lease(lease, cancel); });
  }
  Result<CheckpointRow> create_checkpoint(const Lease &lease, const Uuid &id,
                                          const CheckpointFields &fields,
                                          Cancellation &cancel) override {
    return through<Result<CheckpointRow>>("create_checkpoint", cancel, [&] {
      return inner_->create_checkpoint(lease, id, fields, cancel);
    });
  }
  Result<PackKey> create_pack(const Lease &lease, CheckpointKey checkpoint, const NewPack &pack,
                              Cancellation &cancel) override {
    return through<Result<PackKey>>("create_pack", cancel, [&] {
      return inner_->create_pack(lease, checkpoint, pack, cancel);
    });
  }
  Result<std::vector<std::optional<PayloadRef>>> find_payloads(JobKey job,
                                                               FrameStoreKey frame_store,
                                                               std::span<const Digest> digests,
                                                               Cancellation &cancel) override {
    return through<Result<std::vector<std::optional<PayloadRef>>>>("find_payloads", cancel, [&] {
      return inner_->find_payloads(job, frame_store, digests, cancel);
    });
  }
  Result<std::vector<bool>> pin_packs(const Lease &lease, CheckpointKey checkpoint,
                                      std::span<const PackKey> packs,
                                      Cancellation &cancel) override {
    return through<Result<std::vector<bool>>>(
        "pin_packs", cancel, [&] { return inner_->pin_packs(lease, checkpoint, packs, cancel); });
  }
  Status commit(const Lease &lease, const CommitBatch &batch, Cancellation &cancel) override {
    return through<Status>("commit", cancel, [&] { return inner_->commit(lease, batch, cancel); });
  }
  Result<CheckpointRow> restore_checkpoint(Lease &lease, const RestoredCheckpoint &checkpoint,
                                           Cancellation &cancel) override {
    return through<Result<CheckpointRow>>("restore_checkpoint", cancel, [&] {
      return inner_->restore_checkpoint(lease, checkpoint, cancel);
    });
  }
  Status take_place_of(const Uuid &lost, Cancellation &cancel) override {
    return through<Status>("take_place_of", cancel,
                           [&] { return inner_->take_place_of(lost, cancel); });
  }
  Result<std::vector<CheckpointRow>> list_checkpoints(const CheckpointQuery &query,
                                                      Cancellation &cancel) override {
    return through<Result<std::vector<CheckpointRow>>>(
        "list_checkpoints", cancel, [&] { return inner_->list_checkpoints(query, cancel); });
  }
  Result<CheckpointRow> get_checkpoint(const Uuid &id, Cancellation &cancel) override {
    return through<Result<CheckpointRow>>("get_checkpoint", cancel,
                                          [&] { return inner_->get_checkpoint(id, cancel); });
  }
  Result<std::vector<CapsRow>> read_caps(CheckpointKey checkpoint, Cancellation &cancel) override {
    return through<Result<std::vector<CapsRow>>>(
        "read_caps", cancel, [&] { return inner_->read_caps(checkpoint, cancel); });
  }
  Result<std::vector<FrameRow>> read_frames(const FramePage &page, Cancellation &cancel) override {
    return through<Result<std::vector<FrameRow>>>(
        "read_frames", cancel, [&] { return inner_->read_frames(page, cancel); });
  }
  Result<std::vector<std::optional<FrameRow>>> find_frames(CheckpointKey checkpoint,
                                                           FramePage::Order number,
                                                           std::span<const uint64_t> numbers,
                                                           Cancellation &cancel) override {
    return through<Result<std::vector<std::optional<FrameRow>>>>("find_frames", cancel, [&] {
      return inner_->find_frames(checkpoint, number, numbers, cancel);
    });
  }
  Result<std::vector<uint64_t>> find_matches(const MatchQuery &query, const Condition &condition,
                                             Cancellation &cancel) override {
    return through<Result<std::vector<uint64_t>>>(
        "find_matches", cancel, [&] { return inner_->find_matches(query, condition, cancel); });
  }
  Result<std::vector<EventRow>> read_events(CheckpointKey checkpoint, uint64_t first, uint64_t end,
                                            unsigned limit, Cancellation &cancel) override {
    return through<Result<std::vector<EventRow>>>("read_events", cancel, [&] {
      return inner_->read_events(checkpoint, first, end, limit, cancel);
    });
  }
  Result<std::vector<DetectionRow>> read_detections(const DetectionPage &page,
                                                    Cancellation &cancel) override {
    return through<Result<std::vector<DetectionRow>>>(
        "read_detections", cancel, [&] { return inner_->read_detections(page, cancel); });
  }
  Result<std::optional<uint64_t>> find_frame_at(CheckpointKey checkpoint, uint64_t time,
                                                Cancellation &cancel) override {
    return through<Result<std::optional<uint64_t>>>(
        "find_frame_at", cancel, [&] { return inner_->find_frame_at(checkpoint, time, cancel); });
  }
  Result<std::vector<PackRow>> get_packs(std::span<const PackKey> packs,
                                         Cancellation &cancel) override {
    return through<Result<std::vector<PackRow>>>("get_packs", cancel,
                                                 [&] { return inner_->get_packs(packs, cancel); });
  }

  Result<int64_t> now(Cancellation &cancel) override {
    return through<Result<int64_t>>("now", cancel, [&] { return inner_->now(cancel); });
  }
  Status pin_checkpoint(const Uuid &id, Cancellation &cancel) override {
    return through<Status>("pin_checkpoint", cancel,
                           [&] { return inner_->pin_checkpoint(id, cancel); });
  }
  Status unpin_checkpoint(const Uuid &id, Cancellation &cancel) override {
    return through<Status>("unpin_checkpoint", cancel,
                           [&] { return inner_->unpin_checkpoint(id, cancel); });
  }
  Status delete_checkpoint(const Uuid &id, Cancellation &cancel) override {
    return through<Status>("delete_checkpoint", cancel,
                           [&] { return inner_->delete_checkpoint(id, cancel); });
  }
  Result<std::vector<CheckpointRow>> deleted_checkpoints(CheckpointKey after, unsigned limit,
                                                         Cancellation &cancel) override {
    return through<Result<std::vector<CheckpointRow>>>("deleted_checkpoints", cancel, [&] {
      return inner_->deleted_checkpoints(after, limit, cancel);
    });
  }
  Result<bool> purge_checkpoint(CheckpointKey checkpoint, unsigned frames,
                                Cancellation &cancel) override {
    return through<Result<bool>>("purge_checkpoint", cancel, [&] {
      return inner_->purge_checkpoint(checkpoint, frames, cancel);
    });
  }
  Result<PackTotals> held_only_by(std::span<const CheckpointKey> checkpoints,
                                  Cancellation &cancel) override {
    return through<Result<PackTotals>>("held_only_by", cancel,
                                       [&] { return inner_->held_only_by(checkpoints, cancel); });
  }
  Status pin_for_reading(const Uuid &pin, std::span<const CheckpointKey> checkpoints,
                         std::chrono::milliseconds ttl, Cancellation &cancel) override {
    return through<Status>("pin_for_reading", cancel,
                           [&] { return inner_->pin_for_reading(pin, checkpoints, ttl, cancel); });
  }
  Status renew_reader_pin(const Uuid &pin, std::chrono::milliseconds ttl,
                          Cancellation &cancel) override {
    return through<Status>("renew_reader_pin", cancel,
                           [&] { return inner_->renew_reader_pin(pin, ttl, cancel); });
  }
  Status release_reader_pin(const Uuid &pin, Cancellation &cancel) override {
    return through<Status>("release_reader_pin", cancel,
                           [&] { return inner_->release_reader_pin(pin, cancel); });
  }
  Status check_readable(std::span<const CheckpointKey> checkpoints, const Uuid &pin,
                        Cancellation &cancel) override {
    return through<Status>("check_readable", cancel,
                           [&] { return inner_->check_readable(checkpoints, pin, cancel); });
  }
  Result<std::vector<PackRow>> list_packs(const PackQuery &query, Cancellation &cancel) override {
    return through<Result<std::vector<PackRow>>>("list_packs", cancel,
                                                 [&] { return inner_->list_packs(query, cancel); });
  }
  Result<std::vector<std::optional<PackRow>>> find_packs(FrameStoreKey frame_store,
                                                         std::span<const Uuid> packs,
                                                         Cancellation &cancel) override {
    return through<Result<std::vector<std::optional<PackRow>>>>(
        "find_packs", cancel, [&] { return inner_->find_packs(frame_store, packs, cancel); });
  }
  Result<std::vector<bool>> condemn_packs(std::span<const PackKey> packs,
                                          std::chrono::milliseconds age,
                                          Cancellation &cancel) override {
    return through<Result<std::vector<bool>>>(
        "condemn_packs", cancel, [&] { return inner_->condemn_packs(packs, age, cancel); });
  }
  Result<std::vector<bool>> confirm_condemned(std::span<const PackKey> packs,
                                              std::chrono::milliseconds grace,
                                              Cancellation &cancel) override {
    return through<Result<std::vector<bool>>>("confirm_condemned", cancel, [&] {
      return inner_->confirm_condemned(packs, grace, cancel);
    });
  }
  Status mark_deleted(std::span<const PackKey> packs, Cancellation &cancel) override {
    return through<Status>("mark_deleted", cancel,
                           [&] { return inner_->mark_deleted(packs, cancel); });
  }
  Status forget_packs(std::span<const PackKey> packs, std::chrono::milliseconds age,
                      Cancellation &cancel) override {
    return through<Status>("forget_packs", cancel,
                           [&] { return inner_->forget_packs(packs, age, cancel); });
  }
  Status condemn_stranger(const NewPack &pack, Cancellation &cancel) override {
    return through<Status>("condemn_stranger", cancel,
                           [&] { return inner_->condemn_stranger(pack, cancel); });
  }
  Result<std::vector<PackUse>> pack_uses(std::span<const PackKey> packs,
                                         Cancellation &cancel) override {
    return through<Result<std::vector<PackUse>>>("pack_uses", cancel,
                                                 [&] { return inner_->pack_uses(packs, cancel); });
  }
  Result<PackKey> create_collected_pack(const NewPack &pack, Cancellation &cancel) override {
    return through<Result<PackKey>>("create_collected_pack", cancel,
                                    [&] { return inner_->create_collected_pack(pack, cancel); });
  }
  Status move_payloads(const ReadyPack &to, std::span<const PackKey> from,
                       std::span<const MovedPayload> moves, Cancellation &cancel) override {
    return through<Status>("move_payloads", cancel,
                           [&] { return inner_->move_payloads(to, from, moves, cancel); });
  }

 private:
  using Hooks = std::map<std::string, Hook>;

  void set(Hooks &hooks, const std::string &call, Hook hook) {
    std::lock_guard lock(mutex_);
    hooks[call] = std::move(hook);
  }
  // Without the lock held: a hook may wait.
  Status run(Hooks &hooks, const char *call, Cancellation &cancel) {
    Hook hook;
    {
      std::lock_guard lock(mutex_);
      auto found = hooks.find(call);
      if (found != hooks.end()) hook = found->second;
    }
    return hook ? hook(cancel) : Status::ok();
  }
  static bool succeeded(const Status &status) { return status.is_ok(); }
  template <typename T>
  static bool succeeded(const Result<T> &result) {
    return result.is_ok();
  }
  template <typename R, typename F>
  R through(const char *call, Cancellation &cancel, F forward) {
    {
      std::lock_guard lock(mutex_);
      calls_[call]++;
      history_.emplace_back(call);
      if (down_) return Status(Code::kUnavailable, "the metadata store is down");
    }
    if (Status status = run(before_, call, cancel); !status.is_ok()) return status;
    R result = forward();
    if (!succeeded(result)) return result;
    if (Status status = run(after_, call, cancel); !status.is_ok()) return status;
    return result;
  }

  const std::shared_ptr<MetadataStore> inner_;
  mutable std::mutex mutex_;
  Hooks before_, after_;                   // protected by mutex_
  bool down_ = false;                      // protected by mutex_
  std::map<std::string, uint64_t> calls_;  // protected by mutex_
  std::vector<std::string> history_;       // protected by mutex_
};

}  // namespace checkpoint
