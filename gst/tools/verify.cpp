// SPDX-License-Identifier: LGPL-2.1-or-later
// verify: a thin caller of core/verify.h.
#include "core/verify.h"

#include "core/checkpoint_cursor.h"
#include "core/names.h"
#include "tools/call.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"
#include "tools/verify_state.h"

namespace checkpoint::tool {

namespace {

// One verification, perhaps in several runs.
class Verification {
 public:
  using OnFinding = Verifier::OnFinding;

  Verification(Call &call, std::shared_ptr<Stores> stores, const VerifyOptions &options,
               const std::string &state_path, std::string scope, OnFinding on_finding)
      : call_(call),
        stores_(std::move(stores)),
        file_(state_path),
        progress_(call.out(), "verifying", "frames"),
        verifier_(stores_, options, std::move(on_finding),
                  [this](uint64_t next) { looked_at(next); }) {
    state_.scope = std::move(scope);
  }

  // Where an earlier run stopped.
  Status load() {
    CHECKPOINT_RETURN_IF_ERROR(file_.load(state_));
    before_ = state_;
    if (before_.id.empty()) return Status::ok();
    // Keys are those of a database, and a repair gives others.
    const auto row =
        stores_->metadata->get_checkpoint(Uuid::parse(before_.id).value_or(Uuid()), call_.cancel());
    if (!row.is_ok() || row->key == before_.checkpoint) return Status::ok();
    return {Code::kInvalidArgument, "the metadata store was made anew since that verification",
            "remove the file of --state to begin anew"};
  }

  // All checkpoints, or those of a job, in any branch and state; memory does not grow with them.
  Status check_all(const std::optional<std::string> &job) {
    CheckpointQuery query;
    query.job_id = job;
    query.include_partial = true;
    if (before_.checkpoint != 0) query.before = before_.checkpoint + (before_.done ? 0 : 1);
    CheckpointCursor cursor(*stores_->metadata, query);
    for (;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(const CheckpointRow *const row, cursor.next(call_.cancel()));
      if (!row) return Status::ok();
      CHECKPOINT_RETURN_IF_ERROR(check(*row));
    }
  }

  Status check(const CheckpointRow &row) {
    const uint64_t first = row.key == before_.checkpoint && !before_.done ? before_.next : 0;
    state_.checkpoint = row.key;
    state_.id = row.id.to_string();
    state_.next = first;
    state_.done = false;
    CHECKPOINT_RETURN_IF_ERROR(verifier_.check(row, call_.cancel(), first));
    state_.checkpoints++;
    state_.done = true;
    count();
    return file_.save_now_and_then(state_);
  }

  // What it ended with.
  int end(const Status &status) {
    if (!status.is_ok()) {
      // Behind the last frame; what is broken further on is found again.
      const Status saved = file_.save(state_);
      if (!saved.is_ok()) call_.out().warning(saved.message());
      return call_.fail(status);
    }
    file_.remove();
    const uint64_t frames = state_.broken_frames, packs = state_.broken_packs;
    call_.out().note(count_text(state_.checkpoints, "checkpoint", "checkpoints") + ", " +
                     count_text(state_.frames, "frame", "frames") + ": " +
                     (frames + packs == 0
                          ? "all is well"
                          : count_text(frames, "broken frame", "broken frames") + ", " +
                                count_text(packs, "broken pack", "broken packs")));
    return frames + packs == 0 ? kFine : kLossy;
  }

 private:
  void looked_at(uint64_t next) {
    state_.next = next;
    count();
    progress_.update(state_.frames, 0);
    // A disk that is full is told at the end.
    (void)file_.save_now_and_then(state_);
  }
  void count() {
    state_.frames = before_.frames + verifier_.frames();
    state_.broken_frames = before_.broken_frames + verifier_.broken_frames();
    state_.broken_packs = before_.broken_packs + verifier_.broken_packs();
  }

  Call &call_;
  const std::shared_ptr<Stores> stores_;
  VerifyStateFile file_;
  VerifyState before_, state_;  // of earlier runs; with this one
  Progress progress_;
  Verifier verifier_;
};

}  // namespace

int run_verify(Call &call) {
  std::optional<std::string> scenario, job, state;
  bool data = false;
  uint64_t workers = 2;
  Options options;
  options.flag("data", 'd', "Read and check every byte, not only rows and sizes", &data);
  options.text("job", 0, "JOB", "All checkpoints of this job", &job);
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  options.text("state", 0, "FILE", "Go on where the run that left this file stopped", &state);
  options.number("workers", 'w', "N", "That many reads at once (2)", &workers);
  if (auto code = call.parse(std::move(options), 0, 1)) return *code;
  if (job && !call.arguments().empty()) return call.usage("a checkpoint or --job, not both");
  if (workers < 1 || workers > 64) return call.usage("--workers is from 1 to 64");

  auto stores = call.open(Stores::Access::kRead);
  if (!stores.is_ok()) return call.fail(stores.status());
  if (job)
    if (Status status = call.check_job(**stores, *job); !status.is_ok()) return call.fail(status);
  std::optional<JsonArray> array;
  if (call.json()) array.emplace(call.out());
  const std::string named = call.arguments().empty() ? "" : call.arguments()[0];
  Verification verification(
      call, *stores, {data, static_cast<unsigned>(workers)}, state.value_or(""),
      (*stores)->frame_store_uuid.to_string() + (data ? " data" : " rows") +
          (job ? " job " + *job : "") + (named.empty() ? "" : " " + named) +
          (scenario ? " scenario " + *scenario : ""),
      [&](const VerifyFinding &finding) {
        if (!array) {
          call.out().line("broken: " + printable(finding.why.message()));
          return;
        }
        Json json;
        json.begin_object().field("checkpoint_id", finding.checkpoint.to_string());
        json.key("index");
        finding.index ? json.value(*finding.index) : json.null();
        json.key("sequence");
        finding.sequence ? json.value(*finding.sequence) : json.null();
        json.field("code", code_name(finding.why.code()))
            .field("message", finding.why.message())
            .end_object();
        array->add(json);
      });
  if (Status status = verification.load(); !status.is_ok()) return call.fail(status);
  if (named.empty()) return verification.end(verification.check_all(job));
  auto row = call.find(**stores, named, scenario, false);
  return verification.end(row.is_ok() ? verification.check(*row) : row.status());
}

}  // namespace checkpoint::tool
