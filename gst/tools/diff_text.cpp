// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/diff_text.h"

#include <cstdio>

#include "tools/checkpoint_name.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

std::string number_text(const char *format, double number) {
  char text[32];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::string confidence_text(const DetectionRow &row) {
  return row.confidence ? number_text("%.3f", *row.confidence) : "none";
}

std::string box_text(const DetectionRow &row) {
  return std::to_string(row.x) + "," + std::to_string(row.y) + " " + std::to_string(row.width) +
         "x" + std::to_string(row.height);
}

}  // namespace

std::vector<std::string> frame_differences(const FrameChange &change) {
  std::vector<std::string> all;
  if (change.payload) all.emplace_back("payload");
  if (change.timing) all.emplace_back("timing");
  if (change.flags) all.emplace_back("flags");
  if (change.caps) all.emplace_back("caps");
  return all;
}

std::string detection_difference(const DetectionChange &change) {
  if (!change.a) return "gained";
  if (!change.b) return "lost";
  std::string text;
  const auto add = [&](bool is, const char *what) {
    if (is) text += (text.empty() ? "" : ",") + std::string(what);
  };
  add(change.moved, "moved");
  add(change.shifted, "confidence");
  add(change.tracked_otherwise, "track");
  return text;
}

std::string detection_text(const DetectionChange &change) {
  const DetectionRow &row = change.a ? *change.a : *change.b;
  std::string text = detection_difference(change) + " " + row.label;
  if (!change.a || !change.b)
    return text + (row.confidence ? " " + confidence_text(row) : "") + " at " + box_text(row);
  if (change.moved) text += " " + box_text(*change.a) + " > " + box_text(*change.b);
  if (change.shifted) text += " " + confidence_text(*change.a) + " > " + confidence_text(*change.b);
  return text;
}

double mean_shift(const LabelTotals &totals) {
  return totals.shift / static_cast<double>(totals.with_shift);
}

std::string signed_number(double number) { return number_text("%+.3f", number); }

std::vector<std::string> label_cells(const std::string &name, const LabelTotals &totals,
                                     bool tracks) {
  std::vector<std::string> cells{name};
  for (const uint64_t n :
       {totals.a, totals.b, totals.gained, totals.lost, totals.moved, totals.shifted})
    cells.push_back(std::to_string(n));
  cells.push_back(totals.with_shift ? signed_number(mean_shift(totals)) : "");
  if (tracks) cells.push_back(std::to_string(totals.tracked_otherwise));
  return cells;
}

std::string side_text(const CheckpointRow &row) {
  std::string text = printable(checkpoint_name(row));
  if (row.fields.branch.is_scenario)
    text += " of scenario " +
            (row.fields.branch.label.empty() ? "(no label)" : printable(row.fields.branch.label));
  return text + ", " + count_text(row.frames, "frame", "frames");
}

}  // namespace checkpoint::tool
