// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/options.h"

#include <glib.h>

#include <charconv>
#include <memory>

#include "tools/text.h"

namespace checkpoint::tool {

namespace {

struct FreeContext {
  void operator()(GOptionContext *context) const { g_option_context_free(context); }
};
using Context = std::unique_ptr<GOptionContext, FreeContext>;

// GOption calls it with the option as it was written: "--limit", or "-n".
gboolean take(const gchar *name, const gchar *value, gpointer data, GError **error) {
  const std::string_view written = name;
  for (const Options::Option &option : *static_cast<std::deque<Options::Option> *>(data)) {
    const bool is_it = written.starts_with("--") ? written.substr(2) == option.name
                                                 : written.back() == option.letter;
    if (!is_it) continue;
    if (option.set(value)) return true;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is no value for %s",
                in_quotes(value).c_str(), name);
    return false;
  }
  return false;
}

Context make_context(const std::deque<Options::Option> &options, const char *arguments) {
  Context context(g_option_context_new(arguments));
  g_option_context_set_help_enabled(context.get(), false);
  // Not the parse function's user data: GOption hands on the group's.
  GOptionGroup *group = g_option_group_new(
      "main", "", "", const_cast<std::deque<Options::Option> *>(&options), nullptr);
  std::vector<GOptionEntry> entries;
  for (const Options::Option &option : options) {
    // FILENAME: as it was given, in whatever locale. GOption asks for a non-const function pointer.
    const int flags = option.argument ? G_OPTION_FLAG_FILENAME : G_OPTION_FLAG_NO_ARG;
    entries.push_back({option.name, option.letter, flags, G_OPTION_ARG_CALLBACK,
                       reinterpret_cast<gpointer>(take), option.help, option.argument});
  }
  entries.push_back({});
  g_option_group_add_entries(group, entries.data());
  g_option_context_set_main_group(context.get(), group);
  return context;
}

}  // namespace

void Options::flag(const char *name, char letter, const char *help, bool *value) {
  options_.push_back(
      {name, letter, nullptr, help, [value](const char *) { return *value = true; }});
}

void Options::text(const char *name, char letter, const char *argument, const char *help,
                   std::optional<std::string> *value) {
  options_.push_back({name, letter, argument, help, [value](const char *given) {
                        *value = given;
                        return true;
                      }});
}

void Options::texts(const char *name, char letter, const char *argument, const char *help,
                    std::vector<std::string> *values) {
  options_.push_back({name, letter, argument, help, [values](const char *given) {
                        values->push_back(given);
                        return true;
                      }});
}

void Options::number(const char *name, char letter, const char *argument, const char *help,
                     uint64_t *value) {
  options_.push_back({name, letter, argument, help, [value](const char *given) {
                        const std::string_view text = given;
                        const char *end = text.data() + text.size();
                        auto [stopped, error] = std::from_chars(text.data(), end, *value);
                        return !text.empty() && error == std::errc() && stopped == end;
                      }});
}

void Options::duration(const char *name, char letter, const char *help,
                       std::optional<std::chrono::milliseconds> *value) {
  options_.push_back({name, letter, "TIME", help, [value](const char *given) {
                        *value = parse_duration(given);
                        return value->has_value();
                      }});
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr struct {
    std::string_view name;
    int64_t milliseconds;
  } kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  if (text == "0") return std::chrono::milliseconds(0);
  int64_t number = 0;
  const char *end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string_view unit(stopped, static_cast<size_t>(end - stopped));
  for (const auto &known : kUnits)
    if (unit == known.name && number <= INT64_MAX / 1000000 / known.milliseconds)
      return std::chrono::milliseconds(number * known.milliseconds);
  return std::nullopt;
}

Status Options::parse(std::vector<std::string> &arguments) {
  Context context = make_context(options_, nullptr);
  // The first one is the program's name.
  auto **argv = g_new0(gchar *, arguments.size() + 2);
  argv[0] = g_strdup("");
  for (size_t i = 0; i < arguments.size(); i++) argv[i + 1] = g_strdup(arguments[i].c_str());
  GError *error = nullptr;
  Status status;
  if (!g_option_context_parse_strv(context.get(), &argv, &error)) {
    status = Status(Code::kInvalidArgument, error->message);
    g_error_free(error);
  }
  arguments.clear();
  bool options_over = false;
  for (gchar **argument = argv + 1; *argument; argument++) {
    // GOption leaves the "--" where what follows begins with a dash.
    if (!options_over && std::string_view(*argument) == "--")
      options_over = true;
    else
      arguments.emplace_back(*argument);
  }
  g_strfreev(argv);
  return status;
}

std::string Options::help(const std::string &program, const char *arguments, const char *summary,
                          const char *description) const {
  Context context = make_context(options_, arguments);
  g_option_context_set_summary(context.get(), summary);
  g_option_context_set_description(context.get(), description);
  g_set_prgname(program.c_str());
  gchar *text = g_option_context_get_help(context.get(), true, nullptr);
  std::string help = text;
  g_free(text);
  return help;
}

}  // namespace checkpoint::tool
