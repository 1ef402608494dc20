// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/fail_point.h"

#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace checkpoint {

#ifdef CHECKPOINT_WITH_FAIL_POINTS

namespace {

struct Armed {
  Armed() {
    const char *value = std::getenv("GST_CHECKPOINT_FAIL_POINT");
    if (!value) return;
    name = value;
    const size_t at = name.find('@');
    if (at == std::string::npos) return;
    left = std::atoi(name.c_str() + at + 1);
    name.resize(at);
  }
  std::string name;
  std::atomic<int> left{1};  // times, this one included
};

const char *name_of(FailPoint point) {
  switch (point) {
#define CHECKPOINT_FAIL_POINT_NAME(value, name, what) \
  case FailPoint::value:                              \
    return name;
    CHECKPOINT_FAIL_POINTS(CHECKPOINT_FAIL_POINT_NAME)
#undef CHECKPOINT_FAIL_POINT_NAME
  }
  return "";
}

}  // namespace

void fail_point(FailPoint point) {
  // Never destroyed: a thread that was left behind may come here while the process exits.
  static auto *armed = new Armed;
  if (armed->name.empty() || armed->name != name_of(point)) return;
  if (--armed->left == 0) raise(SIGKILL);
}

#endif

}  // namespace checkpoint
