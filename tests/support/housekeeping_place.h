// SPDX-License-Identifier: LGPL-2.1-or-later
// What tests of deleting, collecting and repacking share: stages that are stored, deleted and
// loaded on the pair of stores that the program was started for.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/collector.h"
#include "core/reader.h"
#include "core/retention.h"
#include "support/check.h"
#include "support/home.h"
#include "support/writer_place.h"

namespace checkpoint {

inline CollectOptions no_grace() {
  CollectOptions options;
  options.grace = std::chrono::milliseconds(0);
  return options;
}

struct Housekeeping : Home, Place {
  using Place::frames;
  Housekeeping() : Place(frame_store(), metadata_store()) {}

  // Frames first … end-1 of the job, stored as a stage.
  CheckpointRow store(const std::string &stage, uint64_t first, uint64_t end, bool plain = false,
                      std::optional<Uuid> parent = {}, const std::string &partial = "",
                      uint64_t step = 1) {
    auto news = std::make_shared<News>();
    WriterOptions options = small_packs();
    options.workers = 1;  // so that neighbours lie in one pack
    if (plain) options.pack_size = 0;
    CheckpointWriter writer(opener(), options, news);
    CheckpointFields wanted = fields(stage);
    wanted.branch = branch;
    wanted.parent = parent;
    ck_assert(writer.set_caps("video/x-raw").is_ok());
    ck_assert(writer.begin(wanted, false).is_ok());
    for (uint64_t i = first; i < end; i += step)
      ck_assert((noted ? push_noted(writer, i, frame_bytes(i)) : push(writer, i)).is_ok());
    Status status = writer.finish(
        partial.empty() ? std::nullopt : std::optional<std::string>(partial), kPatience);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    auto row = stores->metadata->get_checkpoint(*writer.checkpoint_id(), cancel);
    ck_assert(row.is_ok());
    return *row;
  }
  void remove(const CheckpointRow &row) {
    DeletionResult result;
    Status status = delete_checkpoints(*stores->metadata, {&row, 1}, {}, result, cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    ck_assert_int_eq(result.deleted, 1);
  }
  CollectResult run(const CollectOptions &options = no_grace()) {
    CollectResult result;
    Status status = collect(*stores, options, {}, result, cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    return result;
  }
  // Its frames, or why they can't be had.
  Result<std::vector<std::string>> load(const CheckpointRow &row) {
    CheckpointReader reader(stores, row, {});
    std::vector<std::string> loaded;
    for (;;) {
      auto item = reader.next(cancel);
      if (!item.is_ok()) return item.status();
      if (std::holds_alternative<ReplayEnd>(*item)) return loaded;
      if (auto *frame = std::get_if<ReplayFrame>(&*item))
        loaded.emplace_back(as_text(frame->chunk->view().subspan(frame->offset, frame->size)));
    }
  }
  void must_hold(const CheckpointRow &row, uint64_t first, uint64_t end) {
    auto loaded = load(row);
    ck_assert_msg(loaded.is_ok(), "%s", loaded.status().to_string().c_str());
    ck_assert_int_eq(loaded->size(), end - first);
    for (uint64_t i = first; i < end; i++) ck_assert((*loaded)[i - first] == frame_bytes(i));
  }
  std::set<std::string> objects() {
    std::set<std::string> names;
    ck_assert(stores->frames
                  ->list(
                      "",
                      [&](const ObjectInfo &object) {
                        names.insert(object.name);
                        return true;
                      },
                      cancel)
                  .is_ok());
    return names;
  }
  // What rows of checkpoints refer to.
  std::set<std::string> needed(const std::vector<CheckpointRow> &checkpoints) {
    std::set<std::string> names;
    for (const CheckpointRow &checkpoint : checkpoints)
      for (const FrameRow &row : rows(checkpoint))
        for (PackKey key : {row.payload.pack, row.record.pack}) {
          auto packs = stores->metadata->get_packs({&key, 1}, cancel);
          ck_assert(packs.is_ok());
          const PackRow &pack = packs->front();
          names.insert(pack.plain ? plain_object_name(pack.object, row.payload) : pack.object);
        }
    return names;
  }
  Cancellation cancel;
  // Of what is stored from now on.
  Branch branch;
  bool noted = false;  // with detections and all else
};

inline bool nothing_done(const CollectResult &result) {
  return result.checkpoints_purged == 0 && result.packs_condemned == 0 &&
         result.packs_deleted == 0 && result.packs_refused == 0;
}

}  // namespace checkpoint
