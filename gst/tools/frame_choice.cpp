// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/frame_choice.h"

#include <utility>

#include "core/condition_parser.h"

namespace checkpoint::tool {

void FrameChoice::add_options(Options &options) {
  options.text("select", 0, "EXPRESSION", "Only frames that match, as checkpointsrc selects them",
               &select);
  options.text("scenario", 0, "LABEL", "Of this scenario ('': that without a label)", &scenario);
  options.flag("partial", 'p', "The newest one, be it complete or not", &partial);
}

Status FrameChoice::check() {
  if (!select) return Status::ok();
  auto condition = parse_condition(*select);
  if (!condition.is_ok())
    return {Code::kInvalidArgument, "--select: " + condition.status().message()};
  playing_.select = std::move(*condition);
  return Status::ok();
}

Result<FrameChoice::Chosen> FrameChoice::open(Call &call) {
  Chosen chosen;
  CHECKPOINT_ASSIGN_OR_RETURN(chosen.stores, call.open(Stores::Access::kRead));
  CHECKPOINT_ASSIGN_OR_RETURN(chosen.row,
                              call.find(*chosen.stores, call.arguments()[0], scenario, partial));
  CHECKPOINT_ASSIGN_OR_RETURN(chosen.playlist, Playlist::open(chosen.stores->metadata, chosen.row,
                                                              std::move(playing_), call.cancel()));
  return chosen;
}

}  // namespace checkpoint::tool
