// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/repair.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/names.h"
#include "core/record_codec.h"
#include "core/repair_scan.h"
#include "store/process.h"

namespace checkpoint {

namespace {

// Nobody else is there, so it only has to outlast one checkpoint.
constexpr std::chrono::milliseconds kLeaseTime = std::chrono::hours(24);

Status check_empty(MetadataStore &metadata, Cancellation &cancel) {
  CHECKPOINT_RETURN_IF_ERROR(metadata.open(cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(const auto jobs, metadata.list_jobs("", 1, cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(const auto stores, metadata.frame_stores(cancel));
  if (jobs.empty() && stores.empty()) return Status::ok();
  return {Code::kInvalidArgument, metadata.display_uri() + " is not empty",
          "name a metadata store that does not exist; what an earlier repair left has to be "
          "removed first"};
}

// Names that are given once. A database that was put back from a backup knew nothing of what came
// after it, and may have given the same name to something else.
class Names {
 public:
  explicit Names(const std::vector<const FoundCheckpoint *> &found) {
    for (const FoundCheckpoint *checkpoint : found) {
      uint32_t &newest = newest_[stage_of(*checkpoint)];
      newest = std::max(newest, checkpoint->head.version);
    }
  }

  // Whether it is called something else now. In the order of `found`: who comes first keeps it.
  bool give(FoundCheckpoint &checkpoint) {
    const auto first = jobs_.emplace(checkpoint.head.fields.job_id, checkpoint.job).first;
    const bool other_job = first->second != checkpoint.job;
    const Stage stage = stage_of(checkpoint);
    const bool other_version = !versions_.insert({stage, checkpoint.head.version}).second;
    if (other_job) checkpoint.head.fields.job_id = checkpoint.job.to_string();
    if (other_version) checkpoint.head.version = ++newest_.at(stage);
    return other_job || other_version;
  }

 private:
  using Stage = std::tuple<Uuid, bool, std::string, std::string>;
  static Stage stage_of(const FoundCheckpoint &checkpoint) {
    const CheckpointFields &fields = checkpoint.head.fields;
    return {checkpoint.job, fields.branch.is_scenario, fields.branch.label, fields.stage};
  }

  std::map<std::string, Uuid> jobs_;
  std::map<Stage, uint32_t> newest_;
  std::set<std::pair<Stage, uint32_t>> versions_;
};

class Repairer {
 public:
  Repairer(FrameStore &frames, MetadataStore *metadata, const RepairListener &listener,
           RepairResult &result, Cancellation &cancel)
      : frames_(frames),
        metadata_(metadata),
        listener_(listener),
        result_(result),
        cancel_(cancel) {}

  Status run() {
    CHECKPOINT_RETURN_IF_ERROR(frames_.open(cancel_));
    CHECKPOINT_ASSIGN_OR_RETURN(const auto marker, frames_.read_marker(cancel_));
    if (!marker)
      return {Code::kNotFound, "there is no frame store at " + frames_.display_uri(),
              "name the right one with --frame-store; a folder may not be mounted"};
    if (metadata_) CHECKPOINT_RETURN_IF_ERROR(check_empty(*metadata_, cancel_));
    CHECKPOINT_RETURN_IF_ERROR(
        scan(frames_, marker->frame_store, found_, listener_, result_, cancel_));
    if (metadata_) {
      CHECKPOINT_ASSIGN_OR_RETURN(
          const FrameStoreRow row,
          metadata_->ensure_frame_store(marker->frame_store, frames_.display_uri(), cancel_));
      frame_store_ = row.key;
    }
    done_ = total_ = found_.packs.size();
    // As they were made: the newest is listed first again, and who brought a payload comes before
    // those who use it.
    std::vector<const FoundCheckpoint *> order;
    for (const auto &[id, checkpoint] : found_.checkpoints) order.push_back(&checkpoint);
    std::sort(order.begin(), order.end(), [](const auto *a, const auto *b) {
      return std::tie(a->head.created_at, a->head.version, a->head.id) <
             std::tie(b->head.created_at, b->head.version, b->head.id);
    });
    Names names(order);
    for (const FoundCheckpoint *found : order) {
      FoundCheckpoint checkpoint = *found;
      if (names.give(checkpoint)) tell_renamed(found->head, checkpoint.head);
      CHECKPOINT_RETURN_IF_ERROR(restore(checkpoint));
    }
    return metadata_ ? metadata_->take_place_of(marker->metadata_store, cancel_) : Status::ok();
  }

 private:
  void lose(const Status &status) {
    if (listener_.loss) listener_.loss(status);
  }

  void tell_renamed(const CheckpointRecord &before, const CheckpointRecord &now) {
    result_.renamed++;
    const auto name = [](const CheckpointRecord &head) {
      return "version " + std::to_string(head.version) + " of '" + head.fields.stage +
             "' of job '" + head.fields.job_id + "'";
    };
    if (listener_.renamed)
      listener_.renamed("checkpoint " + now.id.to_string() + " is " + name(now) +
                        " now: there was another " + name(before));
  }

  Status restore(const FoundCheckpoint &found) {
    const CommitChain chain = chain_of(found.commits);
    if (metadata_) CHECKPOINT_RETURN_IF_ERROR(begin(found, chain));
    job_uuid_ = found.job;
    own_packs_.clear();
    brought_.clear();
    for (const FoundCommit &commit : found.commits) own_packs_.insert(commit.pack);
    commit_no_ = 0;
    first_time_ = end_time_ = kNone;
    for (const FoundCommit &commit : chain.commits)
      CHECKPOINT_RETURN_IF_ERROR(
          restore(commit, chain.complete && &commit == &chain.commits.back()));
    if (metadata_) CHECKPOINT_RETURN_IF_ERROR(metadata_->release_lease(lease_, cancel_));
    (chain.complete ? result_.complete : result_.partial)++;
    result_.frames += chain.frames;
    result_.frames_lost += chain.frames_lost;
    if (chain.frames_lost > 0)
      lose({Code::kMissing, "checkpoint " + found.head.id.to_string() + " ends at frame " +
                                std::to_string(chain.frames) + ", and " +
                                std::to_string(chain.frames_lost) + " more are lost"});
    return Status::ok();
  }

  Status begin(const FoundCheckpoint &found, const CommitChain &chain) {
    const CheckpointRecord &head = found.head;
    CHECKPOINT_ASSIGN_OR_RETURN(
        job_, metadata_->ensure_job(head.fields.job_id, found.job, found.identity_key, cancel_));
    RestoredCheckpoint restored{head.id, head.fields, head.version, head.epoch, head.created_at};
    for (const FoundCommit &commit : chain.commits)
      restored.epoch = std::max(restored.epoch, commit.epoch);
    CHECKPOINT_ASSIGN_OR_RETURN(
        lease_, metadata_->acquire_lease(job_.key, head.fields.branch, head.fields.stage,
                                         this_process(), kLeaseTime, nullptr, cancel_));
    CHECKPOINT_ASSIGN_OR_RETURN(const CheckpointRow row,
                                metadata_->restore_checkpoint(lease_, restored, cancel_));
    checkpoint_ = row.key;
    return Status::ok();
  }

  Status restore(const FoundCommit &commit, bool closes) {
    const FoundPack &pack = found_.packs.at(commit.pack);
    CHECKPOINT_ASSIGN_OR_RETURN(const PackRecords records, read_records(frames_, pack, cancel_));
    CommitBatch batch;
    batch.checkpoint = checkpoint_;
    batch.commit_no = commit.commit_no;
    CHECKPOINT_RETURN_IF_ERROR(use(commit.pack, batch));
    batch.records = {pack.key, records.footer.records_offset, records.bytes.size()};
    CHECKPOINT_RETURN_IF_ERROR(
        parse_records(records.bytes, [&](Record &&record, RecordSpan span) -> Status {
          if (auto *caps = std::get_if<CapsRecord>(&record)) batch.caps.push_back(caps->row);
          if (auto *event = std::get_if<EventRecord>(&record)) batch.events.push_back(event->row);
          if (auto *end = std::get_if<CommitRecord>(&record); end && closes)
            batch.stats = std::move(end->stats);
          auto *frame = std::get_if<FrameRecord>(&record);
          if (!frame) return Status::ok();
          frame->row.record = {pack.key, records.footer.records_offset + span.offset, span.length};
          return add_frame(*frame, batch);
        }));
    if (closes) batch.end = CommitBatch::End::kComplete;
    batch.first_time = first_time_;
    batch.end_time = end_time_;
    if (listener_.progress) listener_.progress(++done_, total_ * 2);
    return write(std::move(batch));
  }

  Status add_frame(FrameRecord &frame, CommitBatch &batch) {
    FrameRow &row = frame.row;
    row.has_metas = !frame.metas.empty();
    if (!frame.payload_pack.is_nil()) {
      const auto moved = found_.moved.find({job_uuid_, frame.digest});
      if (moved != found_.moved.end() && found_.packs.at(frame.payload_pack).missing) {
        frame.payload_pack = moved->second.pack;
        row.payload = moved->second.payload;
      }
      CHECKPOINT_RETURN_IF_ERROR(use(frame.payload_pack, batch));
      FoundPack &pack = found_.packs.at(frame.payload_pack);
      row.payload.pack = pack.key;
      const bool first = own_packs_.count(frame.payload_pack) > 0 &&
                         brought_.insert({frame.payload_pack, row.payload.offset}).second;
      (first ? batch.bytes_new : batch.bytes_reused) += row.payload.length;
      CHECKPOINT_ASSIGN_OR_RETURN(const bool there, has_payload(pack, row.payload));
      if (there)
        batch.digests.push_back({frame.digest, row.payload});
      else
        lose_payload(pack);
    }
    if (row.stream_time != kNone) {
      if (row.index == 0) first_time_ = row.stream_time;
      const uint64_t end = row.stream_time + (row.duration == kNone ? 0 : row.duration);
      end_time_ = end_time_ == kNone ? end : std::max(end_time_, end);
    }
    for (DetectionRow &detection : frame.detections) {
      detection.index = row.index;
      batch.detections.push_back(std::move(detection));
    }
    batch.frames.push_back(std::move(row));
    return Status::ok();
  }

  void lose_payload(FoundPack &pack) {
    result_.frames_without_payload++;
    if (!pack.missing || std::exchange(pack.told, true)) return;
    result_.packs_missing++;
    lose({Code::kMissing, "pack " + pack.object + " is gone"});
  }

  Result<bool> has_payload(const FoundPack &pack, const PayloadRef &payload) {
    if (!pack.plain) return !pack.missing;
    if (std::binary_search(pack.ordinals.begin(), pack.ordinals.end(), payload.offset)) return true;
    // The listing may have hidden it.
    const Status status = frames_.stat(plain_object_name(pack.object, payload), cancel_).status();
    if (status.is(Code::kMissing)) return false;
    if (!status.is_ok()) return status;
    return true;
  }

  // The pack gets its row with the first commit that needs it.
  Status use(const Uuid &uuid, CommitBatch &batch) {
    FoundPack &pack = found_.packs.at(uuid);
    if (pack.key == 0) {
      pack.key = 1;  // that of a dry run
      if (metadata_) {
        CHECKPOINT_ASSIGN_OR_RETURN(
            pack.key,
            metadata_->create_pack(lease_, checkpoint_,
                                   {uuid, frame_store_, pack.object, pack.plain}, cancel_));
      }
      batch.ready_packs.push_back({pack.key, pack.size, {}});
      if (pack.plain) own_packs_.insert(uuid);
    }
    if (std::find(batch.used_packs.begin(), batch.used_packs.end(), pack.key) ==
        batch.used_packs.end())
      batch.used_packs.push_back(pack.key);
    return Status::ok();
  }

  Status write(CommitBatch batch) {
    if (!metadata_) return Status::ok();
    // A number without records was the end of a run that stopped.
    for (commit_no_++; commit_no_ < batch.commit_no; commit_no_++) {
      CommitBatch stopped;
      stopped.checkpoint = checkpoint_;
      stopped.commit_no = commit_no_;
      stopped.end = CommitBatch::End::kPartial;
      CHECKPOINT_RETURN_IF_ERROR(metadata_->commit(lease_, stopped, cancel_));
    }
    return metadata_->commit(lease_, batch, cancel_);
  }

  FrameStore &frames_;
  MetadataStore *const metadata_;
  const RepairListener &listener_;
  RepairResult &result_;
  Cancellation &cancel_;
  FoundPacks found_;
  FrameStoreKey frame_store_ = 0;
  uint64_t done_ = 0, total_ = 0;
  // Of the checkpoint under way.
  Uuid job_uuid_;
  JobRow job_;
  Lease lease_;
  CheckpointKey checkpoint_ = 0;
  std::set<Uuid> own_packs_;                     // with payloads that it brought
  std::set<std::pair<Uuid, uint64_t>> brought_;  // those payloads: pack and offset
  uint64_t commit_no_ = 0;
  uint64_t first_time_ = kNone, end_time_ = kNone;
};

}  // namespace

Status repair(FrameStore &frames, MetadataStore *metadata, const RepairListener &listener,
              RepairResult &result, Cancellation &cancel) {
  return Repairer(frames, metadata, listener, result, cancel).run();
}

}  // namespace checkpoint
