// SPDX-License-Identifier: LGPL-2.1-or-later
// What gst-checkpoint-1.0 can do: one verb, one file, one row of the table in verbs.cpp.
#pragma once

#include <span>
#include <string_view>

namespace checkpoint::tool {

class Call;

// What the process ends with.
enum ExitCode {
  kFine = 0,
  kFailed = 1,
  kUsage = 2,  // the command line makes no sense
  kLossy = 3,  // done, but something is lost or broken, and was counted
};

struct Verb {
  const char *name;
  const char *arguments;  // as help shows them: "[JOB]"
  const char *summary;    // one line, without a full stop
  const char *help;       // what else is worth knowing, with examples
  int (*run)(Call &call);
};

// In the order in which help lists them.
std::span<const Verb> verbs();
const Verb *find_verb(std::string_view name);

// One for each file of a verb. Each first hands its options to Call::parse().
int run_list(Call &call);
int run_show(Call &call);
int run_run(Call &call);
int run_verify(Call &call);
int run_diff(Call &call);
int run_sheet(Call &call);
int run_report(Call &call);
int run_export(Call &call);
int run_import(Call &call);
int run_copy(Call &call);
int run_pin(Call &call);
int run_unpin(Call &call);
int run_rm(Call &call);
int run_gc(Call &call);
int run_repair(Call &call);
int run_doctor(Call &call);

}  // namespace checkpoint::tool
