// SPDX-License-Identifier: LGPL-2.1-or-later
// GstCheckpointFrames, as an application calls it from several threads.
#include <gst/checkpoint/checkpoint.h>
#include <sqlite3.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "support/check.h"
#include "support/temp_dir.h"

namespace {

struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

// Keeps all others from a database in rollback mode.
class Locked {
 public:
  explicit Locked(const std::string &path) {
    ck_assert_int_eq(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database_, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr),
                     SQLITE_OK);
  }
  ~Locked() { sqlite3_close(database_); }
  Locked(const Locked &) = delete;
  Locked &operator=(const Locked &) = delete;

 private:
  sqlite3 *database_ = nullptr;
};

void add_frame(GstCheckpointState *state) {
  GstBuffer *buffer = gst_buffer_new_allocate(nullptr, 16, nullptr);
  gst_buffer_memset(buffer, 0, 7, 16);
  GstCaps *caps = gst_caps_from_string("video/x-raw,format=GRAY8,width=4,height=4,framerate=1/1");
  GstSample *sample = gst_sample_new(buffer, caps, nullptr, nullptr);
  gst_checkpoint_state_add_frame(state, sample, 0);
  gst_sample_unref(sample);
  gst_caps_unref(caps);
  gst_buffer_unref(buffer);
}

// A call of next() on a thread of its own.
class Call {
 public:
  explicit Call(GstCheckpointFrames *frames)
      : thread_([this, frames] {
          begun_ = true;
          begun_.notify_one();
          GError *why = nullptr;
          ck_assert(!gst_checkpoint_frames_next(frames, stop_.get(), &why));
          ck_assert_msg(g_error_matches(why, G_IO_ERROR, G_IO_ERROR_CANCELLED), "%s",
                        why ? why->message : "the end");
          g_clear_error(&why);
        }) {
    begun_.wait(false);
  }
  // Waits for its end.
  void cancel() {
    g_cancellable_cancel(stop_.get());
    thread_.join();
  }

 private:
  const Owned<GCancellable> stop_{g_cancellable_new()};
  std::atomic<bool> begun_{false};
  std::thread thread_;
};

}  // namespace

GST_START_TEST(who_waits_for_another_call_can_be_cancelled) {
  checkpoint::TempDir folder;
  const std::string database = folder.file("metadata.db");
  const Owned<GstCheckpointStore> store(gst_checkpoint_store_new(
      folder.file("frames").c_str(),
      ("sqlite://" + database + "?journal=delete&busy-timeout=60000").c_str()));
  const Owned<GstCheckpointState> state(gst_checkpoint_state_new());
  add_frame(state.get());
  GError *error = nullptr;
  gchar *id = gst_checkpoint_store_save(store.get(), "street", "decode", 0, state.get(), nullptr,
                                        FALSE, nullptr, nullptr, &error);
  ck_assert_msg(id != nullptr, "%s", error ? error->message : "");
  g_free(id);
  const Owned<GstCheckpointCheckpoint> checkpoint(
      gst_checkpoint_store_load(store.get(), "street", "decode", nullptr, &error));
  ck_assert(checkpoint != nullptr);

  const Owned<GstCheckpointFrames> frames(gst_checkpoint_frames_new(checkpoint.get()));
  // One of the two waits for the database, and the other for its turn; either can be cancelled
  // first. Several times, since nothing tells that a call has begun to wait.
  constexpr int kRounds = 20;
  {
    const Locked locked(database);
    for (int round = 0; round < kRounds; round++) {
      Call one(frames.get()), two(frames.get());
      two.cancel();
      one.cancel();
    }
  }
  GstSample *sample = gst_checkpoint_frames_next(frames.get(), nullptr, &error);
  ck_assert_msg(sample != nullptr, "%s", error ? error->message : "");
  gst_sample_unref(sample);
}
GST_END_TEST

static Suite *library_frames_suite() {
  Suite *suite = suite_create("library_frames");
  TCase *tc = tcase_create("library_frames");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, who_waits_for_another_call_can_be_cancelled);
  return suite;
}

GST_CHECK_MAIN(library_frames);
