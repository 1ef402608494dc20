// SPDX-License-Identifier: LGPL-2.1-or-later
// The store itself. Its calls are in store.cpp (opening, frame stores, jobs), store_leases.cpp,
// store_writing.cpp, store_reading.cpp, store_deleting.cpp (pins too) and store_packs.cpp.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/sqlite/pool.h"
#include "common/status_of.h"
#include "store/metadata_store.h"

namespace checkpoint::sqlite {

// The connections to one database. Those to one in memory are one, shared by all stores of that
// name.
struct Pools {
  std::shared_ptr<Pool> writer;   // one connection: SQLite has one writer at a time
  std::shared_ptr<Pool> readers;  // so that a lookup never waits for a commit's fsync
};

class SqliteStore : public MetadataStore {
 public:
  explicit SqliteStore(const Location &location);

  std::string display_uri() const override;
  Result<bool> exists(Cancellation &cancel) override;
  Status open(Cancellation &cancel) override;
  Result<Uuid> uuid(Cancellation &cancel) override;
  Status examine(Findings &findings, Cancellation &cancel) override;

  Result<std::vector<FrameStoreRow>> frame_stores(Cancellation &cancel) override;
  Result<FrameStoreRow> ensure_frame_store(const Uuid &uuid, const std::string &uri,
                                           Cancellation &cancel) override;
  Result<FrameStoreRow> ensure_frame_store_at(const std::string &uri, const Uuid &uuid,
                                              Cancellation &cancel) override;

  Result<JobRow> ensure_job(const std::string &job_id, const Uuid &uuid, const IdentityKey &key,
                            Cancellation &cancel) override;
  Result<std::optional<JobRow>> find_job(const std::string &job_id, Cancellation &cancel) override;
  Result<std::vector<std::string>> list_jobs(const std::string &after, unsigned limit,
                                             Cancellation &cancel) override;

  Result<Lease> acquire_lease(JobKey job, const Branch &branch, const std::string &stage,
                              const LeaseOwner &owner, std::chrono::milliseconds ttl,
                              std::chrono::milliseconds *expires_in, Cancellation &cancel) override;
  Status renew_lease(const Lease &lease, std::chrono::milliseconds ttl,
                     Cancellation &cancel) override;
  Status release_lease(const Lease &lease, Cancellation &cancel) override;

  Result<CheckpointRow> create_checkpoint(const Lease &lease, const Uuid &id,
                                          const CheckpointFields &fields,
                                          Cancellation &cancel) override;
  Result<PackKey> create_pack(const Lease &lease, CheckpointKey checkpoint, const NewPack &pack,
                              Cancellation &cancel) override;
  Result<std::vector<std::optional<PayloadRef>>> find_payloads(JobKey job,
                                                               FrameStoreKey frame_store,
                                                               std::span<const Digest> digests,
                                                               Cancellation &cancel) override;
  Result<std::vector<bool>> pin_packs(const Lease &lease, CheckpointKey checkpoint,
                                      std::span<const PackKey> packs,
                                      Cancellation &cancel) override;
  Status commit(const Lease &lease, const CommitBatch &batch, Cancellation &cancel) override;

  Result<CheckpointRow> restore_checkpoint(Lease &lease, const RestoredCheckpoint &checkpoint,
                                           Cancellation &cancel) override;
  Status take_place_of(const Uuid &lost, Cancellation &cancel) override;

  Result<std::vector<CheckpointRow>> list_checkpoints(const CheckpointQuery &query,
                                                      Cancellation &cancel) override;
  Result<CheckpointRow> get_checkpoint(const Uuid &id, Cancellation &cancel) override;
  Result<std::vector<CapsRow>> read_caps(CheckpointKey checkpoint, Cancellation &cancel) override;
  Result<std::vector<FrameRow>> read_frames(const FramePage &page, Cancellation &cancel) override;
  Result<std::vector<std::optional<FrameRow>>> find_frames(CheckpointKey checkpoint,
                                                           FramePage::Order number,
                                                           std::span<const uint64_t> numbers,
                                                           Cancellation &cancel) override;
  Result<std::vector<uint64_t>> find_matches(const MatchQuery &query, const Condition &condition,
                                             Cancellation &cancel) override;
  Result<std::vector<EventRow>> read_events(CheckpointKey checkpoint, uint64_t first, uint64_t end,
                                            unsigned limit, Cancellation &cancel) override;
  Result<std::vector<DetectionRow>> read_detections(const DetectionPage &page,
                                                    Cancellation &cancel) override;
  Result<std::optional<uint64_t>> find_frame_at(CheckpointKey checkpoint, uint64_t time,
                                                Cancellation &cancel) override;
  Result<std::vector<PackRow>> get_packs(std::span<const PackKey> packs,
                                         Cancellation &cancel) override;

