// SPDX-License-Identifier: LGPL-2.1-or-later
// Payloads on their way into a pack, shared by all writers of a process that write for one job into
// one frame store: a frame that two of them see at the same moment is stored once.
//
// Lock order: a writer's mutex before this one; nothing is called with this one held.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "common/status.h"
#include "common/uuid.h"
#include "store/model.h"

namespace checkpoint {

// A pack from its first payload to the end of its put.
struct OpenPack {
  Uuid uuid;
  bool plain = false;
  std::string object;
  // Asks the pack's writer to seal it now, so that somebody else's commit need not wait. Any
  // thread.
  std::function<void()> request_flush;

  enum class State { kBuilding, kSealed, kDurable, kFailed };
  // The rest is protected by the InflightPayloads' mutex, and fixed once the state is kDurable or
  // kFailed.
  State state = State::kBuilding;
  bool retired = false;
  PackKey key = 0;
  uint64_t size = 0;
  std::optional<std::array<uint8_t, 32>> sha256;
  Status failure;
};

// A payload whose place is known, or will be soon.
struct PendingPayload {
  enum class State { kEncoding, kPlaced, kFailed };
  // Protected by the InflightPayloads' mutex, and fixed once the state is not kEncoding.
  State state = State::kEncoding;
  PayloadRef ref;                  // ref.pack is set only where `pack` is null
  std::shared_ptr<OpenPack> pack;  // null: it lies in a pack that the metadata store knows
  Uuid pack_uuid;                  // of either
};

class InflightPayloads {
 public:
  // The process's one for this pair.
  static std::shared_ptr<InflightPayloads> of(const Uuid &job, const Uuid &frame_store);

  struct Claim {
    std::shared_ptr<PendingPayload> payload;
    bool ours = false;  // the caller has to place() or abandon() it
  };
  Claim claim(const Digest &digest);
  void place(const Digest &digest, PendingPayload &payload, const PayloadRef &ref,
             std::shared_ptr<OpenPack> pack, const Uuid &pack_uuid);
  // It will not be stored; a waiter claims it for itself.
  void abandon(const Digest &digest, PendingPayload &payload);
  // The metadata store knows it now, so it need not be remembered here.
  void forget(const Digest &digest, const PendingPayload &payload);

  // Waits until the payload is no longer kEncoding. False when `give_up` said so; wake() makes it
  // look again.
  bool wait_placed(const PendingPayload &payload, const std::function<bool()> &give_up);
  void wake();

  PendingPayload::State state(const PendingPayload &payload) const;
  OpenPack::State state(const OpenPack &pack) const;
  void set_sealed(OpenPack &pack);
  // Nobody begins to rely on it from here on: its writer ends, and may not get it stored.
  void retire(OpenPack &pack);
  // May a payload be looked for in it? Not when it failed or was retired.
  bool reliable(const OpenPack &pack) const;
  // Ends the pack's way; runs the wakers of all writers.
  void set_done(OpenPack &pack, Status status, PackKey key, uint64_t size,
                const std::optional<std::array<uint8_t, 32>> &sha256);

  // `waker` runs, without a lock held, whenever a pack is done; until the returned handle is
  // dropped.
  std::shared_ptr<void> add_waker(std::function<void()> waker);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Digest, std::shared_ptr<PendingPayload>> payloads_;         // protected by mutex_
  std::map<uint64_t, std::shared_ptr<std::function<void()>>> wakers_;  // protected by mutex_
  uint64_t next_waker_ = 0;                                            // protected by mutex_
};

}  // namespace checkpoint
