// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/playlist.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/catalog.h"

namespace checkpoint {

namespace {

constexpr uint64_t kListPage = 256;  // of a filtered list, looked up at once
constexpr unsigned kFirstMatches = 64, kMostMatches = 4096;

uint64_t sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }
uint64_t difference(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

std::vector<uint64_t> numbers(uint64_t first, uint64_t end) {
  std::vector<uint64_t> all;
  for (uint64_t i = first; i < end; i++) all.push_back(i);
  return all;
}

// Do they go up or down one by one?
bool is_run(std::span<const uint64_t> places, bool down) {
  for (size_t i = 1; i < places.size(); i++)
    if (places[i] != (down ? places[i - 1] - 1 : places[i - 1] + 1)) return false;
  return true;
}

}  // namespace

Playlist::Playlist(std::shared_ptr<MetadataStore> store, PlaylistOptions options)
    : store_(std::move(store)), options_(std::move(options)) {}

Result<std::shared_ptr<const Playlist>> Playlist::open(std::shared_ptr<MetadataStore> store,
                                                       CheckpointRow checkpoint,
                                                       PlaylistOptions options,
                                                       Cancellation &cancel) {
  std::shared_ptr<Playlist> made(new Playlist(std::move(store), std::move(options)));
  const bool listed =
      made->options_.filtered && checkpoint.fields.filtered_frame_sequences.has_value();
  std::vector<CheckpointRow> parents;
  if (listed) {
    CHECKPOINT_ASSIGN_OR_RETURN(parents, ancestors(*made->store_, checkpoint, cancel));
    for (CheckpointRow &parent : parents) parent.fields.filtered_frame_sequences.reset();
  }
  made->layers_.push_back(std::move(checkpoint));
  std::move(parents.begin(), parents.end(), std::back_inserter(made->layers_));
  if (listed) made->list_ = &*made->layers_.front().fields.filtered_frame_sequences;
  return std::shared_ptr<const Playlist>(std::move(made));
}

std::shared_ptr<const Playlist> Playlist::all_of(std::shared_ptr<MetadataStore> store,
                                                 CheckpointRow checkpoint) {
  std::shared_ptr<Playlist> made(new Playlist(std::move(store), {}));
  made->layers_.push_back(std::move(checkpoint));
  return made;
}

Result<std::vector<PlayedFrame>> Playlist::frames(std::span<const uint64_t> places,
                                                  Cancellation &cancel) const {
  return list_ ? listed_frames(places, cancel) : own_frames(places, cancel);
}

Result<std::vector<PlayedFrame>> Playlist::own_frames(std::span<const uint64_t> places,
                                                      Cancellation &cancel) const {
  std::vector<PlayedFrame> frames;
  for (uint64_t place : places) frames.push_back({place, 0, false, {}});
  const bool up = is_run(places, false);
  if (up || is_run(places, true)) {
    FramePage page;
    page.checkpoint = checkpoint().key;
    page.first = places.empty() ? 0 : places.front();
    page.reverse = !up;
    page.limit = static_cast<unsigned>(places.size());
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<FrameRow> rows, store_->read_frames(page, cancel));
    auto row = rows.begin();
    for (PlayedFrame &frame : frames) {
      if (row == rows.end() || row->index != frame.place) continue;
      frame.found = true;
      frame.row = std::move(*row++);
    }
    return frames;
  }
  CHECKPOINT_ASSIGN_OR_RETURN(
      std::vector<std::optional<FrameRow>> rows,
      store_->find_frames(checkpoint().key, FramePage::Order::kIndex, places, cancel));
  for (size_t i = 0; i < frames.size(); i++) {
    if (!rows[i]) continue;
    frames[i].found = true;
    frames[i].row = std::move(*rows[i]);
  }
  return frames;
}

