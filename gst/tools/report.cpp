// SPDX-License-Identifier: LGPL-2.1-or-later
// report: a job as one HTML file that needs nothing else. Written stage by stage, so that memory
// does not grow with the job.
#include "tools/report.h"

#include <gst/video/video.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/checkpoint_cursor.h"
#include "core/names.h"
#include "elements/gst_handles.h"
#include "tools/call.h"
#include "tools/frame_picker.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

struct Settings {
  std::string job, path;
  std::optional<std::string> scenario;
  uint64_t frames = 8, width = 720;
  bool force = false;
};

constexpr size_t kPairs = 6;

Result<std::string> jpeg_of(const PickedFrame &frame, uint64_t wanted) {
  if (!frame.sample) return std::string();
  const auto width =
      static_cast<int>(std::min<uint64_t>(wanted, static_cast<uint64_t>(std::max(frame.width, 1))));
  const auto height =
      static_cast<int>(std::clamp(std::lround(width * frame.aspect), 1l, 16l * width));
  CapsPtr caps(gst_caps_new_simple("image/jpeg", "width", G_TYPE_INT, width, "height", G_TYPE_INT,
                                   height, "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, nullptr));
  CHECKPOINT_ASSIGN_OR_RETURN(const SamplePtr sample, convert(frame.sample.get(), caps.get()));
  GstMapInfo map;
  if (!gst_buffer_map(gst_sample_get_buffer(sample.get()), &map, GST_MAP_READ))
    return Status(Code::kInternal, "a converted frame can't be read");
  std::string jpeg(reinterpret_cast<const char *>(map.data), map.size);
  gst_buffer_unmap(gst_sample_get_buffer(sample.get()), &map);
  return jpeg;
}

Result<ReportFrame> make_frame(FramePicker &picker, uint64_t place, uint64_t width,
                               const std::string &id, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(PickedFrame picked, picker.at(place, cancel));
  ReportFrame frame;
  frame.id = id;
  CHECKPOINT_ASSIGN_OR_RETURN(frame.jpeg, jpeg_of(picked, width));
  frame.row = picked.row;
  frame.width = picked.width;
  frame.height = picked.height;
  frame.aspect = picked.aspect;
  frame.detections = std::move(picked.detections);
  return frame;
}

class Report {
 public:
  Report(Call &call, std::shared_ptr<Stores> stores, const Settings &settings)
      : call_(call), stores_(std::move(stores)), settings_(settings) {}

  Status write(OutputFile &file) {
    ReportWriter writer(file);
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<ReportStage> stages, read_stages(Branch{}));
    std::vector<ReportStage> others;
    if (settings_.scenario) {
      CHECKPOINT_ASSIGN_OR_RETURN(others, read_stages(Branch{true, *settings_.scenario}));
      if (others.empty())
        return {Code::kNotFound,
                "job " + in_quotes(settings_.job) + " has no scenario " +
                    in_quotes(*settings_.scenario),
                std::string(kProgram) + " list " + in_quotes(settings_.job) + " --scenarios"};
    }
    if (stages.empty() && others.empty())
      return {Code::kNotFound, "job " + in_quotes(settings_.job) + " has no complete checkpoint",
              std::string(kProgram) + " list --partial"};
    Progress progress(call_.out(), "writing", "stages");
    const uint64_t steps = 2 * stages.size() + others.size();
    for (ReportStage &stage : stages) {
      CHECKPOINT_ASSIGN_OR_RETURN(stage.timeline,
                                  read_timeline(*stores_->metadata, stage.row, call_.cancel()));
      progress.update(++done_, steps);
    }
    writer.begin(settings_.job, stages);
    for (const ReportStage &stage : stages) {
      CHECKPOINT_RETURN_IF_ERROR(write_stage(writer, stage));
      progress.update(++done_, steps);
    }
    if (settings_.scenario) {
      writer.begin_comparison(*settings_.scenario);
      for (const ReportStage &other : others) {
        for (const ReportStage &stage : stages)
          if (stage.row.fields.stage == other.row.fields.stage)
            CHECKPOINT_RETURN_IF_ERROR(compare(writer, stage.row, other.row));
        progress.update(++done_, steps);
      }
      writer.end_comparison();
    }
    writer.end();
    stages_ = stages.size();
    return file.publish();
  }
  uint64_t stages() const { return stages_; }
  uint64_t frames() const { return frames_; }

 private:
  // The newest complete version of every stage, in the order of the pipeline.
  Result<std::vector<ReportStage>> read_stages(const Branch &branch) {
    std::map<std::string, ReportStage> found;
    std::set<std::string> partial;
    CheckpointQuery query;
    query.job_id = settings_.job;
    query.branch = branch;
    query.include_partial = true;
    CheckpointCursor cursor(*stores_->metadata, query);
    for (;;) {
      CHECKPOINT_ASSIGN_OR_RETURN(const CheckpointRow *const row, cursor.next(call_.cancel()));
      if (!row) break;
      const std::string &name = row->fields.stage;
      auto stage = found.find(name);
      if (row->state == CheckpointState::kPartial) {
        if (stage == found.end()) partial.insert(name);
      } else if (stage != found.end()) {
        stage->second.versions++;
      } else {
        ReportStage one;
        one.row = *row;
        one.newer_partial = partial.count(name) > 0;
        found.emplace(name, std::move(one));
      }
    }
    std::vector<ReportStage> stages;
    for (auto &[name, stage] : found) stages.push_back(std::move(stage));
    std::stable_sort(stages.begin(), stages.end(), [](const ReportStage &a, const ReportStage &b) {
      return a.row.fields.stage_index < b.row.fields.stage_index;
    });
    for (size_t i = 0; i < stages.size(); i++) stages[i].id = "stage" + std::to_string(i);
    return stages;
  }

  Status write_stage(ReportWriter &writer, const ReportStage &stage) {
    writer.begin_stage(stage);
    const auto playlist = Playlist::all_of(stores_->metadata, stage.row);
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<uint64_t> places,
                                sample_places(playlist, settings_.frames, call_.cancel()));
    FramePicker picker(stores_, playlist);
    for (uint64_t place : places) {
      CHECKPOINT_ASSIGN_OR_RETURN(
          const ReportFrame frame,
          make_frame(picker, place, settings_.width, stage.id + "-" + std::to_string(place),
                     call_.cancel()));
      writer.frame(frame, stage.id);
      frames_++;
    }
    writer.end_stage(stage);
    return Status::ok();
  }

  Status compare(ReportWriter &writer, const CheckpointRow &base, const CheckpointRow &scenario) {
    // Those with most changes, in their order. A box that is gone says more than some that moved.
    std::vector<std::pair<size_t, FrameChange>> most;
    DiffListener listener;
    listener.frame = [&](const FrameChange &change) {
      size_t score = change.changed() ? 1 : 0;
      for (const DetectionChange &one : change.detections) score += one.a && one.b ? 2 : 8;
      most.emplace_back(score, change);
      if (most.size() <= kPairs) return true;
      most.erase(std::min_element(most.begin(), most.end(), [](const auto &a, const auto &b) {
        return a.first < b.first || (a.first == b.first && a.second.sequence > b.second.sequence);
      }));
      return true;
    };
    ReportComparison comparison{base, scenario, {}};
    CHECKPOINT_ASSIGN_OR_RETURN(
        comparison.totals, diff_checkpoints({stores_, base}, {stores_, scenario}, DiffOptions{},
                                            listener, call_.cancel()));
    writer.comparison(comparison);
    if (most.empty()) return Status::ok();
    writer.begin_pairs();
    FramePicker of_base(stores_, Playlist::all_of(stores_->metadata, base));
    FramePicker of_scenario(stores_, Playlist::all_of(stores_->metadata, scenario));
    for (const auto &[score, change] : most) {
      std::optional<ReportFrame> a, b;
      if (change.a) {
        CHECKPOINT_ASSIGN_OR_RETURN(
            a, make_frame(of_base, change.a->index, settings_.width, "", call_.cancel()));
      }
      if (change.b) {
        CHECKPOINT_ASSIGN_OR_RETURN(
            b, make_frame(of_scenario, change.b->index, settings_.width, "", call_.cancel()));
      }
      writer.pair(change, a ? &*a : nullptr, b ? &*b : nullptr);
    }
    return Status::ok();
  }

  Call &call_;
  const std::shared_ptr<Stores> stores_;
  const Settings settings_;
  uint64_t done_ = 0, stages_ = 0, frames_ = 0;
};

}  // namespace

