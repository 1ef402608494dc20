// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/store.h"

#include <memory>
#include <string>
#include <utility>

#include "core/catalog.h"
#include "core/checkpoint_id.h"
#include "lib/checkpoint.h"
#include "lib/gio.h"
#include "lib/library.h"
#include "lib/save.h"
#include "store/uri.h"

/**
 * GstCheckpointStore:
 *
 * A pair of stores, one for frames and one for everything else, and the three calls of a detection
 * job: gst_checkpoint_store_save(), gst_checkpoint_store_load(), gst_checkpoint_store_list(). Each
 * has a variant that does not block. All elements and stores of a process that name the same URIs
 * share connections.
 *
 * gst_init() comes before. Any thread; calls run side by side. What fails tells why in the domain
 * %GST_CHECKPOINT_ERROR, or %G_IO_ERROR_CANCELLED.
 *
 * Since: 0.1
 */
struct _GstCheckpointStore {
  GObject parent_instance;
  struct Content {
    std::string frames, metadata;
    std::shared_ptr<checkpoint::StorePlace> place;
  } * content;
};

G_DEFINE_TYPE(GstCheckpointStore, gst_checkpoint_store, G_TYPE_OBJECT)

namespace {

using checkpoint::Cancellation;
using checkpoint::CheckpointRow;
using checkpoint::CheckpointSelector;
using checkpoint::Code;
using checkpoint::GioCancellation;
using checkpoint::Result;
using checkpoint::SaveRequest;
using checkpoint::Status;
using checkpoint::StorePlace;
using checkpoint::Stores;
using checkpoint::text_or_empty;
using checkpoint::Uuid;
using PlacePtr = std::shared_ptr<StorePlace>;

enum { PROP_0, PROP_FRAME_STORE, PROP_METADATA_STORE };

void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec) noexcept {
  auto *content = GST_CHECKPOINT_STORE(object)->content;
  switch (id) {
    case PROP_FRAME_STORE:
      content->frames = text_or_empty(g_value_get_string(value));
      break;
    case PROP_METADATA_STORE:
      content->metadata = text_or_empty(g_value_get_string(value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) noexcept {
  const auto *content = GST_CHECKPOINT_STORE(object)->content;
  // What may be secret in a URI is never read back.
  const auto set = [value](const std::string &uri) {
    g_value_set_string(value, uri.empty() ? nullptr : checkpoint::mask_uri(uri).c_str());
  };
  switch (id) {
    case PROP_FRAME_STORE:
      return set(content->frames);
    case PROP_METADATA_STORE:
      return set(content->metadata);
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void constructed(GObject *object) noexcept {
  G_OBJECT_CLASS(gst_checkpoint_store_parent_class)->constructed(object);
  auto *content = GST_CHECKPOINT_STORE(object)->content;
  content->place = std::make_shared<StorePlace>(content->frames, content->metadata);
}

void finalize(GObject *object) noexcept {
  delete GST_CHECKPOINT_STORE(object)->content;
  G_OBJECT_CLASS(gst_checkpoint_store_parent_class)->finalize(object);
}

SaveRequest save_request(const gchar *job_id, const gchar *stage, gint stage_index,
                         GstCheckpointState *state, GVariant *manifest, gboolean is_scenario,
                         const gchar *label) {
  SaveRequest request;
  request.state = checkpoint::content_of(state);
  checkpoint::CheckpointFields &fields = request.state.fields;
  fields.job_id = text_or_empty(job_id);
  fields.stage = text_or_empty(stage);
  fields.stage_index = stage_index;
  fields.branch = {is_scenario != FALSE, text_or_empty(label)};
  if (manifest) {
    request.manifest.emplace();
    GVariantIter iter;
    g_variant_iter_init(&iter, manifest);
    guint64 sequence;
    const gchar *name;
    while (g_variant_iter_next(&iter, "{t&s}", &sequence, &name))
      (*request.manifest)[sequence] = name;
  }
  return request;
}

Result<gpointer> saved(const PlacePtr &place, const SaveRequest &request, Cancellation &cancel) {
  if (!request.state.fields.branch.is_scenario && !request.state.fields.branch.label.empty())
    return Status(Code::kInvalidArgument, "a scenario_label is given and is_scenario is not");
  CHECKPOINT_ASSIGN_OR_RETURN(Uuid id, checkpoint::save(place, request, cancel));
  return static_cast<gpointer>(g_strdup(id.to_string().c_str()));
}

CheckpointSelector selector(const gchar *job_id, const gchar *stage) {
  CheckpointSelector wanted;
  wanted.job_id = text_or_empty(job_id);
  wanted.stage = text_or_empty(stage);
  return wanted;
}

Result<gpointer> load(const PlacePtr &place, const CheckpointSelector &wanted,
                      Cancellation &cancel) {
  auto stores = place->open(Stores::Access::kRead, cancel);
  // That nothing at all is stored is said of what was looked for.
  if (stores.status().is(Code::kNotFound))
    return stores.status().with_context(not_found_text(wanted));
  if (!stores.is_ok()) return stores.status();
  CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow row,
                              checkpoint::find_checkpoint(*(*stores)->metadata, wanted, cancel));
  return static_cast<gpointer>(checkpoint::make_checkpoint(place, std::move(row)));
}

bool is_manifest(GVariant *variant) {
  return !variant || g_variant_is_of_type(variant, G_VARIANT_TYPE("a{ts}"));
}

}  // namespace

static void gst_checkpoint_store_init(GstCheckpointStore *self) {
  self->content = new _GstCheckpointStore::Content;
}

static void gst_checkpoint_store_class_init(GstCheckpointStoreClass *klass) {
  checkpoint::init_library();
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->constructed = constructed;
  object_class->finalize = finalize;
  constexpr auto kConstruct =
      static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property(
      object_class, PROP_FRAME_STORE,
      g_param_spec_string("frame-store", "Frame store", "URI of where the frames are", nullptr,
                          kConstruct));
  g_object_class_install_property(
      object_class, PROP_METADATA_STORE,
      g_param_spec_string("metadata-store", "Metadata store", "URI of where everything else is",
                          nullptr, kConstruct));
}

/**
 * gst_checkpoint_store_new:
 * @frame_store: (nullable): URI of where frames are, or a folder; %NULL:
 *   $GST_CHECKPOINT_FRAME_STORE, else a folder under $XDG_DATA_HOME
 * @metadata_store: (nullable): URI of where everything else is, or a file; %NULL:
 *   $GST_CHECKPOINT_METADATA_STORE, else a file under $XDG_DATA_HOME
 *
 * Opens nothing and waits for nothing: the first call does.
 *
 * Returns: (transfer full): a pair of stores
 *
 * Since: 0.1
 */
GstCheckpointStore *gst_checkpoint_store_new(const gchar *frame_store,
                                             const gchar *metadata_store) {
  return GST_CHECKPOINT_STORE(g_object_new(GST_TYPE_CHECKPOINT_STORE, "frame-store", frame_store,
                                           "metadata-store", metadata_store, nullptr));
}

/**
 * gst_checkpoint_store_save:
 * @store: a pair of stores
 * @job_id: the job: 1 to 512 bytes of UTF-8 without control characters
 * @stage: the stage, of the same form
 * @stage_index: the order of the stage in its job; -1: the parent's + 1, or 0
 * @state: what the stage hands on
 * @frames_manifest: (nullable): %NULL: the frames of @state are stored; those that the job has
 *   already are not stored again. Otherwise a #GVariant of type a{ts}, {sequence: key}, as
 *   gst_checkpoint_checkpoint_read_frames_manifest() gives it: these frames are taken as stored, in
 *   the order of their sequences; a frame of @state with such a sequence gives times and metas, not
 *   bytes. An empty one: the checkpoint has no frames
 * @is_scenario: whether it belongs to a what-if run, apart from the base
 * @scenario_label: (nullable): the label of that run
 * @cancellable: (nullable): ends the wait; what was begun stays partial and is never loaded as
 *   complete
 * @error: why it failed: %GST_CHECKPOINT_ERROR_INVALID_ARGUMENT, %GST_CHECKPOINT_ERROR_NOT_FOUND (a
 *   parent or a frame of the manifest), %GST_CHECKPOINT_ERROR_BUSY (another writer is at it),
 *   %GST_CHECKPOINT_ERROR_UNSUPPORTED (caps or a meta that can't be kept),
 *   %GST_CHECKPOINT_ERROR_UNAVAILABLE, %GST_CHECKPOINT_ERROR_NO_SPACE,
 *   %GST_CHECKPOINT_ERROR_TIMEOUT (the last commit took longer than 120 seconds) and others
 *
 * Saves a stage: frames first, the row last. Saving it again makes the next version. Waits until
 * all is durable, 120 seconds after the last frame at most.
 *
 * Returns: (transfer full) (nullable): the id of the checkpoint; %NULL with @error set
 *
 * Since: 0.1
 */
gchar *gst_checkpoint_store_save(GstCheckpointStore *store, const gchar *job_id, const gchar *stage,
                                 gint stage_index, GstCheckpointState *state,
                                 GVariant *frames_manifest, gboolean is_scenario,
                                 const gchar *scenario_label, GCancellable *cancellable,
                                 GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_STORE(store), nullptr);
  g_return_val_if_fail(GST_IS_CHECKPOINT_STATE(state), nullptr);
  g_return_val_if_fail(is_manifest(frames_manifest), nullptr);
  GioCancellation cancel(cancellable);
  return checkpoint::result_pointer<gchar>(
      saved(store->content->place,
            save_request(job_id, stage, stage_index, state, frames_manifest, is_scenario,
                         scenario_label),
            cancel),
      error);
}

/**
 * gst_checkpoint_store_save_async:
 * @store: a pair of stores
 * @job_id: the job
 * @stage: the stage
 * @stage_index: the order of the stage in its job; -1: the parent's + 1, or 0
 * @state: what the stage hands on; may be changed when this returns
 * @frames_manifest: (nullable): a #GVariant of type a{ts}, as of gst_checkpoint_store_save()
 * @is_scenario: whether it belongs to a what-if run
 * @scenario_label: (nullable): the label of that run
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * gst_checkpoint_store_save() on another thread.
 *
 * Since: 0.1
 */
void gst_checkpoint_store_save_async(GstCheckpointStore *store, const gchar *job_id,
                                     const gchar *stage, gint stage_index,
                                     GstCheckpointState *state, GVariant *frames_manifest,
                                     gboolean is_scenario, const gchar *scenario_label,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data) {
  g_return_if_fail(GST_IS_CHECKPOINT_STORE(store));
  g_return_if_fail(GST_IS_CHECKPOINT_STATE(state));
  g_return_if_fail(is_manifest(frames_manifest));
  checkpoint::run_task(store, cancellable, callback, user_data,
                       reinterpret_cast<gpointer>(gst_checkpoint_store_save_async), g_free,
                       [place = store->content->place,
                        request = save_request(job_id, stage, stage_index, state, frames_manifest,
                                               is_scenario, scenario_label)](Cancellation &cancel) {
                         return saved(place, request, cancel);
                       });
}

/**
 * gst_checkpoint_store_save_finish:
 * @store: a pair of stores
 * @result: what the callback got
 * @error: as of gst_checkpoint_store_save()
 *
 * Returns: (transfer full) (nullable): the id of the checkpoint
 *
 * Since: 0.1
 */
gchar *gst_checkpoint_store_save_finish(GstCheckpointStore *store, GAsyncResult *result,
                                        GError **error) {
  return checkpoint::finish_task<gchar>(store, result, error);
}

/**
 * gst_checkpoint_store_load:
 * @store: a pair of stores
 * @job_id: the job
 * @stage: the stage
 * @cancellable: (nullable): ends the wait
 * @error: why there is none: %GST_CHECKPOINT_ERROR_NOT_FOUND names job and stage, and what there
 *   is; %GST_CHECKPOINT_ERROR_UNAVAILABLE and others
 *
 * Loads the newest complete checkpoint of a stage; a scenario is never found here. Frames are not
 * read: a #GstCheckpointFrames does that, one by one. Waits for the stores.
 *
 * Returns: (transfer full) (nullable): the checkpoint; %NULL with @error set
 *
 * Since: 0.1
 */
GstCheckpointCheckpoint *gst_checkpoint_store_load(GstCheckpointStore *store, const gchar *job_id,
                                                   const gchar *stage, GCancellable *cancellable,
                                                   GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_STORE(store), nullptr);
  GioCancellation cancel(cancellable);
  return checkpoint::result_pointer<GstCheckpointCheckpoint>(
      load(store->content->place, selector(job_id, stage), cancel), error);
}

/**
 * gst_checkpoint_store_load_async:
 * @store: a pair of stores
 * @job_id: the job
 * @stage: the stage
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * gst_checkpoint_store_load() on another thread.
 *
 * Since: 0.1
 */
void gst_checkpoint_store_load_async(GstCheckpointStore *store, const gchar *job_id,
                                     const gchar *stage, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data) {
  g_return_if_fail(GST_IS_CHECKPOINT_STORE(store));
  checkpoint::run_task(store, cancellable, callback, user_data,
                       reinterpret_cast<gpointer>(gst_checkpoint_store_load_async), g_object_unref,
                       [place = store->content->place, wanted = selector(job_id, stage)](
                           Cancellation &cancel) { return load(place, wanted, cancel); });
}

/**
 * gst_checkpoint_store_load_finish:
 * @store: a pair of stores
 * @result: what the callback got
 * @error: as of gst_checkpoint_store_load()
 *
 * Returns: (transfer full) (nullable): the checkpoint
 *
 * Since: 0.1
 */
GstCheckpointCheckpoint *gst_checkpoint_store_load_finish(GstCheckpointStore *store,
                                                          GAsyncResult *result, GError **error) {
  return checkpoint::finish_task<GstCheckpointCheckpoint>(store, result, error);
}

/**
 * gst_checkpoint_store_load_scenario:
 * @store: a pair of stores
 * @job_id: the job
 * @stage: the stage
 * @scenario_label: (nullable): the label of the what-if run; %NULL is the one without a label
 * @cancellable: (nullable): ends the wait
 * @error: as of gst_checkpoint_store_load()
 *
 * Loads the newest complete checkpoint that a what-if run has of a stage; the base is never found
 * here. Waits for the stores.
 *
 * Returns: (transfer full) (nullable): the checkpoint; %NULL with @error set
 *
 * Since: 0.1
 */
GstCheckpointCheckpoint *gst_checkpoint_store_load_scenario(GstCheckpointStore *store,
                                                            const gchar *job_id, const gchar *stage,
                                                            const gchar *scenario_label,
                                                            GCancellable *cancellable,
                                                            GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_STORE(store), nullptr);
  GioCancellation cancel(cancellable);
  CheckpointSelector wanted = selector(job_id, stage);
  wanted.branch = {true, text_or_empty(scenario_label)};
  return checkpoint::result_pointer<GstCheckpointCheckpoint>(
      load(store->content->place, wanted, cancel), error);
}