// Each from the first checkpoint of the chain that has it.
Result<std::vector<PlayedFrame>> Playlist::listed_frames(std::span<const uint64_t> places,
                                                         Cancellation &cancel) const {
  std::vector<PlayedFrame> frames;
  std::vector<uint64_t> wanted;
  std::vector<size_t> missing;  // places in `frames`
  for (uint64_t place : places) {
    PlayedFrame frame{place, 0, false, {}};
    if (place < list_->size()) {
      frame.row.sequence = (*list_)[place];
      wanted.push_back(frame.row.sequence);
      missing.push_back(frames.size());
    }
    frames.push_back(std::move(frame));
  }
  for (unsigned layer = 0; layer < layers_.size() && !wanted.empty(); layer++) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        std::vector<std::optional<FrameRow>> rows,
        store_->find_frames(layers_[layer].key, FramePage::Order::kSequence, wanted, cancel));
    std::vector<uint64_t> still_wanted;
    std::vector<size_t> still_missing;
    for (size_t i = 0; i < rows.size(); i++) {
      PlayedFrame &frame = frames[missing[i]];
      if (rows[i]) {
        frame.layer = layer;
        frame.found = true;
        frame.row = std::move(*rows[i]);
      } else {
        still_wanted.push_back(wanted[i]);
        still_missing.push_back(missing[i]);
      }
    }
    wanted = std::move(still_wanted);
    missing = std::move(still_missing);
  }
  return frames;
}

Result<std::vector<uint64_t>> Playlist::listed_matches(uint64_t first, uint64_t end,
                                                       Cancellation &cancel) const {
  CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PlayedFrame> found,
                              listed_frames(numbers(first, end), cancel));
  // By layer, and there by index.
  std::vector<std::multimap<uint64_t, uint64_t>> places(layers_.size());
  for (const PlayedFrame &frame : found)
    if (frame.found) places[frame.layer].emplace(frame.row.index, frame.place);
  std::vector<uint64_t> matches;
  for (unsigned layer = 0; layer < layers_.size(); layer++) {
    auto next = places[layer].begin();
    while (next != places[layer].end()) {
      // From one that is wanted on; matches that nobody wants are passed over.
      MatchQuery query;
      query.checkpoint = layers_[layer].key;
      query.first = next->first;
      query.end = places[layer].rbegin()->first + 1;
      query.limit = static_cast<unsigned>(kListPage);
      CHECKPOINT_ASSIGN_OR_RETURN(std::vector<uint64_t> indexes,
                                  store_->find_matches(query, *options_.select, cancel));
      for (uint64_t index : indexes)
        for (auto [at, last] = places[layer].equal_range(index); at != last; ++at)
          matches.push_back(at->second);
      if (indexes.size() < query.limit) break;
      next = places[layer].upper_bound(indexes.back());
    }
  }
  std::sort(matches.begin(), matches.end());
  return matches;
}

Result<std::optional<uint64_t>> Playlist::place_at(uint64_t time, Cancellation &cancel) const {
  if (!list_) return store_->find_frame_at(checkpoint().key, time, cancel);
  CHECKPOINT_RETURN_IF_ERROR(index_times(cancel));
  std::lock_guard lock(mutex_);
  auto later = std::upper_bound(times_->begin(), times_->end(), time,
                                [](uint64_t t, const Time &entry) { return t < entry.begin; });
  if (later == times_->begin()) return std::optional<uint64_t>();
  const uint64_t begin = std::prev(later)->begin;
  auto shown = std::lower_bound(times_->begin(), later, begin,
                                [](const Time &entry, uint64_t t) { return entry.begin < t; });
  const bool over = shown->end > begin && shown->end <= time;
  if (!over) return std::optional<uint64_t>(shown->place);
  return std::optional<uint64_t>(later == times_->end() ? places() : later->place);
}

Result<Playlist::TimeRange> Playlist::time_range(uint64_t first, uint64_t end,
                                                 Cancellation &cancel) const {
  TimeRange range;
  end = std::min(end, places());
  if (first >= end) return range;
  const auto add = [&](uint64_t from, uint64_t to) {
    range.begin = std::min(range.begin, from);
    range.end = range.end == kNone ? to : std::max(range.end, to);
  };
  if (list_ && !std::is_sorted(list_->begin() + static_cast<ptrdiff_t>(first),
                               list_->begin() + static_cast<ptrdiff_t>(end))) {
    CHECKPOINT_RETURN_IF_ERROR(index_times(cancel));
    std::lock_guard lock(mutex_);
    for (const Time &time : *times_)
      if (time.place >= first && time.place < end) add(time.begin, time.end);
    return range;
  }
  const uint64_t ends[] = {first, end - 1};
  for (const uint64_t &place : ends) {
    CHECKPOINT_ASSIGN_OR_RETURN(std::vector<PlayedFrame> one, frames({&place, 1}, cancel));
    const FrameRow &row = one[0].row;
    if (!one[0].found || row.stream_time == kNone) continue;
    add(row.stream_time, sum(row.stream_time, row.duration == kNone ? 0 : row.duration));
  }
  return range;
}

