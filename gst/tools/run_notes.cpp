// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/run_notes.h"

#include <algorithm>
#include <set>

#include "tools/checkpoint_name.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

// A checkpoint that a stage was run from by its name, where its id stands in quotes.
std::string named(std::string difference, MetadataStore *rows, Cancellation &cancel) {
  constexpr size_t kUuid = 36;
  for (size_t at = 0; rows && (at = difference.find('"', at)) != std::string::npos; at++) {
    const auto id = Uuid::parse(std::string_view(difference).substr(at + 1, kUuid));
    if (!id || difference.compare(at + 1 + kUuid, 1, "\"") != 0) continue;
    const auto row = rows->get_checkpoint(*id, cancel);
    if (row.is_ok()) difference.replace(at, kUuid + 2, shown_name(*row));
  }
  return difference;
}

}  // namespace

void print_differences(Call &call, const StagePlan &plan, MetadataStore *rows) {
  for (const StaleStage &stage : plan.stale) {
    call.out().warning(shown_name(stage.checkpoint) + " was not made as this line says:");
    for (const std::string &difference : stage.differences)
      call.out().note("  " + named(difference, rows, call.cancel()));
  }
  for (const StaleStage &stage : plan.left) {
    call.out().note("not going on with " + shown_name(stage.checkpoint) +
                    " (partial), which was not made as this line says:");
    for (const std::string &difference : stage.differences)
      call.out().note("  " + named(difference, rows, call.cancel()));
  }
}

Status check_inputs(Call &call, const LineStages &stages, const StagePlan &plan) {
  std::set<size_t> removed;
  if (plan.start) {
    CHECKPOINT_ASSIGN_OR_RETURN(removed, stages.line().removed_by(*plan.start));
  }
  const auto is_used = [&](const std::string &name) {
    const auto element = stages.line().find(name);
    return element && !removed.contains(*element) && !plan.nothing_to_do;
  };
  for (const auto &[source, file] : stages.missing_inputs())
    if (is_used(source))
      return {Code::kNotFound, source + " reads " + in_quotes(file) + ", which is not there",
              "check that path"};
  if (!plan.start && plan.resumed.empty() && plan.stale.empty() && !plan.nothing_to_do)
    return Status::ok();
  for (const std::string &element : stages.unknown_pads())
    call.out().note("whether the same pads of " + element +
                    " are linked can't be told; --restart makes all anew");
  for (const std::string &source : stages.unknown_inputs())
    call.out().note("whether " + source +
                    " reads what it read before can't be told; --restart takes it anew");
  return Status::ok();
}

void print_left_out(Terminal &out, const LaunchLine &line, size_t start) {
  const auto removed = line.removed_by(start);
  if (!removed.is_ok()) return;
  const std::set<size_t> earlier = line.before(start), behind = line.after(start);
  if (std::none_of(line.stages().begin(), line.stages().end(),
                   [&](size_t stage) { return behind.contains(stage); }))
    out.note("no stage is behind " + in_quotes(line.stage_of(start)) +
             ", so none is made; --from an earlier one makes it again");
  for (size_t stage : line.stages())
    if (stage != start && removed->contains(stage) && !earlier.contains(stage))
      out.note("the stage " + in_quotes(line.stage_of(stage)) + " is not behind " +
               in_quotes(line.stage_of(start)) + " and is left out");
}

}  // namespace checkpoint::tool
