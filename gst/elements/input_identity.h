// SPDX-License-Identifier: LGPL-2.1-or-later
// Which film a source reads, as canonical JSON, so that another one in its place is noticed.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <string>

namespace checkpoint {

// Of its location or URI: path, size and time of a file; of numbered pictures ("%03d.png") how many
// there are, and a digest of their names, sizes and times; else the masked URI. '' for what has
// neither.
std::string input_of(GstElement *source);
// It reads something from outside of the line that input_of() can't tell.
bool has_unknown_input(GstElement *source);
// The file that it would read, and that is not there; '' for none.
std::string missing_input(GstElement *source);
// Does a property of that name tell a file that an element with inputs works by: a model, a picture
// that is laid over?
bool names_content(const std::string &property);
// Path, size and time of a file as canonical JSON; '': there is none.
std::string file_identity(const std::string &path);
// The whole path of a file that is there.
std::optional<std::string> whole_path(const std::string &path);

}  // namespace checkpoint
