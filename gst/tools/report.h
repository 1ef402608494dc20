// SPDX-License-Identifier: LGPL-2.1-or-later
// A job as one HTML file: what is in it, and how it is written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/diff.h"
#include "tools/output_file.h"
#include "tools/timeline.h"

namespace checkpoint::tool {

// A frame as the report shows it.
struct ReportFrame {
  std::string id;  // of its element; ours
  FrameRow row;
  int width = 0, height = 0;  // pixels of the frame, which the boxes are in
  double aspect = 1;          // height by width, as it is shown
  std::vector<DetectionRow> detections;
  std::string jpeg;  // '': it holds no picture
};

struct ReportStage {
  std::string id;  // of its element; ours
  CheckpointRow row;
  uint64_t versions = 1;  // complete ones
  bool newer_partial = false;
  Timeline timeline;
};

// One stage of the scenario beside that of the base.
struct ReportComparison {
  CheckpointRow base, scenario;
  DiffTotals totals;
};

// Writes the parts in the order of the calls. Everything that was not written by us is escaped.
class ReportWriter {
 public:
  explicit ReportWriter(OutputFile &file) : file_(file) {}

  void begin(const std::string &job, const std::vector<ReportStage> &stages);
  void begin_stage(const ReportStage &stage);
  void frame(const ReportFrame &frame, const std::string &close_to);
  void end_stage(const ReportStage &stage);

  void begin_comparison(const std::string &scenario);
  void comparison(const ReportComparison &comparison);
  // A frame of both sides; nullptr: that side lacks it.
  void begin_pairs();
  void pair(const FrameChange &change, const ReportFrame *base, const ReportFrame *scenario);
  void end_comparison();

  void end();

 private:
  void lineage(const std::vector<ReportStage> &stages);
  void facts(const ReportStage &stage);
  void timeline(const ReportStage &stage);
  void configuration(const CheckpointRow &row);
  // Leaves its element open.
  void picture(const ReportFrame &frame);
  void put(const std::string &text) { file_.write(text); }

  OutputFile &file_;
};

// The style sheet.
extern const char *const kReportStyle;

}  // namespace checkpoint::tool
