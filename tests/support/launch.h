// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-launch-1.0 as a user runs it: a process of its own, and what it says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace checkpoint {

class Launch {
 public:
  struct Options {
    std::vector<std::string> environment;  // "NAME=value", besides our own
    // Files can't grow beyond it: a disk that is full. Writes then fail with EFBIG.
    std::optional<uint64_t> file_size_limit;
    // It may have no more open files than this.
    std::optional<uint64_t> descriptor_limit;
    std::string program;  // instead of gst-launch-1.0 -m
    bool input = false;   // input() is its standard input; else that is empty
    // Modes of files and folders count, also for root.
    bool obeys_modes = false;
  };

  // `line` is what a shell gets after "gst-launch-1.0 ". All messages are printed (-m).
  explicit Launch(const std::string &line) : Launch(line, Options()) {}
  Launch(const std::string &line, const Options &options);
  // Kills it when it still runs.
  ~Launch();
  Launch(const Launch &) = delete;
  Launch &operator=(const Launch &) = delete;

  pid_t pid() const { return pid_; }
  int input() const { return input_; }
  int output_fd() const { return output_fd_; }  // what it says; hung up when it has ended
  // Writes all of it to its standard input; false: it does not read any more.
  bool write_input(const void *data, size_t size);
  void close_input();

  // The next line that holds `text`, this one and those before it taken; nullopt: it ended (or
  // closed its output) before.
  std::optional<std::string> wait_for(const std::string &text);
  // Takes what it says now, and waits so long at most for it to say something.
  void listen(int milliseconds);
  // SIGKILL at once; what it had said until then can still be read.
  void kill();
  void send(int signal);
  // Reads to its end and gives the exit code, or minus the signal that ended it.
  int wait();
  // The most memory it had, in bytes; after wait().
  uint64_t peak_memory() const { return peak_memory_; }

  // What it has said so far on standard output.
  const std::string &output() const { return output_; }
  // And on standard error, after wait().
  const std::string &error_output() const { return error_output_; }
  // The ends of both, short enough for a test's message.
  std::string tail() const;
  // "checkpointsink0: text" for every ERROR, in their order; after wait().
  std::vector<std::string> errors() const {
    return findings(error_output_, "ERROR: from element ");
  }
  // Likewise; these are on standard output.
  std::vector<std::string> warnings() const { return findings(output_, "WARNING: from element "); }

 private:
  std::optional<std::string> next_line();
  static std::vector<std::string> findings(const std::string &in, const std::string &head);

  // Else UndefinedBehaviorSanitizer, which looks at objects through a pipe, takes all for broken.
  const bool may_open_files_;
  pid_t pid_ = 0;
  int input_ = -1, output_fd_ = -1, error_fd_ = -1;
  std::string output_, error_output_;
  size_t read_ = 0;  // of output_, by wait_for()
  std::optional<int> code_;
  uint64_t peak_memory_ = 0;
};

// A uint64 or uint field of a message as gst-launch-1.0 -m prints it: "..., frames=(guint64)30,
// ...". nullopt: there is no such field.
std::optional<uint64_t> printed_number(const std::string &line, const std::string &field);

}  // namespace checkpoint
