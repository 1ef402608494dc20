// SPDX-License-Identifier: LGPL-2.1-or-later
// gc: a thin caller of core/collector.h and core/repack.h.
#include "core/collector.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/repack.h"
#include "tools/call.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

using Strangers = CollectOptions::Strangers;

struct Done {
  CollectResult collected;
  std::optional<RepackResult> repacked;  // where it was asked for
};

// What is counted, in the order in which it is shown.
struct Count {
  const char *name;  // of the member in JSON
  const char *text;
  uint64_t number;
  const char *bytes_name = nullptr;  // nullptr: not counted
  uint64_t bytes = 0;
};

std::vector<Count> counts_of(const Done &done) {
  const CollectResult &c = done.collected;
  std::vector<Count> counts = {
      {"checkpoints_purged", "checkpoints whose last rows go", c.checkpoints_purged},
      {"checkpoints_held", "checkpoints held by readers", c.checkpoints_held},
      {"packs_condemned", "packs condemned", c.packs_condemned, "bytes_condemned",
       c.bytes_condemned},
      {"packs_deleted", "packs removed", c.packs_deleted, "bytes_deleted", c.bytes_deleted},
      {"packs_refused", "packs that may not be removed", c.packs_refused},
      {"packs_swept", "packs removed again", c.packs_swept},
      {"strangers", "objects that no row knows", c.strangers, "stranger_bytes", c.stranger_bytes},
      {"foreign", "objects of others", c.foreign},
  };
  if (!done.repacked) return counts;
  const RepackResult &r = *done.repacked;
  counts.push_back({"packs_repacked", "packs emptied by repacking, and condemned", r.packs_emptied,
                    "bytes_repacked", r.bytes_emptied});
  counts.push_back(
      {"packs_made", "packs made of what they held", r.packs_made, "bytes_made", r.bytes_made});
  counts.push_back({"packs_skipped", "packs not repacked", r.packs_skipped});
  return counts;
}

void print_json(Call &call, const Done &done, bool dry_run) {
  Json json;
  json.begin_object().field("dry_run", dry_run);
  for (const Count &count : counts_of(done)) {
    json.field(count.name, count.number);
    if (count.bytes_name) json.field(count.bytes_name, count.bytes);
  }
  call.out().line(json.end_object().text());
}

bool nothing(const Done &done) {
  const auto counts = counts_of(done);
  return std::all_of(counts.begin(), counts.end(), [](const Count &c) { return c.number == 0; });
}

void show(Call &call, const Done &done) {
  for (const Count &count : counts_of(done)) {
    if (count.number == 0) continue;
    call.out().line(std::to_string(count.number) + " " + count.text +
                    (count.bytes_name ? ", " + bytes_text(count.bytes) : ""));
  }
  if (nothing(done)) call.out().line("nothing to collect");
}

void print(Call &call, const Done &done, bool dry_run) {
  call.json() ? print_json(call, done, dry_run) : show(call, done);
}

// Repacks what is left behind a collection.
Status do_it(Call &call, Stores &stores, const CollectOptions &options, bool with_repack,
             Done &done) {
  Progress progress(call.out(), options.dry_run ? "looking" : "collecting", "steps");
  uint64_t steps = 0;
  const CollectListener listener = [&](const std::string &step, const std::string &what) {
    if (step == "refused" || step == "skip") call.out().warning(what);
    if (step == "stranger" && options.dry_run && !call.json())
      call.out().line("stranger: " + printable(what));
    progress.update(++steps, 0);
  };
  CHECKPOINT_RETURN_IF_ERROR(collect(stores, options, listener, done.collected, call.cancel()));
  if (!with_repack) return Status::ok();
  RepackOptions repacking;
  repacking.dry_run = options.dry_run;
  return repack(stores, repacking, listener, done.repacked.emplace(), call.cancel());
}

}  // namespace

int run_gc(Call &call) {
  std::optional<std::chrono::milliseconds> grace;
  std::optional<std::string> strangers;
  bool with_repack = false, yes = false, dry_run = false;
  Options options;
  options.duration("grace", 0, "From the condemnation to the removal (24h)", &grace);
  options.text("strangers", 0, "WHAT", "Objects that no row knows: report, or condemn", &strangers);
  options.flag("repack", 0, "Also empty packs of which less than half is needed", &with_repack);
  options.flag("dry-run", 'n', "Show what would be done, change nothing", &dry_run);
  options.flag("yes", 'y', "Don't ask", &yes);
  if (auto code = call.parse(std::move(options), 0, 0)) return *code;
  if (strangers && *strangers != "report" && *strangers != "condemn")
    return call.usage("--strangers is report or condemn");
  if (call.json() && !yes && !dry_run) return call.usage("--json needs --yes or --dry-run");
  CollectOptions collecting;
  if (grace) collecting.grace = *grace;
  if (strangers)
    collecting.strangers = *strangers == "condemn" ? Strangers::kCondemn : Strangers::kReport;

  auto stores = call.open(Stores::Access::kRead);
  if (!stores.is_ok()) return call.fail(stores.status());
  if (dry_run || !yes) {
    collecting.dry_run = true;
    Done predicted;
    if (Status status = do_it(call, **stores, collecting, with_repack, predicted); !status.is_ok())
      return call.fail(status);
    print(call, predicted, true);
    if (dry_run || nothing(predicted)) return kFine;
    if (auto code = call.ask(yes, "Collect now?")) return *code;
    collecting.dry_run = false;
  }
  Done done;
  const Status status = do_it(call, **stores, collecting, with_repack, done);
  if (!status.is_ok()) {
    call.out().note("what was done so far stays; run it again");
    return call.fail(status);
  }
  print(call, done, false);
  const uint64_t refused = done.collected.packs_refused;
  if (refused == 0) return kFine;
  return call.fail({Code::kPermissionDenied,
                    "the frame store refused to remove " + count_text(refused, "pack", "packs"),
                    "they stay condemned, and the next run tries again: look for Object Lock, or "
                    "for a right that is missing"});
}

}  // namespace checkpoint::tool
