// SPDX-License-Identifier: LGPL-2.1-or-later
// Settings are read when an element starts; what is set later would be silently ignored.
#pragma once

#include <gst/gst.h>

namespace checkpoint {

// False, with a WARNING, while the element runs or begins to.
inline bool may_change(GstElement *element, GParamSpec *pspec) {
  if (GST_STATE(element) <= GST_STATE_READY && GST_STATE_PENDING(element) <= GST_STATE_READY)
    return true;
  GST_ELEMENT_WARNING(element, RESOURCE, SETTINGS,
                      ("%s can't be changed while the element is running", pspec->name),
                      ("set it in NULL or READY; the value in use is kept"));
  return false;
}

}  // namespace checkpoint
