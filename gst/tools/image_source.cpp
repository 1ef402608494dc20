// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/image_source.h"

#include <gst/app/gstappsink.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "elements/gst_handles.h"
#include "tools/input_file.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace fs = std::filesystem;

namespace {

struct PictureSize {
  bool png = false;
  int width = 0, height = 0;
};

// What the head of a PNG or JPEG says; nullopt: it is neither.
std::optional<PictureSize> picture_size(std::string_view bytes) {
  const auto number = [&](size_t at, int length) {
    uint32_t value = 0;
    for (int i = 0; i < length; i++)
      value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
    return value;
  };
  PictureSize size;
  const auto found = [&](uint32_t width, uint32_t height) -> std::optional<PictureSize> {
    if (width < 1 || height < 1 || width > INT32_MAX || height > INT32_MAX) return std::nullopt;
    size.width = static_cast<int>(width);
    size.height = static_cast<int>(height);
    return size;
  };
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    size.png = true;
    return bytes.size() < 24 ? std::nullopt : found(number(16, 4), number(20, 4));
  }
  if (!bytes.starts_with("\xff\xd8")) return std::nullopt;
  // From segment to segment, to the one that begins a frame.
  for (size_t at = 2; at + 9 <= bytes.size() && number(at, 1) == 0xff;) {
    const uint32_t kind = number(at + 1, 1);
    const bool frame = kind >= 0xc0 && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc;
    if (frame) return found(number(at + 7, 2), number(at + 5, 2));
    at += kind == 0xff ? 1 : 2 + number(at + 2, 2);
  }
  return std::nullopt;
}

struct Picture {
  uint64_t index = 0;
  std::string path;
  const FrameNote *note = nullptr;
};

class Folder : public ImageSource {
 public:
  Folder(std::vector<Picture> pictures, uint64_t frame_time)
      : pictures_(std::move(pictures)), frame_time_(frame_time) {}

  uint64_t frames() const override { return pictures_.size(); }

  Result<SourceFrame> next(Cancellation &) override {
    SourceFrame frame;
    if (at_ == pictures_.size()) return frame;
    const Picture &picture = pictures_[at_++];
    frame.index = picture.index;
    CHECKPOINT_ASSIGN_OR_RETURN(frame.sample, read(picture.path));
    if (picture.note && !picture.note->caps.empty()) {
      CHECKPOINT_ASSIGN_OR_RETURN(frame.sample, as_it_was(frame.sample.get(), picture.note->caps));
    }
    GstBuffer *buffer = gst_sample_get_buffer(frame.sample.get());
    GST_BUFFER_PTS(buffer) = picture.index * frame_time_;
    GST_BUFFER_DURATION(buffer) = frame_time_;
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
    return frame;
  }

 private:
  static Result<SamplePtr> read(const std::string &path) {
    const Result<std::string> contents = read_file(path);
    if (!contents.is_ok()) return contents.status();
    const std::string_view bytes = *contents;
    const std::optional<PictureSize> found = picture_size(bytes);
    BufferPtr buffer(gst_buffer_new_memdup(bytes.data(), bytes.size()));
    if (!found)
      return Status(Code::kUnsupported, tool::in_quotes(path) + " is no PNG and no JPEG picture");
    CapsPtr caps(gst_caps_new_simple(found->png ? "image/png" : "image/jpeg", "width", G_TYPE_INT,
                                     found->width, "height", G_TYPE_INT, found->height, "framerate",
                                     GST_TYPE_FRACTION, 0, 1, nullptr));
    return SamplePtr(gst_sample_new(buffer.get(), caps.get(), nullptr, nullptr));
  }

  // What the picture was made of; the same caps, to the letter.
  static Result<SamplePtr> as_it_was(GstSample *picture, const std::string &text) {
    CHECKPOINT_ASSIGN_OR_RETURN(const auto caps, StreamCaps::parse(text));
    if (!caps->is_raw()) {
      GstBuffer *buffer = gst_sample_get_buffer(picture);
      return SamplePtr(gst_sample_new(buffer, caps->caps(), nullptr, nullptr));
    }
    // The pixels alone are converted: the rest of the caps says what a picture can't.
    CapsPtr pixels(gst_caps_new_simple(
        "video/x-raw", "format", G_TYPE_STRING,
        gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&caps->info())), "width", G_TYPE_INT,
        caps->info().width, "height", G_TYPE_INT, caps->info().height, nullptr));
    CHECKPOINT_ASSIGN_OR_RETURN(const SamplePtr raw, convert(picture, pixels.get()));
    BufferPtr buffer(gst_buffer_copy(gst_sample_get_buffer(raw.get())));
    return SamplePtr(gst_sample_new(buffer.get(), caps->caps(), nullptr, nullptr));
  }

  const std::vector<Picture> pictures_;
  const uint64_t frame_time_;
  size_t at_ = 0;
};

