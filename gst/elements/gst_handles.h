// SPDX-License-Identifier: LGPL-2.1-or-later
// Owners of GStreamer's and GLib's reference-counted things.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace checkpoint {

// One overload per type: most of these are static inline functions, which make poor template
// arguments.
struct GstRelease {
  void operator()(GstBuffer *p) const { gst_buffer_unref(p); }
  void operator()(GstCaps *p) const { gst_caps_unref(p); }
  void operator()(GstEvent *p) const { gst_event_unref(p); }
  void operator()(GstStructure *p) const { gst_structure_free(p); }
  void operator()(GstTagList *p) const { gst_tag_list_unref(p); }
  void operator()(GVariant *p) const { g_variant_unref(p); }
  void operator()(GstElement *p) const { gst_object_unref(p); }
  void operator()(GstPad *p) const { gst_object_unref(p); }
  void operator()(GObject *p) const { g_object_unref(p); }
  void operator()(GstObject *p) const { gst_object_unref(p); }
  void operator()(GBytes *p) const { g_bytes_unref(p); }
  void operator()(gchar *p) const { g_free(p); }
};

template <typename T>
using GstPtr = std::unique_ptr<T, GstRelease>;  // never holds what it does not own

using BufferPtr = GstPtr<GstBuffer>;
using CapsPtr = GstPtr<GstCaps>;
using EventPtr = GstPtr<GstEvent>;
using ElementPtr = GstPtr<GstElement>;
using PadPtr = GstPtr<GstPad>;
using StructurePtr = GstPtr<GstStructure>;
using TagListPtr = GstPtr<GstTagList>;
using GCharPtr = GstPtr<gchar>;

}  // namespace checkpoint
