// SPDX-License-Identifier: LGPL-2.1-or-later
// What the tests of the writer share: a pair of stores in memory that fails on demand, an observer
// that remembers, and frames.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "core/codec.h"
#include "core/names.h"
#include "core/pack.h"
#include "core/record_codec.h"
#include "core/writer.h"
#include "store/registry.h"
#include "support/check.h"
#include "support/fake_frame.h"
#include "support/faulty_frame_store.h"
#include "support/faulty_metadata_store.h"

namespace checkpoint {

inline constexpr std::chrono::milliseconds kPatience{30000};

class News : public WriterObserver {
 public:
  void on_commit(const CommitInfo &info) override {
    std::lock_guard lock(mutex_);
    commits.push_back(info);
    changed_.notify_all();
  }
  void on_spooled(const CommitInfo &info) override {
    std::lock_guard lock(mutex_);
    spooled.push_back(info);
    changed_.notify_all();
  }
  void on_warning(const Status &status) override {
    std::lock_guard lock(mutex_);
    warnings.push_back(status);
    changed_.notify_all();
  }
  void on_progress(const std::string &, const std::string &, int) override {}
  void on_error(const Status &status) override {
    std::lock_guard lock(mutex_);
    errors.push_back(status);
    changed_.notify_all();
  }
  void wait_for_commits(size_t n) {
    std::unique_lock lock(mutex_);
    ck_assert(changed_.wait_for(lock, kPatience, [&] { return commits.size() >= n; }));
  }
  // Of the last commit.
  void wait_for_frames(uint64_t frames) {
    std::unique_lock lock(mutex_);
    ck_assert(changed_.wait_for(
        lock, kPatience, [&] { return !commits.empty() && commits.back().frames >= frames; }));
  }
  void wait_for_token(uint64_t token) {
    std::unique_lock lock(mutex_);
    ck_assert(changed_.wait_for(lock, kPatience,
                                [&] { return !commits.empty() && commits.back().token >= token; }));
  }
  void wait_for_spooled(uint64_t frames) {
    std::unique_lock lock(mutex_);
    ck_assert(changed_.wait_for(
        lock, kPatience, [&] { return !spooled.empty() && spooled.back().frames >= frames; }));
  }
  // One that holds `part`.
  void wait_for_warning(const std::string &part) {
    std::unique_lock lock(mutex_);
    ck_assert(changed_.wait_for(lock, kPatience, [&] { return count_warnings(part) > 0; }));
  }
  size_t warned(const std::string &part) {
    std::lock_guard lock(mutex_);
    return count_warnings(part);
  }
  void wait_for_error() {
    std::unique_lock lock(mutex_);
    ck_assert(changed_.wait_for(lock, kPatience, [&] { return !errors.empty(); }));
  }
  std::vector<CommitInfo> commits, spooled;
  std::vector<Status> warnings, errors;

 private:
  size_t count_warnings(const std::string &part) const {
    size_t count = 0;
    for (const Status &status : warnings) count += status.message().find(part) != std::string::npos;
    return count;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
};

// A pair of stores of its own for each test.
struct Place {
  Place() : Place("memory://writer-" + Uuid::random().to_string()) {}
  explicit Place(const std::string &name) : Place(name, name) {}
  Place(const std::string &frame_store, const std::string &metadata_store) {
    register_backends();
    Cancellation cancel;
    auto frames_made = StoreRegistry::instance().make_frame_store(frame_store);
    auto metadata_made = StoreRegistry::instance().make_metadata_store(metadata_store);
    ck_assert_msg(frames_made.is_ok(), "%s", frames_made.status().to_string().c_str());
    ck_assert_msg(metadata_made.is_ok(), "%s", metadata_made.status().to_string().c_str());
    frames = std::make_shared<FaultyFrameStore>(*frames_made);
    metadata = std::make_shared<FaultyMetadataStore>(*metadata_made);
    auto bound = Stores::bind(frames, metadata, Stores::Access::kWrite, cancel);
    ck_assert_msg(bound.is_ok(), "%s", bound.status().to_string().c_str());
    stores = *bound;
  }
  CheckpointWriter::StoreOpener opener() {
    return [s = stores](Cancellation &) { return Result<std::shared_ptr<Stores>>(s); };
  }
  std::vector<CheckpointRow> list(bool partial) {
    Cancellation cancel;
    CheckpointQuery query;
    query.include_partial = partial;
    auto rows = stores->metadata->list_checkpoints(query, cancel);
    ck_assert(rows.is_ok());
    return *rows;
  }
  std::vector<FrameRow> rows(const CheckpointRow &checkpoint) {
    Cancellation cancel;
    FramePage page;
    page.checkpoint = checkpoint.key;
    page.limit = 100000;
    auto found = stores->metadata->read_frames(page, cancel);
    ck_assert(found.is_ok());
    return *found;
  }
  // The decoded payload, straight from the store.
  std::string payload(const PayloadRef &ref) {
    Cancellation cancel;
    auto packs = stores->metadata->get_packs({&ref.pack, 1}, cancel);
    ck_assert(packs.is_ok());
    const PackRow &pack = packs->front();
    ck_assert(pack.state == PackState::kReady);
    std::string object = pack.plain ? plain_object_name(pack.object, ref) : pack.object;
    Bytes stored(ref.length), raw(ref.raw_length);
    Status got = stores->frames->get(object, pack.plain ? 0 : ref.offset, stored, cancel);
    ck_assert_msg(got.is_ok(), "%s", got.to_string().c_str());
    ck_assert(checksum_of(stored) == ref.checksum);
    if (ref.codec == Codec::kNone) return std::string(as_text(stored));
    PayloadCodec codec;
    ck_assert(codec.decode(ref.codec, stored, raw).is_ok());
    return std::string(as_text(raw));
  }
  // What a repair from the packs alone would find.
  bool last_record_says_complete() {
    uint64_t last = 0;
    bool complete = false;
    visit_records([&](const Record &record) {
      auto *commit = std::get_if<CommitRecord>(&record);
      if (!commit || commit->commit_no <= last) return;
      last = commit->commit_no;
      complete = commit->complete;
    });
    return complete;
  }
  // Those of every pack that was put.
  void visit_records(const std::function<void(const Record &)> &visit) {
    Cancellation cancel;
    for (const std::string &name : frames->put_names()) {
      auto info = stores->frames->stat(name, cancel);
      ck_assert(info.is_ok());
      Bytes object(info->size);
      ck_assert(stores->frames->get(name, 0, object, cancel).is_ok());
      auto footer = parse_pack_footer(ByteView(object).last(kPackFooterSize), object.size());
      ck_assert(footer.is_ok());
      ck_assert(
          parse_records(ByteView(object).subspan(footer->records_offset, footer->records_length),
                        [&](Record &&record, RecordSpan) {
                          visit(record);
                          return Status::ok();
                        })
              .is_ok());
    }
  }
  void check_frames(const CheckpointRow &checkpoint, size_t count) {
    auto found = rows(checkpoint);
    ck_assert_int_eq(found.size(), count);
    for (size_t i = 0; i < count; i++) {
      ck_assert(found[i].index == i && found[i].sequence == i);
      ck_assert(found[i].pts == i * 1000);
      ck_assert(payload(found[i].payload) == frame_bytes(i));
    }
  }

