// SPDX-License-Identifier: LGPL-2.1-or-later
// Where everything but the packs lives. Implemented by the backends, used by core.
//
// Every virtual may be called from any thread at any time after open(); calls run side by side.
// None throws. Each call is one short transaction that is durable when it returns ok. A call that
// waits ends with kCancelled soon after its Cancellation is cancelled; one that connects again
// after the connection was lost tells its Cancellation. Failures common to all: kUnavailable (can't
// be reached), kBusy (locked by others for too long), kPermissionDenied, kNoSpace, kCorrupt,
// kCancelled. Rows are returned in pages: no call's memory grows with a checkpoint. What all
// implementations have to do alike is checked by tests/conformance/metadata_store_suite.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/condition.h"
#include "store/finding.h"
#include "store/housekeeping.h"
#include "store/model.h"

namespace checkpoint {

// A frame store as this metadata store knows it.
struct FrameStoreRow {
  FrameStoreKey key = 0;
  Uuid uuid;
  std::string uri;         // where it was when it was bound, without secrets
  bool has_packs = false;  // ready packs are known in it
};

struct NewDigest {
  Digest digest;
  PayloadRef payload;
  // A pack that was found to be lost or damaged: what lies there gives its place to `payload`.
  PackKey instead_of = 0;
};

// What one commit makes visible. All of it, or nothing.
struct CommitBatch {
  CheckpointKey checkpoint = 0;
  uint64_t commit_no = 0;  // the checkpoint's commit_no before this commit, plus 1
  // Where the records of this commit lie, for `gst-checkpoint repair` and resume.
  RecordRef records;
  std::vector<CapsRow> caps;
  std::vector<FrameRow> frames;  // consecutive indexes, the first = frames durable so far
  std::vector<EventRow> events;
  std::vector<DetectionRow> detections;
  std::vector<NewDigest> digests;      // those already known are skipped
  std::vector<ReadyPack> ready_packs;  // become `ready` and referenced by the checkpoint
  std::vector<PackKey>
      used_packs;  // every pack that a frame above lies in; all must be ready or become so here
  uint64_t bytes_new = 0, bytes_reused = 0;       // what this commit adds
  uint64_t first_time = kNone, end_time = kNone;  // of the whole checkpoint so far
  // Ends the checkpoint with this commit.
  enum class End { kNo, kPartial, kComplete } end = End::kNo;
  std::string reason;  // with kPartial
  // With End::kComplete or kPartial: the fields that may be known only then.
  std::optional<std::string> stats;
};

struct CheckpointQuery {
  std::optional<std::string> job_id, stage;
  std::optional<Branch> branch;  // nullopt: every branch
  bool include_partial = false;
  // The page after this row (0: the first page); rows come in descending key order, newest first.
  CheckpointKey before = 0;
  unsigned limit = 50;
};

// Frames from `first` on in the order of one of their numbers, or from `first` down when reverse.
// Equal ones come in index order (down when reverse), frames without a PTS not at all, and numbers
// beyond int64 before all others.
struct FramePage {
  CheckpointKey checkpoint = 0;
  uint64_t first = 0;  // an index, PTS or sequence
  bool reverse = false;
  unsigned limit = 64;
  enum class Order { kIndex, kPts, kSequence } order = Order::kIndex;
};

// Detections of frames [first, end) in the order of index and ordinal, from that `ordinal` of frame
// `first` on.
struct DetectionPage {
  CheckpointKey checkpoint = 0;
  uint64_t first = 0;
  uint32_t ordinal = 0;
  uint64_t end = kNone;
  unsigned limit = 256;
};

// Frames [first, end) that match a condition.
struct MatchQuery {
  CheckpointKey checkpoint = 0;
  uint64_t first = 0, end = kNone;
  bool reverse = false;  // the last ones first
  unsigned limit = 64;
};

// A checkpoint that a repair found in the frame store.
struct RestoredCheckpoint {
  Uuid id;
  CheckpointFields fields;
  uint32_t version = 0;
  uint64_t epoch = 0;      // the highest of its commits
  int64_t created_at = 0;  // milliseconds since 1970, UTC
};

class MetadataStore : public HousekeepingStore {
 public:
  // Where it is, for messages; no secret in it.
  virtual std::string display_uri() const = 0;

