// SPDX-License-Identifier: LGPL-2.1-or-later
// The frame store of a spool, whose puts wait while the spool is as large as it may get.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "store/frame_store.h"

namespace checkpoint {

class SpoolRoom : public FrameStore {
 public:
  // `max_bytes` of all packs in the folder `spool`, whoever put them there; 0: no limit. One
  // more than are put at once always fit.
  SpoolRoom(std::shared_ptr<FrameStore> inner, std::string spool, uint64_t max_bytes)
      : inner_(std::move(inner)), spool_(std::move(spool)), max_bytes_(max_bytes) {}

  Traits traits() const override { return inner_->traits(); }
  std::string display_uri() const override { return inner_->display_uri(); }
  Status open(Cancellation &cancel) override { return inner_->open(cancel); }
  Result<std::optional<StoreMarker>> read_marker(Cancellation &cancel) override {
    return inner_->read_marker(cancel);
  }
  Status write_marker(const StoreMarker &marker, Cancellation &cancel) override {
    return inner_->write_marker(marker, cancel);
  }
  Status put(const std::string &name, std::span<const ByteView> parts,
             const std::optional<std::array<uint8_t, 32>> &sha256, Cancellation &cancel) override;
  Status get(const std::string &name, uint64_t offset, MutableByteView out,
             Cancellation &cancel) override {
    return inner_->get(name, offset, out, cancel);
  }
  Result<ObjectInfo> stat(const std::string &name, Cancellation &cancel) override {
    return inner_->stat(name, cancel);
  }
  Status list(const std::string &prefix, const std::function<bool(const ObjectInfo &)> &each,
              Cancellation &cancel) override {
    return inner_->list(prefix, each, cancel);
  }
  Status remove(const std::string &name, Cancellation &cancel) override;

 private:
  bool take(uint64_t size);

  const std::shared_ptr<FrameStore> inner_;
  const std::string spool_;
  const uint64_t max_bytes_;
  std::mutex mutex_;
  uint64_t coming_ = 0;   // bytes of puts that are under way; protected by mutex_
  uint64_t objects_ = 0;  // there or coming; protected by mutex_
};

}  // namespace checkpoint
