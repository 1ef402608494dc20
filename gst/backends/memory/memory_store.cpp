// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/memory/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "store/object_name.h"

namespace checkpoint {

namespace {

class MemoryFrameStore : public FrameStore {
 public:
  explicit MemoryFrameStore(std::string name) : name_(std::move(name)) {}

  Traits traits() const override { return {}; }

  std::string display_uri() const override { return "memory://" + percent_encode(name_, "/"); }

  Status open(Cancellation &cancel) override { return cancel.check(); }

  Result<std::optional<StoreMarker>> read_marker(Cancellation &cancel) override {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    std::lock_guard lock(mutex_);
    return marker_;
  }

  Status write_marker(const StoreMarker &marker, Cancellation &cancel) override {
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    std::lock_guard lock(mutex_);
    if (marker_) return {Code::kAlreadyExists, display_uri() + " has a marker already"};
    marker_ = marker;
    return Status::ok();
  }

  Status put(const std::string &name, std::span<const ByteView> parts,
             const std::optional<std::array<uint8_t, 32>> &, Cancellation &cancel) override {
    CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    // Copied without the lock: a pack of many megabytes holds nobody up.
    auto object = std::make_shared<Bytes>();
    try {
      size_t size = 0;
      for (ByteView part : parts) size += part.size();
      object->reserve(size);
      for (ByteView part : parts) object->insert(object->end(), part.begin(), part.end());
    } catch (const std::bad_alloc &) {
      return {Code::kNoSpace, "no memory is left for " + display_uri()};
    }
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    std::lock_guard lock(mutex_);
    if (!objects_.emplace(name, std::move(object)).second)
      return {Code::kAlreadyExists, "'" + name + "' is already in " + display_uri()};
    return Status::ok();
  }

  Status get(const std::string &name, uint64_t offset, MutableByteView out,
             Cancellation &cancel) override {
    CHECKPOINT_ASSIGN_OR_RETURN(std::shared_ptr<const Bytes> object, find(name, cancel));
    if (offset > object->size() || out.size() > object->size() - offset)
      return {Code::kTruncated, "'" + name + "' in " + display_uri() + " ends at byte " +
                                    std::to_string(object->size()) + ", before the " +
                                    std::to_string(out.size()) + " bytes from " +
                                    std::to_string(offset)};
    std::copy_n(object->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return Status::ok();
  }

  Result<ObjectInfo> stat(const std::string &name, Cancellation &cancel) override {
    CHECKPOINT_ASSIGN_OR_RETURN(std::shared_ptr<const Bytes> object, find(name, cancel));
    return ObjectInfo{name, object->size()};
  }

  Status list(const std::string &prefix, const std::function<bool(const ObjectInfo &)> &each,
              Cancellation &cancel) override {
    CHECKPOINT_RETURN_IF_ERROR(check_object_prefix(prefix));
    // `each` may call the store, so it is called without the lock.
    std::vector<ObjectInfo> found;
    {
      std::lock_guard lock(mutex_);
      for (auto at = objects_.lower_bound(prefix);
           at != objects_.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at)
        found.push_back({at->first, at->second->size()});
    }
    for (const ObjectInfo &info : found) {
      CHECKPOINT_RETURN_IF_ERROR(cancel.check());
      if (!each(info)) break;
    }
    return cancel.check();
  }

  Status remove(const std::string &name, Cancellation &cancel) override {
    CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    std::lock_guard lock(mutex_);
    objects_.erase(name);
    return Status::ok();
  }

 private:
  Result<std::shared_ptr<const Bytes>> find(const std::string &name, Cancellation &cancel) {
    CHECKPOINT_RETURN_IF_ERROR(check_object_name(name));
    CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    std::lock_guard lock(mutex_);
    auto found = objects_.find(name);
    if (found == objects_.end())
      return Status(Code::kMissing, "'" + name + "' is not in " + display_uri());
    return found->second;
  }

  const std::string name_;
  std::mutex mutex_;
  std::optional<StoreMarker> marker_;                            // protected by mutex_
  std::map<std::string, std::shared_ptr<const Bytes>> objects_;  // protected by mutex_
};

}  // namespace

std::shared_ptr<FrameStore> memory_frame_store(const std::string &name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<FrameStore>> stores;  // protected by mutex
  std::lock_guard lock(mutex);
  auto &store = stores[name];
  if (!store) store = std::make_shared<MemoryFrameStore>(name);
  return store;
}

void register_memory(StoreRegistry &registry) {
  registry.add_frame_store(
      "memory", [](const StoreUri &uri) -> Result<std::shared_ptr<FrameStore>> {
        if (!uri.query.empty() || !uri.user_info.empty())
          return Status(Code::kInvalidArgument, "a frame store in memory takes no options",
                        "write it as memory://name");
        CHECKPOINT_ASSIGN_OR_RETURN(std::string name, percent_decode(uri.authority));
        return memory_frame_store(name + uri.path);
      });
}

}  // namespace checkpoint
