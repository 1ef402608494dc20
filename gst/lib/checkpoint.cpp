// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/checkpoint.h"

#include <iterator>
#include <string>

#include "lib/fields.h"
#include "lib/gio.h"
#include "lib/rows.h"
#include "lib/state.h"

/**
 * GstCheckpointCheckpoint:
 *
 * What one stage of one job handed on, as it is stored: every field of its row. The properties
 * never change, and reading them waits for nothing. What is as long as the checkpoint has frames is
 * read from the stores when it is asked for: gst_checkpoint_checkpoint_read_frames_manifest(),
 * gst_checkpoint_checkpoint_read_frames_meta(),
 * gst_checkpoint_checkpoint_read_filtered_frame_sequences(); the frames themselves come one by one
 * from a #GstCheckpointFrames.
 *
 * Any thread.
 *
 * Since: 0.1
 */
struct _GstCheckpointCheckpoint {
  GObject parent_instance;
  struct Content {
    std::shared_ptr<checkpoint::StorePlace> place;
    checkpoint::CheckpointRow row;
  } * content;
};

G_DEFINE_TYPE(GstCheckpointCheckpoint, gst_checkpoint_checkpoint, G_TYPE_OBJECT)

namespace {

using checkpoint::Cancellation;
using checkpoint::CheckpointRow;
using checkpoint::GioCancellation;
using checkpoint::Result;
using checkpoint::Status;
using checkpoint::Stores;

enum {
  PROP_0,
  PROP_ID,
  PROP_JOB_ID,
  PROP_STAGE,
  PROP_STAGE_INDEX,
  PROP_VERSION,
  PROP_COMPLETE,
  PROP_PARTIAL_REASON,
  PROP_PARENT_ID,
  PROP_FRAMES_PREFIX,
  PROP_IS_SCENARIO,
  PROP_SCENARIO_LABEL,
  PROP_N_FRAMES,
  PROP_BYTES_NEW,
  PROP_BYTES_REUSED,
  PROP_CREATED_AT,
  N_PROPS
};

void set_text(GValue *value, const std::string &text) { g_value_set_string(value, text.c_str()); }

void set_optional(GValue *value, const std::string &text) {
  if (!text.empty()) g_value_set_string(value, text.c_str());
}

void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) noexcept {
  const CheckpointRow &row = GST_CHECKPOINT_CHECKPOINT(object)->content->row;
  if (checkpoint::get_field(row.fields, id, value)) return;
  switch (id) {
    case PROP_ID:
      return set_text(value, row.id.to_string());
    case PROP_JOB_ID:
      return set_text(value, row.fields.job_id);
    case PROP_STAGE:
      return set_text(value, row.fields.stage);
    case PROP_STAGE_INDEX:
      return g_value_set_int(value, row.fields.stage_index);
    case PROP_VERSION:
      return g_value_set_uint(value, row.version);
    case PROP_COMPLETE:
      return g_value_set_boolean(value, row.state == checkpoint::CheckpointState::kComplete);
    case PROP_PARTIAL_REASON:
      return set_optional(value, row.reason);
    case PROP_PARENT_ID:
      return set_optional(value, row.fields.parent ? row.fields.parent->to_string() : "");
    case PROP_FRAMES_PREFIX:
      return set_text(value, row.fields.frames_prefix);
    case PROP_IS_SCENARIO:
      return g_value_set_boolean(value, row.fields.branch.is_scenario);
    case PROP_SCENARIO_LABEL:
      return set_text(value, row.fields.branch.label);
    case PROP_N_FRAMES:
      return g_value_set_uint64(value, row.frames);
    case PROP_BYTES_NEW:
      return g_value_set_uint64(value, row.bytes_new);
    case PROP_BYTES_REUSED:
      return g_value_set_uint64(value, row.bytes_reused);
    case PROP_CREATED_AT:
      return g_value_set_int64(value, row.created_at);
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void finalize(GObject *object) noexcept {
  delete GST_CHECKPOINT_CHECKPOINT(object)->content;
  G_OBJECT_CLASS(gst_checkpoint_checkpoint_parent_class)->finalize(object);
}

// What a call reads of the stores.
template <typename T>
Result<T> read(GstCheckpointCheckpoint *self, GCancellable *cancellable,
               Result<T> (*body)(Stores &, const CheckpointRow &, Cancellation &)) {
  GioCancellation cancel(cancellable);
  CHECKPOINT_ASSIGN_OR_RETURN(auto stores,
                              self->content->place->open(Stores::Access::kRead, cancel));
  return body(*stores, self->content->row, cancel);
}

Result<GVariant *> manifest(Stores &stores, const CheckpointRow &row, Cancellation &cancel) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ts}"));
  Status status = visit_frames(
      stores, row,
      [&](const checkpoint::FrameRow &frame, const std::string &name) {
        g_variant_builder_add(&builder, "{ts}", static_cast<guint64>(frame.sequence), name.c_str());
      },
      cancel);
  if (!status.is_ok()) {
    g_variant_builder_clear(&builder);
    return status;
  }
  return g_variant_builder_end(&builder);
}

