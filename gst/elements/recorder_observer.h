// SPDX-License-Identifier: LGPL-2.1-or-later
// The writer's news, told on its threads, as messages of the element.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "core/writer.h"
#include "elements/first_answer.h"

namespace checkpoint {

class RecorderObserver : public WriterObserver {
 public:
  RecorderObserver(GstElement *element, bool post_messages);
  ~RecorderObserver() override;
  RecorderObserver(const RecorderObserver &) = delete;
  RecorderObserver &operator=(const RecorderObserver &) = delete;

  // From here on nothing is posted, but for a message that is on its way already.
  void detach();
  // Whoever waits for the ERROR to be posted need not: the stream ends anyway.
  void let_go(bool yes);
  // The one ERROR; false when there was one already. It is on the bus when this returns, whoever
  // posted it, so that no flow error overtakes it.
  bool report(const Status &status);
  // Waits a moment for the stores. False: an error is on the bus.
  bool may_go_on();
  // Is the ERROR on the bus?
  bool reported();
  void warn(const Status &status);
  void progress(GstProgressType type, const char *code, const std::string &text);

  void on_commit(const CommitInfo &info) override;
  void on_spooled(const CommitInfo &info) override;
  void on_resume(const CommitInfo &info) override;
  void on_warning(const Status &status) override { warn(status); }
  void on_progress(const std::string &what, const std::string &text, int percent) override;
  void on_error(const Status &status) override { report(status); }

 private:
  void post(const char *name, const CommitInfo &info);
  // No lock is held while posting, since a handler on the bus may call into the element, and may
  // even stop it. The element is kept meanwhile.
  void with_element(const std::function<void(GstElement *)> &call);
  // A handler of that very message does not wait for itself.
  void wait_until_posted(std::unique_lock<std::mutex> &lock);

  GWeakRef element_;
  const bool post_messages_;
  std::mutex mutex_;
  std::condition_variable posted_now_;
  bool reported_ = false, posted_ = false;  // protected by mutex_
  bool let_go_ = false;                     // protected by mutex_
  std::thread::id poster_;                  // protected by mutex_
  FirstAnswer first_answer_;
};

}  // namespace checkpoint
