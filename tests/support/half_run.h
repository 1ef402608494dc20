// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "support/durable_place.h"
#include "support/launch.h"

namespace checkpoint {

// A run that is fed half of the film and has announced it; then it waits for more.
class HalfRun : public Launch {
 public:
  explicit HalfRun(const SmallFilm &film, const Launch::Options &options = Launch::Options(),
                   const std::string &properties = "");
  // As much as a pipe holds: nobody may take it just now.
  void feed_some_more();
  void feed_the_rest();
  uint64_t fed_frames() const { return fed_ / SmallFilm::kFrameBytes; }

 private:
  const SmallFilm &film_;
  size_t fed_ = 0;
};

}  // namespace checkpoint