int run_report(Call &call) {
  Settings settings;
  Options options;
  options.text("scenario", 0, "LABEL", "Compare the base with this scenario, side by side",
               &settings.scenario);
  options.number("frames", 'n', "N", "Frames of each stage at most, evenly spread (8)",
                 &settings.frames);
  options.number("width", 'w', "PIXELS", "Of each picture at most (720)", &settings.width);
  options.flag("force", 0, "Replace a file that is there", &settings.force);
  if (auto code = call.parse(std::move(options), 2, 2)) return *code;
  if (settings.frames < 1 || settings.frames > 200) return call.usage("--frames takes 1 to 200");
  if (settings.width < 64 || settings.width > 4096) return call.usage("--width takes 64 to 4096");
  settings.job = call.arguments()[0];
  settings.path = call.arguments()[1];
  if (Status status = check_name("job-id", settings.job); !status.is_ok()) return call.fail(status);
  if (Status status = check_free_name(settings.path, settings.force); !status.is_ok())
    return call.fail(status);
  gst_init(nullptr, nullptr);
  auto stores = call.open(Stores::Access::kRead);
  if (!stores.is_ok()) return call.fail(stores.status());
  auto file = OutputFile::create(settings.path, settings.force);
  if (!file.is_ok()) return call.fail(file.status());
  Report report(call, *stores, settings);
  if (Status status = report.write(**file); !status.is_ok()) return call.fail(status);
  if (call.json()) {
    Json json;
    json.begin_object().field("file", settings.path).field("stages", report.stages());
    json.field("frames", report.frames()).end_object();
    call.out().line(json.text());
  } else {
    call.out().line(in_quotes(settings.path) + ": " +
                    count_text(report.stages(), "stage", "stages") + ", " +
                    count_text(report.frames(), "picture", "pictures"));
  }
  return kFine;
}

}  // namespace checkpoint::tool
