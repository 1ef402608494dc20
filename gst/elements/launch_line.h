// SPDX-License-Identifier: LGPL-2.1-or-later
// A line of gst-launch-1.0 as a graph: gst_parse_launch() makes all its elements and links those
// that appear later (a decodebin's) whenever they appear, so its pipeline can't tell what leads
// where.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"

namespace checkpoint {

class LaunchLine {
 public:
  struct Element {
    std::string factory;
    std::string name;  // as given, or as gst_parse_launch() would number it
    // In their order, without `name`; values as they stand in the line, quotes and all.
    std::vector<std::pair<std::string, std::string>> properties;
    // The value without quotes; nullopt: not set.
    std::optional<std::string> property(const std::string &key) const;
  };
  struct Link {
    size_t from = 0, to = 0;       // of elements()
    std::string from_pad, to_pad;  // '' where not named
    std::string caps;              // as in the line; '' for none
    bool all_pads = false;         // ':' instead of '!'
  };

  // As a shell hands the line over. One argument alone may hold all of it. A chain in parentheses
  // is taken without them, a URI at the beginning of a chain as its source, which is a filesrc or
  // checkpointsrc where the URI is one of theirs. kInvalidArgument names
  // what is not understood.
  static Result<LaunchLine> parse(const std::vector<std::string> &words);

  const std::vector<Element> &elements() const { return elements_; }
  const std::vector<Link> &links() const { return links_; }
  // nullopt: there is none of that name.
  std::optional<size_t> find(const std::string &name) const;
  // Taps and sinks with a stage, in the order of the stream.
  const std::vector<size_t> &stages() const { return stages_; }
  std::string stage_of(size_t element) const { return *elements_[element].property("stage"); }
  // All elements behind it, or before it, without itself.
  std::set<size_t> after(size_t element) const;
  std::set<size_t> before(size_t element) const;

  // The whole line with every element named.
  std::string text() const;
  // The line that starts at a tap: `source` stands for it and plays what it stored. Kept is what is
  // behind the tap, and the inputs of that which don't come through it. kInvalidArgument: an
  // element that is needed on both sides is named.
  Result<std::string> text_from(size_t tap, const std::string &source) const;
  // Which elements text_from() leaves out.
  Result<std::set<size_t>> removed_by(size_t tap) const;

 private:
  std::set<size_t> reach(size_t element, bool forward) const;
  void name_elements();
  Status find_stages();
  std::string text_of(const std::set<size_t> &without, std::optional<size_t> replaced,
                      const std::string &source) const;

  friend class LineParser;
  std::vector<Element> elements_;
  std::vector<Link> links_;
  std::vector<size_t> stages_;
};

// As gst_parse_launch() reads it: without quotes and backslashes.
std::string unquote(const std::string &raw);
// So that it reads `text`.
std::string quote(const std::string &text);

}  // namespace checkpoint
