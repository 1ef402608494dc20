// SPDX-License-Identifier: LGPL-2.1-or-later
// The element over the Player: properties, the URI handler, GstBaseSrc's calls in.
#include "elements/checkpointsrc.h"

#include <gst/video/video.h>

#include <optional>
#include <string>

#include "core/checkpoint_uri.h"
#include "elements/error_table.h"
#include "elements/frame_caps.h"
#include "elements/identity_meta.h"
#include "elements/player.h"
#include "elements/property_change.h"
#include "store/registry.h"
#include "store/uri.h"

using checkpoint::CheckpointUri;
using checkpoint::Code;
using checkpoint::Player;
using checkpoint::SeekRequest;
using checkpoint::SourceSettings;
using checkpoint::Status;
using checkpoint::Uuid;

GST_DEBUG_CATEGORY_STATIC(checkpoint_src_debug);
#define GST_CAT_DEFAULT checkpoint_src_debug

namespace {

struct Private {
  explicit Private(GstBaseSrc *element) : player(element) {}
  SourceSettings settings;  // protected by the object lock
  std::string bad_id;       // a checkpoint-id that is none; protected by the object lock
  Player player;
};

enum {
  PROP_0,
  PROP_JOB_ID,
  PROP_STAGE,
  PROP_SCENARIO,
  PROP_CHECKPOINT_ID,
  PROP_VERSION,
  PROP_START_INDEX,
  PROP_STOP_INDEX,
  PROP_SELECT,
  PROP_SELECT_BEFORE,
  PROP_SELECT_AFTER,
  PROP_FILTERED,
  PROP_LOOP,
  PROP_ALLOW_PARTIAL,
  PROP_ON_MISSING,
  PROP_READ_AHEAD,
  PROP_FRAME_STORE,
  PROP_METADATA_STORE,
  PROP_STATS,
};

}  // namespace

struct _GstCheckpointSrc {
  GstPushSrc parent;
  Private *priv;
};

static void gst_checkpoint_src_uri_handler_init(gpointer iface, gpointer);

// clang-format off
G_DEFINE_FINAL_TYPE_WITH_CODE(GstCheckpointSrc, gst_checkpoint_src, GST_TYPE_PUSH_SRC,
    G_IMPLEMENT_INTERFACE(GST_TYPE_URI_HANDLER, gst_checkpoint_src_uri_handler_init))
GST_ELEMENT_REGISTER_DEFINE(checkpointsrc, "checkpointsrc", GST_RANK_PRIMARY, GST_TYPE_CHECKPOINT_SRC)

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    CHECKPOINT_FRAME_CAPS);
// clang-format on

