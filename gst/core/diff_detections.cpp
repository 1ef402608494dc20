// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>
#include <map>

#include "core/diff.h"

namespace checkpoint {

namespace {

using Group = std::vector<const DetectionRow *>;

// Where a box begins and ends on one axis. As doubles: a sum of two int64 may be none.
double shared_length(double a, double a_length, double b, double b_length) {
  return std::max(0.0, std::min(a + a_length, b + b_length) - std::max(a, b));
}

double area_of(const DetectionRow &d) {
  return std::max(0.0, static_cast<double>(d.width)) * std::max(0.0, static_cast<double>(d.height));
}

bool same_box(const DetectionRow &a, const DetectionRow &b) {
  return a.x == b.x && a.y == b.y && a.width == b.width && a.height == b.height;
}

double shift_of(const DetectionRow &a, const DetectionRow &b) {
  if (a.confidence.has_value() != b.confidence.has_value()) return INFINITY;
  return a.confidence ? std::fabs(*b.confidence - *a.confidence) : 0;
}

constexpr size_t kNobody = SIZE_MAX;

// Of those in `group` that are still free, the one that suits `one` best: most overlap, then the
// nearest confidence, then the first.
size_t best_for(const DetectionRow &one, const Group &group, const std::vector<bool> &taken,
                double min_overlap) {
  size_t best = kNobody;
  double best_overlap = 0, best_shift = 0;
  for (size_t i = 0; i < group.size(); i++) {
    if (taken[i]) continue;
    const double overlap = box_overlap(one, *group[i]);
    if (overlap < min_overlap || overlap <= 0) continue;
    const double shift = shift_of(one, *group[i]);
    if (best != kNobody &&
        (overlap < best_overlap || (overlap == best_overlap && shift >= best_shift)))
      continue;
    best = i;
    best_overlap = overlap;
    best_shift = shift;
  }
  return best;
}

void diff_group(const Group &a, const Group &b, const DiffOptions &options,
                std::vector<DetectionChange> &changes) {
  std::vector<bool> taken_a(a.size()), taken_b(b.size());
  const auto pair = [&](size_t i, size_t j) {
    taken_a[i] = taken_b[j] = true;
    DetectionChange change;
    change.a = *a[i];
    change.b = *b[j];
    change.overlap = box_overlap(*a[i], *b[j]);
    change.moved = !same_box(*a[i], *b[j]);
    change.shifted = shift_of(*a[i], *b[j]) > options.min_shift;
    change.tracked_otherwise = a[i]->track != b[j]->track;
    if (change.moved || change.shifted || change.tracked_otherwise)
      changes.push_back(std::move(change));
  };
  // Two that suit each other best are a pair; what is left is looked at again. That gives the best
  // pairs first, in no more memory than the detections take.
  for (bool found = true; found;) {
    found = false;
    for (size_t i = 0; i < a.size(); i++) {
      if (taken_a[i]) continue;
      const size_t j = best_for(*a[i], b, taken_b, options.min_overlap);
      if (j == kNobody || best_for(*b[j], a, taken_a, options.min_overlap) != i) continue;
      pair(i, j);
      found = true;
    }
  }
  for (size_t i = 0; i < a.size(); i++) {
    if (taken_a[i]) continue;
    changes.emplace_back();
    changes.back().a = *a[i];
  }
  for (size_t j = 0; j < b.size(); j++) {
    if (taken_b[j]) continue;
    changes.emplace_back();
    changes.back().b = *b[j];
  }
}

}  // namespace

double box_overlap(const DetectionRow &a, const DetectionRow &b) {
  if (same_box(a, b)) return 1;
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  const double shared = shared_length(number(a.x), number(a.width), number(b.x), number(b.width)) *
                        shared_length(number(a.y), number(a.height), number(b.y), number(b.height));
  const double all = area_of(a) + area_of(b) - shared;
  return shared > 0 && all > 0 ? std::min(1.0, shared / all) : 0;
}

std::vector<DetectionChange> diff_detections(const std::vector<DetectionRow> &a,
                                             const std::vector<DetectionRow> &b,
                                             const DiffOptions &options) {
  std::map<std::string, std::pair<Group, Group>> groups;
  for (const DetectionRow &row : a) groups[row.label].first.push_back(&row);
  for (const DetectionRow &row : b) groups[row.label].second.push_back(&row);
  std::vector<DetectionChange> changes;
  for (const auto &[label, group] : groups) diff_group(group.first, group.second, options, changes);
  return changes;
}

}  // namespace checkpoint
