// SPDX-License-Identifier: LGPL-2.1-or-later
// The element over the Recorder: GstBaseSink's calls in, GStreamer's answers out.
#include "elements/checkpointsink.h"

#include <gst/video/video.h>

#include <memory>

#include "elements/frame_caps.h"
#include "elements/property_change.h"
#include "elements/recorder.h"
#include "elements/recorder_properties.h"

using checkpoint::Recorder;
using checkpoint::RecorderSettings;

GST_DEBUG_CATEGORY_STATIC(checkpoint_sink_debug);
#define GST_CAT_DEFAULT checkpoint_sink_debug

namespace {
struct Private {
  explicit Private(GstElement *element) : recorder(element) {}
  RecorderSettings settings;  // protected by the object lock
  Recorder recorder;
};
enum { PROP_STATS = 1 };
}  // namespace

struct _GstCheckpointSink {
  GstBaseSink parent;
  Private *priv;
};

// clang-format off
G_DEFINE_FINAL_TYPE(GstCheckpointSink, gst_checkpoint_sink, GST_TYPE_BASE_SINK)
GST_ELEMENT_REGISTER_DEFINE(checkpointsink, "checkpointsink", GST_RANK_NONE, GST_TYPE_CHECKPOINT_SINK)

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    CHECKPOINT_FRAME_CAPS);
// clang-format on

static Recorder &recorder_of(gpointer self) { return GST_CHECKPOINT_SINK(self)->priv->recorder; }

static void gst_checkpoint_sink_set_property(GObject *object, guint id, const GValue *value,
                                             GParamSpec *pspec) {
  Private &priv = *GST_CHECKPOINT_SINK(object)->priv;
  if (!checkpoint::may_change(GST_ELEMENT(object), pspec)) return;
  GST_OBJECT_LOCK(object);
  bool known = checkpoint::set_recorder_property(priv.settings, id, value);
  GST_OBJECT_UNLOCK(object);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

// The base class's fields, and ours.
static GstStructure *gst_checkpoint_sink_stats(GstCheckpointSink *self) {
  GObjectClass *base = G_OBJECT_CLASS(gst_checkpoint_sink_parent_class);
  GParamSpec *pspec = g_object_class_find_property(base, "stats");
  GValue value = G_VALUE_INIT;
  g_value_init(&value, GST_TYPE_STRUCTURE);
  base->get_property(G_OBJECT(self), pspec->param_id, &value, pspec);
  GstStructure *stats = gst_structure_copy(gst_value_get_structure(&value));
  g_value_unset(&value);
  gst_structure_set_name(stats, "application/x-gst-checkpoint-sink-stats");
  checkpoint::add_recorder_stats(stats, self->priv->recorder);
  return stats;
}

static void gst_checkpoint_sink_get_property(GObject *object, guint id, GValue *value,
                                             GParamSpec *pspec) {
  GstCheckpointSink *self = GST_CHECKPOINT_SINK(object);
  if (id == PROP_STATS) {
    g_value_take_boxed(value, gst_checkpoint_sink_stats(self));
    return;
  }
  GST_OBJECT_LOCK(object);
  bool known = checkpoint::get_recorder_property(self->priv->settings, id, value);
  GST_OBJECT_UNLOCK(object);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static guint64 gst_checkpoint_sink_checkpoint_now(GstCheckpointSink *self) {
  return self->priv->recorder.checkpoint_now();
}

static void gst_checkpoint_sink_finalize(GObject *object) {
  delete GST_CHECKPOINT_SINK(object)->priv;
  G_OBJECT_CLASS(gst_checkpoint_sink_parent_class)->finalize(object);
}

static GstStateChangeReturn gst_checkpoint_sink_change_state(GstElement *element,
                                                             GstStateChange transition) {
  Recorder &recorder = recorder_of(element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    // Here and not in start(), to whose failure the base class adds an error of its own.
    GST_OBJECT_LOCK(element);
    RecorderSettings settings = GST_CHECKPOINT_SINK(element)->priv->settings;
    GST_OBJECT_UNLOCK(element);
    if (!recorder.start(settings)) return GST_STATE_CHANGE_FAILURE;
    if (!recorder.run()) {
      recorder.stop();
      return GST_STATE_CHANGE_FAILURE;
    }
  }
  // The base class takes the preroll lock here without an unlock(), sure that the streaming thread
  // waits for it. But that may have slept through a PLAYING so short that it is in a full queue
  // now.
  const bool to_playing = transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING;
  if (to_playing) recorder.interrupt(Recorder::Interrupt::kStateChange);
  GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_checkpoint_sink_parent_class)->change_state(element, transition);
  if (to_playing) {
    GstBaseSink *sink = GST_BASE_SINK(element);
    GST_BASE_SINK_PREROLL_LOCK(sink);
    recorder.resume(Recorder::Interrupt::kStateChange);
    GST_BASE_SINK_PREROLL_SIGNAL(sink);
    GST_BASE_SINK_PREROLL_UNLOCK(sink);
  }
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE))
    recorder.stop();
  return result;
}

