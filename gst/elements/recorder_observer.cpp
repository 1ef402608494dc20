// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/recorder_observer.h"

#include "elements/error_table.h"
#include "elements/gst_handles.h"

namespace checkpoint {

RecorderObserver::RecorderObserver(GstElement *element, bool post_messages)
    : post_messages_(post_messages) {
  g_weak_ref_init(&element_, element);
}

RecorderObserver::~RecorderObserver() { g_weak_ref_clear(&element_); }

void RecorderObserver::detach() {
  g_weak_ref_set(&element_, nullptr);
  let_go(true);
}

void RecorderObserver::let_go(bool yes) {
  std::lock_guard lock(mutex_);
  let_go_ = yes;
  posted_now_.notify_all();
}

bool RecorderObserver::report(const Status &status) {
  {
    std::unique_lock lock(mutex_);
    if (reported_) {
      wait_until_posted(lock);
      return false;
    }
    reported_ = true;
    poster_ = std::this_thread::get_id();
  }
  with_element([&](GstElement *element) { post_error(element, status); });
  {
    std::lock_guard lock(mutex_);
    posted_ = true;
    posted_now_.notify_all();
  }
  first_answer_.give(false);
  return true;
}

bool RecorderObserver::may_go_on() { return first_answer_.wait(kFirstAnswerPatience); }

bool RecorderObserver::reported() {
  std::unique_lock lock(mutex_);
  if (reported_) wait_until_posted(lock);
  return reported_;
}

void RecorderObserver::warn(const Status &status) {
  with_element([&](GstElement *element) { post_warning(element, status); });
}

void RecorderObserver::progress(GstProgressType type, const char *code, const std::string &text) {
  if (!post_messages_) return;
  with_element([&](GstElement *element) {
    gst_element_post_message(
        element, gst_message_new_progress(GST_OBJECT(element), type, code, text.c_str()));
  });
}

void RecorderObserver::on_commit(const CommitInfo &info) {
  post("gst-checkpoint-commit", info);
  if (info.complete) post("gst-checkpoint-complete", info);
}

void RecorderObserver::on_spooled(const CommitInfo &info) { post("gst-checkpoint-spooled", info); }

void RecorderObserver::on_resume(const CommitInfo &info) { post("gst-checkpoint-resume", info); }

void RecorderObserver::post(const char *name, const CommitInfo &info) {
  if (!post_messages_) return;
  StructurePtr body(gst_structure_new(
      name, "checkpoint-id", G_TYPE_STRING, info.checkpoint.to_string().c_str(), "job-id",
      G_TYPE_STRING, info.job_id.c_str(), "stage", G_TYPE_STRING, info.stage.c_str(), "version",
      G_TYPE_UINT, info.version, "commit-no", G_TYPE_UINT64, info.commit_no, "frames",
      G_TYPE_UINT64, info.frames, "bytes-new", G_TYPE_UINT64, info.bytes_new, "bytes-reused",
      G_TYPE_UINT64, info.bytes_reused, "elapsed", G_TYPE_UINT64,
      static_cast<guint64>(info.elapsed.count()) * GST_MSECOND, "token", G_TYPE_UINT64, info.token,
      nullptr));
  with_element([&](GstElement *element) {
    gst_element_post_message(element, gst_message_new_element(GST_OBJECT(element), body.release()));
  });
}

void RecorderObserver::on_progress(const std::string &what, const std::string &text, int percent) {
  progress(percent >= 100 ? GST_PROGRESS_TYPE_COMPLETE : GST_PROGRESS_TYPE_START, what.c_str(),
           text);
  if (percent >= 100) first_answer_.give(true);  // what comes first is "connect"
}

void RecorderObserver::with_element(const std::function<void(GstElement *)> &call) {
  auto *element = static_cast<GstElement *>(g_weak_ref_get(&element_));
  if (!element) return;
  call(element);
  gst_object_unref(element);
}

void RecorderObserver::wait_until_posted(std::unique_lock<std::mutex> &lock) {
  if (poster_ == std::this_thread::get_id()) return;
  posted_now_.wait(lock, [this] { return posted_ || let_go_; });
}

}  // namespace checkpoint
