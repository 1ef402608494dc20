// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace checkpoint::tool {

namespace {

std::atomic<int> received{0};

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void cancel_on_signals(Cancellation &cancel) {
  signal(SIGPIPE, SIG_IGN);
  // A thread waits for them: a handler may not take the locks that cancel() takes.
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([&cancel] {
    const sigset_t signals = ending_signals();
    for (;;) {
      int signal_number = 0;
      if (sigwait(&signals, &signal_number) != 0) return;
      if (received.exchange(signal_number) != 0) _exit(128 + signal_number);
      cancel.cancel();
    }
  }).detach();
}

void end_by_signal() {
  const int signal_number = received;
  if (signal_number == 0) return;
  signal(signal_number, SIG_DFL);
  const sigset_t set = ending_signals();
  raise(signal_number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace checkpoint::tool
