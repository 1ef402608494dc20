// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/repack.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/codec.h"
#include "core/names.h"
#include "core/pack.h"
#include "store/digest.h"

namespace checkpoint {

namespace {

constexpr unsigned kPacksAtOnce = 1000;  // looked at with one walk over the checkpoints' frames
constexpr unsigned kFramesPerPage = 1000;

class Repacker {
 public:
  Repacker(Stores &stores, const RepackOptions &options, const CollectListener &listener,
           RepackResult &result, Cancellation &cancel)
      : stores_(stores),
        metadata_(*stores.metadata),
        options_(options),
        listener_(listener),
        result_(result),
        cancel_(cancel) {}

  Status run() {
    PackQuery query;
    query.frame_store = stores_.frame_store;
    query.filter = PackFilter::kSparse;
    query.limit = kPacksAtOnce;
    for (;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PackRow> packs, metadata_.list_packs(query, cancel_));
      if (packs.empty()) return flush();
      CHECKPOINT_RETURN_IF_ERROR(find_live(packs));
      for (const PackRow &pack : packs) CHECKPOINT_RETURN_IF_ERROR(consider(pack));
      query.after = packs.back().key;
    }
  }

 private:
  struct Live {
    std::set<uint64_t> offsets;  // of payloads that frames need
    uint64_t bytes = 0;
    bool records = false;  // frames' records lie here: it is no pack of a checkpoint that is gone
  };

  void tell(const char *step, const std::string &what) {
    if (listener_) listener_(step, what);
  }

  Status find_live(const std::vector<PackRow> &packs) {
    live_.clear();
    std::vector<PackKey> keys;
    for (const PackRow &pack : packs) {
      keys.push_back(pack.key);
      live_[pack.key];
    }
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PackUse> uses, metadata_.pack_uses(keys, cancel_));
    std::set<CheckpointKey> users;
    for (const PackUse &use : uses) users.insert(use.checkpoint);
    for (CheckpointKey user : users) CHECKPOINT_RETURN_IF_ERROR(find_live(user));
    return Status::ok();
  }