// What happens to a frame whose bytes can't be had.
static GType on_missing_type() {
  static const GEnumValue values[] = {
      {0, "Error: play up to it, then fail", "error"},
      {1, "Skip: a GAP event in its place, and DISCONT on the next frame", "skip"},
      {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstCheckpointSrcOnMissing", values);
  return type;
}

static Player &player_of(gpointer self) { return GST_CHECKPOINT_SRC(self)->priv->player; }

static std::string text_of(const GValue *value) {
  const gchar *text = g_value_get_string(value);
  return text ? text : "";
}

static void gst_checkpoint_src_set_property(GObject *object, guint id, const GValue *value,
                                            GParamSpec *pspec) {
  Private &priv = *GST_CHECKPOINT_SRC(object)->priv;
  if (!checkpoint::may_change(GST_ELEMENT(object), pspec)) return;
  bool known = true;
  GST_OBJECT_LOCK(object);
  CheckpointUri &what = priv.settings.what;
  switch (id) {
    case PROP_JOB_ID:
      what.job_id = text_of(value);
      break;
    case PROP_STAGE:
      what.stage = text_of(value);
      break;
    case PROP_SCENARIO:
      what.scenario.reset();
      if (g_value_get_string(value)) what.scenario = g_value_get_string(value);
      break;
    case PROP_CHECKPOINT_ID:
      what.checkpoint_id = Uuid::parse(text_of(value));
      priv.bad_id = what.checkpoint_id ? "" : text_of(value);
      break;
    case PROP_VERSION:
      what.version = g_value_get_uint(value);
      break;
    case PROP_START_INDEX:
      what.start_index = g_value_get_int64(value);
      break;
    case PROP_STOP_INDEX:
      what.stop_index = g_value_get_int64(value);
      break;
    case PROP_SELECT:
      what.select = text_of(value);
      break;
    case PROP_SELECT_BEFORE:
      what.select_before = g_value_get_uint(value);
      break;
    case PROP_SELECT_AFTER:
      what.select_after = g_value_get_uint(value);
      break;
    case PROP_FILTERED:
      what.filtered = g_value_get_boolean(value);
      break;
    case PROP_LOOP:
      what.loop = g_value_get_boolean(value);
      break;
    case PROP_ALLOW_PARTIAL:
      what.allow_partial = g_value_get_boolean(value);
      break;
    case PROP_ON_MISSING:
      priv.settings.skip_missing = g_value_get_enum(value) == 1;
      break;
    case PROP_READ_AHEAD:
      priv.settings.read_ahead = g_value_get_uint64(value);
      break;
    case PROP_FRAME_STORE:
      priv.settings.frame_store = text_of(value);
      break;
    case PROP_METADATA_STORE:
      priv.settings.metadata_store = text_of(value);
      break;
    default:
      known = priv.settings.s3.set(id, value);
  }
  GST_OBJECT_UNLOCK(object);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void set_text(GValue *value, const std::string &text) {
  g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

static GstStructure *stats_of(const Player &player) {
  const Player::Stats stats = player.stats();
  return gst_structure_new("application/x-gst-checkpoint-src-stats", "rows", G_TYPE_UINT64,
                           stats.read.rows, "gets", G_TYPE_UINT64, stats.read.gets, "bytes",
                           G_TYPE_UINT64, stats.read.bytes, "retries", G_TYPE_UINT64, stats.retries,
                           nullptr);
}

static void gst_checkpoint_src_get_property(GObject *object, guint id, GValue *value,
                                            GParamSpec *pspec) {
  Private &priv = *GST_CHECKPOINT_SRC(object)->priv;
  if (id == PROP_STATS) {
    g_value_take_boxed(value, stats_of(priv.player));
    return;
  }
  bool known = true;
  GST_OBJECT_LOCK(object);
  const CheckpointUri &what = priv.settings.what;
  switch (id) {
    case PROP_JOB_ID:
      set_text(value, what.job_id);
      break;
    case PROP_STAGE:
      set_text(value, what.stage);
      break;
    case PROP_SCENARIO:
      g_value_set_string(value, what.scenario ? what.scenario->c_str() : nullptr);
      break;
    case PROP_CHECKPOINT_ID:
      set_text(value, what.checkpoint_id ? what.checkpoint_id->to_string() : priv.bad_id);
      break;
    case PROP_VERSION:
      g_value_set_uint(value, what.version);
      break;
    case PROP_START_INDEX:
      g_value_set_int64(value, what.start_index);
      break;
    case PROP_STOP_INDEX:
      g_value_set_int64(value, what.stop_index);
      break;
    case PROP_SELECT:
      set_text(value, what.select);
      break;
    case PROP_SELECT_BEFORE:
      g_value_set_uint(value, what.select_before);
      break;
    case PROP_SELECT_AFTER:
      g_value_set_uint(value, what.select_after);
      break;
    case PROP_FILTERED:
      g_value_set_boolean(value, what.filtered);
      break;
    case PROP_LOOP:
      g_value_set_boolean(value, what.loop);
      break;
    case PROP_ALLOW_PARTIAL:
      g_value_set_boolean(value, what.allow_partial);
      break;
    case PROP_ON_MISSING:
      g_value_set_enum(value, priv.settings.skip_missing ? 1 : 0);
      break;
    case PROP_READ_AHEAD:
      g_value_set_uint64(value, priv.settings.read_ahead);
      break;
    case PROP_FRAME_STORE:
      // A URI may hold a password.
      set_text(value, checkpoint::mask_uri(priv.settings.frame_store));
      break;
    case PROP_METADATA_STORE:
      set_text(value, checkpoint::mask_uri(priv.settings.metadata_store));
      break;
    default:
      known = priv.settings.s3.get(id, value);
  }
  GST_OBJECT_UNLOCK(object);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
}

static void gst_checkpoint_src_finalize(GObject *object) {
  delete GST_CHECKPOINT_SRC(object)->priv;
  G_OBJECT_CLASS(gst_checkpoint_src_parent_class)->finalize(object);
}

// --- state

static Status check_settings(Private &priv, const SourceSettings &settings) {
  if (!priv.bad_id.empty()) return {Code::kInvalidArgument, "checkpoint-id is not a UUID"};
  return Player::check(settings);
}

static GstStateChangeReturn gst_checkpoint_src_change_state(GstElement *element,
                                                            GstStateChange transition) {
  Private &priv = *GST_CHECKPOINT_SRC(element)->priv;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    GST_OBJECT_LOCK(element);
    const Status status = check_settings(priv, priv.settings);
    GST_OBJECT_UNLOCK(element);
    if (!status.is_ok()) {
      checkpoint::post_error(element, status);
      return GST_STATE_CHANGE_FAILURE;
    }
  }
  auto *parent = GST_ELEMENT_CLASS(gst_checkpoint_src_parent_class);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) priv.player.end_start();
  GstStateChangeReturn result = parent->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result != GST_STATE_CHANGE_FAILURE &&
      !priv.player.may_go_on()) {
    priv.player.end_start();
    parent->change_state(element, GST_STATE_CHANGE_PAUSED_TO_READY);
    return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) priv.player.disconnect();
  return result;
}

static gboolean gst_checkpoint_src_start(GstBaseSrc *src) {
  Private &priv = *GST_CHECKPOINT_SRC(src)->priv;
  GST_OBJECT_LOCK(src);
  SourceSettings settings = priv.settings;
  GST_OBJECT_UNLOCK(src);
  if (settings.frame_store.empty()) settings.frame_store = checkpoint::default_frame_store_uri();
  settings.frame_store = settings.s3.apply(settings.frame_store);
  if (settings.metadata_store.empty())
    settings.metadata_store = checkpoint::default_metadata_store_uri();
  return priv.player.start(settings);
}

// Buffers keep the times that they have: with a clock the base class would give some to those that
// have none.
static gboolean gst_checkpoint_src_set_clock(GstElement *element, GstClock *clock) {
  if (clock && !gst_base_src_get_do_timestamp(GST_BASE_SRC(element))) return TRUE;
  return GST_ELEMENT_CLASS(gst_checkpoint_src_parent_class)->set_clock(element, clock);
}

// --- the base class's calls

static gboolean gst_checkpoint_src_unlock(GstBaseSrc *src) {
  player_of(src).unlock();
  return TRUE;
}

static gboolean gst_checkpoint_src_unlock_stop(GstBaseSrc *src) {
  player_of(src).unlock_stop();
  return TRUE;
}

static GstFlowReturn gst_checkpoint_src_create(GstPushSrc *src, GstBuffer **buffer) {
  return player_of(src).create(buffer);
}

static gboolean gst_checkpoint_src_is_seekable(GstBaseSrc *) { return TRUE; }

static gboolean gst_checkpoint_src_prepare_seek_segment(GstBaseSrc *src, GstEvent *seek,
                                                        GstSegment *segment) {
  return player_of(src).prepare_seek(seek, segment);
}

static gboolean gst_checkpoint_src_do_seek(GstBaseSrc *src, GstSegment *segment) {
  return player_of(src).do_seek(segment);
}

// Caps come with the frames.
static gboolean gst_checkpoint_src_negotiate(GstBaseSrc *) { return TRUE; }

static gboolean gst_checkpoint_src_decide_allocation(GstBaseSrc *src, GstQuery *query) {
  player_of(src).decide_allocation(query);
  return TRUE;
}

static GstCaps *gst_checkpoint_src_get_caps(GstBaseSrc *src, GstCaps *filter) {
  GstCaps *caps = player_of(src).caps();
  if (!caps) caps = gst_pad_get_pad_template_caps(GST_BASE_SRC_PAD(src));
  if (!filter) return caps;
  GstCaps *common = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(caps);
  return common;
}

static gboolean gst_checkpoint_src_query(GstBaseSrc *src, GstQuery *query) {
  if (auto answer = player_of(src).query(query)) return *answer;
  return GST_BASE_SRC_CLASS(gst_checkpoint_src_parent_class)->query(src, query);
}

static gboolean gst_checkpoint_src_event(GstBaseSrc *src, GstEvent *event) {
  GstBaseSrcClass *base = GST_BASE_SRC_CLASS(gst_checkpoint_src_parent_class);
  if (GST_EVENT_TYPE(event) != GST_EVENT_SEEK) return base->event(src, event);
  if (auto answer = player_of(src).seek_event(event)) return *answer;
  Player::SeekScope scope(player_of(src), SeekRequest::of(event));
  return base->event(src, event);
}

static gboolean gst_checkpoint_src_send_event(GstElement *element, GstEvent *event) {
  GstElementClass *base = GST_ELEMENT_CLASS(gst_checkpoint_src_parent_class);
  GstPad *pad = GST_BASE_SRC_PAD(element);
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) {
    if (auto answer = player_of(element).seek_event(event)) {
      gst_event_unref(event);
      return *answer;
    }
    Player::SeekScope scope(player_of(element), SeekRequest::of(event));
    return base->send_event(element, event);
  }
  if (GST_EVENT_TYPE(event) != GST_EVENT_FLUSH_STOP) return base->send_event(element, event);
  GST_PAD_STREAM_LOCK(pad);
  player_of(element).flushed();
  gboolean sent = base->send_event(element, event);
  GST_PAD_STREAM_UNLOCK(pad);
  return sent;
}

