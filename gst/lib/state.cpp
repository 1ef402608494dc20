// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/state.h"

#include <string>

#include "lib/fields.h"

/**
 * GstCheckpointState:
 *
 * What a stage hands on, to be saved: the fields of the row that an application gives, and frames.
 *
 * Open-ended fields are JSON text, since that is what they are stored as, and since a program in
 * any language has a reader and a writer for it. Numbers keyed by numbers are a #GVariant.
 *
 * One thread at a time. A save takes a copy of it when it is called; the frames are shared.
 *
 * Since: 0.1
 */
struct _GstCheckpointState {
  GObject parent_instance;
  checkpoint::StateContent *content;
};

G_DEFINE_TYPE(GstCheckpointState, gst_checkpoint_state, G_TYPE_OBJECT)

namespace {

enum { PROP_0, PROP_PARENT_ID, PROP_FILTERED, PROP_N_FRAMES };

using checkpoint::CheckpointFields;
using checkpoint::StateContent;

void set_sequences(CheckpointFields &fields, GVariant *variant) {
  fields.filtered_frame_sequences.reset();
  if (!variant) return;
  gsize n = 0;
  const auto *sequences =
      static_cast<const guint64 *>(g_variant_get_fixed_array(variant, &n, sizeof(guint64)));
  fields.filtered_frame_sequences.emplace(sequences, sequences + n);
}

void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec) noexcept {
  StateContent &content = *GST_CHECKPOINT_STATE(object)->content;
  if (checkpoint::set_field(content.fields, id, value)) return;
  switch (id) {
    case PROP_PARENT_ID: {
      const gchar *text = g_value_get_string(value);
      content.parent = text ? text : "";
      break;
    }
    case PROP_FILTERED:
      set_sequences(content.fields, g_value_get_variant(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) noexcept {
  const StateContent &content = *GST_CHECKPOINT_STATE(object)->content;
  if (checkpoint::get_field(content.fields, id, value)) return;
  switch (id) {
    case PROP_PARENT_ID:
      g_value_set_string(value, content.parent.empty() ? nullptr : content.parent.c_str());
      break;
    case PROP_FILTERED:
      if (const auto &sequences = content.fields.filtered_frame_sequences)
        g_value_take_variant(value, g_variant_ref_sink(checkpoint::sequences_variant(*sequences)));
      break;
    case PROP_N_FRAMES:
      g_value_set_uint64(value, content.frames.size());
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void finalize(GObject *object) noexcept {
  delete GST_CHECKPOINT_STATE(object)->content;
  G_OBJECT_CLASS(gst_checkpoint_state_parent_class)->finalize(object);
}

}  // namespace

static void gst_checkpoint_state_init(GstCheckpointState *self) {
  self->content = new StateContent;
}

static void gst_checkpoint_state_class_init(GstCheckpointStateClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = finalize;
  constexpr auto kReadWrite = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  checkpoint::install_field_properties(object_class, true);
  /**
   * GstCheckpointState:parent-id:
   *
   * The id of the checkpoint that the stage was run from. Its frames are not stored again.
   */
  g_object_class_install_property(
      object_class, PROP_PARENT_ID,
      g_param_spec_string("parent-id", "Parent", "The checkpoint that the stage was run from",
                          nullptr, kReadWrite));
  /**
   * GstCheckpointState:filtered-frame-sequences:
   *
   * The sequences of the frames that the stage let through, an array of guint64. %NULL: those of
   * all frames that are saved.
   */
  g_object_class_install_property(
      object_class, PROP_FILTERED,
      g_param_spec_variant("filtered-frame-sequences", "Filtered sequences",
                           "The sequences of the frames that the stage let through",
                           G_VARIANT_TYPE("at"), nullptr, kReadWrite));
  /**
   * GstCheckpointState:n-frames:
   *
   * How many frames were added.
   */
  g_object_class_install_property(
      object_class, PROP_N_FRAMES,
      g_param_spec_uint64("n-frames", "Frames", "How many frames were added", 0, G_MAXUINT64, 0,
                          static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

/**
 * gst_checkpoint_state_new:
 *
 * Returns: (transfer full): a state with no field set and no frame
 *
 * Since: 0.1
 */
GstCheckpointState *gst_checkpoint_state_new(void) {
  return GST_CHECKPOINT_STATE(g_object_new(GST_TYPE_CHECKPOINT_STATE, nullptr));
}

/**
 * gst_checkpoint_state_add_frame:
 * @state: a state
 * @sample: a frame: a buffer and its caps, which are raw video in system memory, image/jpeg or
 *   image/png. Its segment, where it has one, gives the stream time
 * @sequence: the frame's number in the job, or -1: the one that it was replayed with, else that of
 *   the parent's frame with its PTS, else the number of frames before it
 *
 * Adds a frame, which is kept until the state goes. For long videos let checkpointsink store the
 * stage: it holds a few frames at a time.
 *
 * Since: 0.1
 */
void gst_checkpoint_state_add_frame(GstCheckpointState *state, GstSample *sample, gint64 sequence) {
  g_return_if_fail(GST_IS_CHECKPOINT_STATE(state));
  g_return_if_fail(GST_IS_SAMPLE(sample));
  g_return_if_fail(gst_sample_get_buffer(sample) && gst_sample_get_caps(sample));
  checkpoint::StateFrame frame;
  frame.sample = checkpoint::SamplePtr(gst_sample_ref(sample));
  if (sequence >= 0) frame.sequence = static_cast<uint64_t>(sequence);
  state->content->frames.push_back(std::move(frame));
}

namespace checkpoint {

StateContent content_of(GstCheckpointState *state) { return *state->content; }

GstCheckpointState *make_state(const StateContent &content) {
  GstCheckpointState *state = gst_checkpoint_state_new();
  *state->content = content;
  return state;
}

GVariant *sequences_variant(const std::vector<uint64_t> &sequences) {
  return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, sequences.data(), sequences.size(),
                                   sizeof(uint64_t));
}

}  // namespace checkpoint
