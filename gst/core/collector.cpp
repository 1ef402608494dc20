// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/collector.h"

#include <map>
#include <vector>

#include "core/names.h"
#include "core/retention.h"

namespace checkpoint {

namespace {

constexpr unsigned kPage = 100;
constexpr size_t kLookedUpAtOnce = 500;

class Collector {
 public:
  Collector(Stores &stores, const CollectOptions &options, const CollectListener &listener,
            CollectResult &result, Cancellation &cancel)
      : frames_(*stores.frames),
        metadata_(*stores.metadata),
        frame_store_(stores.frame_store),
        uuid_(stores.frame_store_uuid),
        options_(options),
        listener_(listener),
        result_(result),
        cancel_(cancel) {}

  Status run() {
    if (frame_store_ == 0) return Status::ok();  // nobody has stored anything
    CHECKPOINT_RETURN_IF_ERROR(check_marker());
    CHECKPOINT_RETURN_IF_ERROR(purge());
    CHECKPOINT_RETURN_IF_ERROR(condemn());
    CHECKPOINT_RETURN_IF_ERROR(find_strangers());
    CHECKPOINT_RETURN_IF_ERROR(remove_condemned());
    return sweep();
  }

 private:
  void tell(const char *step, const std::string &what) {
    if (listener_) listener_(step, what);
  }

  // Is it the frame store whose packs the rows are about? A folder that is not mounted would look
  // as if all its objects were removed.
  Status check_marker() {
    CHECKPOINT_ASSIGN_OR_RETURN(std::optional<StoreMarker> marker, frames_.read_marker(cancel_));
    if (marker && marker->frame_store == uuid_) return Status::ok();
    return {Code::kUnavailable,
            frames_.display_uri() +
                (marker ? " is now the frame store " + marker->frame_store.to_string()
                        : " has no marker") +
                ", so nothing is collected in it",
            "the folder may not be mounted, or it is another disk"};
  }

  // Calls `each` with every page of packs; a key that was seen does not come again.
  template <typename Each>
  Status pages(PackFilter filter, std::chrono::milliseconds age, Each each) {
    PackQuery query;
    query.frame_store = frame_store_;
    query.filter = filter;
    query.age = age;
    query.limit = kPage;
    for (;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PackRow> packs, metadata_.list_packs(query, cancel_));
      if (packs.empty()) return Status::ok();
      CHECKPOINT_RETURN_IF_ERROR(each(packs));
      query.after = packs.back().key;
    }
  }

  static std::vector<PackKey> keys_of(const std::vector<PackRow> &packs) {
    std::vector<PackKey> keys;
    for (const PackRow &pack : packs) keys.push_back(pack.key);
    return keys;
  }

  // What a deletion left: rows of checkpoints that are marked.
  Status purge() {
    std::vector<CheckpointKey> going;
    for (CheckpointKey after = 0;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CheckpointRow> rows,
                                  metadata_.deleted_checkpoints(after, kPage, cancel_));
      if (rows.empty()) break;
      after = rows.back().key;
      for (const CheckpointRow &row : rows) {
        going.push_back(row.key);
        const Status status =
            options_.dry_run ? Status::ok() : purge_rows(metadata_, row.key, cancel_);
        if (status.is(Code::kBusy)) {
          result_.checkpoints_held++;
          continue;
        }
        CHECKPOINT_RETURN_IF_ERROR(status);
        result_.checkpoints_purged++;
        tell("purge", row.id.to_string());
      }
    }
    if (!options_.dry_run || going.empty()) return Status::ok();
    CHECKPOINT_ASSIGN_OR_RETURN(PackTotals freed, metadata_.held_only_by(going, cancel_));
    count_condemned(freed.packs, freed.bytes);
    return Status::ok();
  }

  void count_condemned(uint64_t packs, uint64_t bytes) {
    result_.packs_condemned += packs;
    result_.bytes_condemned += bytes;
    // A run without a grace removes them at once.
    if (!options_.dry_run || options_.grace.count() > 0) return;
    result_.packs_deleted += packs;
    result_.bytes_deleted += bytes;
  }

  Status condemn() {
    return pages(PackFilter::kUnreferenced, options_.grace,
                 [&](const std::vector<PackRow> &packs) -> Status {
                   std::vector<bool> condemned(packs.size(), true);
                   if (!options_.dry_run) {
                     CHECKPOINT_ASSIGN_OR_RETURN(
                         condemned,
                         metadata_.condemn_packs(keys_of(packs), options_.grace, cancel_));
                   }
                   for (size_t i = 0; i < packs.size(); i++) {
                     if (!condemned[i]) continue;
                     count_condemned(1, packs[i].size);
                     tell("condemn", packs[i].object);
                   }
                   return Status::ok();
                 });
  }

  Status remove_condemned() {
    return pages(
        PackFilter::kCondemned, options_.grace, [&](const std::vector<PackRow> &packs) -> Status {
          std::vector<bool> confirmed(packs.size(), true);
          if (!options_.dry_run) {
            CHECKPOINT_ASSIGN_OR_RETURN(
                confirmed, metadata_.confirm_condemned(keys_of(packs), options_.grace, cancel_));
          }
          std::vector<PackRow> doomed;
          for (size_t i = 0; i < packs.size(); i++)
            if (confirmed[i]) doomed.push_back(packs[i]);
          return remove_packs(doomed);
        });
  }

