// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace checkpoint {

namespace {

[[noreturn]] void give_up(const std::string &text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::abort();
}

// In the child, before it becomes gst-launch-1.0: nothing that allocates.
void limit(gpointer data) {
  const auto &options = *static_cast<const Launch::Options *>(data);
  if (options.file_size_limit) {
    const rlimit size{*options.file_size_limit, *options.file_size_limit};
    if (setrlimit(RLIMIT_FSIZE, &size) != 0) _exit(125);
    signal(SIGXFSZ, SIG_IGN);  // the write fails instead
  }
  if (options.descriptor_limit) {
    const rlimit count{*options.descriptor_limit, *options.descriptor_limit};
    if (setrlimit(RLIMIT_NOFILE, &count) != 0) _exit(125);
  }
  // Where this user has that right at all.
  if (options.obeys_modes) {
    prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
    prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0);
  }
}

}  // namespace

Launch::Launch(const std::string &line, const Options &options)
    : may_open_files_(!options.descriptor_limit) {
  const char *program = g_getenv("GST_LAUNCH");
  const std::string command =
      (!options.program.empty()
           ? options.program
           : std::string(program ? program : "gst-launch-1.0") + " -m --no-fault") +
      " " + line;
  gint count = 0;
  gchar **words = nullptr;
  GError *error = nullptr;
  if (!g_shell_parse_argv(command.c_str(), &count, &words, &error))
    give_up(command + ": " + error->message);
  gchar **environment = g_get_environ();
  // Messages are to be found as they are written here.
  environment = g_environ_setenv(environment, "LC_ALL", "C.UTF-8", TRUE);
  // Where the plugin needs more than the program brings: a sanitizer's library.
  if (const char *preload = g_getenv("CHECKPOINT_TEST_PRELOAD"))
    environment = g_environ_setenv(environment, "LD_PRELOAD", preload, TRUE);
  for (const std::string &one : options.environment) {
    const size_t equals = one.find('=');
    environment = g_environ_setenv(environment, one.substr(0, equals).c_str(),
                                   one.substr(equals + 1).c_str(), TRUE);
  }
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) give_up("no pipe");
  // A file: nobody has to read it while the process runs, and no line of it gets into another's.
  error_fd_ = memfd_create("errors", MFD_CLOEXEC);
  if (error_fd_ < 0) give_up("no file in memory");
  auto data = const_cast<Options *>(&options);
  if (!g_spawn_async_with_pipes_and_fds(
          nullptr, words, environment,
          static_cast<GSpawnFlags>(G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH), limit, data,
          -1, out[1], error_fd_, nullptr, nullptr, 0, &pid_, options.input ? &input_ : nullptr,
          nullptr, nullptr, &error))
    give_up(command + ": " + error->message);
  close(out[1]);
  output_fd_ = out[0];
  g_strfreev(words);
  g_strfreev(environment);
}

Launch::~Launch() {
  kill();
  wait();
  close(output_fd_);
  close(error_fd_);
}

bool Launch::write_input(const void *data, size_t size) {
  auto *bytes = static_cast<const char *>(data);
  while (size > 0) {
    const ssize_t written = ::write(input_, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

void Launch::close_input() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

std::optional<std::string> Launch::next_line() {
  for (;;) {
    const size_t end = output_.find('\n', read_);
    if (end != std::string::npos) {
      std::string line = output_.substr(read_, end - read_);
      read_ = end + 1;
      return line;
    }
    char buffer[4096];
    const ssize_t got = ::read(output_fd_, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    output_.append(buffer, static_cast<size_t>(got));
  }
}

std::optional<std::string> Launch::wait_for(const std::string &text) {
  while (auto line = next_line())
    if (line->find(text) != std::string::npos) return line;
  return std::nullopt;
}

void Launch::listen(int milliseconds) {
  pollfd ready{output_fd_, POLLIN, 0};
  if (::poll(&ready, 1, milliseconds) <= 0) return;
  char buffer[65536];
  const ssize_t got = ::read(output_fd_, buffer, sizeof buffer);
  if (got > 0) output_.append(buffer, static_cast<size_t>(got));
}

void Launch::send(int signal) {
  if (!code_) ::kill(pid_, signal);
}

void Launch::kill() { send(SIGKILL); }

int Launch::wait() {
  if (code_) return *code_;
  close_input();
  while (next_line()) {
  }
  int status = 0;
  struct rusage used = {};
  while (wait4(pid_, &status, 0, &used) != pid_)
    if (errno != EINTR) give_up("the process can't be waited for");
  peak_memory_ = static_cast<uint64_t>(used.ru_maxrss) << 10;
  char buffer[4096];
  lseek(error_fd_, 0, SEEK_SET);
  for (ssize_t got; (got = ::read(error_fd_, buffer, sizeof buffer)) > 0;)
    error_output_.append(buffer, static_cast<size_t>(got));
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  // Whatever the test is after: nothing may crash, at its end neither.
  if (*code_ == -SIGSEGV || *code_ == -SIGBUS || *code_ == -SIGFPE || *code_ == -SIGILL ||
      error_output_.find("Sanitizer: ") != std::string::npos ||
      (may_open_files_ && error_output_.find(": runtime error: ") != std::string::npos))
    give_up("it ended with " + std::to_string(*code_) + "\n" + output_ + error_output_);
  return *code_;
}

std::string Launch::tail() const {
  std::string text;
  for (const std::string *part : {&output_, &error_output_})
    text += part->substr(part->size() > 1500 ? part->size() - 1500 : 0);
  return text;
}

std::vector<std::string> Launch::findings(const std::string &in, const std::string &head) {
  std::vector<std::string> found;
  for (size_t at = in.find(head); at != std::string::npos; at = in.find(head, at + 1)) {
    if (at > 0 && in[at - 1] != '\n') continue;
    std::string line = in.substr(at, in.find('\n', at) - at);
    // "…/GstCheckpointSink:checkpointsink0: text"
    const size_t text = line.find(": ", head.size());
    const size_t name = line.rfind(':', text - 1);
    found.push_back(line.substr(name + 1));
  }
  return found;
}

std::optional<uint64_t> printed_number(const std::string &line, const std::string &field) {
  for (const char *type : {"guint64", "uint"}) {
    const std::string head = " " + field + "=(" + type + ")";
    const size_t at = line.find(head);
    if (at != std::string::npos) return std::strtoull(line.c_str() + at + head.size(), nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace checkpoint
