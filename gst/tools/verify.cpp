// SPDX-License-Identifier: LGPL-2.1-or-later
// verify: a thin caller of core/verify.h.
#include "core/verify.h"

#include "core/names.h"
#include "tools/call.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

// All checkpoints, or those of a job, in any branch and state; memory does not grow with them.
Status check_all(Call &call, Stores &stores, const std::optional<std::string> &job,
                 Verifier &verifier, uint64_t *checkpoints) {
  CheckpointQuery query;
  query.job_id = job;
  query.include_partial = true;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(auto rows, stores.metadata->list_checkpoints(query, call.cancel()));
    for (const CheckpointRow &row : rows) {
      CHECKPOINT_RETURN_IF_ERROR(verifier.check(row, call.cancel()));
      ++*checkpoints;
    }
    if (rows.size() < query.limit) return Status::ok();
    query.before = rows.back().key;
  }
}

}  // namespace

int run_verify(Call &call) {
  std::optional<std::string> scenario, job;
  bool data = false;
  uint64_t workers = 2;
  Options options;
  options.flag("data", 'd', "Read and check every byte, not only rows and sizes", &data);
  options.text("job", 0, "JOB", "All checkpoints of this job", &job);
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  options.number("workers", 'w', "N", "That many reads at once (2)", &workers);
  if (auto code = call.parse(std::move(options), 0, 1)) return *code;
  if (job && !call.arguments().empty()) return call.usage("a checkpoint or --job, not both");
  if (workers < 1 || workers > 64) return call.usage("--workers is from 1 to 64");
  if (job)
    if (Status status = check_name("job-id", *job); !status.is_ok()) return call.fail(status);

  auto stores = call.open(Stores::Access::kRead);
  if (!stores.is_ok()) return call.fail(stores.status());
  uint64_t checkpoints = 0, findings = 0;
  std::optional<JsonArray> array;
  if (call.json()) array.emplace(call.out());
  Progress progress(call.out(), "verifying", "frames");
  Verifier verifier(
      *stores, {data, static_cast<unsigned>(workers)},
      [&](const VerifyFinding &finding) {
        findings++;
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
      },
      [&](uint64_t frames) { progress.update(frames, 0); });
  Status status;
  if (call.arguments().empty()) {
    status = check_all(call, **stores, job, verifier, &checkpoints);
  } else {
    auto row = call.find(**stores, call.arguments()[0], scenario, false);
    status = row.is_ok() ? verifier.check(*row, call.cancel()) : row.status();
    checkpoints = 1;
  }
  if (!status.is_ok()) return call.fail(status);
  call.out().note(count_text(checkpoints, "checkpoint", "checkpoints") + ", " +
                  count_text(verifier.frames(), "frame", "frames") + ": " +
                  (findings == 0
                       ? "all is well"
                       : count_text(verifier.broken_frames(), "broken frame", "broken frames") +
                             ", " +
                             count_text(verifier.broken_packs(), "broken pack", "broken packs")));
  return findings == 0 ? kFine : kLossy;
}

}  // namespace checkpoint::tool
