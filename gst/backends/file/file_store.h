// SPDX-License-Identifier: LGPL-2.1-or-later
// Frame stores in a folder: file:///data/frames, or just the path. docs/stores/file.md says what
// lies where and what the disk has to promise.
#pragma once

#include <memory>
#include <string>

#include "backends/file/file_ops.h"
#include "store/frame_store.h"
#include "store/registry.h"

namespace checkpoint {

struct FileStoreOptions {
  // Bytes after which the kernel is told to begin writing a new object to the disk, so that the
  // sync at its end has less to wait for. 0: only then.
  uint64_t writeback = 8 << 20;
  // Asks for all the space of an object before its first byte.
  bool preallocate = false;
};

void register_file(StoreRegistry &registry);

// `root` is absolute. `ops` outlives the store.
std::shared_ptr<FrameStore> make_file_store(const std::string &root,
                                            const FileStoreOptions &options = {},
                                            FileOps &ops = FileOps::system());

}  // namespace checkpoint
