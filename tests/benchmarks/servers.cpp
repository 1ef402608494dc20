// SPDX-License-Identifier: LGPL-2.1-or-later
#include "servers.h"

#include <glib.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "bare_s3.h"
#include "measure.h"
#include "preloaded_source.h"
#include "store/process.h"
#include "store/registry.h"

namespace benchmark {

namespace {

using namespace checkpoint;

constexpr size_t kPackSize = 16 << 20;
constexpr unsigned kConnections = 8;

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  if (!value || !*value) die(std::string(name) + " is not set; tests/services/up sets it");
  return value;
}

// A new place each time: nothing is stored twice in one.
std::string new_place() {
  static int number = 0;
  return "benchmark-" + std::to_string(getpid()) + "-" + std::to_string(number++);
}

BareS3 bare_server() {
  (void)variable("GST_CHECKPOINT_TEST_S3_ENDPOINT");
  BareS3 server = BareS3::from_environment();
  g_setenv("AWS_ACCESS_KEY_ID", server.access_key.c_str(), TRUE);
  g_setenv("AWS_SECRET_ACCESS_KEY", server.secret_key.c_str(), TRUE);
  return server;
}

std::string s3_uri(const BareS3 &server, const std::string &place) {
  return "s3://" + server.bucket + "/" + place + "?endpoint=" + server.endpoint +
         "&region=" + server.region + "&path-style=yes";
}

std::string sqlite_path() { return options.dir + "/" + new_place() + ".db"; }

// The film's bytes in objects as large as packs.
std::vector<BareS3::Object> objects_of(const Film &film, const std::string &place,
                                       std::vector<GstMapInfo> &maps) {
  std::vector<BareS3::Object> objects;
  for (GstBuffer *frame : film.frames) {
    GstMapInfo map;
    if (!gst_buffer_map(frame, &map, GST_MAP_READ)) die("a frame can't be mapped");
    maps.push_back(map);
    if (objects.empty() || objects.back().size + map.size > kPackSize)
      objects.push_back({place + "/" + std::to_string(objects.size()), {}, 0});
    objects.back().parts.push_back(std::as_bytes(std::span(map.data, map.size)));
    objects.back().size += map.size;
  }
  return objects;
}

void clear_store(const std::string &uri) {
  register_backends();
  auto store = StoreRegistry::instance().make_frame_store(uri);
  Cancellation cancel;
  if (!store.is_ok() || !(*store)->open(cancel).is_ok()) die("the S3 server");
  std::vector<std::string> names;
  (void)(*store)->list(
      "",
      [&](const ObjectInfo &object) {
        names.push_back(object.name);
        return true;
      },
      cancel);
  for (const std::string &name : names) (void)(*store)->remove(name, cancel);
}

}  // namespace

void bench_s3(const Film &film) {
  const BareS3 server = bare_server();
  play(&film);
  std::vector<GstMapInfo> maps;
  const auto objects = objects_of(film, new_place(), maps);
  std::string stored, place;
  auto sink = [&](const char *codec) {
    // A server that keeps everything in memory has room for so many runs only.
    if (!place.empty()) clear_store(s3_uri(server, place));
    place = new_place();
    stored = " frame-store=\"" + s3_uri(server, place) + "\" metadata-store=" + sqlite_path();
    return play_line("preloadedsrc ! checkpointsink job-id=b stage=a codec=" + std::string(codec) +
                     stored);
  };
  const std::string bare = "libcurl alone, " + std::to_string(kConnections) + " connections";
  auto put = [&] { return server.put(objects, kConnections); };
  auto checked_put = [&] { return server.put(objects, kConnections, true); };
  compare("the limit of a sink to S3", bare + ", SHA-256 checked", bare, film.frames.size(),
          checked_put, put, "reported");
  compare(
      "sink to S3, codec=none", "checkpointsink", bare + ", SHA-256 checked", film.frames.size(),
      [&] { return sink("none"); }, checked_put, "reported");
  compare(
      "sink to S3, codec=zstd", "checkpointsink codec=zstd", "checkpointsink codec=none",
      film.frames.size(), [&] { return sink("zstd"); }, [&] { return sink("none"); }, "reported");
  compare(
      "sink to S3, codec=none", "checkpointsink", bare, film.frames.size(),
      [&] { return sink("none"); }, put, ">= 0.85");
  compare(
      "source from S3, codec=none", "checkpointsrc", bare + ", ranged gets", film.frames.size(),
      [&] {
        return play_line("checkpointsrc job-id=b stage=a" + stored + " ! fakesink sync=false");
      },
      [&] { return server.get(objects, kConnections); }, ">= 0.85");
  for (size_t i = 0; i < maps.size(); i++) gst_buffer_unmap(film.frames[i], &maps[i]);
}

namespace {

// Runs `line`, which ends in an appsink named "out", and hands each frame to the script.
double by_hand(const std::string &line) {
  FILE *script = popen("/usr/bin/python3 '" BY_HAND "'", "w");
  if (!script) die("python3");
  GstElement *pipeline = gst_parse_launch(line.c_str(), nullptr);
  GstElement *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  while (GstSample *sample = gst_app_sink_pull_sample(GST_APP_SINK(out))) {
    GstMapInfo map;
    if (!gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) die("map");
    const guint32 size = GUINT32_TO_LE(static_cast<guint32>(map.size));
    if (std::fwrite(&size, sizeof size, 1, script) != 1 ||
        std::fwrite(map.data, map.size, 1, script) != 1)
      die("the script by hand has ended");
    gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    gst_sample_unref(sample);
  }
  gst_object_unref(out);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  if (pclose(script) != 0) die("the script by hand failed");
  return static_cast<double>(g_get_monotonic_time() - first_buffer_at()) / 1e6;
}

}  // namespace

