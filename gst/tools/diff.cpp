// SPDX-License-Identifier: LGPL-2.1-or-later
// diff: what core/diff.h finds, as tables or as JSON; frames as they are met.
#include "core/diff.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tools/call.h"
#include "tools/checkpoint_json.h"
#include "tools/checkpoint_name.h"
#include "tools/diff_text.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/table.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

void detection_json(Json &json, const char *name, const std::optional<DetectionRow> &row) {
  json.key(name);
  if (!row) {
    json.null();
    return;
  }
  json.begin_object().field("label", row->label).key("confidence");
  row->confidence ? json.value(*row->confidence) : json.null();
  json.field("x", row->x).field("y", row->y);
  json.field("width", row->width).field("height", row->height).key("track");
  row->track ? json.value(*row->track) : json.null();
  json.end_object();
}

// As the totals count it: a frame whose detections alone differ is not a changed one.
const char *kind_of(const FrameChange &change) {
  if (!change.a) return "added";
  if (!change.b) return "removed";
  return change.changed() ? "changed" : "detections";
}

void frame_json(Json &json, const FrameChange &change) {
  json.begin_object().field("sequence", change.sequence).key("change");
  json.value(kind_of(change)).key("differs");
  json.begin_array();
  for (const std::string &what : frame_differences(change)) json.value(what);
  json.end_array().key("detections").begin_array();
  for (const DetectionChange &one : change.detections) {
    json.begin_object().key("change").value(detection_difference(one));
    detection_json(json, "a", one.a);
    detection_json(json, "b", one.b);
    json.field("overlap", one.overlap).end_object();
  }
  json.end_array().end_object();
}

void label_json(Json &json, const LabelTotals &t) {
  json.begin_object().field("a", t.a).field("b", t.b).field("gained", t.gained);
  json.field("lost", t.lost).field("moved", t.moved).field("confidence_shifted", t.shifted);
  json.field("tracked_otherwise", t.tracked_otherwise).key("mean_shift");
  t.with_shift ? json.value(mean_shift(t)) : json.null();
  json.end_object();
}

void print_json(Terminal &out, const DiffSide &a, const DiffSide &b, const DiffTotals &totals) {
  Json json;
  json.begin_object().key("a");
  checkpoint_json(json, a.checkpoint);
  json.key("b");
  checkpoint_json(json, b.checkpoint);
  json.field("same", totals.empty()).key("frames").begin_object();
  json.field("a", totals.frames_a).field("b", totals.frames_b).field("added", totals.added);
  json.field("removed", totals.removed).field("changed", totals.changed);
  json.field("payload", totals.payload).field("timing", totals.timing);
  json.field("flags", totals.flags).field("caps", totals.caps).end_object();
  json.key("detections");
  label_json(json, totals.detections);
  json.key("labels").begin_array();
  for (const auto &[label, t] : totals.labels) {
    json.begin_object().field("label", label).key("detections");
    label_json(json, t);
    json.end_object();
  }
  json.end_array().key("fields").begin_array();
  for (const FieldChange &field : totals.fields) {
    json.begin_object().field("field", field.field).key("a");
    field.a ? json.stored(*field.a) : json.null();
    json.key("b");
    field.b ? json.stored(*field.b) : json.null();
    json.end_object();
  }
  json.end_array().end_object();
  out.line(json.text());
}

void print_labels(Terminal &out, const DiffTotals &totals) {
  if (totals.labels.empty()) return;
  out.line("");
  std::vector<Column> columns{{"LABEL", false, true}, {"A", true},         {"B", true},
                              {"GAINED", true},       {"LOST", true},      {"MOVED", true},
                              {"SHIFTED", true},      {"MEAN SHIFT", true}};
  const bool tracks = totals.detections.tracked_otherwise > 0;
  if (tracks) columns.push_back({"OTHER TRACK", true});
  Table table(out, std::move(columns));
  const auto row = [&](const std::string &name, const LabelTotals &t) {
    table.row(label_cells(name, t, tracks));
  };
  for (const auto &[label, t] : totals.labels) row(label, t);
  if (totals.labels.size() > 1) row("(all)", totals.detections);
}

void print_text(Terminal &out, const DiffTotals &totals) {
  if (totals.empty()) {
    out.line("no difference");
    return;
  }
  std::string kinds;
  const auto kind = [&](uint64_t n, const char *what) {
    if (n > 0) kinds += (kinds.empty() ? " (" : ", ") + std::to_string(n) + " " + what;
  };
  kind(totals.payload, "in payload");
  kind(totals.timing, "in timing");
  kind(totals.flags, "in flags");
  kind(totals.caps, "in caps");
  out.line("frames: " + std::to_string(totals.added) + " added, " + std::to_string(totals.removed) +
           " removed, " + std::to_string(totals.changed) + " changed" + kinds +
           (kinds.empty() ? "" : ")"));
  print_labels(out, totals);
  if (totals.fields.empty()) return;
  out.line("");
  Table table(out, {{"FIELD", false, true}, {"A", false, true}, {"B", false, true}});
  for (const FieldChange &field : totals.fields)
    table.row({field.field, field.a.value_or("-"), field.b.value_or("-")});
}

