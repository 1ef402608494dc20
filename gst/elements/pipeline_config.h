// SPDX-License-Identifier: LGPL-2.1-or-later
// What a stage was made by, as canonical JSON: the part of the pipeline that is upstream of a sink
// or tap, up to the tap or checkpointsrc before it. docs/elements/checkpointsink.md describes both.
#pragma once

#include <gst/gst.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/checkpoint_uri.h"
#include "core/json_node.h"
#include "elements/gst_handles.h"

namespace checkpoint {

// Names with JSON values; as text the keys are sorted and there is no space.
using JsonMembers = std::map<std::string, std::string>;
std::string json_object(const JsonMembers &members);
std::string json_array(const std::vector<std::string> &values);

// Where the stage before ends, and what is declared of the one behind begins.
bool is_boundary_factory(const std::string &factory);

// What is set on an element: its properties that can be read and written and are not as their
// default, but names, objects and whatever may be secret.
JsonMembers set_properties(GstElement *element);
// "{"factory":…,"properties":…}"
JsonMembers declared_element(const std::string &factory, const JsonMembers &properties);
// What a checkpointsrc plays.
struct Replayed {
  CheckpointUri what;
  bool skips_missing = false;
  int num_buffers = -1;  // all
  bool do_timestamp = false;
};
// nullopt: it names nothing, or is a tap.
std::optional<Replayed> replayed_by(GstElement *boundary);
// A checkpoint as an input; with what a checkpointsrc plays of it, where that may not be all.
std::string parent_identity(const std::string &checkpoint_id, const std::optional<Replayed> &part);
// `properties` are those that are set on the sink or tap: what may leave frames out counts.
std::string declared_stage(const std::string &elements, const std::set<std::string> &inputs,
                           const JsonMembers &properties);

// The elements before `end` in the order of the stream, as a JSON array. One with several inputs
// holds theirs, in an order that says nothing of pads. `inputs_of` gives the nodes before one;
// `members_of` its object. What feeds itself ends where it comes again; `behind` is the way to it.
template <typename Node>
std::string chain_json(const std::vector<Node> &before,
                       const std::function<std::vector<Node>(const Node &)> &inputs_of,
                       const std::function<JsonMembers(const Node &)> &members_of,
                       std::vector<Node> behind = {}) {
  std::vector<std::string> reversed;
  std::vector<Node> inputs = before;
  while (inputs.size() == 1) {
    const Node node = inputs[0];
    if (std::find(behind.begin(), behind.end(), node) != behind.end()) break;
    behind.push_back(node);
    JsonMembers members = members_of(node);
    inputs = inputs_of(node);
    if (inputs.size() > 1) {
      std::multiset<std::string> chains;
      for (const Node &input : inputs)
        chains.insert(chain_json<Node>({input}, inputs_of, members_of, behind));
      members["inputs"] = json_array({chains.begin(), chains.end()});
    }
    reversed.push_back(json_object(members));
  }
  return json_array({reversed.rbegin(), reversed.rend()});
}

class PipelineConfig {
 public:
  // Of the stage that ends at `element`, which outlives this.
  explicit PipelineConfig(GstElement *element) : element_(element) {}

  // Before data flows: what is set now is what was declared, whatever the elements do later. The
  // application's thread.
  void remember();
  void forget() { remembered_.clear(); }

  struct Texts {
    std::string declared, resolved;
  };
  // When data flows, so that all pads are linked. The streaming thread.
  Texts describe() const;

 private:
  JsonMembers properties_of(GstElement *element) const;

  GstElement *const element_;
  std::map<ElementPtr, JsonMembers> remembered_;
};

}  // namespace checkpoint
