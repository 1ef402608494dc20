// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/finding.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace checkpoint {

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
// A few packs and what the database writes beside them; and about a minute of raw video.
constexpr uint64_t kTooLittle = 64 * kMiB, kLittle = 4096 * kMiB;
// Dates in lists look wrong from there on; S3 refuses what is 15 minutes off.
constexpr int64_t kFarOff = 60'000;

}  // namespace

Finding free_space(const std::string &path) {
  std::string folder = path;
  struct statvfs info {};
  while (statvfs(folder.c_str(), &info) != 0) {
    const size_t slash = folder.rfind('/');
    if ((errno != ENOENT && errno != ENOTDIR) || slash == std::string::npos || folder == "/")
      return {"space", Finding::Level::kUnknown,
              "the file system of " + path + " does not tell: " + std::strerror(errno), ""};
    folder.resize(slash == 0 ? 1 : slash);
  }
  const uint64_t left = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  const std::string text = std::to_string(left / kMiB) + " MiB are free at " + folder;
  const std::string hint = "free space, delete checkpoints (rm) and collect (gc)";
  if (left < kTooLittle) return {"space", Finding::Level::kError, text, hint};
  if (left < kLittle) return {"space", Finding::Level::kWarning, text, hint};
  return {"space", Finding::Level::kOk, text, ""};
}

Finding clock_difference(int64_t theirs, int64_t ours) {
  const int64_t off = theirs - ours;
  const std::string seconds = std::to_string((off < 0 ? -off : off) / 1000);
  if (off > -kFarOff && off < kFarOff)
    return {"clock", Finding::Level::kOk, "differs by " + seconds + " s from this machine's", ""};
  return {"clock", Finding::Level::kWarning,
          "is " + seconds + " s " + (off < 0 ? "behind" : "before") + " this machine's",
          "set both clocks by NTP"};
}

int64_t this_clock() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace checkpoint
