// SPDX-License-Identifier: LGPL-2.1-or-later
// export: what a checkpoint holds, as files that other programs read. The name says which.
#include <gst/gst.h>

#include <algorithm>
#include <cstdio>

#include "elements/gst_handles.h"
#include "tools/call.h"
#include "tools/detection_writer.h"
#include "tools/frame_choice.h"
#include "tools/frame_picker.h"
#include "tools/json.h"
#include "tools/output_file.h"
#include "tools/progress.h"
#include "tools/text.h"
#include "tools/video_file.h"

namespace checkpoint::tool {

namespace {

struct Export {
  std::string path;
  std::string image = "png";
  std::optional<std::string> encoder;
  bool force = false;
};

struct Done {
  uint64_t frames = 0, detections = 0;
};

std::string extension_of(const std::string &path) {
  const size_t dot = path.rfind('.'), slash = path.rfind('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  std::string extension = path.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension;
}

std::optional<DetectionFormat> format_of(const std::string &extension) {
  if (extension == "jsonl" || extension == "ndjson") return DetectionFormat::kJsonLines;
  if (extension == "csv") return DetectionFormat::kCsv;
  if (extension == "json") return DetectionFormat::kCoco;
  return std::nullopt;
}

Status write_detections(Stores &stores, const std::shared_ptr<const Playlist> &playlist,
                        DetectionFormat format, const Export &wanted, Progress &progress,
                        Done &done, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(const auto file, OutputFile::create(wanted.path, wanted.force));
  const auto writer = make_detection_writer(format, *file);
  CHECKPOINT_RETURN_IF_ERROR(for_each_frame(
      stores, playlist,
      [&](NotedFrame &frame) {
        writer->frame(frame);
        done.detections += frame.detections.size();
        progress.update(++done.frames, playlist->places());
        return Status::ok();
      },
      cancel));
  writer->end();
  return file->publish();
}

// Pictures that are stored as such are written as they are.
Status write_picture(const PickedFrame &frame, const std::string &image, const std::string &path) {
  const std::string type = image == "png" ? "image/png" : "image/jpeg";
  CapsPtr caps(gst_caps_new_empty_simple(type.c_str()));
  SamplePtr converted;
  GstSample *sample = frame.sample.get();
  const Content same = image == "png" ? Content::kPng : Content::kJpeg;
  if (frame.row.payload.content != same) {
    CHECKPOINT_ASSIGN_OR_RETURN(converted, convert(sample, caps.get()));
    sample = converted.get();
  }
  GstMapInfo map;
  if (!gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ))
    return {Code::kInternal, "an encoded frame can't be read"};
  const auto file = OutputFile::create(path, true);
  if (file.is_ok()) (*file)->write({reinterpret_cast<const char *>(map.data), map.size});
  gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
  CHECKPOINT_RETURN_IF_ERROR(file.status());
  return (*file)->publish();
}

Status write_folder(const std::shared_ptr<Stores> &stores,
                    const std::shared_ptr<const Playlist> &playlist, const Export &wanted,
                    Progress &progress, Done &done, Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(const auto folder, OutputFolder::create(wanted.path, wanted.force));
  CHECKPOINT_ASSIGN_OR_RETURN(const auto notes,
                              OutputFile::create(folder->file("frames.jsonl"), true));
  const auto writer = make_detection_writer(DetectionFormat::kJsonLines, *notes);
  FramePicker picker(stores, playlist);
  CHECKPOINT_RETURN_IF_ERROR(for_each_frame(
      *stores, playlist,
      [&](NotedFrame &frame) -> Status {
        CHECKPOINT_ASSIGN_OR_RETURN(const PickedFrame picked, picker.at(frame.row.index, cancel));
        if (picked.sample) {
          char name[40];
          std::snprintf(name, sizeof name, "%08llu.%s",
                        static_cast<unsigned long long>(frame.row.index),
                        wanted.image == "png" ? "png" : "jpg");
          frame.file = name;
          if (Status s = write_picture(picked, wanted.image, folder->file(name)); !s.is_ok())
            return s;
        }
        writer->frame(frame);
        done.detections += frame.detections.size();
        progress.update(++done.frames, playlist->places());
        return cancel.check();
      },
      cancel));
  CHECKPOINT_RETURN_IF_ERROR(notes->publish());
  return folder->publish();
}

}  // namespace

int run_export(Call &call) {
  Export wanted;
  std::optional<std::string> image;
  FrameChoice choice;
  Options options;
  options.text("image", 'i', "png|jpeg", "What frames in a folder are (png)", &image);
  options.text("encoder", 0, "ELEMENTS", "Encoder and muxer of a video file, as in gst-launch-1.0",
               &wanted.encoder);
  choice.add_options(options);
  options.flag("force", 0, "Replace what is there", &wanted.force);
  if (auto code = call.parse(std::move(options), 2, 2)) return *code;
  wanted.path = call.arguments()[1];
  wanted.image = image.value_or("png");
  if (wanted.image != "png" && wanted.image != "jpeg") return call.usage("--image is png or jpeg");
  gst_init(nullptr, nullptr);
  const std::string extension = extension_of(wanted.path);
  const auto format = format_of(extension);
  const bool video = wanted.encoder || video_encoder(extension) != nullptr;
  if (!format && !video && !extension.empty())
    return call.usage("the name " + in_quotes(wanted.path) +
                      " says neither .jsonl, .csv, .json (COCO), .mkv, .mp4, .webm nor a folder");
  if (format && wanted.encoder) return call.usage("--encoder is for a video file");
  if (image && (format || video)) return call.usage("--image is for a folder");
  if (Status status = choice.check(); !status.is_ok()) return call.usage(status.message());

  Done done;
  const auto run = [&]() -> Status {
    if (format || video) CHECKPOINT_RETURN_IF_ERROR(check_free_name(wanted.path, wanted.force));
    CHECKPOINT_ASSIGN_OR_RETURN(const FrameChoice::Chosen chosen, choice.open(call));
    const auto &stores = chosen.stores;
    const auto &playlist = chosen.playlist;
    Progress progress(call.out(), "exporting", "frames");
    if (format)
      return write_detections(*stores, playlist, *format, wanted, progress, done, call.cancel());
    if (!video) return write_folder(stores, playlist, wanted, progress, done, call.cancel());
    CHECKPOINT_ASSIGN_OR_RETURN(const auto file, OutputFile::create(wanted.path, wanted.force));
    const std::string encoder = wanted.encoder ? *wanted.encoder : video_encoder(extension);
    CHECKPOINT_RETURN_IF_ERROR(write_video(
        stores, playlist, encoder, file->temporary_path(),
        [&](uint64_t frames) { progress.update(done.frames = frames, playlist->places()); },
        call.cancel()));
    return file->publish();
  };
  if (Status status = run(); !status.is_ok()) return call.fail(status);
  if (done.frames == 0) call.out().warning("no frame was chosen, so none is in it");
  if (call.json()) {
    Json json;
    json.begin_object().field("path", wanted.path).field("frames", done.frames);
    if (!video) json.field("detections", done.detections);
    json.end_object();
    call.out().line(json.text());
  } else {
    call.out().line(in_quotes(wanted.path) + ": " + count_text(done.frames, "frame", "frames") +
                    (video ? "" : ", " + count_text(done.detections, "detection", "detections")));
  }
  return kFine;
}

}  // namespace checkpoint::tool
