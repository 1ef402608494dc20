// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/error_watch.h"

#include <mutex>

#include "store/uri.h"

namespace checkpoint {

struct ErrorWatch::State {
  explicit State(GstElement *own) : own_element(GST_OBJECT(own)) {}
  // On the thread that posts the error, before the EOS that follows it.
  static void on_error(GstBus *, GstMessage *message, gpointer data) {
    State &state = **static_cast<std::shared_ptr<State> *>(data);
    if (GST_MESSAGE_SRC(message) == state.own_element) return;
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    std::string text =
        GST_MESSAGE_SRC(message) ? std::string(GST_MESSAGE_SRC_NAME(message)) + ": " : "";
    text += error ? mask_uri(error->message) : "error";
    g_clear_error(&error);
    std::shared_ptr<CheckpointWriter> doubted;
    {
      std::lock_guard lock(state.mutex);
      if (state.first_error.empty()) state.first_error = "an element failed: " + text;
      text = state.first_error;
      doubted = state.writer.lock();
    }
    if (doubted) doubted->doubt(text);
  }
  static void drop(gpointer data, GClosure *) {
    delete static_cast<std::shared_ptr<State> *>(data);
  }

  GstObject *const own_element;  // compared only
  std::mutex mutex;
  std::string first_error;                 // protected by mutex
  std::weak_ptr<CheckpointWriter> writer;  // protected by mutex
};

ErrorWatch::ErrorWatch(GstElement *own) : state_(std::make_shared<State>(own)) {
  // The pipeline's bus, not the one that a bin gives its children: an error of any element counts.
  GstObject *top = GST_OBJECT(gst_object_ref(own));
  while (GstObject *parent = gst_object_get_parent(top)) {
    gst_object_unref(top);
    top = parent;
  }
  bus_ = gst_element_get_bus(GST_ELEMENT(top));
  gst_object_unref(top);
  if (!bus_) return;
  gst_bus_enable_sync_message_emission(bus_);
  handler_ = g_signal_connect_data(bus_, "sync-message::error", G_CALLBACK(State::on_error),
                                   new std::shared_ptr<State>(state_), State::drop,
                                   static_cast<GConnectFlags>(0));
}

ErrorWatch::~ErrorWatch() {
  if (!bus_) return;
  g_signal_handler_disconnect(bus_, handler_);
  gst_bus_disable_sync_message_emission(bus_);
  gst_object_unref(bus_);
}

void ErrorWatch::follow(const std::shared_ptr<CheckpointWriter> &writer) {
  std::string text;
  {
    std::lock_guard lock(state_->mutex);
    state_->writer = writer;
    text = state_->first_error;
  }
  if (!text.empty()) writer->doubt(text);
}

std::string ErrorWatch::error() const {
  std::lock_guard lock(state_->mutex);
  return state_->first_error;
}

}  // namespace checkpoint
