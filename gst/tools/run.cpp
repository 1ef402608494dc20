// SPDX-License-Identifier: LGPL-2.1-or-later
// run: plays a launch line, each stage recorded, from where it got to the last time.
#include <gst/gst.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "elements/line_run.h"
#include "store/registry.h"
#include "tools/call.h"
#include "tools/checkpoint_name.h"
#include "tools/json.h"
#include "tools/run_notes.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

using std::chrono::steady_clock;

std::string rough_time(double seconds) {
  if (seconds < 100) return std::to_string(static_cast<int>(seconds) + 1) + " s";
  const int minutes = static_cast<int>(std::min(seconds, 1e8) / 60) + 1;
  return minutes < 100 ? std::to_string(minutes) + " min" : std::to_string(minutes / 60 + 1) + " h";
}

// One line of what is under way.
class RunLine {
 public:
  explicit RunLine(Terminal &out) : out_(out) {}
  ~RunLine() { out_.progress(""); }
  RunLine(const RunLine &) = delete;
  RunLine &operator=(const RunLine &) = delete;

  void show(const RunProgress &progress) {
    const auto now = steady_clock::now();
    if (out_.quiet || progress.stages.empty() || progress.stages.front().frames == 0) return;
    if (!out_.error_is_terminal() && now < next_) return;
    next_ = now + kAsLines;
    std::string text;
    for (const RunProgress::Stage &stage : progress.stages)
      text += (text.empty() ? "" : ", ") + stage.name + " " + std::to_string(stage.frames);
    text += " frames";
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const auto speed = static_cast<double>(progress.stages.front().frames) / std::max(seconds, 0.1);
    text += ", " + std::to_string(static_cast<int>(speed)) + " fps";
    if (progress.fraction && *progress.fraction > 0) {
      const double left = seconds * (1 - *progress.fraction) / *progress.fraction;
      text += ", " + std::to_string(static_cast<int>(*progress.fraction * 100)) + " %, " +
              rough_time(left) + " left";
    }
    if (out_.error_is_terminal())
      out_.progress(text);
    else
      out_.note(text);
  }

 private:
  static constexpr std::chrono::seconds kAsLines{10};

  Terminal &out_;
  const steady_clock::time_point begun_ = steady_clock::now();
  steady_clock::time_point next_ = begun_ + kAsLines;  // of a log
};

// The metadata store of a tap, in one spelling.
std::string rows_of(const LineStages &stages, size_t stage, const PlanRequest &request) {
  std::string uri = stages.setting(stage, "metadata-store").value_or(request.metadata_store);
  if (uri.empty()) uri = default_metadata_store_uri();
  const auto store = StoreRegistry::instance().make_metadata_store(uri);
  return store.is_ok() ? (*store)->display_uri() : uri;
}

// A stage that would be stored elsewhere than the plan looks for it; '' where all is well.
std::string misplaced(const LineStages &stages, const PlanRequest &request) {
  for (size_t stage : stages.line().stages()) {
    const std::string &tap = stages.line().elements()[stage].name;
    const auto job = stages.setting(stage, "job-id"), name = stages.setting(stage, "stage"),
               scenario = stages.setting(stage, "scenario");
    if (job && *job != request.job_id)
      return tap + " stores in the job " + in_quotes(*job) + ", and the run is of " +
             in_quotes(request.job_id) + "; leave job-id out of the pipeline";
    if (scenario && scenario != request.scenario)
      return tap + " stores in the scenario " + in_quotes(*scenario) +
             "; leave that out of the pipeline and give --scenario";
    if (name && *name != stages.line().stage_of(stage))
      return tap + " is the stage " + in_quotes(stages.line().stage_of(stage)) +
             " of the pipeline; write its other name there";
  }
  const size_t first = stages.line().stages()[0];
  for (size_t stage : stages.line().stages())
    if (rows_of(stages, stage, request) != rows_of(stages, first, request))
      return stages.line().elements()[stage].name +
             " has another metadata-store than the first tap; a run has one";
  return "";
}

// Null: nothing was stored yet.
Result<std::shared_ptr<MetadataStore>> open_rows(Call &call, const LineStages &stages) {
  std::string uri =
      stages.setting(stages.line().stages()[0], "metadata-store").value_or(call.metadata_store());
  if (uri.empty()) uri = default_metadata_store_uri();
  CHECKPOINT_ASSIGN_OR_RETURN(auto store, StoreRegistry::instance().make_metadata_store(uri));
  CHECKPOINT_ASSIGN_OR_RETURN(const bool exists, store->exists(call.cancel()));
  if (!exists) return std::shared_ptr<MetadataStore>();
  CHECKPOINT_RETURN_IF_ERROR(store->open(call.cancel()));
  return store;
}

void print_json(Terminal &out, const StagePlan &plan, const RunOutcome &outcome) {
  Json json;
  json.begin_object();
  json.key("started_from");
  plan.from ? json.value(plan.from->id.to_string()) : json.null();
  const std::pair<const char *, const std::vector<std::string> &> lists[] = {
      {"completed", outcome.completed}, {"partial", outcome.partial}};
  for (const auto &[name, stages] : lists) {
    json.key(name).begin_array();
    for (const std::string &stage : stages) json.value(stage);
    json.end_array();
  }
  json.end_object();
  out.line(json.text());
}

std::string listed(const std::vector<std::string> &stages) {
  std::string text;
  for (const std::string &stage : stages) text += (text.empty() ? "" : ", ") + in_quotes(stage);
  return text;
}

