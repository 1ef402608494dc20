// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/spool_room.h"

#include <chrono>

#include "core/spool_entry.h"

namespace checkpoint {

namespace {
// Another process may make room too, so nobody can tell when.
constexpr std::chrono::milliseconds kLookAgain{50};
}  // namespace

// Is there room? Then it is taken. As many packs as a writer has sealed at once always fit: else
// later ones could have all the room, and nobody would make any for the one before them.
bool SpoolRoom::take(uint64_t size) {
  const uint64_t there = max_bytes_ ? spool_bytes(spool_) : 0;
  std::lock_guard lock(mutex_);
  if (max_bytes_ && objects_ > traits().puts_in_flight && there + coming_ + size > max_bytes_)
    return false;
  coming_ += size;
  objects_++;
  return true;
}

Status SpoolRoom::put(const std::string &name, std::span<const ByteView> parts,
                      const std::optional<std::array<uint8_t, 32>> &sha256, Cancellation &cancel) {
  uint64_t size = 0;
  for (const ByteView &part : parts) size += part.size();
  for (bool told = false; !take(size); told = true) {
    if (!told)
      cancel.retried(Status(
          Code::kNoSpace,
          "the spool " + spool_ + " has reached its " + std::to_string(max_bytes_) + " bytes",
          "look why the stores don't take what is in it, or raise spool-size"));
    if (!cancel.sleep_for(kLookAgain)) return cancel.check();
  }
  const Status status = inner_->put(name, parts, sha256, cancel);
  std::lock_guard lock(mutex_);
  coming_ -= size;
  if (!status.is_ok()) objects_--;
  return status;
}

Status SpoolRoom::remove(const std::string &name, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(inner_->remove(name, cancel));
  std::lock_guard lock(mutex_);
  objects_--;
  return Status::ok();
}

}  // namespace checkpoint
