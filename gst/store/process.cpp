// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/process.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

namespace checkpoint {

namespace {

std::string boot_and_namespace() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  char link[64];
  ssize_t n = readlink("/proc/self/ns/pid", link, sizeof link);
  if (n > 0) boot += " " + std::string(link, static_cast<size_t>(n));
  return boot;
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

// In clock ticks since boot; nullopt where /proc does not tell.
std::optional<uint64_t> start_time_of(int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::stringstream all;
  all << file.rdbuf();
  std::string text = all.str();
  // The second field is the program's name in brackets and may hold spaces and brackets itself;
  // the start time is the 22nd field.
  size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; field++) fields >> skipped;
  uint64_t start = 0;
  if (!(fields >> start)) return std::nullopt;
  return start;
}

}  // namespace

LeaseOwner this_process() {
  LeaseOwner owner;
  owner.host = host_name();
  owner.boot = boot_and_namespace();
  owner.pid = getpid();
  owner.start_time = start_time_of(owner.pid).value_or(0);
  owner.instance = Uuid::random();
  return owner;
}

bool lives_here(const LeaseOwner &owner) {
  if (owner.pid <= 0 || owner.host.empty() || owner.boot.empty()) return false;
  return owner.host == host_name() && owner.boot == boot_and_namespace();
}

bool is_gone(const LeaseOwner &owner) {
  if (!lives_here(owner)) return false;
  if (std::optional<uint64_t> start = start_time_of(owner.pid))
    return owner.start_time != 0 && *start != owner.start_time;
  // /proc may be hidden from us: only the kernel's own word counts.
  return kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace checkpoint
