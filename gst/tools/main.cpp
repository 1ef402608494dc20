// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-checkpoint-1.0: finds the verb and calls it.
#include <clocale>
#include <cstdlib>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "common/log.h"
#include "tools/call.h"
#include "tools/interrupt.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

namespace checkpoint::tool {

namespace {

// Never destroyed: a thread that waits for a dead disk may outlive main().
Terminal &terminal() {
  static auto *the_terminal = new Terminal;
  return *the_terminal;
}

void log_line(LogLevel level, const char *, const std::string &line) {
  if (level == LogLevel::kError || level == LogLevel::kWarning) terminal().warning(line);
}

std::string general_help() {
  std::string text =
      "Usage:\n"
      "  gst-checkpoint-1.0 VERB [OPTION…] [ARGUMENT…]\n\n"
      "Works on the checkpoints that checkpointsink keeps and checkpointsrc plays.\n\n"
      "Verbs:\n";
  size_t width = 0;
  for (const Verb &verb : verbs()) width = std::max(width, std::string(verb.name).size());
  for (const Verb &verb : verbs()) {
    const std::string name = verb.name;
    text += "  " + name + std::string(width - name.size() + 2, ' ') + verb.summary + "\n";
  }
  return text +
         "\n\"gst-checkpoint-1.0 VERB --help\" tells all about one, with examples.\n\n"
         "A checkpoint is named everywhere alike:\n"
         "  street/detect                          the newest complete version\n"
         "  street/detect@3                        version 3\n"
         "  checkpoint://street/detect?version=3   as a URI; %2F is a '/' in a name\n"
         "  1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b   by its id\n"
         "\n--scenario LABEL means the branch of that label instead of the base.\n\n"
         "Stores are those of --frame-store and --metadata-store, else of the variables\n"
         "GST_CHECKPOINT_FRAME_STORE and GST_CHECKPOINT_METADATA_STORE, else the files below\n"
         "$XDG_DATA_HOME/gst-checkpoint.\n\n"
         "Exit codes: 0 fine, 1 failed, 2 the command line makes no sense, 3 done, but something\n"
         "is broken or lost.\n";
}

int run(std::vector<std::string> arguments, Cancellation &cancel) {
  Terminal &out = terminal();
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "help" && arguments.size() > 1) {
    arguments = {arguments[1], "--help"};
    return run(std::move(arguments), cancel);
  }
  if (first == "--help" || first == "-h" || first == "help") {
    out.write(general_help());
    return kFine;
  }
  if (first == "--version") {
    out.line(std::string(kProgram) + " " + PACKAGE_VERSION);
    return kFine;
  }
  const Verb *verb = find_verb(first);
  if (!verb) {
    out.error(Status(Code::kInvalidArgument,
                     first.empty() ? "there is no verb" : "there is no verb " + in_quotes(first),
                     std::string(kProgram) + " --help"));
    return kUsage;
  }
  arguments.erase(arguments.begin());
  Call call(*verb, std::move(arguments), out, cancel);
  return verb->run(call);
}

}  // namespace

}  // namespace checkpoint::tool

int main(int argc, char **argv) {
  using namespace checkpoint;
  std::setlocale(LC_CTYPE, "");
  auto *cancel = new Cancellation(
      [](const Status &why) { tool::terminal().warning("trying again: " + why.message()); });
  tool::cancel_on_signals(*cancel);
  set_log_function(tool::log_line);
  register_backends();
  const int code = tool::run({argv + 1, argv + argc}, *cancel);
  tool::end_by_signal();
  return code;
}
