// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/half_run.h"

#include <signal.h>

#include "support/check.h"

namespace checkpoint {

namespace {

constexpr size_t kHalf = SmallFilm::kFrames / 2 * SmallFilm::kFrameBytes;
constexpr size_t kMore = 20 * SmallFilm::kFrameBytes;
const char *const kFed =
    "fdsrc blocksize=3072 ! rawvideoparse format=gray8 width=64 height=48 framerate=30/1 ! ";

Launch::Options with_input(Launch::Options options) {
  options.input = true;
  return options;
}

}  // namespace

HalfRun::HalfRun(const SmallFilm &film, const Launch::Options &options,
                 const std::string &properties)
    : Launch(kFed + DurablePlace::sink() + properties, with_input(options)), film_(film) {
  signal(SIGPIPE, SIG_IGN);
  write_input(film_.bytes.data(), fed_ = kHalf);
  // All of it: then nothing is under way.
  for (uint64_t frames = 0; frames < SmallFilm::kFrames / 2;) {
    const auto line = wait_for("gst-checkpoint-commit");
    ck_assert_msg(line.has_value(), "%s", tail().c_str());
    frames = *printed_number(*line, "frames");
  }
}

void HalfRun::feed_some_more() {
  write_input(film_.bytes.data() + fed_, kMore);
  fed_ += kMore;
}

void HalfRun::feed_the_rest() {
  write_input(film_.bytes.data() + fed_, film_.bytes.size() - fed_);
  close_input();
}

}  // namespace checkpoint
