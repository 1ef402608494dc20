// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/catalog.h"

#include <algorithm>
#include <vector>

#include "core/checkpoint_cursor.h"
#include "core/names.h"

namespace checkpoint {

namespace {

// How much of what exists an error tells.
constexpr size_t kShown = 12;
constexpr unsigned kPage = 50;
constexpr int kPagesForAMessage = 10;

constexpr int kMaxAncestors = 1000;

// Not "quoted": g++ 14 finds std::quoted beside it.
std::string in_quotes(const std::string &text) { return "\"" + text + "\""; }

std::string branch_text(const Branch &branch) {
  return branch.is_scenario ? " in scenario " + in_quotes(branch.label) : "";
}

std::string joined(const std::vector<std::string> &names, bool more) {
  std::string text;
  for (const std::string &name : names) text += (text.empty() ? "" : ", ") + in_quotes(name);
  return more ? text + ", …" : text;
}

void add_once(std::vector<std::string> &names, const std::string &name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

Result<CheckpointRow> usable(CheckpointRow row, bool allow_partial) {
  const std::string what = "checkpoint " + row.id.to_string() + " (job " +
                           in_quotes(row.fields.job_id) + ", stage " + in_quotes(row.fields.stage) +
                           ", version " + std::to_string(row.version) + ")";
  if (row.state == CheckpointState::kDeleted) return Status(Code::kNotFound, what + " was deleted");
  if (row.state == CheckpointState::kPartial && !allow_partial)
    return Status(Code::kNotFound,
                  what + " is not complete" + (row.reason.empty() ? "" : ": " + row.reason),
                  "allow-partial loads what there is of it");
  return row;
}

// Says what there is instead.
Status none(MetadataStore &store, const CheckpointSelector &wanted, Cancellation &cancel) {
  std::string text = not_found_text(wanted);
  CHECKPOINT_ASSIGN_OR_RETURN(std::optional<JobRow> job, store.find_job(wanted.job_id, cancel));
  if (!job) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<std::string> jobs,
                                store.list_jobs("", kShown + 1, cancel));
    const bool more = jobs.size() > kShown;
    if (more) jobs.resize(kShown);
    return {Code::kNotFound,
            text + ": there is no such job in " + store.display_uri() +
                (jobs.empty() ? ", nor any other" : "; there are jobs " + joined(jobs, more))};
  }

  std::vector<std::string> stages, scenarios, versions;
  bool partial = false, base = false, more = false;
  CheckpointQuery query;
  query.job_id = wanted.job_id;
  query.include_partial = true;
  query.limit = kPage;
  for (int page = 0; page < kPagesForAMessage; page++) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CheckpointRow> rows,
                                store.list_checkpoints(query, cancel));
    for (const CheckpointRow &row : rows) {
      if (row.state == CheckpointState::kDeleted) continue;
      if (row.fields.branch == wanted.branch) {
        add_once(stages, row.fields.stage);
        if (row.fields.stage != wanted.stage) continue;
        if (row.state == CheckpointState::kPartial) partial = true;
        add_once(versions, std::to_string(row.version) +
                               (row.state == CheckpointState::kPartial ? " (partial)" : ""));
      } else if (row.fields.stage == wanted.stage) {
        if (row.fields.branch.is_scenario)
          add_once(scenarios, row.fields.branch.label);
        else
          base = true;
      }
    }
    if (rows.size() < kPage) break;
    query.before = rows.back().key;
    if (page + 1 == kPagesForAMessage) more = true;
  }

  std::string hint;
  if (!versions.empty() && (wanted.version || !partial)) {
    if (versions.size() > kShown) {
      versions.resize(kShown);
      more = true;
    }
    std::string list;
    for (const std::string &version : versions) list += (list.empty() ? "" : ", ") + version;
    text += "; there are versions " + list + (more ? ", …" : "");
  } else if (partial) {
    text += " is complete; a partial one exists";
    hint = "allow-partial loads what there is of it";
  } else {
    if (stages.size() > kShown) {
      stages.resize(kShown);
      more = true;
    }
    text += stages.empty()
                ? "; the job has no checkpoint" + std::string(branch_text(wanted.branch))
                : "; the job has stages " + joined(stages, more) + branch_text(wanted.branch);
    if (base) text += "; the stage exists outside of scenarios";
    if (!scenarios.empty()) {
      if (scenarios.size() > kShown) scenarios.resize(kShown);
      text += "; the stage exists in scenarios " + joined(scenarios, false);
    }
  }
  return {Code::kNotFound, text, hint};
}

}  // namespace

CheckpointSelector selector_of(const CheckpointUri &what) {
  CheckpointSelector selector;
  selector.id = what.checkpoint_id;
  selector.job_id = what.job_id;
  selector.stage = what.stage;
  if (what.scenario) selector.branch = {true, *what.scenario};
  if (what.version != 0) selector.version = what.version;
  selector.allow_partial = what.allow_partial;
  return selector;
}

std::string not_found_text(const CheckpointSelector &wanted) {
  if (wanted.id) return "no checkpoint " + wanted.id->to_string();
  std::string text = "no checkpoint for job " + in_quotes(wanted.job_id) + ", stage " +
                     in_quotes(wanted.stage) + branch_text(wanted.branch);
  if (wanted.version) text += ", version " + std::to_string(*wanted.version);
  return text;
}

Result<CheckpointRow> find_checkpoint(MetadataStore &store, const CheckpointSelector &selector,
                                      Cancellation &cancel) {
  if (selector.id) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow row, store.get_checkpoint(*selector.id, cancel));
    return usable(std::move(row), selector.allow_partial);
  }
  CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", selector.job_id));
  CHECKPOINT_RETURN_IF_ERROR(check_name("stage", selector.stage));
  if (!selector.branch.label.empty())
    CHECKPOINT_RETURN_IF_ERROR(check_name("scenario", selector.branch.label));

  CheckpointQuery query;
  query.job_id = selector.job_id;
  query.stage = selector.stage;
  query.branch = selector.branch;
  query.include_partial = selector.allow_partial || selector.version.has_value();
  query.limit = selector.version ? kPage : 1;
  // Rows come newest first, and versions of a stage only ever grow.
  CheckpointCursor cursor(store, query);
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const row, cursor.next(cancel));
    if (!row) return none(store, selector, cancel);
    if (!selector.version || row->version == *selector.version)
      return usable(std::move(*row), selector.allow_partial);
  }
}

Result<std::vector<CheckpointRow>> ancestors(MetadataStore &store, const CheckpointRow &checkpoint,
                                             Cancellation &cancel) {
  std::vector<CheckpointRow> found;
  std::optional<Uuid> parent = checkpoint.fields.parent;
  // Damaged rows may make a circle.
  for (int depth = 0; parent && depth < kMaxAncestors; depth++) {
    Result<CheckpointRow> row = store.get_checkpoint(*parent, cancel);
    if (row.status().is(Code::kNotFound)) break;
    if (!row.is_ok()) return row.status();
    if (row->job != checkpoint.job) break;
    parent = row->fields.parent;
    if (row->state != CheckpointState::kDeleted) found.push_back(std::move(*row));
  }
  return found;
}

}  // namespace checkpoint
