// SPDX-License-Identifier: LGPL-2.1-or-later
// The options of a verb, parsed by GOption.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace checkpoint::tool {

// "500ms", "90s", "15m", "36h" or "7d"; "0" needs no unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

class Options {
 public:
  // Each adds one option that sets *value when it is given. The texts have to outlive this;
  // `letter` is its short form, or 0.
  void flag(const char *name, char letter, const char *help, bool *value);
  void text(const char *name, char letter, const char *argument, const char *help,
            std::optional<std::string> *value);
  // May be given several times.
  void texts(const char *name, char letter, const char *argument, const char *help,
             std::vector<std::string> *values);
  void number(const char *name, char letter, const char *argument, const char *help,
              uint64_t *value);
  // A number with a unit: "36h"; see parse_duration().
  void duration(const char *name, char letter, const char *help,
                std::optional<std::chrono::milliseconds> *value);

  // Takes the options out of `arguments`; what is left are the others. What follows "--" is no
  // option. kInvalidArgument.
  Status parse(std::vector<std::string> &arguments);
  // The help text; `program` is "gst-checkpoint-1.0 list".
  std::string help(const std::string &program, const char *arguments, const char *summary,
                   const char *description) const;

  // One option, for those who have to tell GOption about it.
  struct Option {
    const char *name;
    char letter;
    const char *argument;  // nullptr: a flag
    const char *help;
    std::function<bool(const char *)> set;  // false: the value makes no sense
  };

 private:
  std::deque<Option> options_;
};

}  // namespace checkpoint::tool
