// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/faulty_frame_store.h"

#include <algorithm>

namespace checkpoint {

void FaultyFrameStore::set(Hooks &hooks, const std::string &call, Hook hook) {
  std::lock_guard lock(mutex_);
  hooks[call] = std::move(hook);
}

void FaultyFrameStore::on_data(DataHook hook) {
  std::lock_guard lock(mutex_);
  on_data_ = std::move(hook);
}

void FaultyFrameStore::fail_next(const std::string &call, const Status &status, unsigned times) {
  std::lock_guard lock(mutex_);
  auto &queue = failures_[call];
  queue.insert(queue.end(), times, status);
}

void FaultyFrameStore::flip_byte(const std::string &name, uint64_t offset) {
  std::lock_guard lock(mutex_);
  flipped_[name].insert(offset);
}

void FaultyFrameStore::shorten(const std::string &name, uint64_t size) {
  std::lock_guard lock(mutex_);
  shortened_[name] = size;
}

void FaultyFrameStore::hide_in_listings(std::set<std::string> names) {
  std::lock_guard lock(mutex_);
  hidden_ = std::move(names);
}

void FaultyFrameStore::set_down(bool down) {
  std::lock_guard lock(mutex_);
  down_ = down;
}

void FaultyFrameStore::set_traits(const Traits &traits) {
  std::lock_guard lock(mutex_);
  traits_ = traits;
}

uint64_t FaultyFrameStore::calls(const std::string &call) const {
  std::lock_guard lock(mutex_);
  auto found = calls_.find(call);
  return found == calls_.end() ? 0 : found->second;
}

uint64_t FaultyFrameStore::bytes_put() const {
  std::lock_guard lock(mutex_);
  return bytes_put_;
}

uint64_t FaultyFrameStore::bytes_got() const {
  std::lock_guard lock(mutex_);
  return bytes_got_;
}

std::vector<std::string> FaultyFrameStore::put_names() const {
  std::lock_guard lock(mutex_);
  return put_names_;
}

void FaultyFrameStore::reset_counts() {
  std::lock_guard lock(mutex_);
  calls_.clear();
  bytes_put_ = bytes_got_ = 0;
  put_names_.clear();
}

Status FaultyFrameStore::run(Hooks &hooks, const FrameStoreCall &call, Cancellation &cancel) {
  Hook hook;
  {
    std::lock_guard lock(mutex_);
    auto found = hooks.find(call.call);
    if (found != hooks.end()) hook = found->second;
  }
  return hook ? hook(call, cancel) : Status::ok();
}

Status FaultyFrameStore::begin(FrameStoreCall &call, Cancellation &cancel) {
  {
    std::lock_guard lock(mutex_);
    call.number = ++calls_[call.call];
    if (down_) return Status(Code::kUnavailable, "the store is down").set_retryable();
    if (auto &queue = failures_[call.call]; !queue.empty()) {
      Status status = queue.front();
      queue.erase(queue.begin());
      return status;
    }
  }
  return run(before_, call, cancel);
}

Status FaultyFrameStore::end(const FrameStoreCall &call, const Status &status,
                             Cancellation &cancel) {
  if (!status.is_ok()) return status;
  {
    std::lock_guard lock(mutex_);
    if (call.call == "put") {
      bytes_put_ += call.size;
      put_names_.push_back(call.name);
    } else if (call.call == "get") {
      bytes_got_ += call.size;
    }
  }
  return run(after_, call, cancel);
}

FrameStore::Traits FaultyFrameStore::traits() const {
  std::lock_guard lock(mutex_);
  return traits_ ? *traits_ : inner_->traits();
}

Status FaultyFrameStore::open(Cancellation &cancel) {
  FrameStoreCall call{"open", ""};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  return end(call, inner_->open(cancel), cancel);
}

Result<std::optional<StoreMarker>> FaultyFrameStore::read_marker(Cancellation &cancel) {
  FrameStoreCall call{"read_marker", ""};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  auto marker = inner_->read_marker(cancel);
  Status status = end(call, marker.status(), cancel);
  if (!status.is_ok()) return status;
  return marker;
}

Status FaultyFrameStore::write_marker(const StoreMarker &marker, Cancellation &cancel) {
  FrameStoreCall call{"write_marker", ""};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  return end(call, inner_->write_marker(marker, cancel), cancel);
}

Status FaultyFrameStore::put(const std::string &name, std::span<const ByteView> parts,
                             const std::optional<std::array<uint8_t, 32>> &sha256,
                             Cancellation &cancel) {
  FrameStoreCall call{"put", name};
  for (ByteView part : parts) call.size += part.size();
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  return end(call, inner_->put(name, parts, sha256, cancel), cancel);
}

Status FaultyFrameStore::get(const std::string &name, uint64_t offset, MutableByteView out,
                             Cancellation &cancel) {
  FrameStoreCall call{"get", name, offset, out.size()};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  DataHook spoil;
  std::set<uint64_t> flipped;
  MutableByteView visible = out;
  bool truncated = false;
  {
    std::lock_guard lock(mutex_);
    spoil = on_data_;
    if (auto at = flipped_.find(name); at != flipped_.end()) flipped = at->second;
    if (auto at = shortened_.find(name); at != shortened_.end()) {
      uint64_t left = at->second > offset ? at->second - offset : 0;
      truncated = left < out.size() || offset > at->second;
      if (truncated) visible = out.first(static_cast<size_t>(left));
    }
  }
  Status status = inner_->get(name, offset, visible, cancel);
  if (status.is_ok()) {
    for (auto at = flipped.lower_bound(offset);
         at != flipped.end() && *at - offset < visible.size(); ++at)
      visible[static_cast<size_t>(*at - offset)] ^= std::byte{0xff};
    if (spoil) spoil(call, visible);
    if (truncated) status = Status(Code::kTruncated, "'" + name + "' ended early");
  }
  return end(call, status, cancel);
}

Result<ObjectInfo> FaultyFrameStore::stat(const std::string &name, Cancellation &cancel) {
  FrameStoreCall call{"stat", name};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  auto info = inner_->stat(name, cancel);
  if (info.is_ok()) {
    std::lock_guard lock(mutex_);
    if (auto at = shortened_.find(name); at != shortened_.end())
      info->size = std::min(info->size, at->second);
  }
  Status status = end(call, info.status(), cancel);
  if (!status.is_ok()) return status;
  return info;
}

Status FaultyFrameStore::list(const std::string &prefix,
                              const std::function<bool(const ObjectInfo &)> &each,
                              Cancellation &cancel) {
  FrameStoreCall call{"list", prefix};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  std::set<std::string> hidden;
  {
    std::lock_guard lock(mutex_);
    hidden = hidden_;
  }
  const auto show = [&](const ObjectInfo &object) {
    return hidden.count(object.name) > 0 || each(object);
  };
  return end(call, inner_->list(prefix, show, cancel), cancel);
}

Status FaultyFrameStore::remove(const std::string &name, Cancellation &cancel) {
  FrameStoreCall call{"remove", name};
  CHECKPOINT_RETURN_IF_ERROR(begin(call, cancel));
  return end(call, inner_->remove(name, cancel), cancel);
}

}  // namespace checkpoint
