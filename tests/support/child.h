// SPDX-License-Identifier: LGPL-2.1-or-later
// Parts of a test that need a process of their own: to be killed, or to give rights away.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

namespace checkpoint {

// Begins `body` in a new process; its value is the exit code. No SQLite file that it uses may be
// open here: locks don't survive a fork.
inline pid_t start_child(const std::function<int()> &body) {
  pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) _exit(body());
  return child;
}

// Its exit code, or minus the signal that ended it.
inline int wait_for_child(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) std::abort();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

inline int run_in_child(const std::function<int()> &body) {
  return wait_for_child(start_child(body));
}

}  // namespace checkpoint