  // Before open(): is there something to open? Makes nothing, so that a reader with a mistyped path
  // leaves nothing behind.
  virtual Result<bool> exists(Cancellation &cancel) {
    if (Status status = cancel.check(); !status.is_ok()) return status;
    return true;
  }
  // Reaches the store; makes the schema when there is none, migrates an older one (N processes at
  // once: all succeed). kNewerSchema: refused with both versions named.
  virtual Status open(Cancellation &cancel) = 0;
  // The random identity that the store got when its schema was made.
  virtual Result<Uuid> uuid(Cancellation &cancel) = 0;
  // Adds what a person should know: the schema, what this user may do, room that is left, what was
  // left behind by writers and collectors. Changes nothing.
  virtual Status examine(Findings &, Cancellation &cancel) { return cancel.check(); }

  // --- frame stores
  virtual Result<std::vector<FrameStoreRow>> frame_stores(Cancellation &cancel) = 0;
  // Finds by uuid or adds; keeps `uri` up to date.
  virtual Result<FrameStoreRow> ensure_frame_store(const Uuid &uuid, const std::string &uri,
                                                   Cancellation &cancel) = 0;
  // Finds the first row with this uri, or adds one with `uuid` (two at once: one wins, both get its
  // row).
  virtual Result<FrameStoreRow> ensure_frame_store_at(const std::string &uri, const Uuid &uuid,
                                                      Cancellation &cancel) = 0;

  // --- jobs
  // Finds the job, or adds it with these values (two at once: one wins, both get its row).
  virtual Result<JobRow> ensure_job(const std::string &job_id, const Uuid &uuid,
                                    const IdentityKey &key, Cancellation &cancel) = 0;
  virtual Result<std::optional<JobRow>> find_job(const std::string &job_id,
                                                 Cancellation &cancel) = 0;
  // Job ids in order, the page after `after` ('': the first).
  virtual Result<std::vector<std::string>> list_jobs(const std::string &after, unsigned limit,
                                                     Cancellation &cancel) = 0;

  // --- leases; time is the database's
  // Takes the lease when it is free, expired, released, or held by a process of this host and boot
  // that is gone (pid and start time are compared with /proc). Does not wait. kBusy: names host and
  // pid of the holder in the message; then *expires_in, set only for a holder that can't be seen
  // from here, is the time until the lease ends unless it is renewed.
  virtual Result<Lease> acquire_lease(JobKey job, const Branch &branch, const std::string &stage,
                                      const LeaseOwner &owner, std::chrono::milliseconds ttl,
                                      std::chrono::milliseconds *expires_in,
                                      Cancellation &cancel) = 0;
  // kLeaseLost: another owner has it. An expired lease that nobody took is renewed.
  virtual Status renew_lease(const Lease &lease, std::chrono::milliseconds ttl,
                             Cancellation &cancel) = 0;
  // Lets the next writer in at once. A lease that is lost is not touched, and that is ok.
  virtual Status release_lease(const Lease &lease, Cancellation &cancel) = 0;

