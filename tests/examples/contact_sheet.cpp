// SPDX-License-Identifier: LGPL-2.1-or-later
// Draws frames of a stored checkpoint side by side, with the boxes that their buffers carry:
//
//   contact_sheet JOB STAGE OUTPUT.png [TILES]
//
// An example of reading a checkpoint from an application: what is drawn comes from the replayed
// buffers alone, pixels from their memory, boxes from their region-of-interest metas.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <cairo.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>

namespace {

constexpr int kColumns = 4;
constexpr int kTileWidth = 320;
constexpr int kCaption = 22;
constexpr int kGap = 6;

template <auto Function>
struct Call {
  template <typename T>
  void operator()(T *object) const {
    Function(object);
  }
};
using Element = std::unique_ptr<GstElement, Call<gst_object_unref>>;
using Sample = std::unique_ptr<GstSample, Call<gst_sample_unref>>;
using Message = std::unique_ptr<GstMessage, Call<gst_message_unref>>;
using Caps = std::unique_ptr<GstCaps, Call<gst_caps_unref>>;
using Text = std::unique_ptr<gchar, Call<g_free>>;
using Error = std::unique_ptr<GError, Call<g_error_free>>;
using Surface = std::unique_ptr<cairo_surface_t, Call<cairo_surface_destroy>>;
using Painter = std::unique_ptr<cairo_t, Call<cairo_destroy>>;

struct Box {
  std::string label;
  double x, y, width, height;  // parts of the frame's width and height
};

struct Tile {
  Surface picture;
  std::vector<Box> boxes;
  std::string caption;
};

int complain(const std::string &text) {
  std::fprintf(stderr, "contact_sheet: %s\n", text.c_str());
  return 1;
}

// The pipeline's own error, where there is one.
std::string error_of(GstElement *pipeline) {
  GstBus *bus = gst_element_get_bus(pipeline);
  Message message(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR));
  gst_object_unref(bus);
  if (!message) return {};
  GError *error = nullptr;
  gst_message_parse_error(message.get(), &error, nullptr);
  Error owned(error);
  return error->message;
}

std::vector<Box> boxes_of(GstBuffer *buffer, const GstVideoInfo &info) {
  std::vector<Box> boxes;
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    auto *roi = reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta);
    const gchar *label = g_quark_to_string(roi->roi_type);
    boxes.push_back({label ? label : "", double(roi->x) / info.width, double(roi->y) / info.height,
                     double(roi->w) / info.width, double(roi->h) / info.height});
  }
  return boxes;
}

// The frame as cairo draws it, shrunk to the width of a tile.
Surface picture_of(GstSample *sample, int width, int height, std::string *why) {
  Caps caps(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING,
                                G_BYTE_ORDER == G_LITTLE_ENDIAN ? "BGRx" : "xRGB", "width",
                                G_TYPE_INT, width, "height", G_TYPE_INT, height,
                                "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, nullptr));
  GError *error = nullptr;
  Sample small(gst_video_convert_sample(sample, caps.get(), 10 * GST_SECOND, &error));
  if (!small) {
    Error owned(error);
    *why = error ? error->message : "the frame can't be converted";
    return nullptr;
  }
  GstVideoInfo info;
  GstVideoFrame frame;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(small.get())) ||
      !gst_video_frame_map(&frame, &info, gst_sample_get_buffer(small.get()), GST_MAP_READ)) {
    *why = "the converted frame can't be read";
    return nullptr;
  }
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  unsigned char *out = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  const auto *in = static_cast<const unsigned char *>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
  for (int row = 0; row < height; row++) {
    std::copy_n(in + size_t(row) * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), size_t(width) * 4,
                out + size_t(row) * stride);
  }
  gst_video_frame_unmap(&frame);
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

Tile tile_of(GstSample *sample, gint64 index, std::string *why) {
  Tile tile;
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample))) {
    *why = "only raw video can be drawn";
    return tile;
  }
  const double aspect = double(info.height) * info.par_d / (double(info.width) * info.par_n);
  tile.picture =
      picture_of(sample, kTileWidth, std::max(1, int(std::lround(kTileWidth * aspect))), why);
  GstBuffer *buffer = gst_sample_get_buffer(sample);
  tile.boxes = boxes_of(buffer, info);
  Text caption(g_strdup_printf("frame %" G_GINT64_FORMAT "   %.3f s   %zu found", index,
                               double(GST_BUFFER_PTS(buffer)) / GST_SECOND, tile.boxes.size()));
  tile.caption = caption.get();
  return tile;
}

