// SPDX-License-Identifier: LGPL-2.1-or-later
// copy: checkpoints from this pair of stores into another one.
#include "core/copy.h"

#include <algorithm>

#include "core/checkpoint_cursor.h"
#include "core/names.h"
#include "tools/call.h"
#include "tools/checkpoint_name.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

// All complete ones of a job, the oldest first: a parent before what was run from it.
Result<std::vector<CheckpointRow>> checkpoints_of(Stores &stores, const std::string &job,
                                                  Cancellation &cancel) {
  std::vector<CheckpointRow> all;
  CheckpointCursor cursor(*stores.metadata, {.job_id = job});
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const row, cursor.next(cancel));
    if (!row) break;
    all.push_back(std::move(*row));
  }
  std::reverse(all.begin(), all.end());
  return all;
}

// As its frames are stored here.
Result<Codec> codec_of(Stores &stores, const CheckpointRow &row, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(const auto frames,
                              stores.metadata->read_frames({row.key, 0, false, 1}, cancel));
  return frames.empty() ? Codec::kNone : frames[0].payload.codec;
}

Status copy_one(Call &call, const std::shared_ptr<Stores> &from, const CheckpointRow &row,
                const std::shared_ptr<Stores> &to, CopyResult &result) {
  WriterOptions options;
  CHECKPOINT_ASSIGN_OR_RETURN(options.codec, codec_of(*from, row, call.cancel()));
  Progress progress(call.out(), "copying " + printable(shown_name(row)), "frames");
  CopyListener listener;
  listener.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
  listener.warning = [&](const Status &status) { call.out().warning(status.message()); };
  CHECKPOINT_ASSIGN_OR_RETURN(result,
                              copy_checkpoint(from, row, to, options, listener, call.cancel()));
  return Status::ok();
}

}  // namespace

int run_copy(Call &call) {
  std::optional<std::string> frame_store, metadata_store, scenario;
  Options options;
  options.text("to-frame-store", 0, "URI", "Where the frames go", &frame_store);
  options.text("to-metadata-store", 0, "URI", "Where the metadata go", &metadata_store);
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  if (auto code = call.parse(std::move(options), 1, 1)) return *code;
  if (!frame_store || !metadata_store)
    return call.usage("copy needs --to-frame-store and --to-metadata-store");

  auto from = call.open(Stores::Access::kRead);
  if (!from.is_ok()) return call.fail(from.status());
  std::vector<CheckpointRow> rows;
  const std::string &name = call.arguments()[0];
  // A job of that whole name wins, as in list.
  if (check_name("job-id", name).is_ok()) {
    auto of_job = checkpoints_of(**from, name, call.cancel());
    if (!of_job.is_ok()) return call.fail(of_job.status());
    if (scenario)
      std::erase_if(*of_job, [&](const CheckpointRow &row) {
        return row.fields.branch != Branch{true, *scenario};
      });
    rows = std::move(*of_job);
  }
  if (rows.empty()) {
    auto row = call.find(**from, name, scenario, false);
    if (!row.is_ok()) return call.fail(row.status());
    rows.push_back(std::move(*row));
  }
  auto to = Stores::open(*frame_store, *metadata_store, Stores::Access::kWrite, call.cancel());
  if (!to.is_ok()) return call.fail(to.status());

  std::optional<JsonArray> array;
  if (call.json()) array.emplace(call.out());
  for (const CheckpointRow &row : rows) {
    CopyResult result;
    if (Status status = copy_one(call, *from, row, *to, result); !status.is_ok()) {
      call.out().note("what is there so far stays; the same line goes on with it");
      return call.fail(status.with_context(printable(shown_name(row))));
    }
    if (array) {
      Json json;
      json.begin_object().field("id", row.id.to_string());
      json.field("checkpoint", checkpoint_name(row)).field("was_there", result.was_there);
      json.field("bytes_new", result.bytes_new).field("bytes_reused", result.bytes_reused);
      json.end_object();
      array->add(json);
    } else {
      call.out().line(printable(shown_name(row)) + ": " +
                      (result.was_there ? "is there already"
                                        : count_text(row.frames, "frame", "frames") + ", " +
                                              bytes_text(result.bytes_new) + " new, " +
                                              bytes_text(result.bytes_reused) + " reused"));
    }
  }
  return kFine;
}

}  // namespace checkpoint::tool
