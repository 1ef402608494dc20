// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames to import: the pictures of a folder, or what is decoded of a video.
#pragma once

#include <memory>
#include <string>

#include "common/cancel.h"
#include "common/status.h"
#include "tools/frame_picker.h"
#include "tools/noted_frames.h"

namespace checkpoint::tool {

struct SourceFrame {
  uint64_t index = 0;  // in the order of the source, or as its notes say
  SamplePtr sample;    // nullptr: there are no more
};

class ImageSource {
 public:
  virtual ~ImageSource() = default;
  virtual Result<SourceFrame> next(Cancellation &cancel) = 0;
  virtual uint64_t frames() const { return 0; }  // 0: not known
};

// Those that `notes` name, or where none of them is there all *.png, *.jpg and *.jpeg in the order
// of their names, as they are or, where the notes tell what they were made of, as that.
// `frame_time` in nanoseconds: of those whose times are not noted.
Result<std::unique_ptr<ImageSource>> open_folder(const std::string &path,
                                                 const std::map<uint64_t, FrameNote> &notes,
                                                 uint64_t frame_time);
Result<std::unique_ptr<ImageSource>> open_video(const std::string &path);

}  // namespace checkpoint::tool
