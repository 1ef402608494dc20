// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/gio.h"

#include <gst/checkpoint/gstcheckpointerror.h>

#include <utility>

#include "elements/error_table.h"

// clang-format off
G_DEFINE_QUARK(gst-checkpoint-error-quark, gst_checkpoint_error)
// clang-format on

namespace checkpoint {

namespace {

GstCheckpointError error_code(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kAlreadyExists:
      return GST_CHECKPOINT_ERROR_INVALID_ARGUMENT;
    case Code::kNotFound:
      return GST_CHECKPOINT_ERROR_NOT_FOUND;
    case Code::kBusy:
    case Code::kConflict:
      return GST_CHECKPOINT_ERROR_BUSY;
    case Code::kLeaseLost:
      return GST_CHECKPOINT_ERROR_LEASE_LOST;
    case Code::kUnavailable:
    case Code::kUnknownOutcome:
      return GST_CHECKPOINT_ERROR_UNAVAILABLE;
    case Code::kPermissionDenied:
      return GST_CHECKPOINT_ERROR_PERMISSION_DENIED;
    case Code::kNoSpace:
      return GST_CHECKPOINT_ERROR_NO_SPACE;
    case Code::kMissing:
      return GST_CHECKPOINT_ERROR_MISSING;
    case Code::kCorrupt:
    case Code::kTruncated:
      return GST_CHECKPOINT_ERROR_CORRUPT;
    case Code::kArchived:
      return GST_CHECKPOINT_ERROR_ARCHIVED;
    case Code::kExpired:
      return GST_CHECKPOINT_ERROR_EXPIRED;
    case Code::kTimeout:
      return GST_CHECKPOINT_ERROR_TIMEOUT;
    case Code::kUnsupported:
      return GST_CHECKPOINT_ERROR_UNSUPPORTED;
    case Code::kNewerSchema:
      return GST_CHECKPOINT_ERROR_NEWER_SCHEMA;
    case Code::kOk:
    case Code::kCancelled:
    case Code::kInternal:
      break;
  }
  return GST_CHECKPOINT_ERROR_FAILED;
}

void on_cancelled(GCancellable *, gpointer cancellation) {
  static_cast<Cancellation *>(cancellation)->cancel();
}

struct Job {
  PointerWork work;
  GDestroyNotify free_result;
};

void do_job(GTask *task, gpointer, gpointer data, GCancellable *cancellable) {
  auto *job = static_cast<Job *>(data);
  GioCancellation cancel(cancellable);
  Result<gpointer> result = job->work(cancel);
  if (result.is_ok())
    g_task_return_pointer(task, *result, job->free_result);
  else
    g_task_return_error(task, make_error(result.status()));
}

void drop_job(gpointer job) { delete static_cast<Job *>(job); }

}  // namespace

GError *make_error(const Status &status) {
  const std::string text = error_text(status);
  if (status.is(Code::kCancelled))
    return g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, text.c_str());
  return g_error_new_literal(GST_CHECKPOINT_ERROR, error_code(status.code()), text.c_str());
}

std::nullptr_t fail(GError **error, const Status &status) {
  g_propagate_error(error, make_error(status));
  return nullptr;
}

GioCancellation::GioCancellation(GCancellable *cancellable) : cancellable_(cancellable) {
  // Calls at once where it is cancelled already.
  if (cancellable_)
    handler_ = g_cancellable_connect(cancellable_, G_CALLBACK(on_cancelled), &cancel_, nullptr);
}

GioCancellation::~GioCancellation() {
  if (cancellable_) g_cancellable_disconnect(cancellable_, handler_);
}

void run_task(gpointer source, GCancellable *cancellable, GAsyncReadyCallback callback,
              gpointer user_data, gpointer tag, GDestroyNotify free_result, PointerWork work) {
  GTask *task = g_task_new(source, cancellable, callback, user_data);
  g_task_set_source_tag(task, tag);
  // What was done before the cancellation came is done: its result is the caller's.
  g_task_set_check_cancellable(task, FALSE);
  g_task_set_task_data(task, new Job{std::move(work), free_result}, drop_job);
  g_task_run_in_thread(task, do_job);
  g_object_unref(task);
}

}  // namespace checkpoint
