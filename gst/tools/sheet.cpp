// SPDX-License-Identifier: LGPL-2.1-or-later
// sheet: frames side by side in one PNG, with their boxes and labels.
#include <gst/gst.h>

#include <algorithm>
#include <cmath>

#include "tools/call.h"
#include "tools/checkpoint_name.h"
#include "tools/diff_text.h"
#include "tools/frame_choice.h"
#include "tools/frame_picker.h"
#include "tools/json.h"
#include "tools/output_file.h"
#include "tools/picture.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr int kMargin = 12, kGap = 8;
constexpr double kFont = 13;
constexpr int kCaption = 22, kTitle = 34;

struct Sheet {
  uint64_t tiles = 12, columns = 4, width = 320;
  bool force = false;
};

struct Tile {
  SurfacePtr picture;
  std::string caption;
};

cairo_status_t write_png(void *file, const unsigned char *data, unsigned length) {
  static_cast<OutputFile *>(file)->write({reinterpret_cast<const char *>(data), length});
  return CAIRO_STATUS_SUCCESS;
}

std::string caption_of(const PickedFrame &frame) {
  std::string text = "frame " + std::to_string(frame.row.index);
  const uint64_t time = frame.row.stream_time != kNone ? frame.row.stream_time : frame.row.pts;
  if (time != kNone) text += "  " + duration_text(time);
  return text + "  " + count_text(frame.detections.size(), "detection", "detections");
}

Result<Tile> make_tile(FramePicker &picker, uint64_t place, int width, Cancellation &cancel,
                       uint64_t &detections) {
  CHECKPOINT_ASSIGN_OR_RETURN(const PickedFrame frame, picker.at(place, cancel));
  detections += frame.detections.size();
  Tile tile;
  tile.caption = caption_of(frame);
  if (!frame.sample) return tile;
  CHECKPOINT_ASSIGN_OR_RETURN(tile.picture, frame_surface(frame, width));
  PainterPtr cr(cairo_create(tile.picture.get()));
  draw_detections(cr.get(), frame, width, cairo_image_surface_get_height(tile.picture.get()),
                  kFont);
  return tile;
}

Status write_sheet(const std::vector<Tile> &tiles, const Sheet &sheet, const std::string &title,
                   OutputFile &file) {
  const int width = static_cast<int>(sheet.width);
  int tile_height = 1;
  for (const Tile &tile : tiles)
    if (tile.picture)
      tile_height = std::max(tile_height, cairo_image_surface_get_height(tile.picture.get()));
  const int columns = static_cast<int>(std::min<uint64_t>(sheet.columns, tiles.size()));
  const int rows = (static_cast<int>(tiles.size()) + columns - 1) / columns;
  const int step_x = width + kGap, step_y = tile_height + kCaption + kGap;
  SurfacePtr surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                                columns * step_x - kGap + 2 * kMargin,
                                                kTitle + rows * step_y - kGap + 2 * kMargin));
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS)
    return {Code::kInvalidArgument, "a picture that large can't be made",
            "take fewer or smaller tiles (--tiles, --width)"};
  PainterPtr cr(cairo_create(surface.get()));
  cairo_set_source_rgb(cr.get(), 0.11, 0.11, 0.13);
  cairo_paint(cr.get());
  cairo_set_source_rgb(cr.get(), 0.95, 0.95, 0.95);
  draw_text(cr.get(), title, kMargin, kMargin, columns * step_x - kGap, kFont + 3, true);
  for (size_t i = 0; i < tiles.size(); i++) {
    const double x = kMargin + static_cast<int>(i) % columns * step_x;
    const double y = kTitle + kMargin + static_cast<int>(i) / columns * step_y;
    if (tiles[i].picture) {
      cairo_set_source_surface(cr.get(), tiles[i].picture.get(), x, y);
      cairo_paint(cr.get());
    }
    const double shown =
        tiles[i].picture ? cairo_image_surface_get_height(tiles[i].picture.get()) : 0;
    cairo_set_source_rgb(cr.get(), 0.82, 0.82, 0.82);
    draw_text(cr.get(), tiles[i].caption, x, y + shown + 2, width, kFont, false);
  }
  if (cairo_surface_write_to_png_stream(surface.get(), write_png, &file) != CAIRO_STATUS_SUCCESS)
    return {Code::kInternal, "the picture can't be made"};
  return file.publish();
}

}  // namespace

int run_sheet(Call &call) {
  Sheet sheet;
  FrameChoice choice;
  Options options;
  options.number("tiles", 'n', "N", "Frames at most, evenly spread (12)", &sheet.tiles);
  options.number("columns", 'c', "N", "Side by side (4)", &sheet.columns);
  options.number("width", 'w', "PIXELS", "Of each frame (320)", &sheet.width);
  choice.add_options(options);
  options.flag("force", 0, "Replace a file that is there", &sheet.force);
  if (auto code = call.parse(std::move(options), 2, 2)) return *code;
  if (sheet.tiles < 1 || sheet.tiles > 1000) return call.usage("--tiles takes 1 to 1000");
  if (sheet.columns < 1 || sheet.columns > 100) return call.usage("--columns takes 1 to 100");
  if (sheet.width < 32 || sheet.width > 4096) return call.usage("--width takes 32 to 4096");
  if (Status status = choice.check(); !status.is_ok()) return call.usage(status.message());
  const std::string &path = call.arguments()[1];
  if (!path.ends_with(".png")) return call.usage("a sheet is a PNG; name it *.png");
  if (Status status = check_free_name(path, sheet.force); !status.is_ok()) return call.fail(status);
  gst_init(nullptr, nullptr);

  std::string title;
  uint64_t detections = 0;
  std::vector<Tile> tiles;
  const auto draw = [&]() -> Status {
    CHECKPOINT_ASSIGN_OR_RETURN(const FrameChoice::Chosen chosen, choice.open(call));
    const auto &[stores, row, playlist] = chosen;
    CHECKPOINT_ASSIGN_OR_RETURN(const std::vector<uint64_t> places,
                                sample_places(playlist, sheet.tiles, call.cancel()));
    if (places.empty())
      return {Code::kNotFound, choice.select ? "no frame matches" : "the checkpoint has no frames"};
    title = side_text(row) + (choice.select ? "  where " + *choice.select : "");
    Progress progress(call.out(), "drawing", "frames");
    FramePicker picker(stores, playlist);
    for (uint64_t place : places) {
      CHECKPOINT_ASSIGN_OR_RETURN(Tile tile, make_tile(picker, place, static_cast<int>(sheet.width),
                                                       call.cancel(), detections));
      tiles.push_back(std::move(tile));
      progress.update(tiles.size(), places.size());
    }
    CHECKPOINT_ASSIGN_OR_RETURN(const auto file, OutputFile::create(path, sheet.force));
    return write_sheet(tiles, sheet, title, *file);
  };
  if (Status status = draw(); !status.is_ok()) return call.fail(status);
  if (call.json()) {
    Json json;
    json.begin_object().field("file", path).field("frames", tiles.size());
    json.field("detections", detections).end_object();
    call.out().line(json.text());
  } else {
    call.out().line(in_quotes(path) + ": " + count_text(tiles.size(), "frame", "frames") +
                    " with " + count_text(detections, "detection", "detections"));
  }
  return kFine;
}

}  // namespace checkpoint::tool