Result<GVariant *> filtered(Stores &stores, const CheckpointRow &row, Cancellation &cancel) {
  if (row.fields.filtered_frame_sequences)
    return checkpoint::sequences_variant(*row.fields.filtered_frame_sequences);
  std::vector<uint64_t> sequences;
  CHECKPOINT_RETURN_IF_ERROR(visit_frames(
      stores, row,
      [&](const checkpoint::FrameRow &frame, const std::string &) {
        sequences.push_back(frame.sequence);
      },
      cancel));
  return checkpoint::sequences_variant(sequences);
}

}  // namespace

static void gst_checkpoint_checkpoint_init(GstCheckpointCheckpoint *self) {
  self->content = new _GstCheckpointCheckpoint::Content;
}

static void gst_checkpoint_checkpoint_class_init(GstCheckpointCheckpointClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  object_class->get_property = get_property;
  object_class->finalize = finalize;
  checkpoint::install_field_properties(object_class, false);
  constexpr auto kRead = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  const auto text = [&](guint id, const char *name, const char *nick, const char *blurb) {
    g_object_class_install_property(object_class, id,
                                    g_param_spec_string(name, nick, blurb, nullptr, kRead));
  };
  const auto yes = [&](guint id, const char *name, const char *nick, const char *blurb) {
    g_object_class_install_property(object_class, id,
                                    g_param_spec_boolean(name, nick, blurb, FALSE, kRead));
  };
  const auto count = [&](guint id, const char *name, const char *nick, const char *blurb) {
    g_object_class_install_property(
        object_class, id, g_param_spec_uint64(name, nick, blurb, 0, G_MAXUINT64, 0, kRead));
  };
  text(PROP_ID, "id", "Id", "The checkpoint's own name, a UUID");
  text(PROP_JOB_ID, "job-id", "Job", "The video that is worked on");
  text(PROP_STAGE, "stage", "Stage", "The boundary of the pipeline");
  g_object_class_install_property(
      object_class, PROP_STAGE_INDEX,
      g_param_spec_int("stage-index", "Stage index", "The order of the stage in its job", G_MININT,
                       G_MAXINT, 0, kRead));
  g_object_class_install_property(
      object_class, PROP_VERSION,
      g_param_spec_uint("version", "Version", "Counts from 1 how often the stage was saved", 0,
                        G_MAXUINT, 0, kRead));
  yes(PROP_COMPLETE, "complete", "Complete", "All of the stage is there");
  text(PROP_PARTIAL_REASON, "partial-reason", "Reason", "Why it is not complete, where known");
  text(PROP_PARENT_ID, "parent-id", "Parent", "The checkpoint that the stage was run from");
  text(PROP_FRAMES_PREFIX, "frames-prefix", "Frames prefix",
       "How the names of the job's objects in the frame store begin");
  yes(PROP_IS_SCENARIO, "is-scenario", "Is scenario", "Of a what-if run, not of the base");
  text(PROP_SCENARIO_LABEL, "scenario-label", "Scenario",
       "The label of the what-if run; '' for the base");
  count(PROP_N_FRAMES, "n-frames", "Frames", "How many frames it has");
  count(PROP_BYTES_NEW, "bytes-new", "New bytes", "Bytes that were stored for it");
  count(PROP_BYTES_REUSED, "bytes-reused", "Reused bytes",
        "Bytes that earlier checkpoints had stored already");
  g_object_class_install_property(
      object_class, PROP_CREATED_AT,
      g_param_spec_int64("created-at", "Created at", "Milliseconds since 1970, UTC", G_MININT64,
                         G_MAXINT64, 0, kRead));
}

