// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gst/checkpoint/gstcheckpointframes.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "elements/buffer_output.h"
#include "elements/source_connection.h"
#include "lib/checkpoint.h"
#include "lib/gio.h"

/**
 * GstCheckpointFrames:
 *
 * The frames of a checkpoint, one by one, in the way in which checkpointsrc reads them: ahead of
 * the one who asks, within a bound of bytes, each checked against its checksum. Memory does not
 * grow with the checkpoint. The properties say which frames; they are set before the first call of
 * gst_checkpoint_frames_next() and count from then on.
 *
 * Any thread, one call at a time; a second one waits for the first.
 *
 * Since: 0.1
 */

namespace checkpoint {
namespace {

class Frames {
 public:
  SourceSettings settings;
  // A reference, so that its stores stay open.
  GstCheckpointCheckpoint *of = nullptr;

  ~Frames() { g_clear_object(&of); }

  // A sample of the caller's, or null behind the last frame.
  Result<gpointer> next(Cancellation &cancel) {
    const Turn turn(*this, cancel);
    if (!turn.has()) return Status(Code::kCancelled, "cancelled");
    if (!source_) {
      if (!of) return Status(Code::kInvalidArgument, "no checkpoint is set");
      settings.frame_store = place_of(of)->frames();
      settings.metadata_store = place_of(of)->metadata();
      settings.what.checkpoint_id = row_of(of).id;
      settings.what.allow_partial = true;
      CHECKPOINT_ASSIGN_OR_RETURN(source_, SourceConnection::open(settings, {}, cancel));
      seek(source_->first());
    }
    for (;;) {
      Result<ReplayItem> item = source_->reader().next(cancel);
      if (!item.is_ok()) return failed(item.status());
      if (std::holds_alternative<ReplayEnd>(*item)) return static_cast<gpointer>(nullptr);
      auto *frame = std::get_if<ReplayFrame>(&*item);
      if (!frame) continue;
      next_ = frame->place + 1;
      return sample_of(std::move(*frame));
    }
  }

 private:
  // One call at a time. Who waits for another's may be cancelled, and has no turn then.
  class Turn {
   public:
    Turn(Frames &frames, Cancellation &cancel) : frames_(frames) {
      bool interrupted = false;
      Cancellation::Hook hook(cancel, [&] {
        std::lock_guard lock(frames_.mutex_);
        interrupted = true;
        frames_.turn_changed_.notify_all();
      });
      std::unique_lock lock(frames_.mutex_);
      frames_.turn_changed_.wait(lock, [&] { return !frames_.taken_ || interrupted; });
      has_ = !frames_.taken_;
      frames_.taken_ = true;
    }
    ~Turn() {
      if (!has_) return;
      std::lock_guard lock(frames_.mutex_);
      frames_.taken_ = false;
      frames_.turn_changed_.notify_all();
    }
    bool has() const { return has_; }
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;

   private:
    Frames &frames_;
    bool has_ = false;
  };

  void seek(uint64_t place) {
    next_ = place;
    source_->reader().seek({place, source_->end(), false, false});
  }

  // The next call goes on behind a frame that can't be had, and tries everything else again.
  Status failed(const Status &why) {
    if (why.is(Code::kCancelled)) return why;
    const std::optional<PlayedFrame> frame = source_->reader().failed();
    const bool gone = why.is(Code::kMissing) || why.is(Code::kArchived) || why.is(Code::kCorrupt);
    seek(frame && gone ? frame->place + 1 : next_);
    return why;
  }

  Result<gpointer> sample_of(ReplayFrame frame) const {
    const FrameRow row = frame.row;
    const auto caps = source_->caps(frame.layer, row.caps);
    if (!caps)
      return Status(Code::kCorrupt, "its caps are not known")
          .with_context(frame_context(source_->row(), row.sequence));
    CHECKPOINT_ASSIGN_OR_RETURN(const BufferPtr buffer,
                                make_replayed_buffer(source_->row(), std::move(frame), *caps));
    // The sample takes the structure.
    GstStructure *info = gst_structure_new("GstCheckpointFrame", "index", G_TYPE_UINT64, row.index,
                                           "sequence", G_TYPE_UINT64, row.sequence, nullptr);
    return static_cast<gpointer>(gst_sample_new(buffer.get(), caps->caps(), nullptr, info));
  }

