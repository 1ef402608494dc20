// SPDX-License-Identifier: LGPL-2.1-or-later
// What GStreamer expects of any element: it can be asked for every state in every order, and its
// properties can be read in all of them.
#include <gst/gst.h>

#include <string>

#include "backends/backends.h"
#include "elements/checkpointsink.h"
#include "elements/checkpointsrc.h"
#include "elements/checkpointtap.h"
#include "support/check.h"

using namespace checkpoint;

namespace {

constexpr const char *kElements[] = {"checkpointsink", "checkpointsrc", "checkpointtap"};

GstElement *make(const std::string &name, bool with_settings) {
  register_backends();
  GST_ELEMENT_REGISTER(checkpointsink, nullptr);
  GST_ELEMENT_REGISTER(checkpointsrc, nullptr);
  GST_ELEMENT_REGISTER(checkpointtap, nullptr);
  GstElement *element = gst_element_factory_make(name.c_str(), nullptr);
  ck_assert_msg(element != nullptr, "no element %s", name.c_str());
  if (with_settings)
    g_object_set(element, "job-id", "j", "stage", "s", "frame-store", "memory://states",
                 "metadata-store", "memory://states", nullptr);
  return element;
}

// In whatever state it is now, and without a crash or a critical.
void read_all(GstElement *element) {
  guint count = 0;
  GParamSpec **specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
  for (guint i = 0; i < count; i++) {
    if ((specs[i]->flags & G_PARAM_READABLE) == 0) continue;
    GValue value = G_VALUE_INIT;
    g_value_init(&value, specs[i]->value_type);
    g_object_get_property(G_OBJECT(element), specs[i]->name, &value);
    g_value_unset(&value);
  }
  g_free(specs);
}

}  // namespace

GST_START_TEST(every_state_in_every_order) {
  for (bool with_settings : {false, true}) {
    GstElement *element = make(kElements[__i__], with_settings);
    GstBus *bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    const GstState orders[] = {GST_STATE_READY,   GST_STATE_PAUSED, GST_STATE_PLAYING,
                               GST_STATE_PAUSED,  GST_STATE_READY,  GST_STATE_NULL,
                               GST_STATE_PLAYING, GST_STATE_READY,  GST_STATE_PLAYING,
                               GST_STATE_NULL,    GST_STATE_PAUSED, GST_STATE_NULL};
    for (GstState state : orders) {
      read_all(element);
      const GstStateChangeReturn change = gst_element_set_state(element, state);
      // Nothing can be played without settings, or from a checkpoint that is not there.
      if (with_settings && std::string(kElements[__i__]) != "checkpointsrc")
        ck_assert_msg(change != GST_STATE_CHANGE_FAILURE, "%s to %s", kElements[__i__],
                      gst_element_state_get_name(state));
      if (state <= GST_STATE_READY) ck_assert_int_eq(change, GST_STATE_CHANGE_SUCCESS);
      read_all(element);
    }
    gst_bus_set_flushing(bus, TRUE);
    gst_element_set_bus(element, nullptr);
    gst_object_unref(bus);
    ck_assert_int_eq(GST_OBJECT_REFCOUNT_VALUE(element), 1);
    gst_object_unref(element);
  }
}
GST_END_TEST

GST_START_TEST(one_that_never_left_null_goes_away) {
  GstElement *element = make(kElements[__i__], true);
  GWeakRef weak;
  g_weak_ref_init(&weak, element);
  gst_object_unref(element);
  ck_assert(g_weak_ref_get(&weak) == nullptr);
  g_weak_ref_clear(&weak);
}
GST_END_TEST

static Suite *states_suite() {
  Suite *suite = suite_create("states");
  TCase *tc = tcase_create("states");
  suite_add_tcase(suite, tc);
  const int count = static_cast<int>(G_N_ELEMENTS(kElements));
  tcase_add_loop_test(tc, every_state_in_every_order, 0, count);
  tcase_add_loop_test(tc, one_that_never_left_null_goes_away, 0, count);
  return suite;
}
GST_CHECK_MAIN(states);
