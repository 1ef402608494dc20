// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a launch line from where a plan says, each stage recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "elements/stage_plan.h"

namespace checkpoint {

struct RunProgress {
  struct Stage {
    std::string name;
    uint64_t frames = 0;  // that came so far
  };
  std::vector<Stage> stages;       // in the order of the stream
  std::optional<double> fraction;  // of the film; nullopt: not known
};

struct RunOutcome {
  // kCancelled: stopped, and what is durable goes on with the next run. kInvalidArgument: a tap or
  // source does not take what it got; the next run would end like this one.
  Status status;
  std::vector<std::string> completed;  // stages
  std::vector<std::string> partial;    // stages that are not
  bool began = false;                  // a frame came to one of them
  bool explained = false;              // the error tells what to do
};

class LineRun {
 public:
  // Called on the thread that runs, twice a second about.
  std::function<void(const RunProgress &)> on_progress = [](const RunProgress &) {};
  std::function<void(const std::string &)> on_warning = [](const std::string &) {};

  LineRun(const LineStages &stages, PlanRequest request)
      : stages_(stages), request_(std::move(request)) {}

  // Makes the pipeline, plays it to its end and takes it down.
  RunOutcome run(const StagePlan &plan, Cancellation &cancel);

 private:
  Result<ElementPtr> make(const StagePlan &plan);
  // Of the run, where the line says nothing else.
  void set_stores(GstElement *element, size_t at) const;
  Status set_up_stage(GstElement *element, size_t stage, const StagePlan &plan) const;
  Status play(GstElement *pipeline, Cancellation &cancel);
  void take_element_message(GstMessage *message);
  void take_last_messages(GstElement *pipeline);
  RunProgress progress(GstElement *pipeline) const;

  const LineStages &stages_;
  const PlanRequest request_;
  std::vector<std::pair<std::string, ElementPtr>> running_;  // stages and their elements
  RunOutcome outcome_;
};

}  // namespace checkpoint
