// SPDX-License-Identifier: LGPL-2.1-or-later
#include <glib.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "tools/checkpoint_json.h"
#include "tools/checkpoint_name.h"
#include "tools/diff_text.h"
#include "tools/html.h"
#include "tools/label_color.h"
#include "tools/report.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr size_t kLabelColumns = 40;  // of a label in a picture; the table has all of it

std::string number(double value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(text, sizeof text, "%.3f", value);
  return text;
}

std::string color(const std::string &label) {
  char text[8];
  std::snprintf(text, sizeof text, "#%06x", static_cast<unsigned>(label_color(label)));
  return text;
}

std::string time_of(const FrameRow &row) {
  const uint64_t time = row.stream_time != kNone ? row.stream_time : row.pts;
  return time == kNone ? "" : duration_text(time);
}

// "3 faces" can't be said of a label that anybody chose: "face ×3, car".
std::string labels_text(const std::vector<DetectionRow> &detections) {
  std::map<std::string, int> counts;
  for (const DetectionRow &row : detections) counts[cut(printable(row.label), kLabelColumns)]++;
  std::string text;
  size_t shown = 0;
  for (const auto &[label, count] : counts) {
    if (++shown > 8) return text + ", …";
    text += (text.empty() ? "" : ", ") + (label.empty() ? "(no label)" : label);
    if (count > 1) text += " ×" + std::to_string(count);
  }
  return text;
}

std::string fact(const char *name, const std::string &value) {
  return value.empty() ? "" : "<div><dt>" + html(name) + "</dt><dd>" + html(value) + "</dd></div>";
}

std::string cells(const char *tag, const std::vector<std::string> &texts, bool numbers) {
  std::string row;
  for (size_t i = 0; i < texts.size(); i++) {
    const std::string side = numbers && i > 0 ? " class=\"number\"" : "";
    row += i == 0 ? "<th scope=\"row\">" + html(texts[i]) + "</th>"
                  : std::string("<") + tag + side + ">" + html(texts[i]) + "</" + tag + ">";
  }
  return "<tr>" + row + "</tr>\n";
}

std::string head(const std::vector<std::string> &texts, bool numbers) {
  std::string row;
  for (size_t i = 0; i < texts.size(); i++)
    row += std::string("<th scope=\"col\"") + (numbers && i > 0 ? " class=\"number\"" : "") + ">" +
           html(texts[i]) + "</th>";
  return "<thead><tr>" + row + "</tr></thead>\n";
}

std::string field_value(const std::optional<std::string> &value) { return value.value_or("–"); }

}  // namespace

void ReportWriter::begin(const std::string &job, const std::vector<ReportStage> &stages) {
  const std::string name = html(job);
  std::string video;
  for (const ReportStage &stage : stages)
    if (video.empty()) video = stage.row.fields.video_path;
  // No script, no request: also where something slipped through.
  put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      name + " – checkpoints</title>\n<style>" + kReportStyle + "</style>\n</head>\n<body>\n");
  put("<header><h1>" + name + "</h1>\n");
  if (!video.empty()) put("<p class=\"soft\">" + html(video) + "</p>\n");
  put("</header>\n<main>\n");
  lineage(stages);
}

