// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/picture.h"

#include <gst/video/video.h>
#include <pango/pangocairo.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "elements/gst_handles.h"
#include "tools/label_color.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

struct Unref {
  void operator()(PangoLayout *layout) const { g_object_unref(layout); }
};
using LayoutPtr = std::unique_ptr<PangoLayout, Unref>;

LayoutPtr layout_of(cairo_t *cr, const std::string &text, double width, double font_size,
                    bool bold) {
  LayoutPtr layout(pango_cairo_create_layout(cr));
  PangoFontDescription *font = pango_font_description_from_string("sans-serif");
  pango_font_description_set_absolute_size(font, font_size * PANGO_SCALE);
  if (bold) pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description(layout.get(), font);
  pango_font_description_free(font);
  pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
  pango_layout_set_width(layout.get(), static_cast<int>(std::max(width, 1.0) * PANGO_SCALE));
  pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
  return layout;
}

std::string label_text(const DetectionRow &row) {
  std::string text = printable(row.label);
  if (row.confidence) {
    char number[32];
    std::snprintf(number, sizeof number, "%.2f", *row.confidence);
    text += (text.empty() ? "" : " ") + std::string(number);
  }
  if (row.track) text += " #" + std::to_string(*row.track);
  return text;
}

void draw_label(cairo_t *cr, const std::string &text, Rgb color, double x, double top,
                double bottom, double width, double height, double font_size) {
  const double pad = font_size / 4;
  const LayoutPtr layout = layout_of(cr, text, width - 2 * pad, font_size, true);
  int text_width = 0, text_height = 0;
  pango_layout_get_pixel_size(layout.get(), &text_width, &text_height);
  const double w = text_width + 2 * pad, h = text_height;
  // Above the box, else below it, else within.
  double y = top - h;
  if (y < 0) y = bottom + h <= height ? bottom : std::max(0.0, top);
  x = std::clamp(x, 0.0, std::max(0.0, width - w));
  cairo_set_source_rgb(cr, color.r, color.g, color.b);
  cairo_rectangle(cr, x, y, w, h);
  cairo_fill(cr);
  const double ink = color.luminance() > 0.4 ? 0 : 1;
  cairo_set_source_rgb(cr, ink, ink, ink);
  cairo_move_to(cr, x + pad, y);
  pango_cairo_show_layout(cr, layout.get());
}

}  // namespace

Rgb color_of(const std::string &label) {
  const uint32_t color = label_color(label);
  return {(color >> 16 & 255) / 255.0, (color >> 8 & 255) / 255.0, (color & 255) / 255.0};
}

Result<SurfacePtr> frame_surface(const PickedFrame &frame, int width) {
  if (!frame.sample)
    return Status(Code::kUnsupported,
                  "frame " + std::to_string(frame.row.index) + " holds no picture");
  const int height =
      static_cast<int>(std::clamp(std::lround(width * frame.aspect), 1l, 16l * width));
  CapsPtr caps(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING,
                                   G_BYTE_ORDER == G_LITTLE_ENDIAN ? "BGRx" : "xRGB", "width",
                                   G_TYPE_INT, width, "height", G_TYPE_INT, height,
                                   "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, nullptr));
  CHECKPOINT_ASSIGN_OR_RETURN(const SamplePtr small, convert(frame.sample.get(), caps.get()));
  GstVideoInfo info;
  GstVideoFrame mapped;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(small.get())) ||
      !gst_video_frame_map(&mapped, &info, gst_sample_get_buffer(small.get()), GST_MAP_READ))
    return Status(Code::kInternal, "a converted frame can't be read");
  SurfacePtr surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  unsigned char *out = cairo_image_surface_get_data(surface.get());
  const auto stride = static_cast<size_t>(cairo_image_surface_get_stride(surface.get()));
  const auto *in = static_cast<const unsigned char *>(GST_VIDEO_FRAME_PLANE_DATA(&mapped, 0));
  const auto in_stride = static_cast<size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped, 0));
  for (size_t row = 0; row < static_cast<size_t>(height); row++)
    std::copy_n(in + row * in_stride, static_cast<size_t>(width) * 4, out + row * stride);
  gst_video_frame_unmap(&mapped);
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

void draw_detections(cairo_t *cr, const PickedFrame &frame, double width, double height,
                     double font_size) {
  const double scale_x = width / std::max(frame.width, 1);
  const double scale_y = height / std::max(frame.height, 1);
  cairo_save(cr);
  cairo_rectangle(cr, 0, 0, width, height);
  cairo_clip(cr);
  for (const bool labels : {false, true}) {  // no box hides a label
    for (const DetectionRow &row : frame.detections) {
      const double x = static_cast<double>(row.x) * scale_x;
      const double y = static_cast<double>(row.y) * scale_y;
      const double w = static_cast<double>(row.width) * scale_x;
      const double h = static_cast<double>(row.height) * scale_y;
      const Rgb color = color_of(row.label);
      if (labels) {
        draw_label(cr, label_text(row), color, x, y, y + h, width, height, font_size);
        continue;
      }
      const double dark = color.luminance() > 0.4 ? 0 : 1;
      cairo_rectangle(cr, x, y, w, h);
      cairo_set_source_rgba(cr, dark, dark, dark, 0.75);
      cairo_set_line_width(cr, font_size / 3);
      cairo_stroke_preserve(cr);
      cairo_set_source_rgb(cr, color.r, color.g, color.b);
      cairo_set_line_width(cr, font_size / 6);
      cairo_stroke(cr);
    }
  }
  cairo_restore(cr);
}

double draw_text(cairo_t *cr, const std::string &text, double x, double y, double width,
                 double font_size, bool bold) {
  const LayoutPtr layout = layout_of(cr, printable(text), width, font_size, bold);
  int text_height = 0;
  pango_layout_get_pixel_size(layout.get(), nullptr, &text_height);
  cairo_move_to(cr, x, y);
  pango_cairo_show_layout(cr, layout.get());
  return text_height;
}

}  // namespace checkpoint::tool
