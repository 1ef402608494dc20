// SPDX-License-Identifier: LGPL-2.1-or-later
// Compares the elements with what else there is, in one run, A and B in turn, and prints medians
// and ratios as the table of docs/benchmarks.md. Absolute times mean little on a shared machine;
// ratios of neighbouring runs do.
//
//   benchmark [--runs N] [--frames N] [--film FILE] [--dir FOLDER]
//   [sink|zstd|second|source|memory|start|taps|s3|by-hand|rows]...
// The last three need the servers of tests/services/up.
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "measure.h"
#include "preloaded_source.h"
#ifdef HAVE_SERVERS
#include "servers.h"
#endif

namespace {

using namespace benchmark;

std::string store_properties(const std::string &dir) {
  return " frame-store=" + dir + "/frames metadata-store=" + dir + "/c.db ";
}

// A sink run into a new store each time.
double store_film(const std::string &codec, const std::string &stage = "a", bool fresh = true) {
  std::string dir = options.dir + "/store";
  if (fresh) {
    remove_all(dir);
    sync();
  }
  return play_line("preloadedsrc ! checkpointsink job-id=b stage=" + stage + " codec=" + codec +
                   store_properties(dir));
}

void bench_sink(const Film &film) {
  play(&film);
  std::string raw = options.dir + "/raw";
  compare(
      "sink, codec=none, durable", "checkpointsink", "filesink + fsync", film.frames.size(),
      [] { return store_film("none"); },
      [&] {
        remove_all(raw);
        sync();
        return play_line("preloadedsrc ! filesink location=" + raw, [&] { sync_path(raw); });
      },
      ">= 0.8");
}

void bench_zstd(const Film &film) {
  play(&film);
  std::string raw = options.dir + "/raw", packed = raw + ".zst", images = options.dir + "/images";
  remove_all(raw);
  play_line("preloadedsrc ! filesink location=" + raw);
  auto zstd = [&] {
    remove_all(packed);
    sync();
    gint64 begin = g_get_monotonic_time();
    run_command("zstd --fast=1 -T2 -q -f '" + raw + "' -o '" + packed + "'");
    sync_path(packed);
    return static_cast<double>(g_get_monotonic_time() - begin) / 1e6;
  };
  compare(
      "sink, codec=zstd, durable", "checkpointsink", "zstd --fast=1 -T2 + fsync",
      film.frames.size(), [] { return store_film("zstd"); }, zstd, ">= 0.8");
  compare(
      "sink, codec=zstd, durable", "checkpointsink", "jpegenc ! multifilesink (lossy, not synced)",
      film.frames.size(), [] { return store_film("zstd"); },
      [&] {
        remove_all(images);
        g_mkdir(images.c_str(), 0700);
        sync();
        return play_line("preloadedsrc ! jpegenc ! multifilesink location=" + images + "/%06d.jpg");
      },
      "reported");
  remove_all(images);
  remove_all(raw);
  remove_all(packed);
}

guint64 folder_bytes(const std::string &dir) {
  FILE *pipe = popen(("du -sb '" + dir + "' | cut -f1").c_str(), "r");
  char line[64] = {};
  if (!pipe || !fgets(line, sizeof line, pipe)) die("du");
  pclose(pipe);
  return strtoull(line, nullptr, 10);
}

void bench_second(const Film &film) {
  play(&film);
  std::string frames = options.dir + "/store/frames";
  double share = 0;
  int n = 0;
  compare(
      "second stage on the same frames", "stage 2", "stage 1", film.frames.size(),
      [&] {
        guint64 before = folder_bytes(frames);
        double seconds = store_film("none", "s" + std::to_string(n++), false);
        share = 100.0 * static_cast<double>(folder_bytes(frames) - before) /
                static_cast<double>(film.bytes());
        return seconds;
      },
      [] { return store_film("none"); }, ">= 3");
  std::printf("| second stage, bytes written | %.3f %% of the pixels | | | < 1 %% |\n", share);
}

void bench_source(const Film &film) {
  play(&film);
  std::string raw = options.dir + "/raw";
  store_film("none");
  play_line("preloadedsrc ! filesink location=" + raw);
  GstStructure *caps = gst_caps_get_structure(gst_caps_from_string(film.caps.c_str()), 0);
  int width = 0, height = 0;
  gst_structure_get_int(caps, "width", &width);
  gst_structure_get_int(caps, "height", &height);
  std::string parse = " ! rawvideoparse format=i420 width=" + std::to_string(width) +
                      " height=" + std::to_string(height) + " framerate=30/1";

  compare(
      "source, codec=none, verified, warm cache", "checkpointsrc", "filesrc ! rawvideoparse",
      film.frames.size(),
      [] {
        return play_line("checkpointsrc job-id=b stage=a" +
                         store_properties(options.dir + "/store") + "! fakesink sync=false");
      },
      [&] { return play_line("filesrc location=" + raw + parse + " ! fakesink sync=false"); },
      ">= 0.8");
  compare(
      "source, codec=none, verified, warm cache", "checkpointsrc",
      "filesrc blocksize=1 frame ! rawvideoparse", film.frames.size(),
      [] {
        return play_line("checkpointsrc job-id=b stage=a" +
                         store_properties(options.dir + "/store") + "! fakesink sync=false");
      },
      [&] {
        return play_line("filesrc blocksize=" + std::to_string(film.frame_size) +
                         " location=" + raw + parse + " ! fakesink sync=false");
      },
      ">= 0.8");
  remove_all(raw);
}

// Peak memory of gst-launch-1.0 running `line`, MiB.
double peak_of(const std::vector<std::string> &line) {
  std::vector<char *> argv{const_cast<char *>("gst-launch-1.0"), const_cast<char *>("-q")};
  for (const std::string &word : line) argv.push_back(const_cast<char *>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (wait4(pid, &status, 0, &usage) != pid || status != 0) die("gst-launch-1.0 failed");
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// A thousand of these frames (73 MiB) fill every queue and pack that there may be at once, so that
// the difference is what grows with the number of frames.
void bench_memory() {
  std::string dir = options.dir + "/small";
  double sink[2], source[2];
  int i = 0;
  for (const char *count : {"1000", "100000"}) {
    remove_all(dir);
    std::vector<std::string> stores{"frame-store=" + dir + "/frames",
                                    "metadata-store=" + dir + "/c.db"};
    std::vector<std::string> in{"videotestsrc",
                                std::string("num-buffers=") + count,
                                "!",
                                "video/x-raw,format=GRAY8,width=320,height=240",
                                "!",
                                "checkpointsink",
                                "job-id=m",
                                "stage=a"};
    std::vector<std::string> out{"checkpointsrc", "job-id=m", "stage=a"};
    in.insert(in.end(), stores.begin(), stores.end());
    out.insert(out.end(), stores.begin(), stores.end());
    out.insert(out.end(), {"!", "fakesink", "sync=false"});
    sink[i] = peak_of(in);
    source[i] = peak_of(out);
    i++;
  }
  std::printf(
      "| peak memory of the sink | 100 000 frames %.0f MiB | 1 000 frames %.0f MiB | %+.0f MiB | "
      "<= 32 MiB |\n",
      sink[1], sink[0], sink[1] - sink[0]);
  std::printf(
      "| peak memory of the source | 100 000 frames %.0f MiB | 1 000 frames %.0f MiB | %+.0f MiB | "
      "<= 32 MiB |\n",
      source[1], source[0], source[1] - source[0]);
  remove_all(dir);
}

// Seconds from PAUSED to the first buffer that leaves checkpointsrc.
double start_source(const std::string &properties) {
  GError *error = nullptr;
  GstElement *pipeline = gst_parse_launch(
      ("checkpointsrc name=s job-id=b stage=a " + properties + " ! fakesink").c_str(), &error);
  if (!pipeline) die(error->message);
  GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "s");
  GstPad *pad = gst_element_get_static_pad(source, "src");
  static std::atomic<gint64> first;
  first = 0;
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad *, GstPadProbeInfo *, gpointer) {
        first = g_get_monotonic_time();
        return GST_PAD_PROBE_REMOVE;
      },
      nullptr, nullptr);
  const gint64 begin = g_get_monotonic_time();
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  if (gst_element_get_state(pipeline, nullptr, nullptr, 60 * GST_SECOND) !=
      GST_STATE_CHANGE_SUCCESS)
    die("checkpointsrc does not start");
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pad);
  gst_object_unref(source);
  gst_object_unref(pipeline);
  return static_cast<double>(first - begin) / 1e6;
}