void bench_by_hand() {
  const BareS3 server = bare_server();
  const std::string postgres = variable("GST_CHECKPOINT_TEST_POSTGRES");
  const auto ours = [&] {
    return play_line("preloadedsrc ! jpegenc ! checkpointsink stage=a job-id=" + new_place() +
                     " frame-store=\"" + s3_uri(server, new_place()) + "\" metadata-store=\"" +
                     postgres + "\"");
  };
  const auto theirs = [] {
    return by_hand("preloadedsrc ! jpegenc ! appsink name=out sync=false max-buffers=8");
  };
  const char *name_of_theirs = "jpegenc, one boto3 put and one psycopg2 row a frame";
  // The size of a film, and one at which less of the time is jpegenc's, which stands in both lines.
  for (const auto &[width, height] : {std::pair{1920, 1080}, std::pair{360, 288}}) {
    const Film film = load_film(options.film, "I420", width, height, options.frames);
    play(&film);
    const std::string what = std::to_string(width) + "x" + std::to_string(height) + " JPEG frames";
    compare(
        "the limit of " + what, "jpegenc ! fakesink", name_of_theirs, film.frames.size(),
        [] { return play_line("preloadedsrc ! jpegenc ! fakesink sync=false"); }, theirs,
        "reported");
    compare(what + " to S3 and PostgreSQL", "jpegenc ! checkpointsink", name_of_theirs,
            film.frames.size(), ours, theirs, ">= 5");
  }
}

namespace {

template <typename T>
T value_of(Result<T> result, const char *what) {
  if (!result.is_ok()) die(std::string(what) + ": " + result.status().message());
  return std::move(result).value();
}

void check(const Status &status, const char *what) {
  if (!status.is_ok()) die(std::string(what) + ": " + status.message());
}

// Seconds for `count` frames with a detection each, `per_commit` a transaction.
double commit_rows(const std::string &uri, uint64_t count, uint64_t per_commit) {
  using namespace std::chrono_literals;
  Cancellation cancel;
  auto store = value_of(StoreRegistry::instance().make_metadata_store(uri), "the store");
  check(store->open(cancel), "open");
  auto frames = value_of(store->ensure_frame_store(Uuid::random(), "memory://b", cancel), "places");
  IdentityKey key{};
  auto job = value_of(store->ensure_job(new_place(), Uuid::random(), key, cancel), "the job");
  auto lease =
      value_of(store->acquire_lease(job.key, Branch{}, "a", this_process(), 60s, nullptr, cancel),
               "the lease");
  CheckpointFields fields;
  fields.job_id = job.job_id;
  fields.stage = "a";
  auto row = value_of(store->create_checkpoint(lease, Uuid::random(), fields, cancel), "the row");
  const gint64 begin = g_get_monotonic_time();
  uint64_t commit_no = 0;
  for (uint64_t first = 0; first < count; first += per_commit) {
    CommitBatch batch;
    batch.checkpoint = row.key;
    batch.commit_no = ++commit_no;
    PackKey pack =
        value_of(store->create_pack(lease, row.key,
                                    {Uuid::random(), frames.key, new_place(), false}, cancel),
                 "the pack");
    batch.ready_packs.push_back({pack, per_commit * 1000, {}});
    batch.used_packs.push_back(pack);
    if (first == 0) batch.caps.push_back({0, "video/x-raw"});
    for (uint64_t i = first; i < std::min(count, first + per_commit); i++) {
      FrameRow frame;
      frame.index = frame.sequence = i;
      frame.pts = frame.stream_time = i * 33333333;
      frame.duration = 33333333;
      frame.payload.pack = pack;
      frame.payload.offset = (i - first) * 1000;
      frame.payload.length = frame.payload.raw_length = 1000;
      batch.frames.push_back(frame);
      DetectionRow face;
      face.index = i;
      face.label = "face";
      face.confidence = 0.5;
      face.x = face.y = face.width = face.height = 10;
      face.source = "roi";
      batch.detections.push_back(face);
    }
    check(store->commit(lease, batch, cancel), "commit");
  }
  const gint64 end = g_get_monotonic_time();
  check(store->release_lease(lease, cancel), "release");
  return static_cast<double>(end - begin) / 1e6;
}

}  // namespace

void bench_rows() {
  register_backends();
  const std::string postgres = variable("GST_CHECKPOINT_TEST_POSTGRES");
  constexpr uint64_t kFrames = 200000, kPerCommit = 5000;
  compare(
      "frame rows with a detection each (>= 50 000 a second in PostgreSQL)", "postgres", "sqlite",
      kFrames, [&] { return commit_rows(postgres, kFrames, kPerCommit); },
      [] { return commit_rows("sqlite://" + sqlite_path(), kFrames, kPerCommit); }, "reported");
}

}  // namespace benchmark
