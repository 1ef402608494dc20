// SPDX-License-Identifier: LGPL-2.1-or-later
// The calls of a GstCheckpointStore that list.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint_cursor.h"
#include "lib/checkpoint.h"
#include "lib/gio.h"
#include "lib/store.h"

namespace {

using checkpoint::Cancellation;
using checkpoint::CheckpointRow;
using checkpoint::Code;
using checkpoint::GioCancellation;
using checkpoint::Result;
using checkpoint::StorePlace;
using checkpoint::Stores;
using checkpoint::text_or_empty;
using PlacePtr = std::shared_ptr<StorePlace>;

constexpr unsigned kPage = 100;

// Rows of a job, newest first; none where nothing was ever stored.
Result<std::vector<CheckpointRow>> rows_of(StorePlace &place, checkpoint::CheckpointQuery query,
                                           Cancellation &cancel) {
  std::vector<CheckpointRow> all;
  auto stores = place.open(Stores::Access::kRead, cancel);
  if (stores.status().is(Code::kNotFound)) return all;
  if (!stores.is_ok()) return stores.status();
  query.limit = kPage;
  checkpoint::CheckpointCursor cursor(*(*stores)->metadata, std::move(query));
  for (;;) {
    CHECKPOINT_ASSIGN_OR_RETURN(CheckpointRow *const row, cursor.next(cancel));
    if (!row) return all;
    if (row->state != checkpoint::CheckpointState::kDeleted) all.push_back(std::move(*row));
  }
}

Result<gpointer> list(const PlacePtr &place, const std::string &job_id, Cancellation &cancel) {
  checkpoint::CheckpointQuery query;
  query.job_id = job_id;
  query.branch = checkpoint::Branch();
  CHECKPOINT_ASSIGN_OR_RETURN(auto rows, rows_of(*place, query, cancel));
  // A stage stands where its newest version says.
  std::map<std::string, int32_t> order;
  for (const CheckpointRow &row : rows) order.emplace(row.fields.stage, row.fields.stage_index);
  std::vector<std::pair<int32_t, std::string>> stages;
  for (const auto &[stage, index] : order) stages.emplace_back(index, stage);
  std::sort(stages.begin(), stages.end());
  auto **names = g_new0(gchar *, stages.size() + 1);
  for (size_t i = 0; i < stages.size(); i++) names[i] = g_strdup(stages[i].second.c_str());
  return static_cast<gpointer>(names);
}

}  // namespace

/**
 * gst_checkpoint_store_list:
 * @store: a pair of stores
 * @job_id: the job
 * @cancellable: (nullable): ends the wait
 * @error: why not: %GST_CHECKPOINT_ERROR_UNAVAILABLE and others
 *
 * Lists the stages of a job that have a complete checkpoint of the base, in the order of their
 * index. A job that is not known has none. Waits for the stores.
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1): the stages; %NULL with @error set
 *
 * Since: 0.1
 */
gchar **gst_checkpoint_store_list(GstCheckpointStore *store, const gchar *job_id,
                                  GCancellable *cancellable, GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_STORE(store), nullptr);
  GioCancellation cancel(cancellable);
  return checkpoint::result_pointer<gchar *>(
      list(checkpoint::place_of(store), text_or_empty(job_id), cancel), error);
}

/**
 * gst_checkpoint_store_list_async:
 * @store: a pair of stores
 * @job_id: the job
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * gst_checkpoint_store_list() on another thread.
 *
 * Since: 0.1
 */
void gst_checkpoint_store_list_async(GstCheckpointStore *store, const gchar *job_id,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data) {
  g_return_if_fail(GST_IS_CHECKPOINT_STORE(store));
  checkpoint::run_task(
      store, cancellable, callback, user_data,
      reinterpret_cast<gpointer>(gst_checkpoint_store_list_async),
      [](gpointer names) { g_strfreev(static_cast<gchar **>(names)); },
      [place = checkpoint::place_of(store), job = text_or_empty(job_id)](Cancellation &cancel) {
        return list(place, job, cancel);
      });
}

/**
 * gst_checkpoint_store_list_finish:
 * @store: a pair of stores
 * @result: what the callback got
 * @error: as of gst_checkpoint_store_list()
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1): the stages
 *
 * Since: 0.1
 */
gchar **gst_checkpoint_store_list_finish(GstCheckpointStore *store, GAsyncResult *result,
                                         GError **error) {
  return checkpoint::finish_task<gchar *>(store, result, error);
}

/**
 * gst_checkpoint_store_list_checkpoints:
 * @store: a pair of stores
 * @job_id: the job
 * @with_scenarios: also those of what-if runs
 * @with_partial: also those that are not complete
 * @cancellable: (nullable): ends the wait
 * @error: why not: %GST_CHECKPOINT_ERROR_UNAVAILABLE and others
 *
 * Lists the checkpoints of a job, all versions, newest first. Waits for the stores.
 *
 * Returns: (transfer full) (nullable) (element-type GstCheckpointCheckpoint): the checkpoints, of
 *   which there may be none; %NULL also with @error set
 *
 * Since: 0.1
 */
GList *gst_checkpoint_store_list_checkpoints(GstCheckpointStore *store, const gchar *job_id,
                                             gboolean with_scenarios, gboolean with_partial,
                                             GCancellable *cancellable, GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_STORE(store), nullptr);
  GioCancellation cancel(cancellable);
  checkpoint::CheckpointQuery query;
  query.job_id = text_or_empty(job_id);
  if (!with_scenarios) query.branch = checkpoint::Branch();
  query.include_partial = with_partial != FALSE;
  const PlacePtr &place = checkpoint::place_of(store);
  auto rows = rows_of(*place, query, cancel);
  if (!rows.is_ok()) return checkpoint::fail(error, rows.status());
  GList *all = nullptr;
  for (auto row = rows->rbegin(); row != rows->rend(); ++row)
    all = g_list_prepend(all, checkpoint::make_checkpoint(place, std::move(*row)));
  return all;
}
