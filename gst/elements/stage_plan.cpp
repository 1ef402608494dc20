// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/stage_plan.h"

#include <algorithm>

#include "core/catalog.h"
#include "core/checkpoint_cursor.h"
#include "store/registry.h"

namespace checkpoint {

namespace {

class Planner {
 public:
  Planner(const LineStages &stages, const PlanRequest &request, MetadataStore *store,
          Cancellation &cancel)
      : stages_(stages), line_(stages.line()), request_(request), store_(store), cancel_(cancel) {}

  Result<StagePlan> run() {
    if (!request_.from.empty())
      CHECKPOINT_RETURN_IF_ERROR(start_at(request_.from));
    else if (!request_.restart)
      CHECKPOINT_RETURN_IF_ERROR(find_start());
    else
      CHECKPOINT_RETURN_IF_ERROR(find_replays({}));
    if (!request_.restart && !plan_.nothing_to_do) CHECKPOINT_RETURN_IF_ERROR(find_partial());
    return std::move(plan_);
  }

 private:
  Branch own_branch() const {
    return request_.scenario ? Branch{true, *request_.scenario} : Branch{};
  }

  // A run in a scenario starts from the base too.
  std::vector<Branch> branches() const {
    std::vector<Branch> all{own_branch()};
    if (request_.scenario) all.emplace_back();
    return all;
  }

  CheckpointQuery query_of(size_t stage, const Branch &branch) const {
    return {.job_id = request_.job_id, .stage = line_.stage_of(stage), .branch = branch};
  }

  // What the checkpointsrcs of the line will play. Of those that are cut out of it, as far as that
  // can be told.
  Status find_replays(const std::set<size_t> &removed) {
    for (const auto &[source, replayed] : stages_.replays()) {
      const auto row = find_replayed(source, replayed.what);
      CHECKPOINT_RETURN_IF_ERROR(cancel_.check());
      if (!row.is_ok() && !removed.contains(source)) return row.status();
      if (!row.is_ok() || !*row) continue;
      const Branch &branch = (*row)->fields.branch;
      if (branch.is_scenario && !request_.scenario && !removed.contains(source) &&
          (*row)->fields.job_id == request_.job_id)
        return {Code::kInvalidArgument,
                line_.elements()[source].name + " plays the scenario \"" + branch.label +
                    "\", and what is run from it is of that scenario, too",
                "give --scenario as well"};
      // Of a partial one the id tells nothing: it may have grown.
      if (!replayed.what.allow_partial) ids_[source] = (*row)->id.to_string();
    }
    return Status::ok();
  }

  Result<std::optional<CheckpointRow>> find_replayed(size_t source, const CheckpointUri &what) {
    const std::optional<CheckpointRow> none;
    std::string uri =
        stages_.setting(source, "metadata-store")
            .value_or(stages_.setting(source, "frame-store") ? std::string()
                                                             : request_.metadata_store);
    if (uri.empty()) uri = default_metadata_store_uri();
    CHECKPOINT_ASSIGN_OR_RETURN(auto rows, StoreRegistry::instance().make_metadata_store(uri));
    CHECKPOINT_ASSIGN_OR_RETURN(const bool exists, rows->exists(cancel_));
    if (!exists) return none;
    CHECKPOINT_RETURN_IF_ERROR(rows->open(cancel_));
    auto found = find_checkpoint(*rows, selector_of(what), cancel_);
    if (found.is_ok()) return std::optional(std::move(*found));
    // The source will say so.
    return found.status().is(Code::kNotFound)
               ? none
               : Result<std::optional<CheckpointRow>>(found.status());
  }

  // As the line declares a stage now.
  std::string expected(size_t stage) const { return stages_.declared(stage, ids_); }

  // Be it complete or not.
  Result<std::optional<CheckpointRow>> newest(size_t stage) {
    std::optional<CheckpointRow> found;
    if (!store_) return found;
    CheckpointQuery query = query_of(stage, own_branch());
    query.include_partial = true;
    query.limit = 1;
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<CheckpointRow> rows,
                                store_->list_checkpoints(query, cancel_));
    if (!rows.empty()) found = std::move(rows[0]);
    return found;
  }

  // Of those that are made as the line says the newest, else the newest of the own branch, which is
  // stale then.
  Result<std::optional<CheckpointRow>> find(size_t stage, const std::string &expected) {
    std::optional<CheckpointRow> own;
    if (!store_) return own;
    for (const Branch &branch : branches()) {
      CheckpointCursor cursor(*store_, query_of(stage, branch));
      for (;;) {
        CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const row, cursor.next(cancel_));
        if (!row) break;
        if (row->fields.config_declared == expected) return std::optional(std::move(*row));
        if (!own && branch == own_branch()) own = std::move(*row);
      }
    }
    if (!own) return own;
    // Unless this very line has begun to make it anew.
    CHECKPOINT_ASSIGN_OR_RETURN(const auto last, newest(stage));
    if (last && last->state == CheckpointState::kPartial &&
        last->fields.config_declared == expected)
      return std::optional<CheckpointRow>();
    note_stale(*own, expected);
    return own;
  }

