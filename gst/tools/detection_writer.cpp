// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/detection_writer.h"

#include <gst/gst.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>

#include "core/json_node.h"
#include "elements/gst_handles.h"
#include "tools/json_number.h"

namespace checkpoint::tool {

namespace {

std::string number_or(uint64_t value, const char *none) {
  return value == kNone ? none : json_number(value);
}

// One object a line. What a line does not say again is as in the line before: the caps.
class JsonLines : public DetectionWriter {
 public:
  explicit JsonLines(OutputFile &file) : file_(file) {}
  void frame(const NotedFrame &frame) override {
    const FrameRow &row = frame.row;
    std::string line =
        "{\"index\":" + json_number(row.index) + ",\"sequence\":" + json_number(row.sequence) +
        ",\"pts\":" + number_or(row.pts, "null") + ",\"dts\":" + number_or(row.dts, "null") +
        ",\"duration\":" + number_or(row.duration, "null") +
        ",\"offset\":" + number_or(row.offset, "null") +
        ",\"offset_end\":" + number_or(row.offset_end, "null") +
        ",\"flags\":" + json_number(row.flags);
    if (frame.caps != caps_) line += ",\"caps\":" + json_string(frame.caps);
    caps_ = frame.caps;
    if (!frame.file.empty()) line += ",\"file\":" + json_string(frame.file);
    line += ",\"detections\":[";
    for (size_t i = 0; i < frame.detections.size(); i++) {
      const DetectionRow &one = frame.detections[i];
      line += std::string(i > 0 ? "," : "") + "{\"label\":" + json_string(one.label) +
              ",\"confidence\":" + (one.confidence ? json_number(*one.confidence) : "null") +
              ",\"x\":" + std::to_string(one.x) + ",\"y\":" + std::to_string(one.y) +
              ",\"width\":" + std::to_string(one.width) +
              ",\"height\":" + std::to_string(one.height) +
              ",\"track\":" + (one.track ? std::to_string(*one.track) : "null") +
              ",\"source\":" + json_string(one.source) + "}";
    }
    file_.write(line + "]}\n");
  }

 private:
  OutputFile &file_;
  std::string caps_;
};

// One row a detection, as RFC 4180 says.
class Csv : public DetectionWriter {
 public:
  explicit Csv(OutputFile &file) : file_(file) {
    file_.write("index,sequence,pts,duration,label,confidence,x,y,width,height,track,source\r\n");
  }
  void frame(const NotedFrame &frame) override {
    const FrameRow &row = frame.row;
    for (const DetectionRow &one : frame.detections)
      file_.write(std::to_string(row.index) + "," + std::to_string(row.sequence) + "," +
                  number(row.pts) + "," + number(row.duration) + "," + csv_field(one.label) + "," +
                  (one.confidence ? json_number(*one.confidence) : "") + "," +
                  std::to_string(one.x) + "," + std::to_string(one.y) + "," +
                  std::to_string(one.width) + "," + std::to_string(one.height) + "," +
                  (one.track ? std::to_string(*one.track) : "") + "," + csv_field(one.source) +
                  "\r\n");
  }

