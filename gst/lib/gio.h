// SPDX-License-Identifier: LGPL-2.1-or-later
// Our failures, waits and results as GIO's.
#pragma once

#include <gio/gio.h>

#include <functional>

#include "common/cancel.h"
#include "common/status.h"

namespace checkpoint {

// "Message. What to do next." kCancelled becomes G_IO_ERROR_CANCELLED.
GError *make_error(const Status &status);
// `error` may be null. Null, for the caller to return.
std::nullptr_t fail(GError **error, const Status &status);

// A Cancellation that a GCancellable, which may be null, cancels.
class GioCancellation {
 public:
  explicit GioCancellation(GCancellable *cancellable);
  ~GioCancellation();
  GioCancellation(const GioCancellation &) = delete;
  GioCancellation &operator=(const GioCancellation &) = delete;
  operator Cancellation &() { return cancel_; }  // NOLINT(google-explicit-constructor)

 private:
  Cancellation cancel_;
  GCancellable *const cancellable_;
  gulong handler_ = 0;
};

// The pointer of a call that waited, or null and *error.
template <typename T>
T *result_pointer(const Result<gpointer> &result, GError **error) {
  if (!result.is_ok()) return fail(error, result.status());
  return static_cast<T *>(*result);
}

// Runs `work` on a thread of GIO's; its pointer, of which null may be one, is the task's result.
// `tag` is the function that was called. What `work` holds is let go on whichever thread is last.
using PointerWork = std::function<Result<gpointer>(Cancellation &)>;
void run_task(gpointer source, GCancellable *cancellable, GAsyncReadyCallback callback,
              gpointer user_data, gpointer tag, GDestroyNotify free_result, PointerWork work);
// And what its callback asks for.
template <typename T>
T *finish_task(gpointer source, GAsyncResult *result, GError **error) {
  g_return_val_if_fail(g_task_is_valid(result, source), nullptr);
  return static_cast<T *>(g_task_propagate_pointer(G_TASK(result), error));
}

}  // namespace checkpoint
