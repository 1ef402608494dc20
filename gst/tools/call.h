// SPDX-License-Identifier: LGPL-2.1-or-later
// One call of a verb: its arguments and options, where it writes to, and its stores.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/status.h"
#include "core/catalog.h"
#include "core/stores.h"
#include "tools/options.h"
#include "tools/terminal.h"
#include "tools/verb.h"

namespace checkpoint::tool {

class Call {
 public:
  Call(const Verb &verb, std::vector<std::string> arguments, Terminal &terminal,
       Cancellation &cancel);

  // First in every verb: adds what all verbs have in common to `options` and parses. A value: end
  // with it (help was printed, or the line makes no sense).
  std::optional<int> parse(Options options, size_t least_arguments, size_t most_arguments);

  // Without the options.
  const std::vector<std::string> &arguments() const { return arguments_; }
  bool json() const { return json_; }
  Terminal &out() { return terminal_; }
  // Cancelled by Ctrl-C.
  Cancellation &cancel() { return cancel_; }
  // As given, or the default places.
  const std::string &frame_store() const { return frame_store_; }
  const std::string &metadata_store() const { return metadata_store_; }

  // Both stores, checked to belong together.
  Result<std::shared_ptr<Stores>> open(Stores::Access access);
  // The metadata store alone, which has to be there: for what needs no frame.
  Result<std::shared_ptr<Stores>> open_metadata();
  // kNotFound where there is no such job.
  Status check_job(Stores &stores, const std::string &job_id);
  // The checkpoint that an argument names: see core/catalog.h and checkpoint_name.h. With an id or
  // a version a partial one is found too, else only with `partial`.
  Result<CheckpointRow> find(Stores &stores, const std::string &name,
                             const std::optional<std::string> &scenario, bool partial);

  // Before something is done that can't be undone: `yes` (--yes), or what the user answers on the
  // terminal. A value: end with it, nothing is to be changed.
  std::optional<int> ask(bool yes, const std::string &question);

  // Prints it; the exit code.
  int fail(const Status &status);
  // For a line that makes no sense.
  int usage(const std::string &what);
  int usage(const Status &status);

 private:
  const Verb &verb_;
  std::vector<std::string> arguments_;
  Terminal &terminal_;
  Cancellation &cancel_;
  bool json_ = false;
  std::string frame_store_, metadata_store_;
};

inline constexpr const char *kProgram = "gst-checkpoint-1.0";

}  // namespace checkpoint::tool
