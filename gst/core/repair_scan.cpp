// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/repair_scan.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include "core/names.h"
#include "core/record_codec.h"

namespace checkpoint {

namespace {

bool is_damage(const Status &status) {
  return status.is(Code::kCorrupt) || status.is(Code::kTruncated) || status.is(Code::kMissing);
}

// The number in "…-00000007.jpg", behind the name of its pack.
std::optional<uint64_t> ordinal_of(const std::string &object, const std::string &pack) {
  uint64_t ordinal = 0;
  const char *end = object.data() + object.size();
  const auto [stopped, error] = std::from_chars(object.data() + pack.size() + 1, end, ordinal);
  if (error != std::errc() || stopped == end || *stopped != '.') return std::nullopt;
  return ordinal;
}

class Scanner {
 public:
  Scanner(FrameStore &frames, const Uuid &frame_store, FoundPacks &found,
          const RepairListener &listener, RepairResult &result, Cancellation &cancel)
      : frames_(frames),
        frame_store_(frame_store),
        found_(found),
        listener_(listener),
        result_(result),
        cancel_(cancel) {}

  Status run() {
    CHECKPOINT_RETURN_IF_ERROR(list());
    const uint64_t total = found_.packs.size() * 2;
    uint64_t done = 0;
    // A copy of the names: packs that are only referred to are added meanwhile.
    std::vector<Uuid> names;
    for (const auto &[uuid, pack] : found_.packs)
      if (!pack.plain) names.push_back(uuid);
    for (const Uuid &uuid : names) {
      CHECKPOINT_RETURN_IF_ERROR(read(uuid, found_.packs.at(uuid)));
      if (listener_.progress) listener_.progress(++done, total);
    }
    return look_for_missing();
  }

 private:
  Status list() {
    CHECKPOINT_RETURN_IF_ERROR(frames_.list(
        "",
        [&](const ObjectInfo &object) {
          add(object);
          return true;
        },
        cancel_));
    for (auto &[uuid, pack] : found_.packs) std::sort(pack.ordinals.begin(), pack.ordinals.end());
    return Status::ok();
  }

  void add(const ObjectInfo &object) {
    const auto name = parse_pack_object(object.name);
    const auto ordinal = name && name->plain ? ordinal_of(object.name, name->object) : std::nullopt;
    if (!name || (name->plain && !ordinal)) {
      result_.foreign++;
      return;
    }
    FoundPack &pack = found_.packs[name->pack];
    pack.object = name->object;
    pack.plain = name->plain;
    pack.size += object.size;
    if (ordinal) pack.ordinals.push_back(*ordinal);
  }

  Status read(const Uuid &uuid, const FoundPack &pack) {
    Result<PackRecords> records = read_records(frames_, pack, cancel_);
    Status status = records.status();
    if (records.is_ok()) {
      result_.packs++;
      if (records->header.frame_store != frame_store_) {
        result_.foreign++;
        return Status::ok();
      }
      if (records->header.pack != uuid)
        status = Status(Code::kCorrupt, "another pack lies there");
      else
        status = records->bytes.empty() ? note_moved(uuid, pack, *records) : note(uuid, *records);
    }
    if (status.is_ok() || !is_damage(status)) return status;
    result_.packs_unreadable++;
    if (listener_.loss) listener_.loss(status.with_context("pack " + pack.object));
    return Status::ok();
  }

  Status note_moved(const Uuid &uuid, const FoundPack &pack, const PackRecords &records) {
    Bytes index(records.footer.index_length);
    CHECKPOINT_RETURN_IF_ERROR(
        frames_.get(pack.object, records.footer.index_offset, index, cancel_));
    CHECKPOINT_ASSIGN_OR_RETURN(const auto payloads,
                                parse_pack_index(index, records.footer.records_offset));
    for (const PackPayload &payload : payloads)
      found_.moved[{records.header.job, payload.digest}] = {uuid, payload.ref};
    return Status::ok();
  }