  Result<int64_t> now(Cancellation &cancel) override;
  Status pin_checkpoint(const Uuid &id, Cancellation &cancel) override;
  Status unpin_checkpoint(const Uuid &id, Cancellation &cancel) override;
  Status delete_checkpoint(const Uuid &id, Cancellation &cancel) override;
  Result<std::vector<CheckpointRow>> deleted_checkpoints(CheckpointKey after, unsigned limit,
                                                         Cancellation &cancel) override;
  Result<bool> purge_checkpoint(CheckpointKey checkpoint, unsigned frames,
                                Cancellation &cancel) override;
  Result<PackTotals> held_only_by(std::span<const CheckpointKey> checkpoints,
                                  Cancellation &cancel) override;
  Status pin_for_reading(const Uuid &pin, std::span<const CheckpointKey> checkpoints,
                         std::chrono::milliseconds ttl, Cancellation &cancel) override;
  Status renew_reader_pin(const Uuid &pin, std::chrono::milliseconds ttl,
                          Cancellation &cancel) override;
  Status release_reader_pin(const Uuid &pin, Cancellation &cancel) override;
  Status check_readable(std::span<const CheckpointKey> checkpoints, const Uuid &pin,
                        Cancellation &cancel) override;
  Result<std::vector<PackRow>> list_packs(const PackQuery &query, Cancellation &cancel) override;
  Result<std::vector<std::optional<PackRow>>> find_packs(FrameStoreKey frame_store,
                                                         std::span<const Uuid> packs,
                                                         Cancellation &cancel) override;
  Result<std::vector<bool>> condemn_packs(std::span<const PackKey> packs,
                                          std::chrono::milliseconds age,
                                          Cancellation &cancel) override;
  Result<std::vector<bool>> confirm_condemned(std::span<const PackKey> packs,
                                              std::chrono::milliseconds grace,
                                              Cancellation &cancel) override;
  Status mark_deleted(std::span<const PackKey> packs, Cancellation &cancel) override;
  Status forget_packs(std::span<const PackKey> packs, std::chrono::milliseconds age,
                      Cancellation &cancel) override;
  Status condemn_stranger(const NewPack &pack, Cancellation &cancel) override;
  Result<std::vector<PackUse>> pack_uses(std::span<const PackKey> packs,
                                         Cancellation &cancel) override;
  Result<PackKey> create_collected_pack(const NewPack &pack, Cancellation &cancel) override;
  Status move_payloads(const ReadyPack &to, std::span<const PackKey> from,
                       std::span<const MovedPayload> moves, Cancellation &cancel) override;

 private:
  Result<Pools> pools();

  // Runs body(Connection &), which gives a Status or a Result, in one write transaction. The body
  // ends its queries before it returns.
  template <typename F>
  auto write(Cancellation &cancel, F body) -> decltype(body(std::declval<Connection &>())) {
    CHECKPOINT_ASSIGN_OR_RETURN(Pools use, pools());
    Session session(*use.writer, cancel);
    CHECKPOINT_RETURN_IF_ERROR(session.status());
    Transaction transaction(session.connection());
    CHECKPOINT_RETURN_IF_ERROR(transaction.begin_write());
    auto result = body(session.connection());
    CHECKPOINT_RETURN_IF_ERROR(checkpoint::status_of(result));
    CHECKPOINT_RETURN_IF_ERROR(transaction.commit());
    return result;
  }
  // Runs body(Connection &), which does not write. One query alone sees one state of the data;
  // several need a Transaction of their own.
  template <typename F>
  auto read(Cancellation &cancel, F body) -> decltype(body(std::declval<Connection &>())) {
    CHECKPOINT_ASSIGN_OR_RETURN(Pools use, pools());
    Session session(*use.readers, cancel);
    CHECKPOINT_RETURN_IF_ERROR(session.status());
    return body(session.connection());
  }

  const Location location_;
  std::mutex mutex_;
  Pools pools_;  // protected by mutex_; empty until open()
};

// kLeaseLost unless the lease is still its owner's. In every write transaction of a writer: nobody
// can take it before that transaction ends.
Status check_lease(Connection &connection, const Lease &lease);

}  // namespace checkpoint::sqlite