void draw_tile(cairo_t *cr, const Tile &tile) {
  const int width = cairo_image_surface_get_width(tile.picture.get());
  const int height = cairo_image_surface_get_height(tile.picture.get());
  cairo_set_source_surface(cr, tile.picture.get(), 0, 0);
  cairo_paint(cr);
  cairo_set_line_width(cr, 3);
  cairo_set_font_size(cr, 13);
  for (const Box &box : tile.boxes) {
    cairo_set_source_rgb(cr, 0.1, 0.9, 0.3);
    cairo_rectangle(cr, box.x * width, box.y * height, box.width * width, box.height * height);
    cairo_stroke(cr);
    cairo_move_to(cr, box.x * width, box.y * height - 5);
    cairo_show_text(cr, box.label.c_str());
  }
  cairo_set_source_rgb(cr, 0.9, 0.9, 0.9);
  cairo_move_to(cr, 4, height + 16);
  cairo_show_text(cr, tile.caption.c_str());
}

bool write_sheet(const std::vector<Tile> &tiles, const char *path) {
  int tile_height = 0;
  for (const Tile &tile : tiles) {
    tile_height = std::max(tile_height, cairo_image_surface_get_height(tile.picture.get()));
  }
  const int columns = std::min<int>(kColumns, tiles.size());
  const int rows = (int(tiles.size()) + columns - 1) / columns;
  const int step_x = kTileWidth + kGap, step_y = tile_height + kCaption + kGap;
  Surface sheet(cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns * step_x + kGap,
                                           rows * step_y + kGap));
  Painter cr(cairo_create(sheet.get()));
  cairo_set_source_rgb(cr.get(), 0.13, 0.13, 0.15);
  cairo_paint(cr.get());
  for (size_t i = 0; i < tiles.size(); i++) {
    cairo_save(cr.get());
    cairo_translate(cr.get(), kGap + int(i) % columns * step_x, kGap + int(i) / columns * step_y);
    draw_tile(cr.get(), tiles[i]);
    cairo_restore(cr.get());
  }
  return cairo_surface_write_to_png(sheet.get(), path) == CAIRO_STATUS_SUCCESS;
}

struct Replay {
  Element pipeline, sink;

  Replay(const char *job, const char *stage) {
    pipeline.reset(gst_pipeline_new(nullptr));
    GstElement *source = gst_element_factory_make("checkpointsrc", nullptr);
    GstElement *app = gst_element_factory_make("appsink", nullptr);
    if (!source || !app) return;
    g_object_set(source, "job-id", job, "stage", stage, nullptr);
    g_object_set(app, "sync", FALSE, "max-buffers", 2, nullptr);
    sink.reset(GST_ELEMENT(gst_object_ref_sink(app)));
    gst_bin_add_many(GST_BIN(pipeline.get()), source, app, nullptr);
    gst_element_link(source, app);
  }
  ~Replay() {
    if (pipeline) gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  }
};

}  // namespace

int main(int argc, char **argv) {
  gst_init(&argc, &argv);
  if (argc < 4) return complain("usage: contact_sheet JOB STAGE OUTPUT.png [TILES]");
  const gint64 wanted = argc > 4 ? std::clamp(std::atoi(argv[4]), 1, 100) : 12;

  Replay replay(argv[1], argv[2]);
  if (!replay.sink) return complain("no checkpointsrc: is GST_PLUGIN_PATH set?");
  gst_element_set_state(replay.pipeline.get(), GST_STATE_PAUSED);
  if (gst_element_get_state(replay.pipeline.get(), nullptr, nullptr, GST_CLOCK_TIME_NONE) ==
      GST_STATE_CHANGE_FAILURE) {
    return complain(error_of(replay.pipeline.get()));
  }
  gint64 frames = 0;
  if (!gst_element_query_duration(replay.sink.get(), GST_FORMAT_DEFAULT, &frames) || frames < 1) {
    return complain("the checkpoint has no frames");
  }
  gst_element_set_state(replay.pipeline.get(), GST_STATE_PLAYING);

  std::vector<Tile> tiles;
  size_t boxes = 0;
  const gint64 count = std::min(wanted, frames);
  gint64 index = 0;
  while (Sample sample{gst_app_sink_pull_sample(GST_APP_SINK(replay.sink.get()))}) {
    GstVideoInfo info;
    if (gst_video_info_from_caps(&info, gst_sample_get_caps(sample.get()))) {
      boxes += boxes_of(gst_sample_get_buffer(sample.get()), info).size();
    }
    // Evenly spread, the first and the last among them.
    const auto tile = gint64(tiles.size());
    if (tile < count && index == (count > 1 ? tile * (frames - 1) / (count - 1) : 0)) {
      std::string why;
      tiles.push_back(tile_of(sample.get(), index, &why));
      if (!tiles.back().picture) return complain(why);
    }
    index++;
  }
  if (std::string why = error_of(replay.pipeline.get()); !why.empty()) return complain(why);
  if (index != frames) {
    return complain("replayed " + std::to_string(index) + " of " + std::to_string(frames) +
                    " frames");
  }
  if (!write_sheet(tiles, argv[3])) return complain(std::string("can't write ") + argv[3]);
  std::printf("replayed %" G_GINT64_FORMAT " frames with %zu boxes; %zu of them drawn in %s\n",
              index, boxes, tiles.size(), argv[3]);
  return 0;
}
