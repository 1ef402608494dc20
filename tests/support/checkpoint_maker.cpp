// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/checkpoint_maker.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "backends/backends.h"
#include "core/codec.h"
#include "core/identity.h"
#include "core/names.h"
#include "core/record_codec.h"
#include "store/registry.h"

namespace checkpoint {

namespace {

void must(const Status &status) {
  if (status.is_ok()) return;
  std::fprintf(stderr, "a test's checkpoint can't be made: %s\n", status.to_string().c_str());
  std::abort();
}

template <typename T>
T must(Result<T> result) {
  must(result.status());
  return std::move(result).value();
}

}  // namespace

CheckpointMaker::CheckpointMaker(std::shared_ptr<Stores> stores, const std::string &job_id,
                                 const std::string &stage, const Branch &branch, bool plain,
                                 const std::optional<Uuid> &parent,
                                 const std::optional<std::vector<uint64_t>> &filtered,
                                 const CheckpointFields &given)
    : stores_(std::move(stores)), plain_(plain), fields_(given), id_(Uuid::random()) {
  MetadataStore &metadata = *stores_->metadata;
  job_ = must(metadata.ensure_job(job_id, Uuid::random(), random_identity_key(), cancel_));
  LeaseOwner owner;
  owner.host = "test";
  owner.pid = getpid();
  owner.instance = Uuid::random();
  lease_ = must(metadata.acquire_lease(job_.key, branch, stage, owner, std::chrono::minutes(5),
                                       nullptr, cancel_));
  fields_.job_id = job_id;
  fields_.stage = stage;
  fields_.branch = branch;
  fields_.parent = parent;
  fields_.filtered_frame_sequences = filtered;
  fields_.frames_prefix = frames_prefix(job_);
  key_ = must(metadata.create_checkpoint(lease_, id_, fields_, cancel_)).key;
}

CheckpointMaker::~CheckpointMaker() { must(stores_->metadata->release_lease(lease_, cancel_)); }

uint32_t CheckpointMaker::add_caps(const std::string &text) {
  caps_.push_back({next_caps_, text});
  return next_caps_++;
}

void CheckpointMaker::add_event(const std::string &type, Bytes body) {
  events_.push_back({rows_.size(), event_ordinal_++, type, std::move(body)});
}

void CheckpointMaker::open_pack() {
  if (builder_) return;
  PackHeader header;
  header.pack = Uuid::random();
  header.frame_store = stores_->frame_store_uuid;
  header.job = job_.uuid;
  header.identity_key = job_.identity_key;
  builder_ = std::make_unique<PackBuilder>(header);
  object_ = pack_object_name(job_, header.pack, false);
  pack_ = must(stores_->metadata->create_pack(
      lease_, key_, {header.pack, stores_->frame_store, object_, false}, cancel_));
  if (!plain_) return;
  plain_uuid_ = Uuid::random();
  plain_object_ = pack_object_name(job_, plain_uuid_, true);
  plain_payloads_ = 0;
  plain_pack_ = must(stores_->metadata->create_pack(
      lease_, key_, {plain_uuid_, stores_->frame_store, plain_object_, true}, cancel_));
}

void CheckpointMaker::add_frame(const MadeFrame &frame) {
  open_pack();
  FrameRecord record;
  FrameRow &row = record.row;
  row.index = rows_.size();
  row.sequence = frame.sequence == kNone ? row.index : frame.sequence;
  row.pts = frame.pts;
  row.dts = frame.dts;
  row.duration = frame.duration;
  row.stream_time = frame.stream_time;
  row.offset = frame.offset;
  row.offset_end = frame.offset_end;
  row.flags = frame.flags;
  row.caps = frame.caps;
  row.has_metas = !frame.metas.empty();
  record.metas = frame.metas;
  record.detections = frame.detections;
  for (size_t i = 0; i < record.detections.size(); i++) {
    record.detections[i].index = row.index;
    record.detections[i].ordinal = static_cast<uint32_t>(i);
  }
  if (!frame.payload.empty()) {
    const ByteView raw(frame.payload);
    std::shared_ptr<Chunk> stored;
    if (frame.codec == Codec::kNone) {
      stored = pool_->allocate(raw.size());
      std::memcpy(stored->data(), raw.data(), raw.size());
    } else {
      stored = pool_->allocate(PayloadCodec::bound(frame.codec, raw.size()));
      PayloadCodec codec;
      stored->resize(must(codec.encode(frame.codec, raw, stored->span())));
    }
    PayloadRef ref;
    ref.length = stored->size();
    ref.raw_length = raw.size();
    ref.checksum = checksum_of(stored->view());
    ref.codec = frame.codec;
    ref.content = frame.content;
    FrameDigester digester(job_.identity_key);
    record.digest = must(digester.digest(raw));
    if (plain_) {
      ref.pack = plain_pack_;
      ref.offset = plain_payloads_++;
      record.payload_pack = plain_uuid_;
      const ByteView part = stored->view();
      must(stores_->frames->put(plain_object_name(plain_object_, ref), std::span(&part, 1), {},
                                cancel_));
    } else {
      ref = builder_->add(stored, ref, record.digest);
      ref.pack = pack_;
      record.payload_pack = builder_->header().pack;
    }
    row.payload = ref;
    digests_.push_back({record.digest, ref});
  }
  if (frame.stream_time != kNone) {
    first_time_ = std::min(first_time_, frame.stream_time);
    const uint64_t end = frame.stream_time + (frame.duration == kNone ? 0 : frame.duration);
    end_time_ = end_time_ == kNone ? end : std::max(end_time_, end);
  }
  rows_.push_back(row);
  payload_packs_.push_back(record.payload_pack);
  frames_.push_back(std::move(record));
  event_ordinal_ = 0;
}

void CheckpointMaker::add_repeat(const MadeFrame &frame, uint64_t index_of_payload) {
  MadeFrame bare = frame;
  bare.payload.clear();
  add_frame(bare);
  rows_.back().payload = rows_[index_of_payload].payload;
  frames_.back().row.payload = rows_.back().payload;
  frames_.back().payload_pack = payload_packs_.back() = payload_packs_[index_of_payload];
}

CheckpointRow CheckpointMaker::commit(CommitBatch::End end) {
  open_pack();
  ByteWriter records;
  std::vector<RecordSpan> spans;
  for (const FrameRecord &frame : frames_) spans.push_back(append_record(frame, records));
  append_record(CommitRecord{commit_no_ + 1, rows_.size() - frames_.size(), frames_.size(),
                             end == CommitBatch::End::kComplete, ""},
                records);
  SealedPack sealed = std::move(*builder_).seal(records.take());
  builder_.reset();
  must(stores_->frames->put(object_, sealed.parts, {}, cancel_));
  packs_.push_back(object_);

  CommitBatch batch;
  batch.checkpoint = key_;
  batch.commit_no = ++commit_no_;
  batch.records = {pack_, sealed.records_offset, sealed.records_length};
  batch.caps = std::exchange(caps_, {});
  batch.events = std::exchange(events_, {});
  batch.ready_packs.push_back({pack_, sealed.size, {}});
  batch.used_packs.push_back(pack_);
  for (size_t i = 0; i < frames_.size(); i++) {
    FrameRow &row = rows_[rows_.size() - frames_.size() + i];
    row.record = {pack_, sealed.records_offset + spans[i].offset, spans[i].length};
    batch.frames.push_back(row);
    if (row.payload.pack != 0) batch.used_packs.push_back(row.payload.pack);
    batch.bytes_new += row.payload.length;
    for (const DetectionRow &detection : frames_[i].detections)
      batch.detections.push_back(detection);
  }
  if (plain_) batch.ready_packs.push_back({plain_pack_, 0, {}});
  std::sort(batch.used_packs.begin(), batch.used_packs.end());
  batch.used_packs.erase(std::unique(batch.used_packs.begin(), batch.used_packs.end()),
                         batch.used_packs.end());
  batch.digests = std::exchange(digests_, {});
  batch.first_time = first_time_;
  batch.end_time = end_time_;
  batch.end = end;
  if (end == CommitBatch::End::kPartial) batch.reason = "the test left it so";
  must(stores_->metadata->commit(lease_, batch, cancel_));
  frames_.clear();
  return must(stores_->metadata->get_checkpoint(id_, cancel_));
}

Bytes made_payload(uint64_t number, size_t count) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; i++)
    bytes[i] = static_cast<std::byte>((number >> (8 * (i % 8))) + i * (2 * number + 1));
  return bytes;
}

std::shared_ptr<Stores> memory_stores(
    const std::function<std::shared_ptr<FrameStore>(std::shared_ptr<FrameStore>)> &wrap_frames,
    const std::function<std::shared_ptr<MetadataStore>(std::shared_ptr<MetadataStore>)>
        &wrap_metadata) {
  register_backends();
  const std::string uri = "memory://" + Uuid::random().to_string();
  auto frames = must(StoreRegistry::instance().make_frame_store(uri));
  auto metadata = must(StoreRegistry::instance().make_metadata_store(uri));
  if (wrap_frames) frames = wrap_frames(frames);
  if (wrap_metadata) metadata = wrap_metadata(metadata);
  Cancellation cancel;
  return must(Stores::bind(frames, metadata, Stores::Access::kWrite, cancel));
}

std::shared_ptr<Stores> stores_at(const std::string &frame_store,
                                  const std::string &metadata_store) {
  register_backends();
  Cancellation cancel;
  return must(Stores::open(frame_store, metadata_store, Stores::Access::kWrite, cancel));
}

}  // namespace checkpoint