// --- checkpoint:// URIs

static GstURIType gst_checkpoint_src_uri_type(GType) { return GST_URI_SRC; }

static const gchar *const *gst_checkpoint_src_uri_protocols(GType) {
  static const gchar *const protocols[] = {checkpoint::kCheckpointScheme, nullptr};
  return protocols;
}

static gchar *gst_checkpoint_src_get_uri(GstURIHandler *handler) {
  GST_OBJECT_LOCK(handler);
  const std::string uri =
      checkpoint::format_checkpoint_uri(GST_CHECKPOINT_SRC(handler)->priv->settings.what);
  GST_OBJECT_UNLOCK(handler);
  return uri.empty() ? nullptr : g_strdup(uri.c_str());
}

static gboolean gst_checkpoint_src_set_uri(GstURIHandler *handler, const gchar *text,
                                           GError **error) {
  Private &priv = *GST_CHECKPOINT_SRC(handler)->priv;
  auto uri = checkpoint::parse_checkpoint_uri(text);
  if (!uri.is_ok()) {
    const Status &status = uri.status();
    g_set_error(error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI, "%s%s%s", status.message().c_str(),
                status.hint().empty() ? "" : ": ", status.hint().c_str());
    return FALSE;
  }
  GST_OBJECT_LOCK(handler);
  const bool running =
      GST_STATE(handler) > GST_STATE_READY || GST_STATE_PENDING(handler) > GST_STATE_READY;
  if (!running) {
    priv.settings.what = std::move(*uri);
    priv.bad_id.clear();
  }
  GST_OBJECT_UNLOCK(handler);
  if (running)
    g_set_error(error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE,
                "the URI can't be changed while the element is running: set it in NULL or READY");
  return !running;
}

