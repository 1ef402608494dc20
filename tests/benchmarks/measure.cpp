// SPDX-License-Identifier: LGPL-2.1-or-later
#include "measure.h"

#include <fcntl.h>
#include <gst/gst.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "preloaded_source.h"

namespace benchmark {

Options options;

[[noreturn]] void die(const std::string &message) {
  std::fprintf(stderr, "benchmark: %s\n", message.c_str());
  std::exit(1);
}

void sync_path(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY);
  if (fd < 0 || fsync(fd) != 0) die("fsync " + path);
  close(fd);
}

void run_command(const std::string &command) {
  if (std::system(command.c_str()) != 0) die("failed: " + command);
}

void remove_all(const std::string &path) { run_command("rm -rf '" + path + "'"); }

double play_line(const std::string &line, const std::function<void()> &after) {
  GError *error = nullptr;
  GstElement *pipeline = gst_parse_launch(line.c_str(), &error);
  if (!pipeline || error) die(error->message);
  gint64 begin = g_get_monotonic_time();
  bool preloaded = line.find("preloadedsrc") != std::string::npos;
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error(message, &error, nullptr);
    die(line + ": " + error->message);
  }
  if (after) after();
  double seconds =
      static_cast<double>(g_get_monotonic_time() - (preloaded ? first_buffer_at() : begin)) / 1e6;
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return seconds;
}

static double cpu_seconds() {
  double sum = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const timeval &t : {usage.ru_utime, usage.ru_stime})
      sum += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  }
  return sum;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const std::string &name, const std::string &a_name, const std::string &b_name,
             size_t frames, const std::function<double()> &a, const std::function<double()> &b,
             const char *target) {
  std::vector<double> a_times, b_times, ratios, a_cpu, b_cpu;
  auto timed = [](const std::function<double()> &run, std::vector<double> &times,
                  std::vector<double> &cpu) {
    double before = cpu_seconds();
    times.push_back(run());
    cpu.push_back(cpu_seconds() - before);
  };
  a();  // warm-up
  b();
  for (int i = 0; i < options.runs; i++) {
    timed(a, a_times, a_cpu);
    timed(b, b_times, b_cpu);
    ratios.push_back(b_times.back() / a_times.back());
  }
  auto fps = [&](double seconds) { return static_cast<double>(frames) / seconds; };
  auto cpu_ms = [&](const std::vector<double> &seconds) {
    return 1000 * median(seconds) / static_cast<double>(frames);
  };
  std::printf(
      "| %s | %s: %.0f fps, %.2f ms CPU a frame | %s: %.0f fps, %.2f ms CPU a frame | %.2f "
      "(%.2f-%.2f) | %s |\n",
      name.c_str(), a_name.c_str(), fps(median(a_times)), cpu_ms(a_cpu), b_name.c_str(),
      fps(median(b_times)), cpu_ms(b_cpu), median(ratios),
      *std::min_element(ratios.begin(), ratios.end()),
      *std::max_element(ratios.begin(), ratios.end()), target);
  std::fflush(stdout);
}

}  // namespace benchmark