  Status find_live(CheckpointKey checkpoint) {
    FramePage page;
    page.checkpoint = checkpoint;
    page.limit = kFramesPerPage;
    for (;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> rows, metadata_.read_frames(page, cancel_));
      for (const FrameRow &row : rows) {
        if (auto pack = live_.find(row.record.pack); pack != live_.end())
          pack->second.records = true;
        auto pack = live_.find(row.payload.pack);
        if (pack != live_.end() && pack->second.offsets.insert(row.payload.offset).second)
          pack->second.bytes += row.payload.length;
      }
      if (rows.size() < page.limit) return Status::ok();
      page.first = rows.back().index + 1;
    }
  }

  Status consider(const PackRow &pack) {
    const Live &live = live_[pack.key];
    if (live.records || live.offsets.empty() ||
        static_cast<double>(live.bytes) >= options_.live_below * static_cast<double>(pack.size))
      return Status::ok();
    if (options_.dry_run) {
      count(pack);
      return Status::ok();
    }
    const Status status = take(pack, live);
    if (status.is(Code::kCorrupt) || status.is(Code::kMissing) || status.is(Code::kTruncated) ||
        status.is(Code::kArchived) || status.is(Code::kNewerSchema)) {
      result_.packs_skipped++;
      tell("skip", pack.object + ": " + status.message());
      return Status::ok();
    }
    return status;
  }

  void count(const PackRow &pack) {
    result_.packs_emptied++;
    result_.bytes_emptied += pack.size;
    tell("repack", pack.object);
  }

  Result<Bytes> read(const PackRow &pack, uint64_t offset, uint64_t length) {
    if (offset > pack.size || length > pack.size - offset)
      return Status(Code::kCorrupt, "the pack claims bytes behind its end");
    Bytes bytes(length);
    CHECKPOINT_RETURN_IF_ERROR(stores_.frames->get(pack.object, offset, bytes, cancel_));
    return bytes;
  }

  // Reads all that is needed of it before anything is changed.
  Status take(const PackRow &pack, const Live &live) {
    const std::optional<PackObjectName> name = parse_pack_object(pack.object);
    if (!name || pack.size < kPackHeaderSize + kPackFooterSize)
      return {Code::kCorrupt, "it is no pack of ours"};
    CHECKPOINT_ASSIGN_OR_RETURN(Bytes first, read(pack, 0, kPackHeaderSize));
    CHECKPOINT_ASSIGN_OR_RETURN(PackHeader header, parse_pack_header(first));
    CHECKPOINT_ASSIGN_OR_RETURN(Bytes last,
                                read(pack, pack.size - kPackFooterSize, kPackFooterSize));
    CHECKPOINT_ASSIGN_OR_RETURN(PackFooter footer, parse_pack_footer(last, pack.size));
    CHECKPOINT_ASSIGN_OR_RETURN(Bytes index, read(pack, footer.index_offset, footer.index_length));
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PackPayload> payloads,
                                parse_pack_index(index, footer.records_offset));
    struct Taken {
      PackPayload payload;
      std::shared_ptr<Chunk> bytes;
    };
    std::vector<Taken> taken;
    for (const PackPayload &payload : payloads) {
      if (live.offsets.count(payload.ref.offset) == 0) continue;
      std::shared_ptr<Chunk> chunk = pool_->allocate(payload.ref.length);
      if (!chunk) return {Code::kInternal, "no memory to move a payload"};
      chunk->resize(payload.ref.length);
      CHECKPOINT_RETURN_IF_ERROR(
          stores_.frames->get(pack.object, payload.ref.offset, chunk->span(), cancel_));
      if (checksum_of(chunk->view()) != payload.ref.checksum)
        return {Code::kCorrupt, "a payload in it is damaged"};
      taken.push_back({payload, std::move(chunk)});
    }
    if (taken.size() != live.offsets.size())
      return {Code::kCorrupt, "its index lacks a payload that a frame needs"};

    if (builder_ && (builder_->header().job != header.job ||
                     builder_->size() + live.bytes > options_.pack_size))
      CHECKPOINT_RETURN_IF_ERROR(flush());
    if (!builder_) {
      header.pack = Uuid::random();
      header.frame_store = stores_.frame_store_uuid;
      CHECKPOINT_ASSIGN_OR_RETURN(header.created_at, metadata_.now(cancel_));
      builder_ = std::make_unique<PackBuilder>(header);
      const std::string old_uuid_and_ending = name->pack.to_string() + ".pack";
      object_ = pack.object.substr(0, pack.object.size() - old_uuid_and_ending.size()) +
                header.pack.to_string() + ".pack";
    }
    for (Taken &one : taken) {
      const uint64_t offset = one.payload.ref.offset;
      const PayloadRef placed =
          builder_->add(std::move(one.bytes), one.payload.ref, one.payload.digest);
      moves_.push_back({pack.key, offset, placed.offset});
    }
    from_.push_back(pack);
    return Status::ok();
  }

  // Puts the new pack and moves what lies in it.
  Status flush() {
    if (!builder_) return Status::ok();
    const std::vector<PackRow> from = std::exchange(from_, {});
    const std::vector<MovedPayload> moves = std::exchange(moves_, {});
    const std::unique_ptr<PackBuilder> builder = std::move(builder_);
    const Uuid uuid = builder->header().pack;
    ReadyPack to;
    CHECKPOINT_ASSIGN_OR_RETURN(to.key, metadata_.create_collected_pack(
                                            {uuid, stores_.frame_store, object_, false}, cancel_));
    const SealedPack sealed = std::move(*builder).seal({});
    to.size = sealed.size;
    if (stores_.frames->traits().checks_sha256) {
      CHECKPOINT_ASSIGN_OR_RETURN(to.sha256, sha256_of(sealed.parts));
    }
    CHECKPOINT_RETURN_IF_ERROR(stores_.frames->put(object_, sealed.parts, to.sha256, cancel_));
    std::vector<PackKey> keys;
    for (const PackRow &pack : from) keys.push_back(pack.key);
    const Status moved = metadata_.move_payloads(to, keys, moves, cancel_);
    if (moved.is(Code::kBusy) || moved.is(Code::kExpired)) {
      // What was put is nobody's, and a later collection takes it.
      result_.packs_skipped += from.size();
      for (const PackRow &pack : from) tell("skip", pack.object + ": " + moved.message());
      return Status::ok();
    }
    CHECKPOINT_RETURN_IF_ERROR(moved);
    for (const PackRow &pack : from) count(pack);
    result_.packs_made++;
    result_.bytes_made += to.size;
    return Status::ok();
  }

  Stores &stores_;
  MetadataStore &metadata_;
  const RepackOptions &options_;
  const CollectListener &listener_;
  RepackResult &result_;
  Cancellation &cancel_;

  std::map<PackKey, Live> live_;
  const std::shared_ptr<ChunkPool> pool_ = ChunkPool::create(0);
  // The pack that is being filled.
  std::unique_ptr<PackBuilder> builder_;
  std::string object_;
  std::vector<PackRow> from_;
  std::vector<MovedPayload> moves_;
};

}  // namespace

Status repack(Stores &stores, const RepackOptions &options, const CollectListener &listener,
              RepackResult &result, Cancellation &cancel) {
  if (stores.frame_store == 0) return Status::ok();
  return Repacker(stores, options, listener, result, cancel).run();
}

}  // namespace checkpoint