void bench_start(const Film &film) {
  play(&film);
  for (const char *codec : {"none", "zstd"}) {
    store_film(codec);
    std::vector<double> times;
    for (int i = 0; i < options.runs; i++)
      times.push_back(1000 * start_source(store_properties(options.dir + "/store")));
    std::printf(
        "| PAUSED to the first buffer, codec=%s | checkpointsrc: %.1f ms (%.1f-%.1f) | | | "
        "< 150 ms |\n",
        codec, median(times), *std::min_element(times.begin(), times.end()),
        *std::max_element(times.begin(), times.end()));
  }
}

// The detector alone, on frames in memory, and the line that people run, with a decoder.
void bench_taps() {
  const std::string dir = options.dir + "/store";
  const auto line = [&](const std::string &source, bool taps) {
    remove_all(dir);
    sync();
    const auto tap = [&](const char *stage) {
      return taps ? "checkpointtap job-id=b codec=zstd stage=" + std::string(stage) +
                        store_properties(dir) + "! "
                  : std::string();
    };
    return play_line(source + " ! " + tap("decode") + "facedetect display=false ! " +
                     tap("detect") + "fakesink");
  };
  const auto row = [&](const std::string &name, const std::string &source) {
    compare(
        name, "two taps", "no tap", options.frames, [&] { return line(source, true); },
        [&] { return line(source, false); }, ">= 0.95");
  };
  row("decoder and facedetect with two taps, codec=zstd",
      "filesrc location=" + options.film +
          " ! decodebin ! videoconvert ! video/x-raw,format=RGB ! identity eos-after=" +
          std::to_string(options.frames + 1));
  const Film film = load_film(options.film, "RGB", 640, 360, options.frames);
  play(&film);
  row("facedetect with two taps, codec=zstd", "preloadedsrc");
}

}  // namespace