  std::mutex mutex_;
  std::condition_variable turn_changed_;
  bool taken_ = false;  // protected by mutex_
  // Of who has the turn.
  std::shared_ptr<SourceConnection> source_;
  uint64_t next_ = 0;
};

}  // namespace
}  // namespace checkpoint

struct _GstCheckpointFrames {
  GObject parent_instance;
  // Shared with a call that is under way.
  std::shared_ptr<checkpoint::Frames> *frames;
};

G_DEFINE_TYPE(GstCheckpointFrames, gst_checkpoint_frames, G_TYPE_OBJECT)

namespace {

enum {
  PROP_0,
  PROP_CHECKPOINT,
  PROP_START,
  PROP_STOP,
  PROP_SELECT,
  PROP_FILTERED,
  PROP_READ_AHEAD
};

void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec) noexcept {
  checkpoint::Frames &frames = **GST_CHECKPOINT_FRAMES(object)->frames;
  switch (id) {
    case PROP_CHECKPOINT:
      frames.of = GST_CHECKPOINT_CHECKPOINT(g_value_dup_object(value));
      break;
    case PROP_START:
      frames.settings.what.start_index = g_value_get_int64(value);
      break;
    case PROP_STOP:
      frames.settings.what.stop_index = g_value_get_int64(value);
      break;
    case PROP_SELECT: {
      const gchar *text = g_value_get_string(value);
      frames.settings.what.select = text ? text : "";
      break;
    }
    case PROP_FILTERED:
      frames.settings.what.filtered = g_value_get_boolean(value);
      break;
    case PROP_READ_AHEAD:
      frames.settings.read_ahead = g_value_get_uint64(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) noexcept {
  const checkpoint::Frames &frames = **GST_CHECKPOINT_FRAMES(object)->frames;
  const std::string &select = frames.settings.what.select;
  switch (id) {
    case PROP_CHECKPOINT:
      g_value_set_object(value, frames.of);
      break;
    case PROP_START:
      g_value_set_int64(value, frames.settings.what.start_index);
      break;
    case PROP_STOP:
      g_value_set_int64(value, frames.settings.what.stop_index);
      break;
    case PROP_SELECT:
      g_value_set_string(value, select.empty() ? nullptr : select.c_str());
      break;
    case PROP_FILTERED:
      g_value_set_boolean(value, frames.settings.what.filtered);
      break;
    case PROP_READ_AHEAD:
      g_value_set_uint64(value, frames.settings.read_ahead);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

void finalize(GObject *object) noexcept {
  delete GST_CHECKPOINT_FRAMES(object)->frames;
  G_OBJECT_CLASS(gst_checkpoint_frames_parent_class)->finalize(object);
}

}  // namespace

static void gst_checkpoint_frames_init(GstCheckpointFrames *self) {
  self->frames = new std::shared_ptr<checkpoint::Frames>(std::make_shared<checkpoint::Frames>());
}

static void gst_checkpoint_frames_class_init(GstCheckpointFramesClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = finalize;
  constexpr auto kReadWrite = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property(
      object_class, PROP_CHECKPOINT,
      g_param_spec_object("checkpoint", "Checkpoint", "Whose frames they are",
                          GST_TYPE_CHECKPOINT_CHECKPOINT,
                          static_cast<GParamFlags>(kReadWrite | G_PARAM_CONSTRUCT_ONLY)));
  g_object_class_install_property(
      object_class, PROP_START,
      g_param_spec_int64("start-index", "Start index", "The first frame, inclusive", 0, G_MAXINT64,
                         0, kReadWrite));
  g_object_class_install_property(
      object_class, PROP_STOP,
      g_param_spec_int64("stop-index", "Stop index", "The last frame, exclusive; -1: the end", -1,
                         G_MAXINT64, -1, kReadWrite));
  g_object_class_install_property(
      object_class, PROP_SELECT,
      g_param_spec_string("select", "Select",
                          "Only frames whose detections match this expression, as checkpointsrc's",
                          nullptr, kReadWrite));
  g_object_class_install_property(
      object_class, PROP_FILTERED,
      g_param_spec_boolean("filtered", "Filtered",
                           "The frames of the checkpoint's filtered-frame-sequences", FALSE,
                           kReadWrite));
  g_object_class_install_property(
      object_class, PROP_READ_AHEAD,
      g_param_spec_uint64("read-ahead", "Read ahead", "Bytes of frames held ready at most", 0,
                          G_MAXUINT64, checkpoint::ReaderOptions().read_ahead, kReadWrite));
}

/**
 * gst_checkpoint_frames_new:
 * @checkpoint: a checkpoint
 *
 * Waits for nothing.
 *
 * Returns: (transfer full): all frames of @checkpoint, where no property says otherwise
 *
 * Since: 0.1
 */
GstCheckpointFrames *gst_checkpoint_frames_new(GstCheckpointCheckpoint *checkpoint) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_CHECKPOINT(checkpoint), nullptr);
  return GST_CHECKPOINT_FRAMES(
      g_object_new(GST_TYPE_CHECKPOINT_FRAMES, "checkpoint", checkpoint, nullptr));
}

/**
 * gst_checkpoint_frames_next:
 * @frames: frames of a checkpoint
 * @cancellable: (nullable): ends the wait; the next call goes on where this one was
 * @error: why there is none: %GST_CHECKPOINT_ERROR_MISSING, %GST_CHECKPOINT_ERROR_CORRUPT and
 *   %GST_CHECKPOINT_ERROR_ARCHIVED name the frame, and the next call goes on behind it;
 *   %GST_CHECKPOINT_ERROR_UNAVAILABLE and others may work when it is called again;
 *   %GST_CHECKPOINT_ERROR_INVALID_ARGUMENT: a property makes no sense
 *
 * The next frame: a buffer with its times, flags and metas, its caps, and an info structure with
 * "index" and "sequence", each a guint64. Waits for the stores.
 *
 * Returns: (transfer full) (nullable): the frame; %NULL with no error behind the last one
 *
 * Since: 0.1
 */
GstSample *gst_checkpoint_frames_next(GstCheckpointFrames *frames, GCancellable *cancellable,
                                      GError **error) {
  g_return_val_if_fail(GST_IS_CHECKPOINT_FRAMES(frames), nullptr);
  checkpoint::GioCancellation cancel(cancellable);
  return checkpoint::result_pointer<GstSample>((*frames->frames)->next(cancel), error);
}

/**
 * gst_checkpoint_frames_next_async:
 * @frames: frames of a checkpoint
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * gst_checkpoint_frames_next() on another thread.
 *
 * Since: 0.1
 */
void gst_checkpoint_frames_next_async(GstCheckpointFrames *frames, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data) {
  g_return_if_fail(GST_IS_CHECKPOINT_FRAMES(frames));
  checkpoint::run_task(
      frames, cancellable, callback, user_data,
      reinterpret_cast<gpointer>(gst_checkpoint_frames_next_async),
      [](gpointer sample) {
        if (sample) gst_sample_unref(static_cast<GstSample *>(sample));
      },
      [content = *frames->frames](checkpoint::Cancellation &cancel) {
        return content->next(cancel);
      });
}

/**
 * gst_checkpoint_frames_next_finish:
 * @frames: frames of a checkpoint
 * @result: what the callback got
 * @error: as of gst_checkpoint_frames_next()
 *
 * Returns: (transfer full) (nullable): the frame; %NULL with no error behind the last one
 *
 * Since: 0.1
 */
GstSample *gst_checkpoint_frames_next_finish(GstCheckpointFrames *frames, GAsyncResult *result,
                                             GError **error) {
  return checkpoint::finish_task<GstSample>(frames, result, error);
}
