// SPDX-License-Identifier: LGPL-2.1-or-later
// The element over the Recorder: what passes is recorded first, then passed on as it is.
#include "elements/checkpointtap.h"

#include <gst/video/video.h>

#include <string>
#include <utility>

#include "elements/frame_caps.h"
#include "elements/lineage.h"
#include "elements/property_change.h"
#include "elements/recorder.h"
#include "elements/recorder_properties.h"

using checkpoint::BufferPtr;
using checkpoint::EventPtr;
using checkpoint::Recorder;
using checkpoint::RecorderSettings;

GST_DEBUG_CATEGORY_STATIC(checkpoint_tap_debug);
#define GST_CAT_DEFAULT checkpoint_tap_debug

namespace {
struct Private {
  explicit Private(GstElement *element) : recorder(element) {}
  RecorderSettings settings;  // protected by the object lock
  Recorder recorder;
  GstSegment segment;    // the streaming thread's
  bool discont = false;  // likewise: the frame before this one was left out
};
enum { PROP_STATS = 1, PROP_ON_POISON };
}  // namespace

struct _GstCheckpointTap {
  GstElement parent;
  GstPad *sinkpad, *srcpad;
  Private *priv;
};

// clang-format off
G_DEFINE_FINAL_TYPE(GstCheckpointTap, gst_checkpoint_tap, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE(checkpointtap, "checkpointtap", GST_RANK_NONE, GST_TYPE_CHECKPOINT_TAP)

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, CHECKPOINT_FRAME_CAPS);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, CHECKPOINT_FRAME_CAPS);
// clang-format on

static void gst_checkpoint_tap_set_property(GObject *object, guint id, const GValue *value,
                                            GParamSpec *pspec) {
  Private &priv = *GST_CHECKPOINT_TAP(object)->priv;
  if (!checkpoint::may_change(GST_ELEMENT(object), pspec)) return;
  GST_OBJECT_LOCK(object);
  bool known = true;
  if (id == PROP_ON_POISON)
    priv.settings.writer.skip_poison = g_value_get_enum(value) != 0;
  else
    known = checkpoint::set_recorder_property(priv.settings, id, value);
  GST_OBJECT_UNLOCK(object);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_checkpoint_tap_get_property(GObject *object, guint id, GValue *value,
                                            GParamSpec *pspec) {
  Private &priv = *GST_CHECKPOINT_TAP(object)->priv;
  if (id == PROP_STATS) {
    GstStructure *stats = gst_structure_new_empty("application/x-gst-checkpoint-tap-stats");
    checkpoint::add_recorder_stats(stats, priv.recorder);
    gst_structure_set(stats, "frames-skipped", G_TYPE_UINT64, priv.recorder.stats().frames_skipped,
                      nullptr);
    g_value_take_boxed(value, stats);
    return;
  }
  GST_OBJECT_LOCK(object);
  bool known = true;
  if (id == PROP_ON_POISON)
    g_value_set_enum(value, priv.settings.writer.skip_poison);
  else
    known = checkpoint::get_recorder_property(priv.settings, id, value);
  GST_OBJECT_UNLOCK(object);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_checkpoint_tap_finalize(GObject *object) {
  delete GST_CHECKPOINT_TAP(object)->priv;
  G_OBJECT_CLASS(gst_checkpoint_tap_parent_class)->finalize(object);
}

static GstStateChangeReturn gst_checkpoint_tap_change_state(GstElement *element,
                                                            GstStateChange transition) {
  Private &priv = *GST_CHECKPOINT_TAP(element)->priv;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    GST_OBJECT_LOCK(element);
    RecorderSettings settings = priv.settings;
    GST_OBJECT_UNLOCK(element);
    gst_segment_init(&priv.segment, GST_FORMAT_UNDEFINED);
    priv.discont = false;
    settings.writer.passes_on = true;
    if (!priv.recorder.start(settings)) return GST_STATE_CHANGE_FAILURE;
    if (!priv.recorder.run()) {
      priv.recorder.stop();
      return GST_STATE_CHANGE_FAILURE;
    }
  }
  // Before the pads are stopped, which waits for the streaming thread.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    priv.recorder.interrupt(Recorder::Interrupt::kStateChange);
  GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_checkpoint_tap_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE))
    priv.recorder.stop();
  return result;
}

