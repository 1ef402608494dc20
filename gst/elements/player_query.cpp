// SPDX-License-Identifier: LGPL-2.1-or-later
// What a Player answers to queries.
#include <gst/video/video.h>

#include "elements/player.h"

namespace checkpoint {

void Player::decide_allocation(GstQuery *query) {
  video_meta_ = gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  // Frames come in memory of their own; a pool would only be filled for nothing.
  while (gst_query_get_n_allocation_pools(query) > 0)
    gst_query_remove_nth_allocation_pool(query, 0);
}

GstCaps *Player::caps() const {
  auto connected = connection();
  if (!connected || connected->all_caps()[0].empty()) return nullptr;
  GstCaps *caps = gst_caps_new_empty();
  for (const auto &of_layer : connected->all_caps())
    for (const auto &one : of_layer) gst_caps_append(caps, gst_caps_copy(one->caps()));
  return caps;
}

std::optional<bool> Player::query(GstQuery *query) {
  const GstQueryType type = GST_QUERY_TYPE(query);
  if (type == GST_QUERY_FORMATS) {
    gst_query_set_formats(query, 2, GST_FORMAT_TIME, GST_FORMAT_DEFAULT);
    return true;
  }
  if (type == GST_QUERY_SCHEDULING) {
    // The base class would start the source to find this out.
    gst_query_set_scheduling(query, GST_SCHEDULING_FLAG_SEEKABLE, 1, -1, 0);
    gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
    return true;
  }
  if (type == GST_QUERY_CONVERT) return convert(query);
  if (type != GST_QUERY_DURATION && type != GST_QUERY_POSITION && type != GST_QUERY_SEEKING)
    return std::nullopt;

  GstFormat format;
  if (type == GST_QUERY_DURATION)
    gst_query_parse_duration(query, &format, nullptr);
  else if (type == GST_QUERY_POSITION)
    gst_query_parse_position(query, &format, nullptr);
  else
    gst_query_parse_seeking(query, &format, nullptr, nullptr, nullptr);
  if (format != GST_FORMAT_TIME && format != GST_FORMAT_DEFAULT) return std::nullopt;
  std::shared_ptr<Replay> replay;
  std::shared_ptr<SourceConnection> c;
  {
    std::lock_guard lock(mutex_);
    replay = replay_;
    c = connection_;
  }
  if (!c) return false;
  const bool time = format == GST_FORMAT_TIME;
  const uint64_t first = time ? c->first_time() : c->first();
  const uint64_t end = time ? c->end_time() : c->end();
  if (type == GST_QUERY_SEEKING) {
    const bool seekable = first != kNone;
    gst_query_set_seeking(query, format, seekable, seekable ? static_cast<gint64>(first) : -1,
                          static_cast<gint64>(end));
    return true;
  }
  const uint64_t value = type == GST_QUERY_DURATION ? end
                         : time                     ? replay->position()
                                                    : replay->place();
  if (value == kNone) return false;
  if (type == GST_QUERY_DURATION)
    gst_query_set_duration(query, format, static_cast<gint64>(value));
  else
    gst_query_set_position(query, format, static_cast<gint64>(value));
  return true;
}

std::optional<bool> Player::convert(GstQuery *query) {
  GstFormat from, to;
  gint64 value;
  gst_query_parse_convert(query, &from, &value, &to, nullptr);
  const bool ours = (from == GST_FORMAT_TIME && to == GST_FORMAT_DEFAULT) ||
                    (from == GST_FORMAT_DEFAULT && to == GST_FORMAT_TIME);
  if (!ours) return std::nullopt;
  auto c = connection();
  if (!c || value < 0) return false;
  const auto number = static_cast<uint64_t>(value);
  const auto cancel = waiting();
  if (from == GST_FORMAT_TIME && c->end_time() != kNone && number >= c->end_time()) {
    gst_query_set_convert(query, from, value, to, static_cast<gint64>(c->end()));
    return true;
  }
  auto found = from == GST_FORMAT_TIME ? c->place_at(number, *cancel) : c->time_of(number, *cancel);
  if (!found.is_ok() || !*found) return false;
  gst_query_set_convert(query, from, value, to, static_cast<gint64>(**found));
  return true;
}

}  // namespace checkpoint