/**
 * gst_checkpoint_store_load_by_id:
 * @store: a pair of stores
 * @id: the id that saving gave, or that a message told
 * @cancellable: (nullable): ends the wait
 * @error: as of gst_checkpoint_store_load()
 *
 * Loads this checkpoint, of any version and branch, partial ones too. Waits for the stores.
 *
 * Returns: (transfer full) (nullable): the checkpoint; %NULL with @error set
 *
 * Since: 0.1
 */
GstCheckpointCheckpoint *gst_checkpoint_store_load_by_id(GstCheckpointStore *store, const gchar *id,
                                                         GCancellable *cancellable,
                                                         GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_STORE(store), nullptr);
  const Result<Uuid> wanted_id = checkpoint::parse_checkpoint_id("id", text_or_empty(id));
  if (!wanted_id.is_ok()) return checkpoint::fail(error, wanted_id.status());
  CheckpointSelector wanted;
  wanted.id = *wanted_id;
  wanted.allow_partial = true;
  GioCancellation cancel(cancellable);
  return checkpoint::result_pointer<GstCheckpointCheckpoint>(
      load(store->content->place, wanted, cancel), error);
}

namespace checkpoint {

const std::shared_ptr<StorePlace> &place_of(GstCheckpointStore *store) {
  return store->content->place;
}

std::string text_or_empty(const gchar *text) { return text ? text : ""; }

}  // namespace checkpoint