// A wait is interrupted by a flush and by the way to READY only: a pause does not touch it.
static GstFlowReturn flushing() { return GST_FLOW_FLUSHING; }

// What follows is told of our checkpoint before its first frame.
static void push_lineage(GstCheckpointTap *self) {
  if (EventPtr lineage = self->priv->recorder.take_lineage_event())
    gst_pad_push_event(self->srcpad, lineage.release());
}

// In the place of a frame that is left out.
static void push_gap(GstCheckpointTap *self, GstBuffer *buffer) {
  self->priv->discont = true;
  if (GST_BUFFER_PTS_IS_VALID(buffer))
    gst_pad_push_event(self->srcpad,
                       gst_event_new_gap(GST_BUFFER_PTS(buffer), GST_BUFFER_DURATION(buffer)));
}

static GstFlowReturn gst_checkpoint_tap_chain(GstPad *, GstObject *parent, GstBuffer *incoming) {
  GstCheckpointTap *self = GST_CHECKPOINT_TAP(parent);
  Private &priv = *self->priv;
  BufferPtr buffer(incoming);
  GstFlowReturn flow = priv.recorder.ready(flushing);
  if (flow != GST_FLOW_OK) return flow;
  buffer = priv.recorder.identified(std::move(buffer));
  flow = priv.recorder.frame(buffer.get(), priv.segment, flushing);
  if (flow != GST_FLOW_OK) return flow;
  push_lineage(self);
  bool leave_out = false;
  flow = priv.recorder.before_passing(flushing, &leave_out);
  if (flow != GST_FLOW_OK) return flow;
  if (leave_out) {
    push_gap(self, buffer.get());
    return GST_FLOW_OK;
  }
  if (std::exchange(priv.discont, false)) {
    buffer.reset(gst_buffer_make_writable(buffer.release()));
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
  }
  flow = gst_pad_push(self->srcpad, buffer.release());
  if (flow == GST_FLOW_OK) return priv.recorder.after_passing(flushing);
  // Then the source sends EOS, and the rest of the stream never came.
  if (flow < GST_FLOW_OK && flow != GST_FLOW_FLUSHING)
    priv.recorder.doubt(std::string("what follows the tap ended the stream: ") +
                        gst_flow_get_name(flow));
  return flow;
}

static gboolean gst_checkpoint_tap_sink_event(GstPad *pad, GstObject *parent, GstEvent *event) {
  GstCheckpointTap *self = GST_CHECKPOINT_TAP(parent);
  Recorder &recorder = self->priv->recorder;
  bool ok = true;
  auto answer = Recorder::Answer::kPassOn;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      recorder.interrupt(Recorder::Interrupt::kUnlock);
      break;
    case GST_EVENT_FLUSH_STOP:
      recorder.resume(Recorder::Interrupt::kUnlock);
      gst_segment_init(&self->priv->segment, GST_FORMAT_UNDEFINED);
      // It ends a flush whatever became of what is stored.
      static_cast<void>(recorder.event(event, flushing));
      break;
    case GST_EVENT_CAPS: {
      GstCaps *caps = nullptr;
      gst_event_parse_caps(event, &caps);
      ok = recorder.set_caps(caps);
      break;
    }
    case GST_EVENT_SEGMENT:
      gst_event_copy_segment(event, &self->priv->segment);
      answer = recorder.event(event, flushing);
      break;
    case GST_EVENT_GAP:
      ok = recorder.gap(event, flushing) == GST_FLOW_OK;
      if (ok) push_lineage(self);
      break;
    case GST_EVENT_EOS:
      ok = recorder.end_of_stream(flushing) == GST_FLOW_OK;
      if (ok) push_lineage(self);
      break;
    default:
      if (gst_event_type_get_flags(GST_EVENT_TYPE(event)) & GST_EVENT_TYPE_SERIALIZED)
        answer = recorder.event(event, flushing);
  }
  ok = ok && answer != Recorder::Answer::kFailed;
  // Of a lineage ours takes the place, at the first data.
  if (!ok || answer == Recorder::Answer::kTaken || checkpoint::parse_lineage_event(event)) {
    gst_event_unref(event);
    return ok;
  }
  return gst_pad_event_default(pad, parent, event);
}