void ReportWriter::lineage(const std::vector<ReportStage> &stages) {
  put("<section><h2>Stages</h2>\n");
  if (stages.empty()) put("<p>This job has no complete checkpoint.</p>\n");
  std::map<std::string, std::vector<const ReportStage *>> children;
  std::map<std::string, bool> known;
  for (const ReportStage &stage : stages) known[stage.row.id.to_string()] = true;
  for (const ReportStage &stage : stages) {
    const auto &parent = stage.row.fields.parent;
    const std::string key =
        parent && known.count(parent->to_string()) > 0 ? parent->to_string() : "";
    children[key].push_back(&stage);
  }
  // Every stage stands below the one it was run from; a list that has been written is gone from
  // `children`, so that the walk ends whatever the rows say.
  const auto write = [&](const auto &self, const std::string &key) -> void {
    auto found = children.find(key);
    if (found == children.end()) return;
    const std::vector<const ReportStage *> list = std::move(found->second);
    children.erase(found);
    put(key.empty() ? "<ul class=\"tree\">\n" : "<ul>\n");
    for (const ReportStage *stage : list) {
      put("<li><a href=\"#" + stage->id + "\">" + html(stage->row.fields.stage) +
          "</a> <span class=\"soft\">version " + std::to_string(stage->row.version) + ", " +
          count_text(stage->row.frames, "frame", "frames") + ", " +
          count_text(stage->timeline.detections, "detection", "detections"));
      if (key.empty() && stage->row.fields.parent) put(", run from a version that is not shown");
      put("</span>");
      self(self, stage->row.id.to_string());
      put("</li>\n");
    }
    put("</ul>\n");
  };
  write(write, "");
  put("</section>\n");
}

void ReportWriter::facts(const ReportStage &stage) {
  const CheckpointRow &row = stage.row;
  const bool timed = row.first_time != kNone && row.end_time != kNone;
  put("<dl class=\"facts\">" +
      fact("Version", std::to_string(row.version) + " of " + std::to_string(stage.versions)) +
      fact("Frames", std::to_string(row.frames)) +
      fact("Detections", std::to_string(stage.timeline.detections)) +
      fact("Time",
           timed ? duration_text(row.first_time) + " to " + duration_text(row.end_time) : "") +
      fact("New", bytes_text(row.bytes_new)) + fact("Reused", bytes_text(row.bytes_reused)) +
      fact("Created", time_text(row.created_at)) + fact("Profile", row.fields.profile_name) +
      "<div class=\"id\"><dt>Id</dt><dd><code>" + row.id.to_string() + "</code></dd></div></dl>\n");
  if (stage.newer_partial)
    put("<p class=\"soft\">A newer version was begun and is not complete.</p>\n");
}

void ReportWriter::timeline(const ReportStage &stage) {
  const Timeline &line = stage.timeline;
  if (line.rows.empty()) return;
  put("<h3>Detections over time</h3>\n");
  for (const Timeline::Row &row : line.rows) {
    const std::string label = row.label.empty() ? "(no label)" : row.label;
    const uint64_t most =
        std::max<uint64_t>(1, *std::max_element(row.steps.begin(), row.steps.end()));
    put("<div class=\"row\"><span class=\"name\"" + attribute("title", label) + ">" + html(label) +
        "</span><svg viewBox=\"0 0 " + std::to_string(row.steps.size()) +
        " 32\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\" role=\"img\"" +
        attribute("aria-label", label + ": " +
                                    count_text(row.detections, "detection", "detections") +
                                    " over time, at most " + std::to_string(most) + " in a step") +
        ">");
    for (size_t i = 0; i < row.steps.size(); i++) {
      if (row.steps[i] == 0) continue;
      const double height = 3 + 27 * static_cast<double>(row.steps[i]) / static_cast<double>(most);
      put("<rect x=\"" + std::to_string(i) + "\" y=\"" + number(32 - height) +
          "\" width=\"1\" height=\"" + number(height) + "\" fill=\"" + color(row.label) + "\"/>");
    }
    put("</svg><span class=\"count\">" + std::to_string(row.detections) + "</span></div>\n");
  }
  const auto end = [&](uint64_t at) {
    return line.in_time ? duration_text(at) : "frame " + std::to_string(at);
  };
  put("<div class=\"row axis\"><span></span><span class=\"ends\"><span>" + html(end(line.begin)) +
      "</span><span>" + html(end(line.end)) + "</span></span><span></span></div>\n");
  if (line.other_labels > 0)
    put("<p class=\"soft\">and " + count_text(line.other_labels, "detection", "detections") +
        " with other labels</p>\n");
}

void ReportWriter::begin_stage(const ReportStage &stage) {
  put("<section id=\"" + stage.id + "\"><h2>" + html(stage.row.fields.stage) + "</h2>\n");
  facts(stage);
  timeline(stage);
  put("<h3>Frames</h3>\n<div class=\"frames\">\n");
}

