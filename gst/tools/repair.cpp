// SPDX-License-Identifier: LGPL-2.1-or-later
// repair: a thin caller of core/repair.h.
#include "core/repair.h"

#include "store/registry.h"
#include "tools/call.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

// In the order in which they are shown.
struct Count {
  const char *name;  // of the member in JSON
  const char *text;
  uint64_t RepairResult::*number;
};
constexpr Count kCounts[] = {
    {"packs", "packs read", &RepairResult::packs},
    {"complete", "complete checkpoints", &RepairResult::complete},
    {"partial", "partial checkpoints", &RepairResult::partial},
    {"frames", "frames", &RepairResult::frames},
    {"renamed", "checkpoints whose name another one had", &RepairResult::renamed},
    {"foreign", "objects of others", &RepairResult::foreign},
    {"packs_unreadable", "lost: packs that are broken", &RepairResult::packs_unreadable},
    {"packs_missing", "lost: packs that are gone", &RepairResult::packs_missing},
    {"frames_lost", "lost: frames", &RepairResult::frames_lost},
    {"frames_without_payload", "lost: frames whose bytes are gone",
     &RepairResult::frames_without_payload},
};

void print(Call &call, const RepairResult &result, bool dry_run) {
  if (!call.json()) {
    for (const Count &count : kCounts)
      if (const uint64_t number = result.*count.number; number > 0)
        call.out().line(std::to_string(number) + " " + count.text);
    return;
  }
  Json json;
  json.begin_object().field("dry_run", dry_run);
  for (const Count &count : kCounts) json.field(count.name, result.*count.number);
  json.field("lossless", result.lossless()).end_object();
  call.out().line(json.text());
}

}  // namespace

int run_repair(Call &call) {
  bool yes = false, dry_run = false;
  Options options;
  options.flag("dry-run", 'n', "Show what would come back, write nothing", &dry_run);
  options.flag("yes", 'y', "Don't ask", &yes);
  if (auto code = call.parse(std::move(options), 0, 0)) return *code;
  if (call.json() && !yes && !dry_run) return call.usage("--json needs --yes or --dry-run");

  auto frames = StoreRegistry::instance().make_frame_store(call.frame_store());
  if (!frames.is_ok()) return call.fail(frames.status());
  auto metadata = StoreRegistry::instance().make_metadata_store(call.metadata_store());
  if (!metadata.is_ok()) return call.fail(metadata.status());
  if (!dry_run)
    if (auto code = call.ask(yes, "Make the metadata of " + (*frames)->display_uri() +
                                      " again in " + (*metadata)->display_uri() +
                                      "? The old metadata store must not be used any more."))
      return *code;

  RepairResult result;
  Status status;
  {
    Progress progress(call.out(), dry_run ? "looking" : "repairing", "packs");
    RepairListener listener;
    listener.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
    listener.loss = [&](const Status &loss) { call.out().warning(loss.message()); };
    listener.renamed = [&](const std::string &what) { call.out().warning(what); };
    status = repair(**frames, dry_run ? nullptr : metadata->get(), listener, result, call.cancel());
  }
  if (!status.is_ok()) return call.fail(status);
  print(call, result, dry_run);
  return result.lossless() ? kFine : kLossy;
}

}  // namespace checkpoint::tool
