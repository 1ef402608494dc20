// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/durable_place.h"

#include <glib.h>

#include <cstdlib>

#include "support/check.h"
#include "support/pipeline.h"

namespace checkpoint {

namespace {

std::string contents(const std::string &path) {
  gchar *bytes = nullptr;
  gsize size = 0;
  ck_assert_msg(g_file_get_contents(path.c_str(), &bytes, &size, nullptr), "%s", path.c_str());
  std::string text(bytes, size);
  g_free(bytes);
  return text;
}

}  // namespace

std::string SmallFilm::line() {
  return "videotestsrc num-buffers=" + std::to_string(kFrames) +
         " ! video/x-raw,format=GRAY8,width=64,height=48,framerate=30/1 ! ";
}

SmallFilm::SmallFilm() {
  ck_assert(run_line(line() + "filesink location=" + file("film.raw")).eos);
  bytes = contents(file("film.raw"));
  ck_assert_uint_eq(bytes.size(), kFrames * kFrameBytes);
}

std::string DurablePlace::sink() {
  return "checkpointsink job-id=j stage=s pack-size=9216 max-size-buffers=4 commit-interval=100 ";
}

uint64_t DurablePlace::number(const std::string &sql) const {
  return std::strtoull(value(sql).c_str(), nullptr, 10);
}

uint64_t DurablePlace::last_version() const {
  return has_rows() ? number("SELECT coalesce(max(version), 0) FROM stage_checkpoints") : 0;
}

void DurablePlace::must_load() {
  if (last_version() == 0) {
    // Not a word about what is half made.
    BusLog log = run_line("checkpointsrc job-id=j stage=s allow-partial=true ! fakesink");
    ck_assert_msg(
        !log.eos && log.errors.size() == 1 &&
            log.errors[0].find("o checkpoint for job \"j\", stage \"s\"") != std::string::npos,
        "%s", log.errors[0].c_str());
    return;
  }
  if (store_pair().rows == "sqlite") ck_assert(value("PRAGMA integrity_check") == "ok");
  const uint64_t last = last_version();
  for (uint64_t version = checked_ + 1; version <= last; version++) {
    const std::string of_it = " WHERE version = " + std::to_string(version);
    const std::string id = value("SELECT id FROM stage_checkpoints" + of_it);
    const uint64_t frames = number("SELECT frames FROM checkpoint" + of_it);
    const std::string state = value("SELECT state FROM stage_checkpoints" + of_it);
    ck_assert(state == "partial" || (state == "complete" && frames == SmallFilm::kFrames));
    ck_assert(number("SELECT count(*) FROM stage_checkpoints, json_each(frames_manifest)" +
                     of_it) == frames);
    BusLog log = run_line("checkpointsrc allow-partial=true checkpoint-id=" + id +
                          " ! filesink location=" + file("played.raw"));
    ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "version %d: %s",
                  static_cast<int>(version), log.errors.empty() ? "" : log.errors[0].c_str());
    const std::string played = contents(file("played.raw"));
    ck_assert_uint_eq(played.size(), frames * SmallFilm::kFrameBytes);
    ck_assert(film_.bytes.compare(0, played.size(), played) == 0);
  }
  checked_ = last;
}

void DurablePlace::must_hold_what_was_announced(const Launch &launch) const {
  const std::string &said = launch.output();
  // A line that was cut off was not read by anybody.
  const size_t at = said.rfind("gst-checkpoint-commit", said.rfind('\n'));
  if (at == std::string::npos) return;
  const std::string line = said.substr(at, said.find('\n', at) - at);
  const uint64_t frames = *printed_number(line, "frames");
  const uint64_t version = *printed_number(line, "version");
  ck_assert_uint_eq(version, last_version());
  ck_assert_uint_ge(
      number("SELECT frames FROM checkpoint WHERE version = " + std::to_string(version)), frames);
}

void DurablePlace::must_be_consistent() const {
  if (!has_rows()) return;
  const auto none = [&](const char *what, const std::string &from) {
    const uint64_t n = number("SELECT count(*) FROM " + from);
    ck_assert_msg(n == 0, "%s: %d", what, static_cast<int>(n));
  };
  none("frames in packs that are not ready",
       "frame LEFT JOIN pack ON pack.key = frame.pack WHERE frame.pack IS NOT NULL AND "
       "coalesce(pack.state, '') <> 'ready'");
  none(
      "frames whose pack the checkpoint does not hold",
      "frame LEFT JOIN checkpoint_pack AS held ON held.checkpoint = frame.checkpoint AND held.pack "
      "= frame.pack WHERE frame.pack IS NOT NULL AND held.pack IS NULL");
  none("identities that lie in packs that are not ready",
       "digest LEFT JOIN pack ON pack.key = digest.pack WHERE coalesce(pack.state, '') <> 'ready'");
  none("checkpoints with a gap or a frame too many",
       "checkpoint AS c WHERE c.frames <> (SELECT count(*) FROM frame WHERE frame.checkpoint = "
       "c.key) OR c.frames <> (SELECT coalesce(max(idx) + 1, 0) FROM frame WHERE frame.checkpoint "
       "= c.key) OR c.frames <> (SELECT count(DISTINCT sequence) FROM frame WHERE frame.checkpoint "
       "= c.key)");
  none("events behind the end",
       "event JOIN checkpoint AS c ON c.key = event.checkpoint WHERE event.idx > c.frames");
  none("frames without caps",
       "frame LEFT JOIN caps ON caps.checkpoint = frame.checkpoint AND caps.number = frame.caps "
       "WHERE caps.caps IS NULL");
  none("packs with one name", "pack AS a JOIN pack AS b ON a.object = b.object AND a.key < b.key");
}

void DurablePlace::must_work_again() {
  const uint64_t before = last_version();
  Launch again(SmallFilm::line() + sink());
  ck_assert_msg(again.wait() == 0, "%s", again.tail().c_str());
  ck_assert_msg(again.errors().empty() && again.warnings().empty() &&
                    again.output().find("(lease)") == std::string::npos,
                "%s", again.tail().c_str());
  ck_assert_uint_eq(last_version(), before + 1);
  ck_assert(value("SELECT state FROM stage_checkpoints ORDER BY version DESC LIMIT 1") ==
            "complete");
  must_load();
}

}  // namespace checkpoint