int finish(Call &call, const StagePlan &plan, const RunOutcome &outcome) {
  Terminal &out = call.out();
  if (call.json()) print_json(out, plan, outcome);
  if (outcome.status.is(Code::kCancelled)) {
    out.note("stopped; the same command goes on with what is stored");
    return kFailed;
  }
  if (!outcome.status.is_ok()) {
    const char *next = outcome.explained ? "" : "GST_DEBUG=3 before the command tells more";
    if (plan.from && outcome.status.message().find("not-negotiated") != std::string::npos)
      next =
          "what is stored has another format than the elements behind it take: put videoconvert "
          "behind the tap, or --restart";
    else if (outcome.status.is(Code::kInvalidArgument) && !plan.resumed.empty())
      next = "--restart begins anew what this line can't go on with";
    else if (outcome.began)
      next = "the same command goes on with what is stored";
    out.error(Status(outcome.status.code(), outcome.status.message(), next));
    return kFailed;
  }
  if (!outcome.completed.empty()) out.note("complete: " + listed(outcome.completed));
  if (outcome.partial.empty()) return kFine;
  out.warning("not complete: " + listed(outcome.partial));
  return kLossy;
}

}  // namespace

int run_run(Call &call) {
  std::optional<std::string> job, from, scenario;
  std::vector<std::string> settings;
  bool reuse_stale = false, restart = false;
  Options options;
  options.text("job", 0, "JOB", "The video that is worked on", &job);
  options.text("from", 0, "STAGE", "Start at this tap, whatever else is stored", &from);
  options.texts("set", 0, "ELEMENT.PROPERTY=VALUE", "Another setting; is recorded", &settings);
  options.text("scenario", 0, "LABEL", "Write to the branch of that label", &scenario);
  options.flag("reuse-stale", 0, "Start from a stage although it was made otherwise", &reuse_stale);
  options.flag("restart", 0, "Start at the beginning, whatever is stored", &restart);
  if (auto code = call.parse(options, 1, std::numeric_limits<size_t>::max())) return *code;
  if (from && restart) return call.usage("--from and --restart exclude each other");

  gst_init(nullptr, nullptr);
  auto line = LaunchLine::parse(call.arguments());
  if (!line.is_ok()) return call.usage(line.status());
  // Of a misspelt one its name is told.
  if (line->stages().empty())
    if (auto made = make_pipeline(line->text(), {}); !made.is_ok()) return call.fail(made.status());
  if (line->stages().empty())
    return call.usage(
        "the pipeline has no checkpointtap; put one where a stage ends, as in \"... ! "
        "checkpointtap stage=decode ! ...\"");
  std::vector<Override> overrides;
  for (const std::string &setting : settings) {
    auto parsed = parse_override(setting);
    if (!parsed.is_ok()) return call.usage(parsed.status());
    overrides.push_back(std::move(*parsed));
  }
  PlanRequest request;
  const char *usual_job = g_getenv("GST_CHECKPOINT_JOB_ID");
  request.job_id = job.value_or(
      line->elements()[line->stages()[0]].property("job-id").value_or(usual_job ? usual_job : ""));
  request.scenario = scenario;
  request.from = from.value_or("");
  request.restart = restart;
  request.frame_store = call.frame_store();
  request.metadata_store = call.metadata_store();
  if (request.job_id.empty()) return call.usage("--job names the video that is worked on");
  auto stages = LineStages::make(std::move(*line), overrides);
  if (!stages.is_ok()) return call.fail(stages.status());
  if (const std::string wrong = misplaced(*stages, request); !wrong.empty())
    return call.usage(wrong);
  auto rows = open_rows(call, *stages);
  if (!rows.is_ok()) return call.fail(rows.status());
  auto plan = plan_stages(*stages, request, rows->get(), call.cancel());
  if (!plan.is_ok()) return call.fail(plan.status());
  if (Status status = check_inputs(call, *stages, *plan); !status.is_ok()) return call.fail(status);
  print_differences(call, *plan, rows->get());
  if (!plan->stale.empty() && !reuse_stale)
    return call.fail(Status(
        Code::kConflict, "what is stored was made by another line",
        std::string("--reuse-stale takes it as it is; --from an earlier stage, "
                    "or --restart, makes it again") +
            (request.scenario ? "; another --scenario keeps both" : "; --scenario keeps both")));
  if (plan->nothing_to_do) {
    std::string names;
    for (const CheckpointRow &row : plan->complete)
      names += (names.empty() ? "" : ", ") + shown_name(row);
    call.out().note("every stage is complete: " + names +
                    "; --from STAGE or --restart makes one again");
    RunOutcome outcome;
    for (const CheckpointRow &row : plan->complete) outcome.completed.push_back(row.fields.stage);
    if (call.json()) print_json(call.out(), *plan, outcome);
    return kFine;
  }
  if (plan->from)
    call.out().note("starts from " + shown_name(*plan->from) + ", " +
                    count_text(plan->from->frames, "frame", "frames"));
  if (plan->start && stages->skips_poison(*plan->start))
    call.out().note(
        "all of it is played: what on-poison=skip shall leave out needs a tap with it "
        "behind " +
        in_quotes(stages->line().stage_of(*plan->start)));
  if (from && plan->start) print_left_out(call.out(), stages->line(), *plan->start);
  for (const auto &[stage, row] : plan->resumed)
    if (row.frames > 0)
      call.out().note("goes on with " + shown_name(row) + " after " +
                      count_text(row.frames, "frame", "frames"));
  LineRun run(*stages, request);
  RunLine progress(call.out());
  run.on_progress = [&](const RunProgress &now) { progress.show(now); };
  run.on_warning = [&](const std::string &text) { call.out().warning(text); };
  return finish(call, *plan, run.run(*plan, call.cancel()));
}

}  // namespace checkpoint::tool