  Status remove_packs(const std::vector<PackRow> &packs) {
    std::vector<PackKey> gone;
    uint64_t bytes = 0;
    if (!options_.dry_run) CHECKPOINT_RETURN_IF_ERROR(check_marker());
    for (const PackRow &pack : packs) {
      const Status status = options_.dry_run ? Status::ok() : remove_objects(pack);
      if (status.is(Code::kPermissionDenied)) {  // Object Lock, or a right that is missing
        result_.packs_refused++;
        tell("refused", pack.object + ": " + status.message());
        continue;
      }
      CHECKPOINT_RETURN_IF_ERROR(status);
      gone.push_back(pack.key);
      bytes += pack.size;
      tell("delete", pack.object);
    }
    if (!options_.dry_run && !gone.empty()) {
      // Again: it may have been unmounted while we removed nothing from it.
      CHECKPOINT_RETURN_IF_ERROR(check_marker());
      CHECKPOINT_RETURN_IF_ERROR(metadata_.mark_deleted(gone, cancel_));
    }
    result_.packs_deleted += gone.size();
    result_.bytes_deleted += bytes;
    return Status::ok();
  }

  // The objects of a plain pack are found by their prefix; one that a listing hides is found when
  // they are swept again.
  Status remove_objects(const PackRow &pack) {
    if (!pack.plain) return frames_.remove(pack.object, cancel_);
    std::vector<std::string> names;
    CHECKPOINT_RETURN_IF_ERROR(frames_.list(
        pack.object + "-",
        [&](const ObjectInfo &object) {
          names.push_back(object.name);
          return true;
        },
        cancel_));
    for (const std::string &name : names) CHECKPOINT_RETURN_IF_ERROR(frames_.remove(name, cancel_));
    return Status::ok();
  }

  Status sweep() {
    if (options_.dry_run) return Status::ok();
    const Status swept = pages(PackFilter::kDeleted, std::chrono::milliseconds(0),
                               [&](const std::vector<PackRow> &packs) { return sweep(packs); });
    CHECKPOINT_RETURN_IF_ERROR(swept);
    return pages(PackFilter::kDeleted, options_.sweep_again,
                 [&](const std::vector<PackRow> &packs) {
                   return metadata_.forget_packs(keys_of(packs), options_.sweep_again, cancel_);
                 });
  }

  Status sweep(const std::vector<PackRow> &packs) {
    for (const PackRow &pack : packs) {
      const Status status = remove_objects(pack);
      if (status.is(Code::kPermissionDenied)) continue;
      CHECKPOINT_RETURN_IF_ERROR(status);
      result_.packs_swept++;
    }
    return Status::ok();
  }

  Status find_strangers() {
    if (options_.strangers == CollectOptions::Strangers::kIgnore) return Status::ok();
    std::vector<ObjectInfo> batch;
    Status failed;
    CHECKPOINT_RETURN_IF_ERROR(frames_.list(
        "",
        [&](const ObjectInfo &object) {
          batch.push_back(object);
          if (batch.size() >= kLookedUpAtOnce) failed = look_up(batch);
          return failed.is_ok();
        },
        cancel_));
    CHECKPOINT_RETURN_IF_ERROR(failed);
    return look_up(batch);
  }

  Status look_up(std::vector<ObjectInfo> &batch) {
    std::vector<PackObjectName> ours;
    std::vector<Uuid> uuids;
    std::vector<uint64_t> sizes;
    for (const ObjectInfo &object : batch) {
      std::optional<PackObjectName> name = parse_pack_object(object.name);
      if (!name) {
        result_.foreign++;
        tell("foreign", object.name);
        continue;
      }
      uuids.push_back(name->pack);
      sizes.push_back(object.size);
      ours.push_back(std::move(*name));
    }
    batch.clear();
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<std::optional<PackRow>> rows,
                                metadata_.find_packs(frame_store_, uuids, cancel_));
    for (size_t i = 0; i < rows.size(); i++) {
      if (rows[i]) continue;
      result_.strangers++;
      result_.stranger_bytes += sizes[i];
      tell("stranger", ours[i].object);
      if (options_.strangers == CollectOptions::Strangers::kCondemn && !options_.dry_run)
        CHECKPOINT_RETURN_IF_ERROR(metadata_.condemn_stranger(
            {ours[i].pack, frame_store_, ours[i].object, ours[i].plain}, cancel_));
    }
    return Status::ok();
  }

  FrameStore &frames_;
  MetadataStore &metadata_;
  const FrameStoreKey frame_store_;
  const Uuid uuid_;
  const CollectOptions &options_;
  const CollectListener &listener_;
  CollectResult &result_;
  Cancellation &cancel_;
};

}  // namespace

Status collect(Stores &stores, const CollectOptions &options, const CollectListener &listener,
               CollectResult &result, Cancellation &cancel) {
  return Collector(stores, options, listener, result, cancel).run();
}

}  // namespace checkpoint