  // Takes nothing from a pack before all of it made sense.
  Status note(const Uuid &uuid, const PackRecords &records) {
    std::optional<CheckpointRecord> head;
    std::optional<CommitRecord> end;
    uint64_t frames = 0, first = 0;
    std::optional<uint32_t> first_caps;
    std::optional<std::pair<uint64_t, uint32_t>> first_event;
    std::map<Uuid, uint64_t> needed;
    const Status parsed = parse_records(records.bytes, [&](Record &&record, RecordSpan) -> Status {
      if (end || head.has_value() == std::holds_alternative<CheckpointRecord>(record))
        return {Code::kCorrupt, "its records are not those of one commit"};
      if (auto *begins = std::get_if<CheckpointRecord>(&record)) head = std::move(*begins);
      if (auto *ends = std::get_if<CommitRecord>(&record)) end = std::move(*ends);
      if (const auto *caps = std::get_if<CapsRecord>(&record); caps && !first_caps)
        first_caps = caps->row.number;
      if (const auto *event = std::get_if<EventRecord>(&record); event && !first_event)
        first_event = {event->row.index, event->row.ordinal};
      if (const auto *frame = std::get_if<FrameRecord>(&record)) {
        if (frames == 0) first = frame->row.index;
        if (frame->row.index != first + frames++)
          return {Code::kCorrupt, "its frames don't follow each other"};
        const PayloadRef &payload = frame->row.payload;
        if (frame->payload_pack.is_nil()) return Status::ok();
        uint64_t &size = needed[frame->payload_pack];
        size = std::max(size, payload.offset + payload.length);
      }
      return Status::ok();
    });
    CHECKPOINT_RETURN_IF_ERROR(parsed);
    if (!head || !end || end->commit_no != head->commit_no || end->frames != frames ||
        (frames > 0 && end->first_index != first))
      return {Code::kCorrupt, "its records are not those of one commit"};
    FoundCheckpoint &checkpoint = found_.checkpoints[head->id];
    if (checkpoint.commits.empty()) {
      checkpoint.head = *head;
      checkpoint.job = records.header.job;
      checkpoint.identity_key = records.header.identity_key;
    } else if (!same_checkpoint(checkpoint, *head, records.header)) {
      return {Code::kCorrupt, "it contradicts other packs of checkpoint " + head->id.to_string()};
    }
    checkpoint.commits.push_back({uuid, head->commit_no, head->epoch, records.header.created_at,
                                  end->first_index, frames, end->complete, first_caps,
                                  first_event});
    for (const auto &[pack, size] : needed) {
      uint64_t &known = needed_[pack].size;
      known = std::max(known, size);
      needed_[pack].job = records.header.job;
      needed_[pack].job_id = head->fields.job_id;
    }
    return Status::ok();
  }

  static bool same_checkpoint(const FoundCheckpoint &known, const CheckpointRecord &head,
                              const PackHeader &header) {
    const CheckpointRecord &a = known.head;
    return known.job == header.job && a.version == head.version &&
           a.fields.job_id == head.fields.job_id && a.fields.stage == head.fields.stage &&
           a.fields.branch == head.fields.branch;
  }

  // A listing may hide objects, so each one that is needed is asked for by its name. Those of a
  // plain pack are not: without any of them nothing tells that it is one.
  Status look_for_missing() {
    for (const auto &[uuid, need] : needed_) {
      if (found_.packs.count(uuid) > 0) continue;
      JobRow job;
      job.uuid = need.job;
      job.job_id = need.job_id;
      FoundPack pack;
      pack.object = pack_object_name(job, uuid, false);
      Result<ObjectInfo> info = frames_.stat(pack.object, cancel_);
      if (!info.is_ok() && !info.status().is(Code::kMissing)) return info.status();
      pack.missing = !info.is_ok();
      pack.size = info.is_ok() ? info->size : need.size;
      found_.packs.emplace(uuid, std::move(pack));
    }
    return Status::ok();
  }