void ReportWriter::picture(const ReportFrame &frame) {
  put("<div class=\"scene\" style=\"aspect-ratio:1/" + number(frame.aspect) + "\">");
  const std::string time = time_of(frame.row);
  const std::string what = "Frame " + std::to_string(frame.row.index) +
                           (time.empty() ? "" : " at " + time) + ", " +
                           count_text(frame.detections.size(), "detection", "detections") +
                           (frame.detections.empty() ? "" : ": " + labels_text(frame.detections));
  if (frame.jpeg.empty()) {
    put("<span class=\"none\">no picture</span>");
    return;
  }
  put("<img" + attribute("alt", what) + " src=\"data:image/jpeg;base64," + base64(frame.jpeg) +
      "\">");
  const std::string width = std::to_string(frame.width), height = std::to_string(frame.height);
  put("<svg viewBox=\"0 0 " + width + " " + height +
      "\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
  const double size = std::max(8.0, frame.height / 16.0);
  for (const DetectionRow &row : frame.detections) {
    const std::string box = "x=\"" + std::to_string(row.x) + "\" y=\"" + std::to_string(row.y) +
                            "\" width=\"" + std::to_string(std::max<int64_t>(0, row.width)) +
                            "\" height=\"" + std::to_string(std::max<int64_t>(0, row.height)) +
                            "\" fill=\"none\" vector-effect=\"non-scaling-stroke\"";
    put("<rect " + box + " stroke=\"#000\" stroke-opacity=\".7\" stroke-width=\"5\"/><rect " + box +
        " stroke=\"" + color(row.label) + "\" stroke-width=\"2.5\"/>");
  }
  for (const DetectionRow &row : frame.detections) {
    // Above its box, or within where there is no room.
    const double above = static_cast<double>(row.y) - size * 0.3;
    const double y = above < size ? static_cast<double>(row.y) + size : above;
    put("<text x=\"" + std::to_string(row.x) + "\" y=\"" + number(y) + "\" font-size=\"" +
        number(size) +
        "\" font-family=\"sans-serif\" font-weight=\"bold\" fill=\"#fff\" stroke=\"#000\" "
        "stroke-width=\"" +
        number(size / 4) + "\" stroke-linejoin=\"round\" paint-order=\"stroke\">" +
        html(cut(printable(row.label), kLabelColumns)) + "</text>");
  }
  put("</svg>");
}

void ReportWriter::frame(const ReportFrame &frame, const std::string &close_to) {
  const std::string name = "frame " + std::to_string(frame.row.index);
  put("<div><figure class=\"frame\" id=\"" + frame.id + "\" style=\"--aspect:" +
      number(frame.aspect) + "\"><a class=\"close\" href=\"#" + close_to + "\">Close</a>");
  picture(frame);
  put("<a class=\"open\" href=\"#" + frame.id + "\"" +
      attribute("aria-label", "Open " + name + " large") + "></a></div>");
  const std::string time = time_of(frame.row);
  put("<figcaption>" + name + (time.empty() ? "" : " · " + html(time)) + " · " +
      count_text(frame.detections.size(), "detection", "detections") + "</figcaption>");
  if (!frame.detections.empty()) {
    put("<div class=\"more\"><table>" + head({"Label", "Confidence", "Box", "Track"}, false) +
        "<tbody>");
    for (const DetectionRow &row : frame.detections)
      put(cells("td",
                {row.label, row.confidence ? number(*row.confidence) : "",
                 std::to_string(row.x) + "," + std::to_string(row.y) + " " +
                     std::to_string(row.width) + "×" + std::to_string(row.height),
                 row.track ? std::to_string(*row.track) : ""},
                false));
    put("</tbody></table></div>");
  }
  put("</figure></div>\n");
}

void ReportWriter::configuration(const CheckpointRow &row) {
  // All leaves are "new" beside a row that has none.
  const std::vector<FieldChange> fields = diff_fields({}, row.fields);
  if (fields.empty()) return;
  put("<details><summary>Configuration and stats</summary><div class=\"wide\"><table>" +
      head({"Field", "Value"}, false) + "<tbody>\n");
  for (const FieldChange &field : fields)
    put(cells("td", {field.field, field_value(field.b)}, false));
  put("</tbody></table></div></details>\n");
}

void ReportWriter::end_stage(const ReportStage &stage) {
  put("</div>\n");
  configuration(stage.row);
  put("</section>\n");
}

void ReportWriter::begin_comparison(const std::string &scenario) {
  put("<section id=\"scenario\"><h2>Beside the scenario " +
      (scenario.empty() ? "without a label" : "“" + html(scenario) + "”") + "</h2>\n");
}

void ReportWriter::comparison(const ReportComparison &c) {
  const DiffTotals &t = c.totals;
  put("<h3>" + html(c.base.fields.stage) + "</h3>\n<p class=\"soft\">base version " +
      std::to_string(c.base.version) + ", scenario version " + std::to_string(c.scenario.version) +
      "</p>\n");
  if (t.empty()) {
    put("<p>No difference.</p>\n");
    return;
  }
  put("<p>Frames: " + std::to_string(t.frames_a) + " in the base, " + std::to_string(t.frames_b) +
      " in the scenario; " + std::to_string(t.added) + " added, " + std::to_string(t.removed) +
      " removed, " + std::to_string(t.changed) + " changed.</p>\n");
  if (!t.labels.empty()) {
    std::vector<std::string> columns{"Label", "Base",  "Scenario",           "Gained",
                                     "Lost",  "Moved", "Confidence shifted", "Mean shift"};
    const bool tracks = t.detections.tracked_otherwise > 0;
    if (tracks) columns.emplace_back("Other track");
    put("<div class=\"wide\"><table>" + head(columns, true) + "<tbody>\n");
    for (const auto &[label, l] : t.labels) {
      put(cells("td", label_cells(label.empty() ? "(no label)" : label, l, tracks), true));
    }
    put("</tbody></table></div>\n");
  }
  if (t.fields.empty()) return;
  put("<div class=\"wide\"><table>" + head({"Field", "Base", "Scenario"}, false) + "<tbody>\n");
  for (const FieldChange &field : t.fields)
    put(cells("td", {field.field, field_value(field.a), field_value(field.b)}, false));
  put("</tbody></table></div>\n");
}

void ReportWriter::begin_pairs() { put("<h3>Frames that differ most</h3>\n"); }

void ReportWriter::pair(const FrameChange &change, const ReportFrame *base,
                        const ReportFrame *scenario) {
  const FrameRow &row = change.a ? *change.a : *change.b;
  const std::string time = time_of(row);
  put("<div class=\"pair\"><h4>Frame " + std::to_string(change.sequence) +
      (time.empty() ? "" : " · " + html(time)) + "</h4>");
  for (const ReportFrame *side : {base, scenario}) {
    const char *name = side == base ? "base" : "scenario";
    if (!side) {
      put(std::string("<div class=\"missing\">not in the ") + name + "</div>");
      continue;
    }
    put("<figure>");
    picture(*side);
    put(std::string("</div><figcaption>") + name + " · " +
        count_text(side->detections.size(), "detection", "detections") + "</figcaption></figure>");
  }
  put("<ul>");
  size_t shown = 0;
  for (const DetectionChange &one : change.detections) {
    if (++shown > 12) {
      put("<li>and " + std::to_string(change.detections.size() - 12) + " more</li>");
      break;
    }
    const char *kind = !one.a ? " class=\"gained\"" : !one.b ? " class=\"lost\"" : "";
    put(std::string("<li") + kind + ">" + html(detection_text(one)) + "</li>");
  }
  for (const std::string &what : frame_differences(change)) put("<li>" + what + " differs</li>");
  put("</ul></div>\n");
}

void ReportWriter::end_comparison() { put("</section>\n"); }

void ReportWriter::end() { put("</main>\n</body>\n</html>\n"); }

}  // namespace checkpoint::tool
