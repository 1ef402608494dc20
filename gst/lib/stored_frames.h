// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that checkpoints of a job have stored, by a manifest.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "elements/gst_handles.h"
#include "elements/stream_caps.h"
#include "lib/save.h"

namespace checkpoint {

struct StoredFrame {
  BufferPtr buffer;  // with the metas that are stored with it
  std::shared_ptr<const StreamCaps> caps;
  FrameRow row;
};
using StoredFrameVisitor = std::function<Status(StoredFrame frame)>;

// Finds every frame of the manifest in the parent, where there is one, else in the job's complete
// checkpoints, newest first. kNotFound names the first one that none has under that name. Then
// reads them, in the order of their sequences.
class StoredFrames {
 public:
  static Result<StoredFrames> find(std::shared_ptr<Stores> stores, const CheckpointFields &fields,
                                   const FramesManifest &manifest, Cancellation &cancel);

  // The checkpoint that most frames lie in; nullopt: there are no frames.
  std::optional<Uuid> origin() const;
  Status visit(const StoredFrameVisitor &visit, Cancellation &cancel) const;

 private:
  struct Origin {
    CheckpointRow row;
    uint64_t frames = 0;
  };
  struct Place {
    size_t origin = 0;
    uint64_t index = 0;
  };

  Status look_in(const CheckpointRow &checkpoint, const FramesManifest &manifest,
                 Cancellation &cancel);

  std::shared_ptr<Stores> stores_;
  std::vector<Origin> origins_;
  std::map<uint64_t, Place> found_;  // by sequence
};

}  // namespace checkpoint
