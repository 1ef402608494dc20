// SPDX-License-Identifier: LGPL-2.1-or-later
// How everything here is measured: in turn, and as ratios.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace benchmark {

struct Options {
  int runs = 5;
  size_t frames = 300;
  std::string film, dir;
  std::vector<std::string> what;
};
extern Options options;

[[noreturn]] void die(const std::string &message);
void sync_path(const std::string &path);
void run_command(const std::string &command);
void remove_all(const std::string &path);

// Plays a pipeline to its end. Seconds from the first buffer (of preloadedsrc, else from PLAYING)
// to EOS and `after`.
double play_line(const std::string &line, const std::function<void()> &after = {});

double median(std::vector<double> values);

// Runs A and B, which tell the seconds they took, in turn; prints a table row with the median of
// the ratios of neighbours.
void compare(const std::string &name, const std::string &a_name, const std::string &b_name,
             size_t frames, const std::function<double()> &a, const std::function<double()> &b,
             const char *target);

}  // namespace benchmark
