// SPDX-License-Identifier: LGPL-2.1-or-later
// A difference in words, the same in every verb. Labels are as they are: who prints them makes them
// printable.
#pragma once

#include <string>
#include <vector>

#include "core/diff.h"

namespace checkpoint::tool {

// "payload", "timing", "flags", "caps"
std::vector<std::string> frame_differences(const FrameChange &change);
// "gained", "lost", "moved", "confidence", "track", or several with commas
std::string detection_difference(const DetectionChange &change);
// "lost face 0.93 at 10,20 30x40"
std::string detection_text(const DetectionChange &change);
// The cells of a label in a table, in the order of its columns; `tracks`: with the last of them.
std::vector<std::string> label_cells(const std::string &name, const LabelTotals &totals,
                                     bool tracks);
// What confidences rose by on average; `totals.with_shift` is not 0.
double mean_shift(const LabelTotals &totals);
std::string signed_number(double number);  // "+0.123"
// "street/detect@2 scenario dim, 300 frames"
std::string side_text(const CheckpointRow &row);

}  // namespace checkpoint::tool