class Video : public ImageSource {
 public:
  ~Video() override {
    if (pipeline_) gst_element_set_state(pipeline_, GST_STATE_NULL);
    if (sink_) gst_object_unref(sink_);
    if (pipeline_) gst_object_unref(pipeline_);
  }
  Status start(const std::string &path) {
    pipeline_ = gst_parse_launch(
        "filesrc name=in ! decodebin ! videoconvert ! "
        "appsink name=out sync=false max-buffers=4 enable-last-sample=false caps=video/x-raw",
        nullptr);
    if (!pipeline_)
      return {Code::kUnsupported, "there are no elements that decode",
              "are gst-plugins-base's playback and app plugins installed?"};
    GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline_), "in");
    g_object_set(source, "location", path.c_str(), nullptr);
    gst_object_unref(source);
    sink_ = gst_bin_get_by_name(GST_BIN(pipeline_), "out");
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    return Status::ok();
  }
  Result<SourceFrame> next(Cancellation &cancel) override {
    SourceFrame frame;
    frame.index = next_++;
    for (;;) {
      frame.sample.reset(gst_app_sink_try_pull_sample(GST_APP_SINK(sink_), 50 * GST_MSECOND));
      if (frame.sample) return frame;
      CHECKPOINT_RETURN_IF_ERROR(failure());
      if (gst_app_sink_is_eos(GST_APP_SINK(sink_))) return frame;
      CHECKPOINT_RETURN_IF_ERROR(cancel.check());
    }
  }

 private:
  Status failure() const {
    GstBus *bus = gst_element_get_bus(pipeline_);
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    gst_object_unref(bus);
    if (!message) return Status::ok();
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    Status status(Code::kUnsupported, std::string("the video can't be read: ") + error->message);
    g_error_free(error);
    gst_message_unref(message);
    return status;
  }
  GstElement *pipeline_ = nullptr, *sink_ = nullptr;
  uint64_t next_ = 0;
};

bool is_picture(const fs::path &path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

}  // namespace

Result<std::unique_ptr<ImageSource>> open_folder(const std::string &path,
                                                 const std::map<uint64_t, FrameNote> &notes,
                                                 uint64_t frame_time) {
  std::vector<Picture> pictures;
  for (const auto &[index, note] : notes)
    // A name alone: notes are not to be trusted with paths.
    if (!note.file.empty())
      pictures.push_back({index, path + "/" + fs::path(note.file).filename().string(), &note});
  // COCO names pictures that are nowhere where detections alone were exported.
  const auto is_there = [](const Picture &picture) {
    std::error_code ignored;
    return fs::exists(picture.path, ignored);
  };
  if (std::none_of(pictures.begin(), pictures.end(), is_there)) {
    pictures.clear();
    std::vector<std::string> names;
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(path, error))
      if (is_picture(entry.path())) names.push_back(entry.path().string());
    if (error) return Status(Code::kNotFound, tool::in_quotes(path) + ": " + error.message());
    std::sort(names.begin(), names.end());
    for (const std::string &name : names) pictures.push_back({pictures.size(), name, nullptr});
  }
  if (pictures.empty())
    return Status(Code::kNotFound, tool::in_quotes(path) + " holds no PNG and no JPEG picture");
  return std::unique_ptr<ImageSource>(std::make_unique<Folder>(std::move(pictures), frame_time));
}

Result<std::unique_ptr<ImageSource>> open_video(const std::string &path) {
  auto video = std::make_unique<Video>();
  CHECKPOINT_RETURN_IF_ERROR(video->start(path));
  return std::unique_ptr<ImageSource>(std::move(video));
}

}  // namespace checkpoint::tool