// The frames that differ, printed as they are met.
class Frames {
 public:
  // `limit` 0: all.
  Frames(Terminal &out, bool json, uint64_t limit) : out_(out), limit_(limit) {
    if (json) array_.emplace(out);
  }
  ~Frames() {
    if (left_ > 0) out_.note(std::to_string(left_) + " more; --limit 0 shows all");
  }
  Frames(const Frames &) = delete;
  Frames &operator=(const Frames &) = delete;
  bool add(const FrameChange &change) {
    if (limit_ > 0 && shown_ >= limit_) {
      left_++;
      return true;
    }
    shown_++;
    if (array_) {
      Json json;
      frame_json(json, change);
      array_->add(json);
      return true;
    }
    if (!table_)
      table_.emplace(out_, std::vector<Column>{{"FRAME", true}, {"CHANGE"}, {"WHAT", false, true}});
    std::string what;
    for (const std::string &one : frame_differences(change))
      what += (what.empty() ? "" : ", ") + one;
    for (const DetectionChange &one : change.detections)
      what += (what.empty() ? "" : "; ") + detection_text(one);
    const Style style = !change.a ? Style::kGreen : !change.b ? Style::kRed : Style::kPlain;
    table_->row({std::to_string(change.sequence), kind_of(change), what}, style);
    return true;
  }

 private:
  Terminal &out_;
  const uint64_t limit_;
  uint64_t shown_ = 0, left_ = 0;
  std::optional<Table> table_;
  std::optional<JsonArray> array_;
};

std::optional<double> part(const std::optional<std::string> &text, double otherwise) {
  if (!text) return otherwise;
  char *end = nullptr;
  const double value = g_ascii_strtod(text->c_str(), &end);
  if (end == text->c_str() || *end != 0 || !(value >= 0 && value <= 1)) return std::nullopt;
  return value;
}

}  // namespace

int run_diff(Call &call) {
  std::optional<std::string> scenario, overlap, shift;
  bool frames = false, partial = false;
  uint64_t limit = UINT64_MAX;  // not given
  Options options;
  options.text("scenario", 0, "LABEL", "B is of this scenario", &scenario);
  options.flag("frames", 'f', "A line for every frame that differs, too", &frames);
  options.number("limit", 'n', "N", "At most N such lines (0: all; default 100, with --json all)",
                 &limit);
  options.text("overlap", 0, "PART", "Boxes that overlap by this part are one object (0.5)",
               &overlap);
  options.text("shift", 0, "PART", "Confidences no further apart than this are the same (0)",
               &shift);
  options.flag("partial", 'p', "The newest ones, be they complete or not", &partial);
  if (auto code = call.parse(std::move(options), 1, 2)) return *code;
  if (limit == UINT64_MAX) limit = call.json() ? 0 : 100;
  DiffOptions diff;
  const auto min_overlap = part(overlap, diff.min_overlap), min_shift = part(shift, diff.min_shift);
  if (!min_overlap) return call.usage("--overlap takes a number from 0 to 1");
  if (!min_shift) return call.usage("--shift takes a number from 0 to 1");
  if (call.arguments().size() == 1 && !scenario)
    return call.usage("one checkpoint alone needs --scenario, to compare with");
  diff.min_overlap = *min_overlap;
  diff.min_shift = *min_shift;

  auto stores = call.open(Stores::Access::kRead);
  if (!stores.is_ok()) return call.fail(stores.status());
  auto a = call.find(**stores, call.arguments().front(), std::nullopt, partial);
  if (!a.is_ok()) return call.fail(a.status());
  auto b = call.find(**stores, call.arguments().back(), scenario, partial);
  if (!b.is_ok()) return call.fail(b.status());
  const DiffSide side_a{*stores, *a}, side_b{*stores, *b};
  if (!call.json()) {
    call.out().line("A  " + side_text(*a));
    call.out().line("B  " + side_text(*b));
  }

  Result<DiffTotals> totals = Status(Code::kInternal, "nothing was compared");
  {
    Progress progress(call.out(), "comparing", "frames");
    std::optional<Frames> list;
    if (frames) list.emplace(call.out(), call.json(), limit);
    DiffListener listener;
    if (list) listener.frame = [&](const FrameChange &change) { return list->add(change); };
    listener.progress = [&](uint64_t done, uint64_t total) { progress.update(done, total); };
    totals = diff_checkpoints(side_a, side_b, diff, listener, call.cancel());
  }
  if (!totals.is_ok()) return call.fail(totals.status());
  // With --frames --json there are the frames only: one document.
  if (!call.json())
    print_text(call.out(), *totals);
  else if (!frames)
    print_json(call.out(), side_a, side_b, *totals);
  return kFine;
}

}  // namespace checkpoint::tool