  // --- writing; each fails with kLeaseLost, changing nothing, when the lease is another's
  // The row of a new partial checkpoint with the next version of its (job, branch, stage). The id
  // is the client's, so that a repeated call after a lost answer gives the same row.
  virtual Result<CheckpointRow> create_checkpoint(const Lease &lease, const Uuid &id,
                                                  const CheckpointFields &fields,
                                                  Cancellation &cancel) = 0;
  // The intent, before the first byte of the pack is put.
  virtual Result<PackKey> create_pack(const Lease &lease, CheckpointKey checkpoint,
                                      const NewPack &pack, Cancellation &cancel) = 0;
  // The payloads of the job that have these digests; a slot without one is nullopt. Payloads in
  // packs that are condemned or deleted are not found. Only a frame store's own payloads are.
  virtual Result<std::vector<std::optional<PayloadRef>>> find_payloads(
      JobKey job, FrameStoreKey frame_store, std::span<const Digest> digests,
      Cancellation &cancel) = 0;
  // Pins packs for the checkpoint, so that no collector takes them. False for a pack that is
  // condemned or deleted (the payload has to be stored again). A pack that another writer of this
  // process is still putting may be pinned too.
  virtual Result<std::vector<bool>> pin_packs(const Lease &lease, CheckpointKey checkpoint,
                                              std::span<const PackKey> packs,
                                              Cancellation &cancel) = 0;
  // kUnknownOutcome: the answer was lost; get_checkpoint() tells by commit_no. kExpired: a used
  // pack was condemned meanwhile. kInvalidArgument: the commit is not the next one of a partial
  // checkpoint, its frames don't follow those there are, or a used pack was never put.
  virtual Status commit(const Lease &lease, const CommitBatch &batch, Cancellation &cancel) = 0;

  // --- repairing; see core/repair.h
  // As create_checkpoint(), but with that version and date. No later checkpoint of the stage gets
  // this version or a lower one, and no later lease this epoch or a lower one; `lease` gets its new
  // epoch. kAlreadyExists, changing nothing: the id or the version is taken.
  virtual Result<CheckpointRow> restore_checkpoint(Lease &lease,
                                                   const RestoredCheckpoint &checkpoint,
                                                   Cancellation &cancel) = 0;
  // Takes the place of a metadata store that was lost: its uuid stands in the frame store's marker.
  virtual Status take_place_of(const Uuid &lost, Cancellation &cancel) = 0;

  // --- reading
  virtual Result<std::vector<CheckpointRow>> list_checkpoints(const CheckpointQuery &query,
                                                              Cancellation &cancel) = 0;
  // In any state, also one that is marked deleted while its rows go. kNotFound.
  virtual Result<CheckpointRow> get_checkpoint(const Uuid &id, Cancellation &cancel) = 0;
  virtual Result<std::vector<CapsRow>> read_caps(CheckpointKey checkpoint,
                                                 Cancellation &cancel) = 0;
  virtual Result<std::vector<FrameRow>> read_frames(const FramePage &page,
                                                    Cancellation &cancel) = 0;
  // The frames with these numbers, each the first one in index order that has it; a slot without
  // one is nullopt.
  virtual Result<std::vector<std::optional<FrameRow>>> find_frames(
      CheckpointKey checkpoint, FramePage::Order number, std::span<const uint64_t> numbers,
      Cancellation &cancel) = 0;
  // The indexes of the first `limit` frames that match, in their order.
  virtual Result<std::vector<uint64_t>> find_matches(const MatchQuery &query,
                                                     const Condition &condition,
                                                     Cancellation &cancel) = 0;
  // Events of indexes [first, end) in the order of index and ordinal: the first `limit` of them.
  virtual Result<std::vector<EventRow>> read_events(CheckpointKey checkpoint, uint64_t first,
                                                    uint64_t end, unsigned limit,
                                                    Cancellation &cancel) = 0;
  // The page's first `limit` detections; the next page begins behind the last one's ordinal. Labels
  // and confidences are as they can be queried: broken UTF-8 is replaced, and what is not a number
  // is none.
  virtual Result<std::vector<DetectionRow>> read_detections(const DetectionPage &page,
                                                            Cancellation &cancel) = 0;
  // Index of the first frame (in index order) among those with the greatest stream time <= `time`;
  // nullopt: none is so early.
  virtual Result<std::optional<uint64_t>> find_frame_at(CheckpointKey checkpoint, uint64_t time,
                                                        Cancellation &cancel) = 0;
  // The packs with these keys, in their order. kNotFound when one is not known.
  virtual Result<std::vector<PackRow>> get_packs(std::span<const PackKey> packs,
                                                 Cancellation &cancel) = 0;
};

}  // namespace checkpoint