 private:
  static std::string number(uint64_t value) { return value == kNone ? "" : std::to_string(value); }
  OutputFile &file_;
};

// Images first, then annotations, then categories; annotations wait in a file of their own, so that
// memory holds the labels only.
class Coco : public DetectionWriter {
 public:
  explicit Coco(OutputFile &file) : file_(file), annotations_(std::tmpfile()) {
    file_.write("{\"info\":{\"description\":\"gst-checkpoint\"},\n\"images\":[");
  }
  ~Coco() override {
    if (annotations_) fclose(annotations_);
  }
  void frame(const NotedFrame &frame) override {
    const FrameRow &row = frame.row;
    const uint64_t image = row.index + 1;
    std::string name = frame.file;
    if (name.empty()) name = "frame-" + std::to_string(row.index);
    file_.write(std::string(images_++ > 0 ? "," : "") + "\n{\"id\":" + json_number(image) +
                ",\"file_name\":" + json_string(name) + ",\"width\":" +
                std::to_string(frame.width) + ",\"height\":" + std::to_string(frame.height) +
                ",\"sequence\":" + json_number(row.sequence) +
                ",\"pts\":" + number_or(row.pts, "null") + "}");
    for (const DetectionRow &one : frame.detections) {
      const auto category = categories_.emplace(one.label, categories_.size() + 1).first->second;
      const double area = static_cast<double>(one.width) * static_cast<double>(one.height);
      const uint64_t id = ++boxes_;
      const std::string text =
          std::string(id > 1 ? "," : "") + "\n{\"id\":" + std::to_string(id) +
          ",\"image_id\":" + json_number(image) + ",\"category_id\":" + std::to_string(category) +
          ",\"bbox\":[" + std::to_string(one.x) + "," + std::to_string(one.y) + "," +
          std::to_string(one.width) + "," + std::to_string(one.height) +
          "],\"area\":" + json_number(area) + ",\"iscrowd\":0" +
          (one.confidence ? ",\"score\":" + json_number(*one.confidence) : "") +
          (one.track ? ",\"track_id\":" + std::to_string(*one.track) : "") + "}";
      failed_ = failed_ || !annotations_ ||
                fwrite(text.data(), 1, text.size(), annotations_) != text.size();
    }
  }
  void end() override {
    file_.write("],\n\"annotations\":[");
    if (annotations_) {
      rewind(annotations_);
      char block[65536];
      for (size_t n; (n = fread(block, 1, sizeof block, annotations_)) > 0;)
        file_.write({block, n});
      failed_ = failed_ || ferror(annotations_);
    }
    file_.write("],\n\"categories\":[");
    std::vector<std::pair<uint64_t, std::string>> names;
    for (const auto &[label, id] : categories_) names.emplace_back(id, label);
    std::sort(names.begin(), names.end());
    for (size_t i = 0; i < names.size(); i++)
      file_.write(std::string(i > 0 ? "," : "") + "\n{\"id\":" + std::to_string(names[i].first) +
                  ",\"name\":" + json_string(names[i].second) + "}");
    file_.write("]}\n");
    if (failed_) file_.fail(ENOSPC);
  }

 private:
  OutputFile &file_;
  FILE *annotations_;
  bool failed_ = false;
  uint64_t images_ = 0, boxes_ = 0;
  std::map<std::string, uint64_t> categories_;
};

void set_size(const std::string &caps, NotedFrame &frame) {
  CapsPtr parsed(gst_caps_from_string(caps.c_str()));
  if (!parsed || gst_caps_get_size(parsed.get()) == 0) return;
  const GstStructure *structure = gst_caps_get_structure(parsed.get(), 0);
  gst_structure_get_int(structure, "width", &frame.width);
  gst_structure_get_int(structure, "height", &frame.height);
}

}  // namespace

std::string csv_field(const std::string &text) {
  std::string field = text;
  if (!field.empty() && std::string("=+-@\t\r\n").find(field[0]) != std::string::npos)
    field.insert(field.begin(), '\'');
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::unique_ptr<DetectionWriter> make_detection_writer(DetectionFormat format, OutputFile &file) {
  if (format == DetectionFormat::kCsv) return std::make_unique<Csv>(file);
  if (format == DetectionFormat::kCoco) return std::make_unique<Coco>(file);
  return std::make_unique<JsonLines>(file);
}

Status for_each_frame(Stores &stores, std::shared_ptr<const Playlist> playlist,
                      const std::function<Status(NotedFrame &)> &each, Cancellation &cancel) {
  const CheckpointRow &checkpoint = playlist->checkpoint();
  CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<CapsRow> caps,
                              stores.metadata->read_caps(checkpoint.key, cancel));
  DetectionCursor detections(stores.metadata, checkpoint.key);
  SelectedPlaces selected(playlist, 0, playlist->places(), false);
  const CapsRow *current = nullptr;
  NotedFrame frame;
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<uint64_t> places, selected.next(256, cancel));
    if (places.empty()) return Status::ok();
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<PlayedFrame> rows,
                                playlist->frames(places, cancel));
    for (const PlayedFrame &played : rows) {
      if (!played.found)
        return {Code::kExpired, "frame " + std::to_string(played.place) + " is gone"};
      frame.row = played.row;
      if (!current || current->number != frame.row.caps) {
        for (const CapsRow &one : caps)
          if (one.number == frame.row.caps) current = &one;
        frame.caps = current ? current->caps : "";
        set_size(frame.caps, frame);
      }
      frame.file.clear();
      CHECKPOINT_ASSIGN_OR_RETURN(frame.detections, detections.of_frame(frame.row.index, cancel));
      CHECKPOINT_RETURN_IF_ERROR(each(frame));
    }
  }
}

}  // namespace checkpoint::tool
