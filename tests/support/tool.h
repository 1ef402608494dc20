// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-checkpoint-1.0 as a user runs it: a process of its own, and what it says.
#pragma once

#include <json-glib/json-glib.h>

#include <memory>
#include <string>
#include <vector>

namespace checkpoint {

struct ToolRun {
  int code = 0;  // or minus the signal that ended it
  std::string output, error_output;
};

// The program is $GST_CHECKPOINT_TOOL; it gets this process's environment and an empty input.
ToolRun run_tool(const std::vector<std::string> &arguments);
// Ends the test unless it ends with that code; the standard output.
std::string tool_says(int code, const std::vector<std::string> &arguments);

struct FreeJson {
  void operator()(JsonNode *node) const { json_node_unref(node); }
};
using JsonTree = std::unique_ptr<JsonNode, FreeJson>;

// With --json, as a tree.
JsonTree tool_json(int code, std::vector<std::string> arguments);
// The text of one place of it, "[0].stats.fps"; "(none)" where there is none.
std::string at(const JsonTree &tree, const std::string &path);

}  // namespace checkpoint
