// SPDX-License-Identifier: LGPL-2.1-or-later
// The stages of a launch line and how each is declared, so that what was stored by the same line
// can be told from what was stored by another.
#pragma once

#include <gst/gst.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "elements/gst_handles.h"
#include "elements/launch_line.h"
#include "elements/line_pipeline.h"
#include "elements/pipeline_config.h"

namespace checkpoint {

class LineStages {
 public:
  // Makes the elements of the line once, to see what is set on them. As make_pipeline().
  static Result<LineStages> make(LaunchLine line, const std::vector<Override> &overrides);

  const LaunchLine &line() const { return line_; }
  const std::vector<Override> &overrides() const { return overrides_; }
  // What an element's property is set to: by an override, else in the line.
  std::optional<std::string> setting(size_t element, const std::string &property) const;
  // Of taps and checkpointsrcs, the ids of the checkpoints that they hand on; '' where not known.
  using Played = std::map<size_t, std::string>;
  // As the sink or tap of that stage will record it (elements/pipeline_config.h), when what is
  // before it hands on these.
  std::string declared(size_t stage, const Played &played) const;
  // The taps directly before a stage, and its checkpointsrcs; none for what begins with a film.
  std::vector<size_t> boundaries(size_t stage) const;
  // The stages among them.
  std::vector<size_t> parents(size_t stage) const;
  // The checkpointsrcs of the line that name a checkpoint, and what they play.
  const std::map<size_t, Replayed> &replays() const { return replays_; }
  // What is overridden among the elements of a stage, its tap with them and the one before not, as
  // a JSON object without what may be secret;
  // '' for nothing.
  std::string overrides_of(size_t stage) const;
  // Files that sources would read and that are not there: the source, and which.
  const std::vector<std::pair<std::string, std::string>> &missing_inputs() const {
    return missing_inputs_;
  }
  // Elements before a stage of which can't be told whether the same pads are linked, or set: those
  // that come while the pipeline runs have no names before.
  const std::vector<std::string> &unknown_pads() const { return unknown_pads_; }
  // A tap or sink that may drop frames.
  bool is_leaky(size_t stage) const;
  // A tap that leaves out what runs died on.
  bool skips_poison(size_t stage) const;
  // Other sources of which can't be told whether what they read is another film now.
  const std::vector<std::string> &unknown_inputs() const { return unknown_inputs_; }

 private:
  bool has_unknown_pads(size_t element, GstElement *made) const;
  // An element that leads to a stage without another stage between.
  std::vector<size_t> own_elements(size_t stage) const;

  LaunchLine line_;
  std::vector<Override> overrides_;
  std::vector<std::optional<std::string>> shown_overrides_;  // their values; nullopt: not shown
  std::vector<std::pair<std::string, std::string>> missing_inputs_;
  std::vector<std::string> unknown_inputs_, unknown_pads_;
  // Of each element.
  std::vector<std::map<std::string, std::string>> properties_;  // JSON values
  std::vector<std::string> inputs_;                             // the film that it reads, or ''
  std::map<size_t, Replayed> replays_;
};

}  // namespace checkpoint
