// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/stores.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <vector>

#include "common/log.h"
#include "store/registry.h"

namespace checkpoint {

namespace {

constexpr const char *kArea = "stores";

// The pairs that somebody holds.
class OpenPairs {
 public:
  using Key = std::array<std::string, 4>;

  static OpenPairs &instance() {
    // Never destroyed: a thread that was left behind may need it while the process exits.
    static auto *pairs = new OpenPairs;
    return *pairs;
  }

  std::shared_ptr<Stores> find(const Key &key, Stores::Access access) {
    std::lock_guard lock(mutex_);
    auto found = pairs_.find(key);
    std::shared_ptr<Stores> pair = found == pairs_.end() ? nullptr : found->second.lock();
    return usable(pair, access) ? pair : nullptr;
  }

  // The pair that everybody uses from now on: another thread may have been first.
  std::shared_ptr<Stores> add(const Key &key, std::shared_ptr<Stores> pair, Stores::Access access) {
    std::lock_guard lock(mutex_);
    std::erase_if(pairs_, [](const auto &item) { return item.second.expired(); });
    auto &slot = pairs_[key];
    if (auto first = slot.lock(); usable(first, access)) return first;
    slot = pair;
    return pair;
  }

 private:
  // A reader may have opened a pair that no writer has bound so far.
  static bool usable(const std::shared_ptr<Stores> &pair, Stores::Access access) {
    return pair && (access == Stores::Access::kRead || pair->frame_store != 0);
  }

  std::mutex mutex_;
  std::map<Key, std::weak_ptr<Stores>> pairs_;  // protected by mutex_
};

// Binds one frame store to one metadata store, or says why they don't belong together.
class Binding {
 public:
  Binding(FrameStore &frames, MetadataStore &metadata, Stores::Access access, Cancellation &cancel)
      : frames_(frames), metadata_(metadata), access_(access), cancel_(cancel) {}

  // The row's key is 0 when we only read, and the marker is there but no row.
  Result<FrameStoreRow> run() {
    if (access_ == Stores::Access::kRead) {
      CHECKPOINT_ASSIGN_OR_RETURN(bool exists, metadata_.exists(cancel_));
      if (!exists) return nothing_stored();
    }
    CHECKPOINT_RETURN_IF_ERROR(frames_.open(cancel_));
    CHECKPOINT_RETURN_IF_ERROR(metadata_.open(cancel_));
    CHECKPOINT_ASSIGN_OR_RETURN(metadata_uuid_, metadata_.uuid(cancel_));
    CHECKPOINT_ASSIGN_OR_RETURN(rows_, metadata_.frame_stores(cancel_));
    CHECKPOINT_ASSIGN_OR_RETURN(auto marker, frames_.read_marker(cancel_));
    if (marker) return with_marker(*marker);
    if (auto lost = packs_here()) return not_the_one(*lost, "has no marker");
    if (access_ == Stores::Access::kRead) return without_marker();
    return bind_new();
  }

 private:
  Result<FrameStoreRow> with_marker(const StoreMarker &marker) {
    if (marker.metadata_store != metadata_uuid_) {
      if (auto lost = packs_here())
        return not_the_one(*lost, "is now the frame store " + marker.frame_store.to_string());
      return Status(Code::kInvalidArgument,
                    "the frame store " + frames_.display_uri() + " belongs to the metadata store " +
                        marker.metadata_store.to_string() + ", not to " + metadata_.display_uri() +
                        " (" + metadata_uuid_.to_string() + ")",
                    "give the metadata store that it was made with, or another place for frames");
    }
    if (access_ == Stores::Access::kWrite)
      return metadata_.ensure_frame_store(marker.frame_store, frames_.display_uri(), cancel_);
    for (const FrameStoreRow &row : rows_)
      if (row.uuid == marker.frame_store) return row;
    FrameStoreRow row;  // the rows are of a time before the marker: nothing is stored yet
    row.uuid = marker.frame_store;
    return row;
  }

  // Only reading, and nobody has written to this place.
  Result<FrameStoreRow> without_marker() {
    auto known = std::find_if(rows_.begin(), rows_.end(),
                              [](const FrameStoreRow &row) { return row.has_packs; });
    if (known == rows_.end()) return nothing_stored();
    return Status(Code::kUnavailable,
                  "there is no frame store at " + frames_.display_uri() + ", the frames of " +
                      metadata_.display_uri() + " are at " + known->uri,
                  "if that is a folder on another disk, it may not be mounted");
  }