  void note_stale(const CheckpointRow &row, const std::string &expected) {
    plan_.stale.push_back({row, config_differences(row.fields.config_declared, expected)});
  }

  // Does the stage have all that it is run from?
  bool parents_usable(size_t stage) const {
    const std::vector<size_t> parents = stages_.parents(stage);
    return parents.size() <= 1 && std::all_of(parents.begin(), parents.end(), [&](size_t parent) {
             return usable_.contains(parent);
           });
  }

  Status find_start() {
    CHECKPOINT_RETURN_IF_ERROR(find_replays({}));
    for (size_t stage : line_.stages()) {
      if (!parents_usable(stage)) continue;
      CHECKPOINT_ASSIGN_OR_RETURN(std::optional<CheckpointRow> found, find(stage, expected(stage)));
      if (!found) continue;
      ids_[stage] = found->id.to_string();
      usable_.emplace(stage, std::move(*found));
    }
    plan_.nothing_to_do = !line_.stages().empty() && usable_.size() == line_.stages().size();
    if (plan_.nothing_to_do) {
      for (size_t stage : line_.stages()) plan_.complete.push_back(usable_.at(stage));
      return Status::ok();
    }
    // The furthest one that has all behind it that is still to be done.
    for (auto stage = line_.stages().rbegin(); stage != line_.stages().rend(); ++stage) {
      if (!usable_.contains(*stage) || line_.elements()[*stage].factory != "checkpointtap")
        continue;
      // What it dropped came to the stages behind it.
      if (stages_.is_leaky(*stage)) continue;
      const std::set<size_t> behind = line_.after(*stage);
      const bool all = std::all_of(line_.stages().begin(), line_.stages().end(), [&](size_t other) {
        return usable_.contains(other) || behind.contains(other);
      });
      if (!all || !line_.removed_by(*stage).is_ok()) continue;
      plan_.start = *stage;
      plan_.from = usable_.at(*stage);
      return Status::ok();
    }
    return Status::ok();
  }

  Status start_at(const std::string &name) {
    std::string known;
    std::optional<size_t> tap;
    for (size_t stage : line_.stages()) {
      if (line_.elements()[stage].factory != "checkpointtap") continue;
      if (line_.stage_of(stage) == name) tap = stage;
      known += (known.empty() ? "" : ", ") + line_.stage_of(stage);
    }
    if (!tap)
      return {Code::kInvalidArgument,
              "no checkpointtap of the pipeline has the stage \"" + name + "\"",
              known.empty() ? "put one where a run may start" : "it can start at: " + known};
    CHECKPOINT_ASSIGN_OR_RETURN(const std::set<size_t> removed, line_.removed_by(*tap));
    CHECKPOINT_RETURN_IF_ERROR(find_replays(removed));
    const std::set<size_t> earlier = line_.before(*tap);
    for (const Override &override : stages_.overrides()) {
      const auto element = line_.find(override.element);
      if (element && (element == tap || earlier.contains(*element)))
        return {Code::kInvalidArgument,
                override.element + " is before the stage \"" + name + "\" that the run starts at",
                "start at an earlier stage, or leave out --from"};
    }
    // Of several versions the newest one that is made as the line says, with all before it.
    plan_.start = *tap;
    for (const Branch &branch : branches()) {
      if (!store_ || plan_.from) break;
      CheckpointCursor cursor(*store_, query_of(*tap, branch));
      for (;;) {
        CHECKPOINT_ASSIGN_OR_RETURN(const CheckpointRow *const row, cursor.next(cancel_));
        if (!row) break;
        CHECKPOINT_ASSIGN_OR_RETURN(std::vector<StaleStage> stale, stale_chain(*tap, *row));
        if (!plan_.from || stale.empty()) {
          plan_.from = *row;
          plan_.stale = std::move(stale);
        }
        if (plan_.stale.empty()) break;
      }
    }
    if (!plan_.from)
      return {Code::kNotFound,
              "no complete checkpoint for job \"" + request_.job_id + "\", stage \"" + name + "\"",
              "run the pipeline without --from first"};
    ids_[*tap] = plan_.from->id.to_string();
    return Status::ok();
  }