/**
 * gst_checkpoint_checkpoint_read_frames_manifest:
 * @checkpoint: a checkpoint
 * @cancellable: (nullable): ends the wait
 * @error: why there is none: %GST_CHECKPOINT_ERROR_UNAVAILABLE, %GST_CHECKPOINT_ERROR_EXPIRED
 *
 * Reads where the frames lie: {sequence: key}, a #GVariant of type a{ts} in frame order. A key is
 * the name of an object in the frame store, with #offset+length behind it where the frame lies in a
 * pack; '' for a frame without bytes. Waits for the stores; memory grows with the frames.
 *
 * Returns: (transfer full): the manifest
 *
 * Since: 0.1
 */
GVariant *gst_checkpoint_checkpoint_read_frames_manifest(GstCheckpointCheckpoint *checkpoint,
                                                         GCancellable *cancellable,
                                                         GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_CHECKPOINT(checkpoint), nullptr);
  Result<GVariant *> result = read(checkpoint, cancellable, manifest);
  if (!result.is_ok()) return checkpoint::fail(error, result.status());
  return g_variant_ref_sink(*result);
}

/**
 * gst_checkpoint_checkpoint_read_frames_meta:
 * @checkpoint: a checkpoint
 * @cancellable: (nullable): ends the wait
 * @error: why there is none, as for the manifest
 *
 * Reads what is known of each frame beside its bytes: a JSON array of objects with sequence, index,
 * pts, dts, duration (nanoseconds, null where not set), offset, offset_end, flags and caps. Numbers
 * beyond int64 are strings. Waits for the stores; memory grows with the frames.
 *
 * Returns: (transfer full): JSON text
 *
 * Since: 0.1
 */
gchar *gst_checkpoint_checkpoint_read_frames_meta(GstCheckpointCheckpoint *checkpoint,
                                                  GCancellable *cancellable, GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_CHECKPOINT(checkpoint), nullptr);
  Result<std::string> result = read(checkpoint, cancellable, checkpoint::frames_meta);
  if (!result.is_ok()) return checkpoint::fail(error, result.status());
  return g_strdup(result->c_str());
}

/**
 * gst_checkpoint_checkpoint_read_filtered_frame_sequences:
 * @checkpoint: a checkpoint
 * @cancellable: (nullable): ends the wait
 * @error: why there are none, as for the manifest
 *
 * Reads the sequences of the frames that the stage let through: those that were given, else those
 * of all its frames. An array of guint64, a #GVariant of type "at". Waits for the stores.
 *
 * Returns: (transfer full): the sequences
 *
 * Since: 0.1
 */
GVariant *gst_checkpoint_checkpoint_read_filtered_frame_sequences(
    GstCheckpointCheckpoint *checkpoint, GCancellable *cancellable, GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_CHECKPOINT(checkpoint), nullptr);
  Result<GVariant *> result = read(checkpoint, cancellable, filtered);
  if (!result.is_ok()) return checkpoint::fail(error, result.status());
  return g_variant_ref_sink(*result);
}

/**
 * gst_checkpoint_checkpoint_to_state:
 * @checkpoint: a checkpoint
 *
 * What the next stage begins with: a state with the fields of this checkpoint, and it as the
 * parent. It has no frames; a #GstCheckpointFrames gives them one by one.
 *
 * Returns: (transfer full): a state of the caller's own
 *
 * Since: 0.1
 */
GstCheckpointState *gst_checkpoint_checkpoint_to_state(GstCheckpointCheckpoint *checkpoint) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_CHECKPOINT(checkpoint), nullptr);
  const CheckpointRow &row = checkpoint->content->row;
  checkpoint::StateContent content;
  content.fields = row.fields;
  content.parent = row.id.to_string();
  return checkpoint::make_state(content);
}

namespace checkpoint {

GstCheckpointCheckpoint *make_checkpoint(std::shared_ptr<StorePlace> place, CheckpointRow row) {
  auto *self = GST_CHECKPOINT_CHECKPOINT(g_object_new(GST_TYPE_CHECKPOINT_CHECKPOINT, nullptr));
  self->content->place = std::move(place);
  self->content->row = std::move(row);
  return self;
}

const std::shared_ptr<StorePlace> &place_of(GstCheckpointCheckpoint *checkpoint) {
  return checkpoint->content->place;
}

const CheckpointRow &row_of(GstCheckpointCheckpoint *checkpoint) {
  return checkpoint->content->row;
}

}  // namespace checkpoint
