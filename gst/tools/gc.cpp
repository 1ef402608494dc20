// SPDX-License-Identifier: LGPL-2.1-or-later
// gc: a thin caller of core/collector.h.
#include "core/collector.h"
#include "tools/call.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

using Strangers = CollectOptions::Strangers;

// What is counted, in the order in which it is shown.
struct Count {
  const char *name;  // of the member in JSON
  const char *text;
  uint64_t CollectResult::*packs;
  uint64_t CollectResult::*bytes;  // nullptr: not counted
};
constexpr Count kCounts[] = {
    {"checkpoints_purged", "checkpoints whose last rows go", &CollectResult::checkpoints_purged,
     nullptr},
    {"checkpoints_held", "checkpoints held by readers", &CollectResult::checkpoints_held, nullptr},
    {"packs_condemned", "packs condemned", &CollectResult::packs_condemned,
     &CollectResult::bytes_condemned},
    {"packs_deleted", "packs removed", &CollectResult::packs_deleted,
     &CollectResult::bytes_deleted},
    {"packs_refused", "packs that may not be removed", &CollectResult::packs_refused, nullptr},
    {"packs_swept", "packs removed again", &CollectResult::packs_swept, nullptr},
    {"strangers", "objects that no row knows", &CollectResult::strangers,
     &CollectResult::stranger_bytes},
    {"foreign", "objects of others", &CollectResult::foreign, nullptr},
};

void print_json(Call &call, const CollectResult &result, bool dry_run) {
  Json json;
  json.begin_object().field("dry_run", dry_run);
  for (const Count &count : kCounts) json.field(count.name, result.*count.packs);
  json.field("bytes_condemned", result.bytes_condemned);
  json.field("bytes_deleted", result.bytes_deleted);
  json.field("stranger_bytes", result.stranger_bytes).end_object();
  call.out().line(json.text());
}

// False: nothing was counted.
bool show(Call &call, const CollectResult &result) {
  bool any = false;
  for (const Count &count : kCounts) {
    const uint64_t n = result.*count.packs;
    if (n == 0) continue;
    any = true;
    call.out().line(std::to_string(n) + " " + count.text +
                    (count.bytes ? ", " + bytes_text(result.*count.bytes) : ""));
  }
  return any;
}

Status collect_with_progress(Call &call, Stores &stores, const CollectOptions &options,
                             CollectResult &result) {
  Progress progress(call.out(), options.dry_run ? "looking" : "collecting", "steps");
  uint64_t steps = 0;
  return collect(
      stores, options,
      [&](const std::string &step, const std::string &what) {
        if (step == "refused") call.out().warning(what);
        if (step == "stranger" && options.dry_run && !call.json())
          call.out().line("stranger: " + printable(what));
        progress.update(++steps, 0);
      },
      result, call.cancel());
}

}  // namespace

int run_gc(Call &call) {
  std::optional<std::chrono::milliseconds> grace;
  std::optional<std::string> strangers;
  bool yes = false, dry_run = false;
  Options options;
  options.duration("grace", 0, "From the condemnation to the removal (24h)", &grace);
  options.text("strangers", 0, "WHAT", "Objects that no row knows: report, or condemn", &strangers);
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
    CollectResult predicted;
    if (Status status = collect_with_progress(call, **stores, collecting, predicted);
        !status.is_ok())
      return call.fail(status);
    if (call.json())
      print_json(call, predicted, true);
    else if (!show(call, predicted))
      call.out().line("nothing to collect");
    if (dry_run) return kFine;
    if (auto code = call.ask(yes, "Collect now?")) return *code;
    collecting.dry_run = false;
  }
  CollectResult result;
  const Status status = collect_with_progress(call, **stores, collecting, result);
  if (!status.is_ok()) {
    call.out().note("what was done so far stays; run it again");
    return call.fail(status);
  }
  if (call.json())
    print_json(call, result, false);
  else if (!show(call, result))
    call.out().line("nothing to collect");
  if (result.packs_refused == 0) return kFine;
  return call.fail(
      {Code::kPermissionDenied,
       "the frame store refused to remove " + count_text(result.packs_refused, "pack", "packs"),
       "they stay condemned, and the next run tries again: look for Object Lock, or "
       "for a right that is missing"});
}

}  // namespace checkpoint::tool
