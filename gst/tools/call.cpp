// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/call.h"

#include "core/names.h"
#include "store/registry.h"
#include "tools/checkpoint_name.h"
#include "tools/text.h"

namespace checkpoint::tool {

Call::Call(const Verb &verb, std::vector<std::string> arguments, Terminal &terminal,
           Cancellation &cancel)
    : verb_(verb), arguments_(std::move(arguments)), terminal_(terminal), cancel_(cancel) {}

std::optional<int> Call::parse(Options options, size_t least_arguments, size_t most_arguments) {
  bool help = false, no_color = false;
  std::optional<std::string> frame_store, metadata_store;
  options.text("frame-store", 0, "URI", "Where frames are (file:, s3:)", &frame_store);
  options.text("metadata-store", 0, "URI", "Where metadata is (sqlite:, postgresql:)",
               &metadata_store);
  options.flag("json", 'j', "Print JSON, for programs", &json_);
  options.flag("quiet", 'q', "Print no progress and no notes", &terminal_.quiet);
  options.flag("no-color", 0, "No colors (as does the variable NO_COLOR)", &no_color);
  options.flag("help", 'h', "Print this help", &help);
  Status status = options.parse(arguments_);
  if (no_color) terminal_.color = terminal_.error_color = false;
  if (!status.is_ok()) return usage(status.message());
  if (help) {
    terminal_.write(options.help(std::string(kProgram) + " " + verb_.name, verb_.arguments,
                                 verb_.summary, verb_.help));
    return kFine;
  }
  if (arguments_.size() < least_arguments)
    return usage(std::string(verb_.name) + " needs " + verb_.arguments);
  if (arguments_.size() > most_arguments)
    return usage("one argument too many: " + in_quotes(arguments_[most_arguments]));
  frame_store_ = frame_store.value_or(default_frame_store_uri());
  metadata_store_ = metadata_store.value_or(default_metadata_store_uri());
  return std::nullopt;
}

Result<std::shared_ptr<Stores>> Call::open(Stores::Access access) {
  return Stores::open(frame_store_, metadata_store_, access, cancel_);
}

Result<std::shared_ptr<Stores>> Call::open_metadata() {
  auto stores = std::make_shared<Stores>();
  CHECKPOINT_ASSIGN_OR_RETURN(stores->metadata,
                              StoreRegistry::instance().make_metadata_store(metadata_store_));
  CHECKPOINT_ASSIGN_OR_RETURN(const bool exists, stores->metadata->exists(cancel_));
  if (!exists)
    return Status(Code::kNotFound, "nothing is stored in " + stores->metadata->display_uri(),
                  "name the right one with --metadata-store, or with "
                  "GST_CHECKPOINT_METADATA_STORE");
  CHECKPOINT_RETURN_IF_ERROR(stores->metadata->open(cancel_));
  return stores;
}

Status Call::check_job(Stores &stores, const std::string &job_id) {
  CHECKPOINT_RETURN_IF_ERROR(check_name("job-id", job_id));
  CHECKPOINT_ASSIGN_OR_RETURN(const auto job, stores.metadata->find_job(job_id, cancel_));
  if (job) return Status::ok();
  return {Code::kNotFound,
          "there is no job " + in_quotes(job_id) + " in " + stores.metadata->display_uri(),
          std::string(kProgram) + " list"};
}

Result<CheckpointRow> Call::find(Stores &stores, const std::string &name,
                                 const std::optional<std::string> &scenario, bool partial) {
  CHECKPOINT_ASSIGN_OR_RETURN(CheckpointSelector selector, parse_checkpoint_name(name, scenario));
  selector.allow_partial = selector.allow_partial || partial || selector.id || selector.version;
  auto found = find_checkpoint(*stores.metadata, selector, cancel_);
  // The elements have a property for it.
  if (found.status().hint().starts_with("allow-partial"))
    return Status(found.status().code(), found.status().message(),
                  "name its version, as in JOB/STAGE@1, or give --partial where a command has it");
  return found;
}

std::optional<int> Call::ask(bool yes, const std::string &question) {
  if (yes || terminal_.confirm(question, cancel_)) return std::nullopt;
  if (cancel_.cancelled()) return fail({Code::kCancelled, "stopped"});
  return fail({Code::kInvalidArgument, "nothing was changed, since nobody said yes",
               "--yes does it, --dry-run only shows what would be done"});
}

int Call::fail(const Status &status) {
  if (status.is(Code::kCancelled)) {
    terminal_.note("stopped");
    return kFailed;
  }
  terminal_.error(status);
  return kFailed;
}

int Call::usage(const std::string &what) { return usage(Status(Code::kInvalidArgument, what)); }

int Call::usage(const Status &status) {
  const std::string help = std::string(kProgram) + " " + verb_.name + " --help";
  terminal_.error(Status(status.code(), status.message(),
                         status.hint().empty() ? help : status.hint() + "; " + help));
  return kUsage;
}

}  // namespace checkpoint::tool
