// SPDX-License-Identifier: LGPL-2.1-or-later
// Structures and metas made up at random, of every kind that is kept.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <random>
#include <string>

namespace checkpoint {

class RandomContent {
 public:
  explicit RandomContent(uint64_t seed) : engine_(seed) {}

  uint64_t any() { return engine_(); }
  uint64_t below(uint64_t n) { return engine_() % n; }
  bool one_in(uint64_t n) { return below(n) == 0; }
  std::string text();
  double real();
  uint64_t number();
  guint64 maybe_time() { return one_in(4) ? GST_CLOCK_TIME_NONE : below(3600 * GST_SECOND); }
  GstStructure *structure() { return structure(0); }
  GstEvent *toc_event();

  // `info` is what the buffer's caps say. Adds nothing where the kind may be there only once and
  // is.
  void add_meta(GstBuffer *buffer, const GstVideoInfo &info);
  // Where this build has no such meta, nothing.
  void add_analytics(GstBuffer *buffer);

 private:
  GstStructure *structure(int depth);
  GstTagList *tags();
  GstTocEntry *toc_entry(int depth);
  guint coordinate() { return static_cast<guint>(below(50)); }
  void add_region(GstBuffer *buffer);
  void add_time_code(GstBuffer *buffer);
  void add_custom(GstBuffer *buffer);

  std::mt19937_64 engine_;
};

}  // namespace checkpoint
