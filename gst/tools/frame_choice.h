// SPDX-License-Identifier: LGPL-2.1-or-later
// Which frames of which checkpoint: what verbs that read frames have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/playlist.h"
#include "tools/call.h"
#include "tools/options.h"

namespace checkpoint::tool {

struct FrameChoice {
  std::optional<std::string> select, scenario;
  bool partial = false;

  // --select, --scenario and --partial.
  void add_options(Options &options);
  // After they were parsed. A status to give to Call::usage(): --select can't be read.
  Status check();

  struct Chosen {
    std::shared_ptr<Stores> stores;
    CheckpointRow row;
    std::shared_ptr<const Playlist> playlist;
  };
  // The checkpoint that the verb's first argument names. Once, after check().
  Result<Chosen> open(Call &call);

 private:
  PlaylistOptions playing_;
};

}  // namespace checkpoint::tool
