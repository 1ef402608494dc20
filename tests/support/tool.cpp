// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/tool.h"

#include <glib.h>
#include <sys/wait.h>

#include "support/check.h"

namespace checkpoint {

ToolRun run_tool(const std::vector<std::string> &arguments) {
  const char *program = g_getenv("GST_CHECKPOINT_TOOL");
  ck_assert_msg(program, "GST_CHECKPOINT_TOOL names no program");
  std::vector<std::string> line = {program};
  line.insert(line.end(), arguments.begin(), arguments.end());
  std::vector<char *> argv;
  for (std::string &argument : line) argv.push_back(argument.data());
  argv.push_back(nullptr);
  gchar *output = nullptr, *error_output = nullptr;
  GError *error = nullptr;
  int status = 0;
  if (!g_spawn_sync(nullptr, argv.data(), nullptr, G_SPAWN_DEFAULT, nullptr, nullptr, &output,
                    &error_output, &status, &error))
    ck_abort_msg("%s: %s", program, error->message);
  ToolRun run;
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  run.output = output;
  run.error_output = error_output;
  g_free(output);
  g_free(error_output);
  return run;
}

std::string tool_says(int code, const std::vector<std::string> &arguments) {
  ToolRun run = run_tool(arguments);
  std::string line;
  for (const std::string &argument : arguments) line += " " + argument;
  ck_assert_msg(run.code == code, "gst-checkpoint-1.0%s: exit code %d instead of %d\n%s%s",
                line.c_str(), run.code, code, run.output.c_str(), run.error_output.c_str());
  return run.output;
}

JsonTree tool_json(int code, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1, "--json");
  const std::string text = tool_says(code, arguments);
  GError *error = nullptr;
  JsonNode *tree = json_from_string(text.c_str(), &error);
  ck_assert_msg(tree, "no JSON: %s\n%s", error ? error->message : "nothing", text.c_str());
  return JsonTree(tree);
}

std::string at(const JsonTree &tree, const std::string &path) {
  JsonNode *node = tree.get();
  for (size_t i = 0; i < path.size();) {
    if (path[i] == '[') {
      const size_t end = path.find(']', i);
      const auto place = static_cast<guint>(std::stoul(path.substr(i + 1, end - i - 1)));
      if (!JSON_NODE_HOLDS_ARRAY(node)) return "(none)";
      JsonArray *array = json_node_get_array(node);
      if (place >= json_array_get_length(array)) return "(none)";
      node = json_array_get_element(array, place);
      i = end + 1;
    } else {
      if (path[i] == '.') i++;
      const size_t end = path.find_first_of(".[", i);
      const std::string name = path.substr(i, end == std::string::npos ? end : end - i);
      if (!JSON_NODE_HOLDS_OBJECT(node)) return "(none)";
      node = json_object_get_member(json_node_get_object(node), name.c_str());
      if (!node) return "(none)";
      i = end == std::string::npos ? path.size() : end;
    }
  }
  if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
    return json_node_get_string(node);
  gchar *text = json_to_string(node, false);
  std::string result = text;
  g_free(text);
  return result;
}

}  // namespace checkpoint