  // Does a boundary hand on that checkpoint, or did it before there was a newer one, or none? A tap
  // hands on what is its own, which its chain tells.
  Result<bool> may_play(size_t boundary, const Uuid &id) {
    const auto replayed = stages_.replays().find(boundary);
    if (replayed == stages_.replays().end()) return true;
    const CheckpointUri &what = replayed->second.what;
    if (what.checkpoint_id) return *what.checkpoint_id == id;
    auto row = store_->get_checkpoint(id, cancel_);
    if (row.status().is(Code::kNotFound)) return true;
    if (!row.is_ok()) return row.status();
    const CheckpointFields &is = row->fields;
    return is.job_id == what.job_id && is.stage == what.stage &&
           (what.version == 0 || row->version == what.version) &&
           is.branch == (what.scenario ? Branch{true, *what.scenario} : Branch{});
  }

  // The checkpoint and those that it was run from, as far as they are not made as the line says.
  Result<std::vector<StaleStage>> stale_chain(size_t stage, CheckpointRow row) {
    std::vector<StaleStage> stale;
    for (;;) {
      const std::vector<size_t> parents = stages_.parents(stage);
      // What it was run from is what was played, be it there still or not, the newest or not.
      LineStages::Played played = ids_;
      if (const auto before = stages_.boundaries(stage); before.size() == 1 && row.fields.parent) {
        CHECKPOINT_ASSIGN_OR_RETURN(const bool played_then,
                                    may_play(before[0], *row.fields.parent));
        if (played_then) played[before[0]] = row.fields.parent->to_string();
      }
      const std::string expected = stages_.declared(stage, played);
      if (row.fields.config_declared != expected)
        stale.push_back({row, config_differences(row.fields.config_declared, expected)});
      if (parents.size() != 1 || !row.fields.parent) return stale;
      auto found = store_->get_checkpoint(*row.fields.parent, cancel_);
      if (found.status().is(Code::kNotFound)) return stale;  // deleted: its children stay usable
      if (!found.is_ok()) return found.status();
      row = std::move(*found);
      stage = parents[0];
      if (row.fields.stage != line_.stage_of(stage)) return stale;
    }
  }

  // Is a stage fed as it was the last time? Not where frames may have been dropped after they had
  // come to it, or may be there again, and not where several inputs come together.
  bool comes_again(size_t stage) const {
    const std::vector<size_t> before = stages_.boundaries(stage);
    return before.size() <= 1 && std::none_of(before.begin(), before.end(), [&](size_t boundary) {
             const auto replayed = stages_.replays().find(boundary);
             return replayed == stages_.replays().end()
                        ? plan_.start == boundary && stages_.is_leaky(boundary)
                        : replayed->second.skips_missing;
           });
  }

  // What a crash left, and was begun with this very line. Of a tee's branches one may be complete;
  // its frames come again with the other's, and are stored as its next version: they need not be
  // the same another time, so what follows it is begun anew too.
  Status find_partial() {
    std::set<size_t> removed;
    if (plan_.start) {
      CHECKPOINT_ASSIGN_OR_RETURN(removed, line_.removed_by(*plan_.start));
    }
    for (size_t stage : line_.stages()) {
      if (removed.contains(stage) || stage == plan_.start) continue;
      ids_.erase(stage);
      // What may have left frames out can't be compared; it is begun anew.
      if (stages_.is_leaky(stage)) continue;
      CHECKPOINT_ASSIGN_OR_RETURN(std::optional<CheckpointRow> found, newest(stage));
      if (!found || found->state != CheckpointState::kPartial) continue;
      const std::string declared = expected(stage);
      std::vector<std::string> differences;
      if (!comes_again(stage))
        differences.emplace_back("what comes to it need not be what came the last time");
      else if (found->fields.config_declared != declared)
        differences = config_differences(found->fields.config_declared, declared);
      if (!differences.empty()) {
        plan_.left.push_back({std::move(*found), std::move(differences)});
        continue;
      }
      ids_[stage] = found->id.to_string();
      plan_.resumed.emplace(stage, std::move(*found));
    }
    return Status::ok();
  }

  const LineStages &stages_;
  const LaunchLine &line_;
  const PlanRequest &request_;
  MetadataStore *const store_;
  Cancellation &cancel_;
  StagePlan plan_;
  std::map<size_t, CheckpointRow> usable_;
  LineStages::Played ids_;  // of checkpoints that a later stage is run from
};

}  // namespace

Result<StagePlan> plan_stages(const LineStages &stages, const PlanRequest &request,
                              MetadataStore *store, Cancellation &cancel) {
  return Planner(stages, request, store, cancel).run();
}

}  // namespace checkpoint
