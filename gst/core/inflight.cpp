// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/inflight.h"

#include <utility>
#include <vector>

namespace checkpoint {

std::shared_ptr<InflightPayloads> InflightPayloads::of(const Uuid &job, const Uuid &frame_store) {
  // Never destroyed: a thread that was left behind may need them while the process exits.
  static auto *mutex = new std::mutex;
  static auto *all = new std::map<std::pair<Uuid, Uuid>, std::weak_ptr<InflightPayloads>>;
  std::lock_guard lock(*mutex);
  std::erase_if(*all, [](const auto &entry) { return entry.second.expired(); });
  std::weak_ptr<InflightPayloads> &slot = (*all)[{job, frame_store}];
  std::shared_ptr<InflightPayloads> found = slot.lock();
  if (!found) slot = found = std::make_shared<InflightPayloads>();
  return found;
}

InflightPayloads::Claim InflightPayloads::claim(const Digest &digest) {
  std::lock_guard lock(mutex_);
  auto &slot = payloads_[digest];
  if (slot) return {slot, false};
  slot = std::make_shared<PendingPayload>();
  return {slot, true};
}

void InflightPayloads::place(const Digest &digest, PendingPayload &payload, const PayloadRef &ref,
                             std::shared_ptr<OpenPack> pack, const Uuid &pack_uuid) {
  std::lock_guard lock(mutex_);
  payload.ref = ref;
  payload.pack = std::move(pack);
  payload.pack_uuid = pack_uuid;
  payload.state = PendingPayload::State::kPlaced;
  // The metadata store answers for it, or it may never be stored.
  if (!payload.pack || payload.pack->retired) payloads_.erase(digest);
  changed_.notify_all();
}

void InflightPayloads::abandon(const Digest &digest, PendingPayload &payload) {
  std::lock_guard lock(mutex_);
  payload.state = PendingPayload::State::kFailed;
  payloads_.erase(digest);
  changed_.notify_all();
}

void InflightPayloads::forget(const Digest &digest, const PendingPayload &payload) {
  std::lock_guard lock(mutex_);
  auto found = payloads_.find(digest);
  if (found != payloads_.end() && found->second.get() == &payload) payloads_.erase(found);
}

bool InflightPayloads::wait_placed(const PendingPayload &payload,
                                   const std::function<bool()> &give_up) {
  std::unique_lock lock(mutex_);
  bool gave_up = false;
  changed_.wait(lock, [&] {
    if (payload.state != PendingPayload::State::kEncoding) return true;
    return gave_up = give_up();
  });
  return !gave_up;
}

void InflightPayloads::wake() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

PendingPayload::State InflightPayloads::state(const PendingPayload &payload) const {
  std::lock_guard lock(mutex_);
  return payload.state;
}

OpenPack::State InflightPayloads::state(const OpenPack &pack) const {
  std::lock_guard lock(mutex_);
  return pack.state;
}

void InflightPayloads::set_sealed(OpenPack &pack) {
  std::lock_guard lock(mutex_);
  pack.state = OpenPack::State::kSealed;
}

void InflightPayloads::retire(OpenPack &pack) {
  std::lock_guard lock(mutex_);
  if (pack.state == OpenPack::State::kDurable) return;
  pack.retired = true;
  std::erase_if(payloads_, [&](const auto &entry) { return entry.second->pack.get() == &pack; });
}

bool InflightPayloads::reliable(const OpenPack &pack) const {
  std::lock_guard lock(mutex_);
  return pack.state != OpenPack::State::kFailed && !pack.retired;
}

void InflightPayloads::set_done(OpenPack &pack, Status status, PackKey key, uint64_t size,
                                const std::optional<std::array<uint8_t, 32>> &sha256) {
  std::vector<std::shared_ptr<std::function<void()>>> wakers;
  {
    std::lock_guard lock(mutex_);
    if (pack.state == OpenPack::State::kDurable) return;  // whatever fails later, it is stored
    pack.key = key;
    pack.size = size;
    pack.sha256 = sha256;
    pack.state = status.is_ok() ? OpenPack::State::kDurable : OpenPack::State::kFailed;
    pack.failure = std::move(status);
    // What lies in a pack that failed can't be had: whoever sees those frames again stores them
    // anew.
    if (pack.state == OpenPack::State::kFailed)
      std::erase_if(payloads_,
                    [&](const auto &entry) { return entry.second->pack.get() == &pack; });
    changed_.notify_all();
    for (auto &[id, waker] : wakers_) wakers.push_back(waker);
  }
  for (auto &waker : wakers) (*waker)();
}

std::shared_ptr<void> InflightPayloads::add_waker(std::function<void()> waker) {
  std::lock_guard lock(mutex_);
  uint64_t id = next_waker_++;
  wakers_.emplace(id, std::make_shared<std::function<void()>>(std::move(waker)));
  return {nullptr, [this, id](void *) {
            std::lock_guard inner(mutex_);
            wakers_.erase(id);
          }};
}

}  // namespace checkpoint