static gboolean gst_checkpoint_tap_src_event(GstPad *pad, GstObject *parent, GstEvent *event) {
  // Upstream would skip frames for a sink that is late.
  if (GST_EVENT_TYPE(event) == GST_EVENT_QOS) {
    gst_event_unref(event);
    return TRUE;
  }
  return gst_pad_event_default(pad, parent, event);
}

static gboolean gst_checkpoint_tap_src_query(GstPad *pad, GstObject *parent, GstQuery *query) {
  if (GST_QUERY_TYPE(query) != GST_QUERY_SCHEDULING)
    return gst_pad_query_default(pad, parent, query);
  // As upstream's, but that we are never pulled from.
  GstQuery *upstream = gst_query_new_scheduling();
  const bool ok = gst_pad_peer_query(GST_CHECKPOINT_TAP(parent)->sinkpad, upstream);
  if (ok) {
    GstSchedulingFlags flags;
    gint least = 0, most = 0, align = 0;
    gst_query_parse_scheduling(upstream, &flags, &least, &most, &align);
    gst_query_set_scheduling(query, flags, least, most, align);
    gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
  }
  gst_query_unref(upstream);
  return ok;
}

static guint64 gst_checkpoint_tap_checkpoint_now(GstCheckpointTap *self) {
  return self->priv->recorder.checkpoint_now();
}

static GType on_poison_type() {
  static const GEnumValue values[] = {
      {0, "Passed on all the same", "warn"},
      {1, "Stored, but not passed on", "skip"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstCheckpointOnPoison", values);
  return type;
}

static void gst_checkpoint_tap_class_init(GstCheckpointTapClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS(klass);
  GST_DEBUG_CATEGORY_INIT(checkpoint_tap_debug, "checkpointtap", 0, "stores what passes");

  object_class->set_property = gst_checkpoint_tap_set_property;
  object_class->get_property = gst_checkpoint_tap_get_property;
  object_class->finalize = gst_checkpoint_tap_finalize;
  checkpoint::install_recorder_properties(object_class);
  g_object_class_install_property(
      object_class, PROP_STATS,
      g_param_spec_boxed("stats", "Statistics", "What was stored (counters are uint64)",
                         GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));

  g_object_class_install_property(
      object_class, PROP_ON_POISON,
      g_param_spec_enum("on-poison", "On poison",
                        "With resume: what happens to a frame on which the pipeline died three "
                        "times in a row",
                        on_poison_type(), 0,
                        static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                 GST_PARAM_MUTABLE_READY)));
  gst_type_mark_as_plugin_api(on_poison_type(), static_cast<GstPluginAPIFlags>(0));

  checkpoint::install_recorder_signals(G_TYPE_FROM_CLASS(klass),
                                       G_CALLBACK(gst_checkpoint_tap_checkpoint_now));

  element_class->change_state = gst_checkpoint_tap_change_state;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "Checkpoint tap", "Filter/Video",
      "Stores frames and stage metadata as they pass, so that a pipeline can start again here",
      "gst-checkpoint developers");
}

static void gst_checkpoint_tap_init(GstCheckpointTap *self) {
  self->priv = new Private(GST_ELEMENT(self));
  self->sinkpad = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(self->sinkpad, gst_checkpoint_tap_chain);
  gst_pad_set_event_function(self->sinkpad, gst_checkpoint_tap_sink_event);
  self->srcpad = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_event_function(self->srcpad, gst_checkpoint_tap_src_event);
  gst_pad_set_query_function(self->srcpad, gst_checkpoint_tap_src_query);
  for (GstPad *pad : {self->sinkpad, self->srcpad}) {
    GST_PAD_SET_PROXY_CAPS(pad);
    GST_PAD_SET_PROXY_ALLOCATION(pad);
    GST_PAD_SET_PROXY_SCHEDULING(pad);
    gst_element_add_pad(GST_ELEMENT(self), pad);
  }
}
