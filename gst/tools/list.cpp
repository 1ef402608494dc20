// SPDX-License-Identifier: LGPL-2.1-or-later
// list: a page at a time, so that memory does not grow with what there is.
#include <algorithm>

#include "core/names.h"
#include "store/state_name.h"
#include "tools/call.h"
#include "tools/checkpoint_json.h"
#include "tools/checkpoint_name.h"
#include "tools/json.h"
#include "tools/table.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr unsigned kPage = 50;

struct Wanted {
  bool partial = false, scenarios = false;
  std::optional<std::string> scenario, after;
  uint64_t limit = 0;  // 0: all
  // The rest of `limit`, at most a page.
  unsigned page(uint64_t shown) const {
    return static_cast<unsigned>(
        limit == 0 ? kPage : std::min<uint64_t>(kPage, limit > shown ? limit - shown : 0));
  }
  CheckpointQuery query() const {
    CheckpointQuery query;
    query.include_partial = partial;
    if (scenario)
      query.branch = Branch{true, *scenario};
    else if (!scenarios)
      query.branch = Branch{};
    return query;
  }
};

void tell_more(Call &call, const std::string &after) {
  call.out().note("there may be more: --after " + in_quotes(after));
}

int list_jobs(Call &call, Stores &stores, const Wanted &wanted) {
  std::optional<Table> table;
  std::optional<JsonArray> array;
  if (call.json())
    array.emplace(call.out());
  else
    table.emplace(call.out(),
                  std::vector<Column>{{"JOB", false, true}, {"NEWEST", false, true}, {"CREATED"}});
  std::string after = wanted.after.value_or("");
  uint64_t shown = 0;
  while (const unsigned limit = wanted.page(shown)) {
    auto jobs = stores.metadata->list_jobs(after, limit, call.cancel());
    if (!jobs.is_ok()) return call.fail(jobs.status());
    for (const std::string &job : *jobs) {
      CheckpointQuery query = wanted.query();
      query.job_id = job;
      query.limit = 1;
      auto newest = stores.metadata->list_checkpoints(query, call.cancel());
      if (!newest.is_ok()) return call.fail(newest.status());
      const CheckpointRow *row = newest->empty() ? nullptr : &newest->front();
      if (array) {
        Json json;
        json.begin_object().field("job_id", job).key("newest");
        if (row)
          checkpoint_json(json, *row);
        else
          json.null();
        json.end_object();
        array->add(json);
      } else if (row) {
        table->row({job, row->fields.stage + "@" + std::to_string(row->version),
                    time_text(row->created_at)});
      } else {
        table->row({job, "", ""}, Style::kDim);
      }
    }
    shown += jobs->size();
    if (jobs->size() < limit) return kFine;
    after = jobs->back();
  }
  if (table) table->flush();
  tell_more(call, after);
  return kFine;
}

std::vector<Column> checkpoint_columns(const Wanted &wanted) {
  std::vector<Column> columns = {{"STAGE", false, true}, {"VERSION", true}};
  if (wanted.scenarios || wanted.scenario) columns.push_back({"SCENARIO", false, true});
  if (wanted.partial) columns.push_back({"STATE"});
  for (Column column : {Column{"FRAMES", true}, Column{"NEW", true}, Column{"REUSED", true},
                        Column{"CREATED"}, Column{"ID"}})
    columns.push_back(column);
  return columns;
}

void add_row(Table &table, const Wanted &wanted, const CheckpointRow &row) {
  std::vector<std::string> cells = {row.fields.stage, std::to_string(row.version)};
  const Branch &branch = row.fields.branch;
  if (wanted.scenarios || wanted.scenario)
    cells.push_back(!branch.is_scenario ? "" : branch.label.empty() ? "(no label)" : branch.label);
  if (wanted.partial) cells.emplace_back(state_name(row.state));
  for (std::string cell :
       {std::to_string(row.frames), bytes_text(row.bytes_new), bytes_text(row.bytes_reused),
        time_text(row.created_at), row.id.to_string()})
    cells.push_back(std::move(cell));
  table.row(std::move(cells),
            row.state == CheckpointState::kPartial ? Style::kYellow : Style::kPlain);
}

int list_checkpoints(Call &call, Stores &stores, const Wanted &wanted, CheckpointQuery query) {
  if (wanted.after) {
    const auto id = Uuid::parse(*wanted.after);
    if (!id) return call.usage("--after takes the id of the last checkpoint of the page before");
    auto row = stores.metadata->get_checkpoint(*id, call.cancel());
    if (!row.is_ok()) return call.fail(row.status());
    query.before = row->key;
  }
  std::optional<Table> table;
  std::optional<JsonArray> array;
  uint64_t shown = 0;
  Uuid last;
  for (bool more = true; more;) {
    query.limit = wanted.page(shown);
    if (query.limit == 0) break;
    auto rows = stores.metadata->list_checkpoints(query, call.cancel());
    if (!rows.is_ok()) return call.fail(rows.status());
    // Not before the first answer: a failure prints nothing else.
    if (call.json() && !array) array.emplace(call.out());
    if (!call.json() && !table) table.emplace(call.out(), checkpoint_columns(wanted));
    for (const CheckpointRow &row : *rows) {
      if (table) {
        add_row(*table, wanted, row);
      } else {
        Json json;
        checkpoint_json(json, row);
        array->add(json);
      }
    }
    shown += rows->size();
    if (rows->size() < query.limit) {
      if (shown == 0) call.out().note("none of that name; --partial and --scenarios show more");
      return kFine;
    }
    query.before = rows->back().key;
    last = rows->back().id;
  }
  if (table) table->flush();
  tell_more(call, last.to_string());
  return kFine;
}

// JOB, or JOB/STAGE: a job of that whole name wins.
Status set_place(Call &call, Stores &stores, const std::string &name, CheckpointQuery &query) {
  CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", name));
  CHECKPOINT_ASSIGN_OR_RETURN(auto job, stores.metadata->find_job(name, call.cancel()));
  const size_t slash = name.rfind('/');
  query.job_id = name;
  if (job) return Status::ok();
  if (slash != std::string::npos && slash > 0 && slash + 1 < name.size()) {
    CHECKPOINT_ASSIGN_OR_RETURN(job,
                                stores.metadata->find_job(name.substr(0, slash), call.cancel()));
    query.job_id = name.substr(0, slash);
    query.stage = name.substr(slash + 1);
    if (job) return Status::ok();
  }
  return call.check_job(stores, *query.job_id);
}

}  // namespace

int run_list(Call &call) {
  Wanted wanted;
  Options options;
  options.flag("partial", 'p', "Partial checkpoints too", &wanted.partial);
  options.flag("scenarios", 's', "Checkpoints of all scenarios too", &wanted.scenarios);
  options.text("scenario", 0, "LABEL", "Only those of this scenario ('': that without a label)",
               &wanted.scenario);
  options.number("limit", 'n', "N", "At most N rows (0: all)", &wanted.limit);
  options.text("after", 0, "JOB|ID", "Go on behind this job, or checkpoint", &wanted.after);
  if (auto code = call.parse(std::move(options), 0, 1)) return *code;

  auto stores = call.open_metadata();
  if (!stores.is_ok()) return call.fail(stores.status());
  if (call.arguments().empty()) return list_jobs(call, **stores, wanted);
  CheckpointQuery query = wanted.query();
  if (Status status = set_place(call, **stores, call.arguments()[0], query); !status.is_ok())
    return call.fail(status);
  return list_checkpoints(call, **stores, wanted, std::move(query));
}

}  // namespace checkpoint::tool