static void gst_checkpoint_src_uri_handler_init(gpointer iface, gpointer) {
  auto *handler = static_cast<GstURIHandlerInterface *>(iface);
  handler->get_type = gst_checkpoint_src_uri_type;
  handler->get_protocols = gst_checkpoint_src_uri_protocols;
  handler->get_uri = gst_checkpoint_src_get_uri;
  handler->set_uri = gst_checkpoint_src_set_uri;
}

// --- class

static void install_properties(GObjectClass *klass) {
  constexpr auto kFlags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  const auto text = [&](guint id, const char *name, const char *nick, const char *blurb) {
    g_object_class_install_property(klass, id,
                                    g_param_spec_string(name, nick, blurb, nullptr, kFlags));
  };
  text(PROP_JOB_ID, "job-id", "Job id", "The video that was worked on");
  text(PROP_STAGE, "stage", "Stage", "Name of the stage whose checkpoint is played");
  text(PROP_SCENARIO, "scenario", "Scenario",
       "Label of the scenario that is played (unset = the base)");
  text(PROP_CHECKPOINT_ID, "checkpoint-id", "Checkpoint id",
       "UUID of the checkpoint that is played, instead of job-id and stage");
  g_object_class_install_property(
      klass, PROP_VERSION,
      g_param_spec_uint("version", "Version",
                        "Which version of the stage's checkpoint (0 = the newest complete one)", 0,
                        G_MAXUINT, 0, kFlags));
  g_object_class_install_property(
      klass, PROP_START_INDEX,
      g_param_spec_int64("start-index", "Start index", "The first frame to play, counted from 0", 0,
                         G_MAXINT64, 0, kFlags));
  g_object_class_install_property(
      klass, PROP_STOP_INDEX,
      g_param_spec_int64("stop-index", "Stop index",
                         "The first frame that is not played any more (-1 = play to the end)", -1,
                         G_MAXINT64, -1, kFlags));
  text(PROP_SELECT, "select", "Select",
       "Play only frames whose detections match, for example label = 'face' and confidence > 0.5; "
       "the fields are label, confidence, area, track, time (seconds) and index (unset = all "
       "frames)");
  g_object_class_install_property(
      klass, PROP_SELECT_BEFORE,
      g_param_spec_uint("select-before", "Select before",
                        "Frames to play before each one that matches select", 0, G_MAXUINT, 0,
                        kFlags));
  g_object_class_install_property(
      klass, PROP_SELECT_AFTER,
      g_param_spec_uint("select-after", "Select after",
                        "Frames to play after each one that matches select", 0, G_MAXUINT, 0,
                        kFlags));
  g_object_class_install_property(
      klass, PROP_FILTERED,
      g_param_spec_boolean("filtered", "Filtered",
                           "Play the frames of filtered_frame_sequences; those that the checkpoint "
                           "does not have come from what it was run from",
                           FALSE, kFlags));
  g_object_class_install_property(
      klass, PROP_LOOP,
      g_param_spec_boolean("loop", "Loop",
                           "Begin again after the last frame, while running time goes on", FALSE,
                           kFlags));
  g_object_class_install_property(
      klass, PROP_ALLOW_PARTIAL,
      g_param_spec_boolean("allow-partial", "Allow partial",
                           "Also play a checkpoint that was not completed, as far as it got", FALSE,
                           kFlags));
  g_object_class_install_property(
      klass, PROP_ON_MISSING,
      g_param_spec_enum("on-missing", "On missing",
                        "What to do about frames that are gone, archived or damaged",
                        on_missing_type(), 0, kFlags));
  gst_type_mark_as_plugin_api(on_missing_type(), static_cast<GstPluginAPIFlags>(0));
  g_object_class_install_property(
      klass, PROP_READ_AHEAD,
      g_param_spec_uint64("read-ahead", "Read ahead",
                          "Bytes of frames to hold ready; one frame always fits", 0, G_MAXUINT64,
                          SourceSettings().read_ahead, kFlags));
  text(PROP_FRAME_STORE, "frame-store", "Frame store",
       "Where frames are: a folder or file:// URI, s3://bucket/prefix, memory://name (default: "
       "$GST_CHECKPOINT_FRAME_STORE, else a folder under $XDG_DATA_HOME)");
  checkpoint::S3Properties::install(klass);
  text(PROP_METADATA_STORE, "metadata-store", "Metadata store",
       "Where everything else is: a file or sqlite:// URI, postgresql:// URI, memory://name "
       "(default: "
       "$GST_CHECKPOINT_METADATA_STORE, else a file under $XDG_DATA_HOME)");
  g_object_class_install_property(
      klass, PROP_STATS,
      g_param_spec_boxed("stats", "Statistics",
                         "What was read from the stores since the start (counters are uint64)",
                         GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

static void gst_checkpoint_src_class_init(GstCheckpointSrcClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS(klass);
  GstBaseSrcClass *src_class = GST_BASE_SRC_CLASS(klass);
  GST_DEBUG_CATEGORY_INIT(checkpoint_src_debug, "checkpointsrc", 0, "plays checkpoints");
  checkpoint::register_identity_meta();

  object_class->set_property = gst_checkpoint_src_set_property;
  object_class->get_property = gst_checkpoint_src_get_property;
  object_class->finalize = gst_checkpoint_src_finalize;
  install_properties(object_class);

  element_class->change_state = gst_checkpoint_src_change_state;
  element_class->set_clock = gst_checkpoint_src_set_clock;
  element_class->send_event = gst_checkpoint_src_send_event;
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "Checkpoint source", "Source/Video",
      "Plays the frames and stage metadata that a checkpointsink stored",
      "gst-checkpoint developers");

  src_class->start = gst_checkpoint_src_start;
  src_class->unlock = gst_checkpoint_src_unlock;
  src_class->unlock_stop = gst_checkpoint_src_unlock_stop;
  src_class->is_seekable = gst_checkpoint_src_is_seekable;
  src_class->prepare_seek_segment = gst_checkpoint_src_prepare_seek_segment;
  src_class->do_seek = gst_checkpoint_src_do_seek;
  src_class->negotiate = gst_checkpoint_src_negotiate;
  src_class->decide_allocation = gst_checkpoint_src_decide_allocation;
  src_class->get_caps = gst_checkpoint_src_get_caps;
  src_class->query = gst_checkpoint_src_query;
  src_class->event = gst_checkpoint_src_event;
  GST_PUSH_SRC_CLASS(klass)->create = gst_checkpoint_src_create;
}

static void gst_checkpoint_src_init(GstCheckpointSrc *self) {
  GstBaseSrc *src = GST_BASE_SRC(self);
  gst_base_src_set_format(src, GST_FORMAT_TIME);
  gst_base_src_set_async(src, TRUE);
  // The frames decide where the end is; some may lie outside of their segment.
  gst_base_src_set_automatic_eos(src, FALSE);
  self->priv = new Private(src);
}