  struct Need {
    Uuid job;
    std::string job_id;
    uint64_t size = 0;
  };

  FrameStore &frames_;
  const Uuid frame_store_;
  FoundPacks &found_;
  const RepairListener &listener_;
  RepairResult &result_;
  Cancellation &cancel_;
  std::map<Uuid, Need> needed_;  // packs with somebody's payloads
};

}  // namespace

Status scan(FrameStore &frames, const Uuid &frame_store, FoundPacks &found,
            const RepairListener &listener, RepairResult &result, Cancellation &cancel) {
  return Scanner(frames, frame_store, found, listener, result, cancel).run();
}

Result<PackRecords> read_records(FrameStore &frames, const FoundPack &pack, Cancellation &cancel) {
  if (pack.size < kPackHeaderSize + kPackFooterSize)
    return Status(Code::kCorrupt, "it is too short for a pack");
  PackRecords records;
  Bytes head(kPackHeaderSize), tail(kPackFooterSize);
  CHECKPOINT_RETURN_IF_ERROR(frames.get(pack.object, 0, head, cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(records.header, parse_pack_header(head));
  CHECKPOINT_RETURN_IF_ERROR(frames.get(pack.object, pack.size - kPackFooterSize, tail, cancel));
  CHECKPOINT_ASSIGN_OR_RETURN(records.footer, parse_pack_footer(tail, pack.size));
  ByteReader checksum(ByteView(head).last(sizeof(uint64_t)));
  if (checksum.u64() != records.footer.header_checksum)
    return Status(Code::kCorrupt, "its halves are of two packs");
  records.bytes.resize(records.footer.records_length);
  CHECKPOINT_RETURN_IF_ERROR(
      frames.get(pack.object, records.footer.records_offset, records.bytes, cancel));
  return records;
}

namespace {

// A writer goes on behind what was committed: its numbers follow those. So what an earlier one had
// put from there on was not committed.
bool overrules(const FoundCommit &later, const FoundCommit &earlier) {
  return later.epoch > earlier.epoch &&
         (later.first_index < earlier.first_index + earlier.frames ||
          (later.first_caps && earlier.first_caps && *later.first_caps <= *earlier.first_caps) ||
          (later.first_event && earlier.first_event && *later.first_event <= *earlier.first_event));
}

}  // namespace

CommitChain chain_of(std::vector<FoundCommit> commits) {
  // Of several with one number the last one put in the highest epoch comes first.
  std::sort(commits.begin(), commits.end(), [](const FoundCommit &a, const FoundCommit &b) {
    return std::tie(a.commit_no, b.epoch, b.put_at, b.pack) <
           std::tie(b.commit_no, a.epoch, a.put_at, a.pack);
  });
  CommitChain chain;
  uint64_t end = 0;
  bool left_out = false;
  for (const FoundCommit &commit : commits) {
    while (!chain.commits.empty() && overrules(commit, chain.commits.back())) {
      chain.frames -= chain.commits.back().frames;
      chain.commits.pop_back();
      end = chain.frames;
      left_out = false;
    }
    const uint64_t number = chain.commits.empty() ? 0 : chain.commits.back().commit_no;
    const uint64_t epoch = chain.commits.empty() ? 0 : chain.commits.back().epoch;
    // One of an earlier epoch was put, and then its writer was late.
    if (commit.commit_no == number || commit.epoch < epoch) continue;
    end = std::max(end, commit.first_index + commit.frames);
    // What ends a run as partial takes a number and leaves no record; the next run has a new epoch.
    const bool follows = commit.commit_no == number + 1 || commit.epoch > epoch;
    if (!follows || commit.first_index != chain.frames) {
      left_out = true;
      continue;
    }
    chain.commits.push_back(commit);
    chain.frames += commit.frames;
  }
  chain.complete = !chain.commits.empty() && chain.commits.back().complete && !left_out;
  chain.frames_lost = chain.complete ? 0 : end - chain.frames;
  return chain;
}

}  // namespace checkpoint
