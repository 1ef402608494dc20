// SPDX-License-Identifier: LGPL-2.1-or-later
// Which backend serves which scheme. plugin.cpp, the tools and the tests register; core opens by
// URI.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "store/frame_store.h"
#include "store/metadata_store.h"
#include "store/uri.h"

namespace checkpoint {

class StoreRegistry {
 public:
  // Parses and checks the URI's options; does not touch the store (S3 reads the user's AWS files).
  using FrameStoreFactory = std::function<Result<std::shared_ptr<FrameStore>>(const StoreUri &uri)>;
  using MetadataStoreFactory =
      std::function<Result<std::shared_ptr<MetadataStore>>(const StoreUri &uri)>;

  // The process's one registry; filled at start-up, then only read.
  static StoreRegistry &instance();

  void add_frame_store(const std::string &scheme, FrameStoreFactory factory);
  void add_metadata_store(const std::string &scheme, MetadataStoreFactory factory);

  // kInvalidArgument names the schemes that there are.
  Result<std::shared_ptr<FrameStore>> make_frame_store(const std::string &uri) const;
  Result<std::shared_ptr<MetadataStore>> make_metadata_store(const std::string &uri) const;

 private:
  std::map<std::string, FrameStoreFactory> frame_stores_;
  std::map<std::string, MetadataStoreFactory> metadata_stores_;
};

// Where things are kept when nobody says: $GST_CHECKPOINT_FRAME_STORE, else a folder under
// $XDG_DATA_HOME; likewise metadata.
std::string default_frame_store_uri();
std::string default_metadata_store_uri();

}  // namespace checkpoint