  Result<FrameStoreRow> bind_new() {
    // A place that was bound once and holds nothing keeps its identity. Of several writers that
    // come at once the one whose row is first gives it, since not every frame store can tell which
    // marker was first.
    CHECKPOINT_ASSIGN_OR_RETURN(
        FrameStoreRow row,
        metadata_.ensure_frame_store_at(frames_.display_uri(), Uuid::random(), cancel_));
    const StoreMarker marker{row.uuid, metadata_uuid_};
    Status status = frames_.write_marker(marker, cancel_);
    if (status.is(Code::kAlreadyExists)) {  // another writer was first; it may be of other metadata
      CHECKPOINT_ASSIGN_OR_RETURN(auto first, frames_.read_marker(cancel_));
      if (first) return with_marker(*first);
      return Status(Code::kUnavailable,
                    "the marker of " + frames_.display_uri() + " comes and goes",
                    "look whether another program removes files there")
          .set_retryable();
    }
    CHECKPOINT_RETURN_IF_ERROR(status);
    log(LogLevel::kInfo, kArea,
        frames_.display_uri() + " is now a frame store of " + metadata_.display_uri());
    return row;
  }

  // What was stored at this place.
  std::optional<FrameStoreRow> packs_here() const {
    const std::string uri = frames_.display_uri();
    for (const FrameStoreRow &row : rows_)
      if (row.uri == uri && row.has_packs) return row;
    return std::nullopt;
  }

  Status not_the_one(const FrameStoreRow &lost, const std::string &what) const {
    return {Code::kUnavailable,
            frames_.display_uri() + " " + what + ", but " + metadata_.display_uri() +
                " knows frames in the frame store " + lost.uuid.to_string() + " there",
            "the folder may not be mounted, or it is another disk; frames that were deleted for "
            "good need a new place for frames"};
  }

  Status nothing_stored() const {
    return {Code::kNotFound,
            "nothing is stored in " + frames_.display_uri() + " and " + metadata_.display_uri(),
            "check both places, or store a checkpoint there first"};
  }

  FrameStore &frames_;
  MetadataStore &metadata_;
  const Stores::Access access_;
  Cancellation &cancel_;
  Uuid metadata_uuid_;
  std::vector<FrameStoreRow> rows_;
};

}  // namespace

Status tried_again(const Status &why) {
  return why.with_context("a store failed for a moment and is tried again");
}

Result<std::shared_ptr<Stores>> Stores::bind(std::shared_ptr<FrameStore> frames,
                                             std::shared_ptr<MetadataStore> metadata, Access access,
                                             Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(FrameStoreRow row, Binding(*frames, *metadata, access, cancel).run());
  auto stores = std::make_shared<Stores>();
  stores->frames = std::move(frames);
  stores->metadata = std::move(metadata);
  stores->frame_store_uuid = row.uuid;
  stores->frame_store = row.key;
  return stores;
}

Result<std::shared_ptr<Stores>> Stores::open(const std::string &frame_store_uri,
                                             const std::string &metadata_store_uri, Access access,
                                             Cancellation &cancel) {
  const std::string frames_uri =
      frame_store_uri.empty() ? default_frame_store_uri() : frame_store_uri;
  const std::string metadata_uri =
      metadata_store_uri.empty() ? default_metadata_store_uri() : metadata_store_uri;
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  StoreRegistry &registry = StoreRegistry::instance();
  CHECKPOINT_ASSIGN_OR_RETURN(auto frames, registry.make_frame_store(frames_uri));
  CHECKPOINT_ASSIGN_OR_RETURN(auto metadata, registry.make_metadata_store(metadata_uri));
  // The texts alone would mix up relative paths, what is shown alone different passwords.
  const OpenPairs::Key key{frames_uri, frames->display_uri(), metadata_uri,
                           metadata->display_uri()};
  if (auto pair = OpenPairs::instance().find(key, access)) return pair;
  CHECKPOINT_ASSIGN_OR_RETURN(auto pair,
                              bind(std::move(frames), std::move(metadata), access, cancel));
  return OpenPairs::instance().add(key, std::move(pair), access);
}

}  // namespace checkpoint
