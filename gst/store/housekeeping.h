// SPDX-License-Identifier: LGPL-2.1-or-later
// The part of a metadata store that deletes: checkpoints, and then the packs that nobody needs any
// more. What is said in metadata_store.h of all calls holds here too; all times are the database's.
//
// A checkpoint is deleted by a mark; its rows go in batches behind it. A pack is condemned when no
// checkpoint refers to it, and its objects go after a grace period and another look. A writer that
// wants to refer to a pack (pin_packs, commit) and a collector that condemns it exclude each other:
// one of them sees what the other did.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "store/model.h"

namespace checkpoint {

struct NewPack {
  Uuid uuid;
  FrameStoreKey frame_store = 0;
  std::string object;
  bool plain = false;
};

// A pack whose put has succeeded.
struct ReadyPack {
  PackKey key = 0;
  uint64_t size = 0;
  std::optional<std::array<uint8_t, 32>> sha256;
};

enum class PackFilter {
  kUploading,
  kReady,
  kCondemned,     // at least `age` ago
  kDeleted,       // at least `age` ago
  kUnreferenced,  // no checkpoint refers to it; or an intent at least `age` old whose writer has no
                  // lease (any more)
  kSparse,  // ready, with objects of its own, made for a checkpoint that is gone, and complete
            // checkpoints refer to it: some of its payloads may be nobody's
};

// Packs in ascending key order, the page after `after`.
struct PackQuery {
  FrameStoreKey frame_store = 0;
  PackFilter filter = PackFilter::kReady;
  std::chrono::milliseconds age{0};
  PackKey after = 0;
  unsigned limit = 100;
};

// "This checkpoint refers to that pack."
struct PackUse {
  PackKey pack = 0;
  CheckpointKey checkpoint = 0;
};

struct PackTotals {
  uint64_t packs = 0;
  uint64_t bytes = 0;
};

// A payload that lies in another pack now, with the same bytes.
struct MovedPayload {
  PackKey pack = 0;  // where it was
  uint64_t offset = 0;
  uint64_t new_offset = 0;
};

class HousekeepingStore {
 public:
  virtual ~HousekeepingStore() = default;

  // The database's clock: milliseconds since 1970, UTC, as in CheckpointRow.
  virtual Result<int64_t> now(Cancellation &cancel) = 0;

  // --- checkpoints
  // A pinned checkpoint can't be deleted. Pinning what is pinned, or the reverse, is ok. kNotFound:
  // no such checkpoint, or it is deleted.
  virtual Status pin_checkpoint(const Uuid &id, Cancellation &cancel) = 0;
  virtual Status unpin_checkpoint(const Uuid &id, Cancellation &cancel) = 0;
  // Marks it deleted: from here on nothing lists it, and it can't be written. What was run from it
  // stays loadable. Ok where it is marked already. kNotFound. kInvalidArgument: it is pinned.
  // kBusy: it is partial, and a writer holds the lease of its stage.
  virtual Status delete_checkpoint(const Uuid &id, Cancellation &cancel) = 0;
  // Those that are marked and have rows left, in ascending key order, after `after`.
  virtual Result<std::vector<CheckpointRow>> deleted_checkpoints(CheckpointKey after,
                                                                 unsigned limit,
                                                                 Cancellation &cancel) = 0;
  // Removes rows of a checkpoint that is marked deleted, those of about `frames` frames at most. To
  // be called until it says true: all is gone, its own row and its references to packs included;
  // true also where there is none. kBusy: a reader holds it. kInvalidArgument: it is not marked.
  virtual Result<bool> purge_checkpoint(CheckpointKey checkpoint, unsigned frames,
                                        Cancellation &cancel) = 0;
  // The packs, with their bytes, that only these checkpoints refer to.
  virtual Result<PackTotals> held_only_by(std::span<const CheckpointKey> checkpoints,
                                          Cancellation &cancel) = 0;

  // --- readers
  // Holds checkpoints for a reader: they may be marked deleted meanwhile, but their rows stay. It
  // ends with the ttl unless it is renewed. kExpired: one of them is marked deleted already.
  virtual Status pin_for_reading(const Uuid &pin, std::span<const CheckpointKey> checkpoints,
                                 std::chrono::milliseconds ttl, Cancellation &cancel) = 0;
  // kExpired: it ended, or there was none; it can't be had back.
  virtual Status renew_reader_pin(const Uuid &pin, std::chrono::milliseconds ttl,
                                  Cancellation &cancel) = 0;
  virtual Status release_reader_pin(const Uuid &pin, Cancellation &cancel) = 0;
  // Asked after rows were read: were all of them still there? Yes while none of the checkpoints is
  // marked deleted, or the pin held it all the time. Else kExpired.
  virtual Status check_readable(std::span<const CheckpointKey> checkpoints, const Uuid &pin,
                                Cancellation &cancel) = 0;

  // --- packs
  virtual Result<std::vector<PackRow>> list_packs(const PackQuery &query, Cancellation &cancel) = 0;
  // The packs with these uuids, in their order; a slot without one is nullopt.
  virtual Result<std::vector<std::optional<PackRow>>> find_packs(FrameStoreKey frame_store,
                                                                 std::span<const Uuid> packs,
                                                                 Cancellation &cancel) = 0;
  // Condemns those that are unreferenced now, as PackFilter::kUnreferenced with this `age`; true
  // for them.
  virtual Result<std::vector<bool>> condemn_packs(std::span<const PackKey> packs,
                                                  std::chrono::milliseconds age,
                                                  Cancellation &cancel) = 0;
  // Another look at packs that were condemned at least `grace` ago. True: still nobody refers to
  // it, so its objects may go. One that is referred to after all becomes ready again.
  virtual Result<std::vector<bool>> confirm_condemned(std::span<const PackKey> packs,
                                                      std::chrono::milliseconds grace,
                                                      Cancellation &cancel) = 0;
  // The objects of these condemned packs are gone: marks them deleted and forgets their digests.
  virtual Status mark_deleted(std::span<const PackKey> packs, Cancellation &cancel) = 0;
  // Removes the rows of packs that were marked deleted at least `age` ago.
  virtual Status forget_packs(std::span<const PackKey> packs, std::chrono::milliseconds age,
                              Cancellation &cancel) = 0;
  // A pack that is in the frame store and has no row gets one, condemned now. Ok, changing nothing,
  // where the uuid or the object has a row.
  virtual Status condemn_stranger(const NewPack &pack, Cancellation &cancel) = 0;

  // --- moving payloads
  // Which checkpoints refer to these packs.
  virtual Result<std::vector<PackUse>> pack_uses(std::span<const PackKey> packs,
                                                 Cancellation &cancel) = 0;
  // The intent for a pack of moved payloads.
  virtual Result<PackKey> create_collected_pack(const NewPack &pack, Cancellation &cancel) = 0;
  // In one transaction: `to` becomes ready, the payloads of the frames and digests lie in it, the
  // checkpoints refer to it, and `from` are condemned. kBusy, changing nothing: a pack of `from` is
  // not ready any more, a checkpoint that is not complete refers to one, or a frame lies in one
  // that `moves` does not name. kExpired: `to` was condemned.
  virtual Status move_payloads(const ReadyPack &to, std::span<const PackKey> from,
                               std::span<const MovedPayload> moves, Cancellation &cancel) = 0;
};

}  // namespace checkpoint