  std::shared_ptr<FaultyFrameStore> frames;
  std::shared_ptr<FaultyMetadataStore> metadata;
  std::shared_ptr<Stores> stores;
};

inline WriterOptions small_packs() {
  WriterOptions options;
  options.pack_size = 10000;  // three frames and their header
  options.commit_interval = std::chrono::hours(1);
  return options;
}

inline CheckpointFields fields(const std::string &stage) {
  CheckpointFields f;
  f.job_id = "street";
  f.stage = stage;
  return f;
}

inline Status push(CheckpointWriter &writer, uint64_t n, bool mapped = true,
                   std::atomic<int> *alive = nullptr) {
  std::unique_ptr<FrameInput> frame = std::make_unique<FakeFrame>(frame_bytes(n), mapped, alive);
  FrameTiming timing;
  timing.pts = timing.stream_time = n * 1000;
  timing.duration = 1000;
  return writer.push(frame, timing, {});
}

// Frame n with all that may hang on one: caps that change, an event before it, a meta, detections.
inline Status push_noted(CheckpointWriter &writer, uint64_t n, const std::string &bytes,
                         const std::string &note = "car") {
  if (n % 3 == 0) {
    Bytes body(20, static_cast<std::byte>(n));
    CHECKPOINT_RETURN_IF_ERROR(writer.set_caps("video/x-raw, width=" + std::to_string(n + 1)));
    CHECKPOINT_RETURN_IF_ERROR(writer.push_event("tag", std::move(body)));
  }
  auto frame = std::make_unique<FakeFrame>(bytes);
  const std::string meta = note + " " + std::to_string(n);
  frame->meta_values = {{"roi", Bytes(as_bytes(meta).begin(), as_bytes(meta).end())}};
  DetectionRow first, second;
  first.label = note;
  first.confidence = 0.25;
  first.x = -static_cast<int64_t>(n);
  first.width = first.height = 7;
  first.source = "roi";
  second.track = static_cast<int64_t>(n);
  second.source = "analytics";
  frame->detection_values = {first, second};
  std::unique_ptr<FrameInput> input = std::move(frame);
  FrameTiming timing;
  timing.pts = timing.stream_time = n * 1000;
  timing.duration = 1000;
  timing.dts = timing.offset = n;
  timing.flags = n % 2 == 0 ? 0x40 : 0;
  return writer.push(input, timing, {});
}

// A whole checkpoint of `count` frames.
inline void save(Place &place, const std::string &stage, size_t count, WriterOptions options,
                 News &news, WriterStats *stats = nullptr, bool mapped = true) {
  auto observer = std::shared_ptr<News>(std::shared_ptr<void>(), &news);
  CheckpointWriter writer(place.opener(), options, observer);
  ck_assert(writer.set_caps("video/x-raw").is_ok());
  ck_assert(writer.begin(fields(stage), false).is_ok());
  for (size_t i = 0; i < count; i++) ck_assert(push(writer, i, mapped).is_ok());
  Status end = writer.finish({}, kPatience);
  ck_assert_msg(end.is_ok(), "%s", end.to_string().c_str());
  if (stats) *stats = writer.stats();
}

}  // namespace checkpoint