int main(int argc, char **argv) {
  gst_init(&argc, &argv);
  for (int i = 1; i < argc; i++) {
    std::string arg = argv[i];
    auto value = [&]() -> std::string {
      return i + 1 < argc ? argv[++i] : (die(arg + " needs a value"), "");
    };
    if (arg == "--runs")
      options.runs = std::max(1, atoi(value().c_str()));
    else if (arg == "--frames")
      options.frames = std::max(1, atoi(value().c_str()));
    else if (arg == "--film")
      options.film = value();
    else if (arg == "--dir")
      options.dir = value();
    else if (arg[0] == '-')
      die("unknown option " + arg);
    else
      options.what.push_back(arg);
  }
  if (options.what.empty()) options.what = {"sink", "zstd", "second", "source", "memory"};
  bool own_dir = options.dir.empty();
  if (own_dir) {
    gchar *made = g_dir_make_tmp("checkpoint-benchmark-XXXXXX", nullptr);
    if (!made) die("no temporary folder");
    options.dir = made;
    g_free(made);
  }
  register_source();
  Film film;
  for (const std::string &what : options.what)
    if (what != "memory" && what != "rows" && what != "taps" && what != "by-hand" &&
        film.frames.empty())
      film = load_film(options.film, "I420", 1920, 1080, options.frames);
  if (!film.frames.empty())
    std::printf(
        "Film: %s, %zu frames of 1920x1080 I420; %d runs of each, in turn; ratio = A's speed / B's "
        "(least-most).\n\n",
        film.name.c_str(), film.frames.size(), options.runs);
  std::printf("| what | A | B | ratio | goal |\n|---|---|---|---|---|\n");
  for (const std::string &what : options.what) {
    if (what == "sink")
      bench_sink(film);
    else if (what == "zstd")
      bench_zstd(film);
    else if (what == "second")
      bench_second(film);
    else if (what == "source")
      bench_source(film);
    else if (what == "memory")
      bench_memory();
    else if (what == "start")
      bench_start(film);
    else if (what == "taps")
      bench_taps();
#ifdef HAVE_SERVERS
    else if (what == "s3")
      bench_s3(film);
    else if (what == "by-hand")
      bench_by_hand();
    else if (what == "rows")
      bench_rows();
#endif
    else
      die("no benchmark " + what);
  }
  remove_all(options.dir + "/store");
  if (own_dir) remove_all(options.dir);
  return 0;
}
