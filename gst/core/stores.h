// SPDX-License-Identifier: LGPL-2.1-or-later
// An opened pair of stores that belong together. Pairs are shared by all elements of a process.
#pragma once

#include <memory>
#include <string>

#include "common/cancel.h"
#include "common/status.h"
#include "store/frame_store.h"
#include "store/metadata_store.h"

namespace checkpoint {

struct Stores {
  std::shared_ptr<FrameStore> frames;
  std::shared_ptr<MetadataStore> metadata;
  Uuid frame_store_uuid;
  FrameStoreKey frame_store = 0;  // its row in `metadata`

  enum class Access { kRead, kWrite };

  // Opens both and checks that they belong together; waits on disks and networks, so not on an
  // application's thread. An empty URI stands for the default place. The same URIs give the same
  // pair as long as somebody holds it. kWrite: binds a new frame store (marker object and row).
  // kRead with nothing there at all: kNotFound. kUnavailable: the marker is absent or another's
  // although packs are known there (an unmounted folder, a wrong bucket). kInvalidArgument: the
  // frame store belongs to another metadata store.
  static Result<std::shared_ptr<Stores>> open(const std::string &frame_store_uri,
                                              const std::string &metadata_store_uri, Access access,
                                              Cancellation &cancel);
  // The same for stores that were made already, but not opened: for tests, which wrap them.
  static Result<std::shared_ptr<Stores>> bind(std::shared_ptr<FrameStore> frames,
                                              std::shared_ptr<MetadataStore> metadata,
                                              Access access, Cancellation &cancel);
};

// The warning about an attempt that failed and is made again.
Status tried_again(const Status &why);

}  // namespace checkpoint
