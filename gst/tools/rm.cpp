// SPDX-License-Identifier: LGPL-2.1-or-later
// rm: a thin caller of core/retention.h.
#include "core/retention.h"

#include "core/names.h"
#include "store/state_name.h"
#include "tools/call.h"
#include "tools/checkpoint_json.h"
#include "tools/checkpoint_name.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/table.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr uint64_t kNoNumber = UINT64_MAX;

Result<DeletionPlan> plan_named(Call &call, Stores &stores,
                                const std::optional<std::string> &scenario) {
  std::vector<CheckpointRow> rows;
  for (const std::string &name : call.arguments()) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow row, call.find(stores, name, scenario, false));
    const auto same = [&](const CheckpointRow &other) { return other.key == row.key; };
    if (std::none_of(rows.begin(), rows.end(), same)) rows.push_back(std::move(row));
  }
  return plan_deletion(*stores.metadata, std::move(rows), call.cancel());
}

void show_plan(Call &call, const DeletionPlan &plan) {
  Table table(call.out(), {{"CHECKPOINT", false, true},
                           {"SCENARIO", false, true},
                           {"STATE"},
                           {"FRAMES", true},
                           {"CREATED"}});
  for (const CheckpointRow &row : plan.checkpoints) {
    const Branch &branch = row.fields.branch;
    table.row({checkpoint_name(row),
               !branch.is_scenario    ? ""
               : branch.label.empty() ? "(no label)"
                                      : branch.label,
               row.pinned ? "pinned" : state_name(row.state), std::to_string(row.frames),
               time_text(row.created_at)});
  }
  table.flush();
  call.out().line("frees " + count_text(plan.frees.packs, "pack", "packs") + ", " +
                  bytes_text(plan.frees.bytes));
  for (const CheckpointRow &row : plan.bereaved)
    call.out().warning(checkpoint_name(row) +
                       " stays, and frames of its filtered list are found only through what goes");
}

// `result`: nullptr in a dry run.
void print_json(Call &call, const DeletionPlan &plan, const DeletionResult *result) {
  Json json;
  json.begin_object().key("checkpoints").begin_array();
  for (const CheckpointRow &row : plan.checkpoints) checkpoint_json(json, row);
  json.end_array();
  json.key("bereaved").begin_array();
  for (const CheckpointRow &row : plan.bereaved) json.value(row.id.to_string());
  json.end_array();
  json.field("packs_freed", plan.frees.packs).field("bytes_freed", plan.frees.bytes);
  json.key("done");
  if (result)
    json.begin_object()
        .field("deleted", result->deleted)
        .field("purged", result->purged)
        .field("kept", result->kept)
        .end_object();
  else
    json.null();
  json.end_object();
  call.out().line(json.text());
}

int apply(Call &call, MetadataStore &metadata, const DeletionPlan &plan) {
  DeletionResult result;
  Status status;
  {
    Progress progress(call.out(), "deleting", "checkpoints");
    uint64_t done = 0;
    status = delete_checkpoints(
        metadata, plan.checkpoints,
        [&](const CheckpointRow &row, const Status &fate) {
          if (!fate.is_ok()) call.out().warning(checkpoint_name(row) + ": " + fate.message());
          progress.update(++done, plan.checkpoints.size());
        },
        result, call.cancel());
  }
  if (!status.is_ok()) return call.fail(status);
  if (call.json())
    print_json(call, plan, &result);
  else
    call.out().line("deleted " + count_text(result.deleted, "checkpoint", "checkpoints") +
                    "; gc makes their bytes free");
  return result.kept == 0 ? kFine : kFailed;
}

}  // namespace

int run_rm(Call &call) {
  RetentionPolicy policy;
  std::optional<std::string> scenario;
  uint64_t keep_last = kNoNumber;
  bool yes = false, dry_run = false;
  Options options;
  options.text("job", 0, "JOB", "The rules look at this job", &policy.job_id);
  options.text("stage", 0, "STAGE", "The rules look at this stage", &policy.stage);
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  options.number("keep-last", 0, "N", "Complete ones that are not among the last N", &keep_last);
  options.duration("older-than", 0, "Complete ones, completed so long ago", &policy.older_than);
  options.duration("partial-older-than", 0, "Partial ones, begun so long ago",
                   &policy.partial_older_than);
  options.flag("dry-run", 'n', "Show what would go, change nothing", &dry_run);
  options.flag("yes", 'y', "Don't ask", &yes);
  if (auto code = call.parse(std::move(options), 0, SIZE_MAX)) return *code;
  if (keep_last != kNoNumber)
    policy.keep_last = static_cast<unsigned>(std::min<uint64_t>(keep_last, UINT32_MAX));
  if (scenario) policy.branch = Branch{true, *scenario};
  const bool rule = policy.keep_last || policy.older_than || policy.partial_older_than;
  if (rule && !call.arguments().empty())
    return call.usage("rm takes checkpoints or a rule (--keep-last …), not both");
  if (!rule && call.arguments().empty())
    return call.usage(
        "rm needs checkpoints, or a rule: --keep-last, --older-than or --partial-older-than");
  if (!rule && (policy.job_id || policy.stage))
    return call.usage("--job and --stage go with a rule (--keep-last …)");
  if (call.json() && !yes && !dry_run) return call.usage("--json needs --yes or --dry-run");

  auto stores = call.open_metadata();
  if (!stores.is_ok()) return call.fail(stores.status());
  MetadataStore &metadata = *(*stores)->metadata;
  if (policy.job_id)
    if (Status status = call.check_job(**stores, *policy.job_id); !status.is_ok())
      return call.fail(status);
  auto plan =
      rule ? plan_retention(metadata, policy, call.cancel()) : plan_named(call, **stores, scenario);
  if (!plan.is_ok()) return call.fail(plan.status());
  if (!call.json()) {
    if (plan->checkpoints.empty()) {
      call.out().line("nothing to delete");
      return kFine;
    }
    show_plan(call, *plan);
  }
  if (dry_run) {
    if (call.json()) print_json(call, *plan, nullptr);
    return kFine;
  }
  if (auto code = call.ask(
          yes, "Delete " + count_text(plan->checkpoints.size(), "checkpoint", "checkpoints") + "?"))
    return *code;
  return apply(call, metadata, *plan);
}

}  // namespace checkpoint::tool