// The frame or the end in hand is kept while we wait for PLAYING again.
static Recorder::WaitFunction wait_for_playing(GstBaseSink *sink) {
  return [sink] {
    const GstFlowReturn flow = gst_base_sink_wait_preroll(sink);
    return flow == GST_FLOW_CUSTOM_ERROR ? GST_FLOW_OK : flow;  // that is a step while in PAUSED
  };
}

static gboolean gst_checkpoint_sink_set_caps(GstBaseSink *sink, GstCaps *caps) {
  return recorder_of(sink).set_caps(caps);
}

static GstFlowReturn gst_checkpoint_sink_render(GstBaseSink *sink, GstBuffer *buffer) {
  Recorder &recorder = recorder_of(sink);
  const Recorder::WaitFunction wait = wait_for_playing(sink);
  const GstFlowReturn flow = recorder.frame(buffer, sink->segment, wait);
  bool left_out = false;  // nothing is passed on anyway
  return flow == GST_FLOW_OK ? recorder.before_passing(wait, &left_out) : flow;
}

static gboolean gst_checkpoint_sink_event(GstBaseSink *sink, GstEvent *event) {
  Recorder &recorder = recorder_of(sink);
  bool ok = true;
  auto answer = Recorder::Answer::kPassOn;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_EOS:
      // The base class posts EOS when this returns; so all is durable by then.
      ok = recorder.end_of_stream(wait_for_playing(sink)) == GST_FLOW_OK;
      break;
    case GST_EVENT_GAP:
      ok = recorder.gap(event, wait_for_playing(sink)) == GST_FLOW_OK;
      break;
    case GST_EVENT_CAPS:
      break;  // through set_caps()
    case GST_EVENT_FLUSH_STOP:
      // It ends a flush whatever became of what is stored.
      static_cast<void>(recorder.event(event, [] { return GST_FLOW_FLUSHING; }));
      break;
    default:
      if (gst_event_type_get_flags(GST_EVENT_TYPE(event)) & GST_EVENT_TYPE_SERIALIZED)
        answer = recorder.event(event, wait_for_playing(sink));
  }
  if (answer == Recorder::Answer::kTaken) {
    gst_event_unref(event);
    return TRUE;
  }
  if (answer == Recorder::Answer::kFailed) ok = false;
  if (!ok) {
    gst_event_unref(event);
    return FALSE;
  }
  return GST_BASE_SINK_CLASS(gst_checkpoint_sink_parent_class)->event(sink, event);
}

static gboolean gst_checkpoint_sink_unlock(GstBaseSink *sink) {
  recorder_of(sink).interrupt(Recorder::Interrupt::kUnlock);
  return TRUE;
}

static gboolean gst_checkpoint_sink_unlock_stop(GstBaseSink *sink) {
  recorder_of(sink).resume(Recorder::Interrupt::kUnlock);
  return TRUE;
}

static gboolean gst_checkpoint_sink_propose_allocation(GstBaseSink *, GstQuery *query) {
  // Any strides will do.
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  return TRUE;
}

static void gst_checkpoint_sink_class_init(GstCheckpointSinkClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS(klass);
  GstBaseSinkClass *sink_class = GST_BASE_SINK_CLASS(klass);
  GST_DEBUG_CATEGORY_INIT(checkpoint_sink_debug, "checkpointsink", 0, "stores checkpoints");

  object_class->set_property = gst_checkpoint_sink_set_property;
  object_class->get_property = gst_checkpoint_sink_get_property;
  object_class->finalize = gst_checkpoint_sink_finalize;
  checkpoint::install_recorder_properties(object_class);
  checkpoint::install_recorder_signals(G_TYPE_FROM_CLASS(klass),
                                       G_CALLBACK(gst_checkpoint_sink_checkpoint_now));
  g_object_class_install_property(
      object_class, PROP_STATS,
      g_param_spec_boxed("stats", "Statistics",
                         "The base class's statistics, and what was stored (counters are uint64)",
                         GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));

  element_class->change_state = gst_checkpoint_sink_change_state;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_set_static_metadata(
      element_class, "Checkpoint sink", "Sink/Video",
      "Stores frames and stage metadata, so that a pipeline can start again here",
      "gst-checkpoint developers");

  sink_class->set_caps = gst_checkpoint_sink_set_caps;
  sink_class->render = gst_checkpoint_sink_render;
  sink_class->event = gst_checkpoint_sink_event;
  sink_class->unlock = gst_checkpoint_sink_unlock;
  sink_class->unlock_stop = gst_checkpoint_sink_unlock_stop;
  sink_class->propose_allocation = gst_checkpoint_sink_propose_allocation;
}

static void gst_checkpoint_sink_init(GstCheckpointSink *self) {
  self->priv = new Private(GST_ELEMENT(self));
  GstBaseSink *sink = GST_BASE_SINK(self);
  // Every frame counts, late or not, and none waits for a clock.
  gst_base_sink_set_sync(sink, FALSE);
  gst_base_sink_set_qos_enabled(sink, FALSE);
  gst_base_sink_set_last_sample_enabled(sink, FALSE);
  gst_base_sink_set_drop_out_of_segment(sink, FALSE);
}
