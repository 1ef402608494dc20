// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames with their boxes, drawn by cairo and pango.
#pragma once

#include <cairo.h>

#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "tools/frame_picker.h"

namespace checkpoint::tool {

struct DestroyCairo {
  void operator()(cairo_surface_t *surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t *painter) const { cairo_destroy(painter); }
};
using SurfacePtr = std::unique_ptr<cairo_surface_t, DestroyCairo>;
using PainterPtr = std::unique_ptr<cairo_t, DestroyCairo>;

struct Rgb {
  double r = 0, g = 0, b = 0;  // 0..1
  double luminance() const { return 0.2126 * r + 0.7152 * g + 0.0722 * b; }
};
// The same color for the same label, in every picture.
Rgb color_of(const std::string &label);

// The frame, that wide, with square pixels.
Result<SurfacePtr> frame_surface(const PickedFrame &frame, int width);
// Boxes and labels over a picture of the frame that lies at 0,0 with this size: each with a dark
// and a light outline, so that it can be read on any background.
void draw_detections(cairo_t *cr, const PickedFrame &frame, double width, double height,
                     double font_size);
// One line of text at most that wide, its end left out where it is longer; its height.
double draw_text(cairo_t *cr, const std::string &text, double x, double y, double width,
                 double font_size, bool bold);

}  // namespace checkpoint::tool