// The rows of a list are read once, since their times need not be in order.
Status Playlist::index_times(Cancellation &cancel) const {
  {
    std::lock_guard lock(mutex_);
    if (times_) return Status::ok();
  }
  std::vector<Time> times;
  for (uint64_t first = 0; first < places(); first += kListPage) {
    CHECKPOINT_ASSIGN_OR_RETURN(
        std::vector<PlayedFrame> found,
        listed_frames(numbers(first, std::min(places(), first + kListPage)), cancel));
    for (const PlayedFrame &frame : found) {
      if (!frame.found || frame.row.stream_time == kNone) continue;
      const uint64_t duration = frame.row.duration == kNone ? 0 : frame.row.duration;
      times.push_back({frame.row.stream_time, frame.place, sum(frame.row.stream_time, duration)});
    }
  }
  std::sort(times.begin(), times.end());
  std::lock_guard lock(mutex_);
  times_ = std::move(times);
  return Status::ok();
}

// --- SelectedPlaces

SelectedPlaces::SelectedPlaces(std::shared_ptr<const Playlist> playlist, uint64_t first,
                               uint64_t end, bool reverse)
    : playlist_(std::move(playlist)),
      reverse_(reverse),
      size_(playlist_->places()),
      page_(kFirstMatches) {
  end = std::min(end, size_);
  first = std::min(first, end);
  next_ = reverse ? size_ - end : first;
  end_ = reverse ? size_ - first : end;
  const PlaylistOptions &options = playlist_->options_;
  ahead_ = reverse ? options.before : options.after;
  behind_ = reverse ? options.after : options.before;
  searched_ = difference(next_, ahead_);
}

Result<std::vector<uint64_t>> SelectedPlaces::next(unsigned limit, Cancellation &cancel) {
  std::vector<uint64_t> places;
  const bool all = !playlist_->options_.select;
  while (places.size() < limit && next_ < end_) {
    if (!all) {
      while (!matches_.empty() && sum(matches_.front(), ahead_) < next_) matches_.pop_front();
      if (matches_.empty()) {
        if (searched_ >= sum(end_, behind_) || searched_ >= size_) {
          next_ = end_;
          break;
        }
        const Status status = find_more(cancel);
        if (status.is_ok()) continue;
        if (places.empty()) return status;
        break;
      }
      next_ = std::max(next_, difference(matches_.front(), behind_));
      if (next_ >= end_) {
        next_ = end_;
        break;
      }
    }
    places.push_back(place_of(next_++));
  }
  return places;
}

// The next page of matches that can concern the range.
Status SelectedPlaces::find_more(Cancellation &cancel) {
  const uint64_t end = std::min(sum(end_, behind_), size_);
  std::vector<uint64_t> found;
  uint64_t searched = end;
  if (playlist_->is_filtered()) {
    searched = std::min(end, searched_ + kListPage);
    const uint64_t low = reverse_ ? size_ - searched : searched_;
    const uint64_t high = reverse_ ? size_ - searched_ : searched;
    CHECKPOINT_ASSIGN_OR_RETURN(found, playlist_->listed_matches(low, high, cancel));
    if (reverse_) std::reverse(found.begin(), found.end());
  } else {
    MatchQuery query;
    query.checkpoint = playlist_->checkpoint().key;
    query.first = reverse_ ? size_ - end : searched_;
    query.end = reverse_ ? size_ - searched_ : end;
    query.reverse = reverse_;
    query.limit = page_;
    CHECKPOINT_ASSIGN_OR_RETURN(
        found, playlist_->store_->find_matches(query, *playlist_->options_.select, cancel));
    page_ = std::min(page_ * 2, kMostMatches);
    if (found.size() == query.limit) searched = place_of(found.back()) + 1;
  }
  searched_ = searched;
  for (uint64_t place : found) matches_.push_back(place_of(place));
  return Status::ok();
}

}  // namespace checkpoint
