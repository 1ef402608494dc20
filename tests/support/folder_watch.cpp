// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/folder_watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace checkpoint {

FolderWatch::FolderWatch(const std::string &folder) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (fd_ < 0) std::abort();
  add(folder);
}

FolderWatch::~FolderWatch() { close(fd_); }

void FolderWatch::add(const std::string &folder) {
  const int watch = inotify_add_watch(
      fd_, folder.c_str(),
      IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE);
  if (watch < 0) return;  // gone already
  folders_[watch] = folder;
  // What was made in it before it was watched.
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_directory(error)) add(entry.path());
}

bool FolderWatch::wait_for_events(unsigned count, int other) {
  while (count > 0) {
    pollfd fds[] = {{fd_, POLLIN, 0}, {other, 0, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) std::abort();
    if (fds[1].revents & POLLHUP) return false;
    alignas(inotify_event) char buffer[4096];
    const ssize_t size = read(fd_, buffer, sizeof buffer);
    for (ssize_t at = 0; at < size && count > 0; count--) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      if ((event.mask & IN_ISDIR) && (event.mask & IN_CREATE))
        add(folders_[event.wd] + "/" + (buffer + at + sizeof event));
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return true;
}

}  // namespace checkpoint
