// SPDX-License-Identifier: LGPL-2.1-or-later
// A launch line as a pipeline, with settings besides, each checked before it is taken.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

#include "common/status.h"
#include "elements/gst_handles.h"
#include "elements/launch_line.h"

namespace checkpoint {

// "facedetect0.scale-factor=1.1"
struct Override {
  std::string element, property, value;
};
Result<Override> parse_override(const std::string &text);

// The pipeline of a line, in NULL, with these set on it. kInvalidArgument: an element or property
// that is not known here, or a value that does not fit.
Result<ElementPtr> make_pipeline(const std::string &text, const std::vector<Override> &overrides);

// kInvalidArgument: a value of the line is out of its range. It would not be taken, and only a log
// would say so.
Status check_ranges(const LaunchLine::Element &written);

// A property of an element, or of a pad of it: "sink_0::xpos".
struct Property {
  GstPtr<GObject> object;
  GParamSpec *pspec = nullptr;  // null: there is none of that name
};
Property property_of(GstElement *element, const std::string &name);

}  // namespace checkpoint
