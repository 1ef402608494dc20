// SPDX-License-Identifier: LGPL-2.1-or-later
// A home in which runs come to a bad end, and what has to hold afterwards: what was announced is
// there, all that is shown loads, and the same line works again at once.
#pragma once

#include <cstdint>
#include <string>

#include "support/home.h"
#include "support/launch.h"

namespace checkpoint {

// 150 small frames, and their bytes, made without any of our elements.
struct SmallFilm : TempDir {
  static constexpr uint64_t kFrames = 150;
  static constexpr size_t kFrameBytes = 64 * 48;
  SmallFilm();
  static std::string line();  // up to and with the last "! "
  std::string bytes;
};

class DurablePlace : public Home {
 public:
  explicit DurablePlace(const SmallFilm &film) : film_(film) {}

  // The sink's part of a line. Packs of three frames, and little on its way: an end finds each of
  // them somewhere else.
  static std::string sink();

  uint64_t number(const std::string &sql) const;
  uint64_t last_version() const;
  // Every checkpoint that is shown, and was not looked at before, loads up to its last frame.
  void must_load();
  void look_at_all_again() { checked_ = 0; }
  // It may have grown.
  void look_at_last_again() { checked_ -= checked_ > 0; }
  // The rows hang together: what they refer to is there, nothing is there twice, no frame is
  // missing between others.
  void must_be_consistent() const;
  // What the process had said by then.
  void must_hold_what_was_announced(const Launch &launch) const;
  // The same line again is not kept waiting by the one that is gone.
  void must_work_again();

 private:
  const SmallFilm &film_;
  uint64_t checked_ = 0;
};

}  // namespace checkpoint
