// SPDX-License-Identifier: LGPL-2.1-or-later
// Several processes write one stage at once. They are stopped, cut off from their stores and killed
// at random, while the database's clock jumps. Then what each of them had announced is compared
// with what is there.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "support/check.h"
#include "support/durable_place.h"
#include "support/pipeline.h"
#include "support/wires.h"

using namespace checkpoint;

namespace {

constexpr int kLookMs = 20;
constexpr size_t kAtOnce = 3;  // writers
const char *const kFed =
    "fdsrc blocksize=3072 ! rawvideoparse format=gray8 width=64 height=48 framerate=30/1 ! ";

// A process that is fed the film bit by bit, with wires of its own to its servers.
class Writer {
 public:
  Writer(const SmallFilm &film, const Home &home, bool resume)
      : film_(film),
        wires_(home),
        launch_(kFed + DurablePlace::sink() + (resume ? "resume=true" : ""),
                {.environment = wires_.environment(), .input = true}) {
    ck_assert(fcntl(launch_.input(), F_SETFL, O_NONBLOCK) == 0);
  }

  const Launch &launch() const { return launch_; }
  bool has_wires() const { return wires_.any(); }
  bool stopped() const { return stopped_; }
  bool has_ended() const {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(launch_.pid()), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid != 0;
  }
  // As many of the frames as it takes now; after the last one the stream ends. False: that is over.
  bool feed(size_t frames) {
    if (launch_.input() < 0) return false;
    const size_t size = std::min(frames * SmallFilm::kFrameBytes, film_.bytes.size() - fed_);
    const ssize_t written = ::write(launch_.input(), film_.bytes.data() + fed_, size);
    if (written > 0) fed_ += static_cast<size_t>(written);
    if (fed_ == film_.bytes.size() || (written < 0 && errno == EPIPE)) launch_.close_input();
    return launch_.input() >= 0;
  }
  void listen() { launch_.listen(kLookMs); }
  void stop(bool yes) {
    if (stopped_ == yes) return;
    launch_.send(yes ? SIGSTOP : SIGCONT);
    stopped_ = yes;
  }
  void cut_off(bool yes) {
    wires_.cut(yes);
    away_ = yes;
  }
  bool away() const { return away_; }
  void kill() { launch_.kill(); }
  int wait() { return launch_.wait(); }

 private:
  const SmallFilm &film_;
  Wires wires_;
  Launch launch_;
  size_t fed_ = 0;
  bool stopped_ = false, away_ = false;
};

// A commit: of a process's messages, or of the rows.
struct Commit {
  uint64_t frames = 0;  // durable with it
  uint64_t epoch = 0;   // of the rows
};
using Commits = std::map<std::pair<std::string, uint64_t>, Commit>;  // checkpoint, number

Commits announced_by(const Launch &launch) {
  Commits commits;
  uint64_t found = 0;  // by a run that went on; the last one is told again where all is complete
  std::istringstream said(launch.output());
  for (std::string line; std::getline(said, line) && !said.eof();) {
    if (line.find("gst-checkpoint-resume,") != std::string::npos)
      found = *printed_number(line, "commit-no");
    if (line.find("gst-checkpoint-commit,") == std::string::npos) continue;
    if (*printed_number(line, "commit-no") <= found) continue;
    const std::string head = "checkpoint-id=(string)";
    const size_t at = line.find(head);
    ck_assert_msg(at != std::string::npos, "%s", line.c_str());
    commits[{line.substr(at + head.size(), 36), *printed_number(line, "commit-no")}] = {
        *printed_number(line, "frames")};
  }
  return commits;
}

Commits stored(const DurablePlace &place) {
  const std::string each =
      "c.id || ' ' || m.commit_no || ' ' || (m.first_index + m.frames) || ' ' || m.epoch";
  const std::string from = " FROM commits AS m JOIN checkpoint AS c ON c.key = m.checkpoint";
  std::istringstream rows(place.value(store_pair().rows == "postgres"
                                          ? "SELECT string_agg(" + each + ", chr(10))" + from
                                          : "SELECT group_concat(" + each + ", char(10))" + from));
  Commits commits;
  std::string id;
  uint64_t number = 0;
  for (Commit commit; rows >> id >> number >> commit.frames >> commit.epoch;)
    commits[{id, number}] = commit;
  return commits;
}

// What a jump of the database's clock does; nothing where a process that was stopped holds the row.
void let_leases_run_out(const DurablePlace &place) {
  constexpr int kPatienceMs = 50;
  if (store_pair().rows == "postgres") {
    if (place.has_rows())
      place.value(
          "UPDATE stage_lease SET expires_at = now() - interval '1 s' WHERE key IN "
          "(SELECT key FROM stage_lease FOR UPDATE SKIP LOCKED) RETURNING 1");
    return;
  }
  const std::string database = place.database();
  if (!g_file_test(database.c_str(), G_FILE_TEST_EXISTS)) return;
  // It may have been stopped while it made the tables.
  if (query_value(database, "SELECT 1 FROM sqlite_master WHERE name = 'stage_lease'",
                  kPatienceMs) == "1")
    query_value(database, "UPDATE stage_lease SET expires_at = expires_at - 1 RETURNING 1",
                kPatienceMs);
}

class History {
 public:
  History(const SmallFilm &film, unsigned seed) : film_(film), place_(film), random_(seed) {}

  void live(unsigned steps) {
    for (unsigned step = 0; step < steps; step++) {
      act();
      for (const auto &writer : writers_)
        if (!writer->stopped()) writer->listen();
    }
    // All of them go on to their end, whichever that is.
    for (const auto &writer : writers_) {
      writer->cut_off(false);
      writer->stop(false);
    }
    for (bool fed = true; fed;) {
      fed = false;
      for (const auto &writer : writers_) {
        fed |= writer->feed(SmallFilm::kFrames) && !writer->has_ended();
        writer->listen();
      }
    }
    for (const auto &writer : writers_) {
      const int code = writer->wait();
      ck_assert_msg(code >= 0 || code == -SIGKILL, "%d: %s", code, writer->launch().tail().c_str());
    }
  }

  void must_be_true() {
    const Commits rows = stored(place_);
    std::map<std::pair<std::string, uint64_t>, const Writer *> announced;
    std::map<uint64_t, const Writer *> winners;
    for (const auto &writer : writers_) {
      for (const auto &[commit, said] : announced_by(writer->launch())) {
        const std::string what = commit.first + " " + std::to_string(commit.second);
        const auto row = rows.find(commit);
        ck_assert_msg(row != rows.end(), "%s was announced and is not there", what.c_str());
        ck_assert_uint_eq(row->second.frames, said.frames);
        ck_assert_msg(announced.emplace(commit, writer.get()).second,
                      "%s was announced by two processes", what.c_str());
        const auto winner = winners.emplace(row->second.epoch, writer.get()).first;
        ck_assert_msg(winner->second == writer.get(), "%s: two processes had epoch %d",
                      what.c_str(), static_cast<int>(row->second.epoch));
      }
      commits_ += announced_by(writer->launch()).size();
    }
    // Within a checkpoint, later commits are of later epochs.
    std::pair<std::string, uint64_t> before;
    for (const auto &[commit, row] : rows) {
      if (commit.first == before.first) {
        ck_assert_uint_le(rows.at(before).epoch, row.epoch);
        ck_assert_uint_le(rows.at(before).frames, row.frames);
      }
      before = commit;
    }
    place_.must_be_consistent();
    place_.must_load();
    let_leases_run_out(place_);
    place_.must_work_again();
  }
  uint64_t commits() const { return commits_; }
  size_t processes() const { return writers_.size(); }

 private:
  Writer *any(bool stopped) {
    std::vector<Writer *> found;
    for (const auto &writer : writers_)
      if (writer->stopped() == stopped && !writer->has_ended()) found.push_back(writer.get());
    return found.empty() ? nullptr : found[random_() % found.size()];
  }
  size_t alive() const {
    return static_cast<size_t>(std::count_if(writers_.begin(), writers_.end(),
                                             [](const auto &w) { return !w->has_ended(); }));
  }
  void act() {
    const unsigned what = static_cast<unsigned>(random_() % 20);
    if (alive() == 0 || (what < 3 && alive() < kAtOnce)) {
      writers_.push_back(std::make_unique<Writer>(film_, place_, random_() % 2 == 0));
      return;
    }
    Writer *const running = any(false);
    if (what < 11 && running) {
      running->feed(1 + random_() % 20);
    } else if (what < 13 && running) {
      running->stop(true);
    } else if (what < 15) {
      if (Writer *const stopped = any(true)) stopped->stop(false);
    } else if (what < 16 && running) {
      running->kill();
    } else if (what < 18 && running && running->has_wires()) {
      running->cut_off(!running->away());
    } else {
      let_leases_run_out(place_);
    }
  }

  const SmallFilm &film_;
  DurablePlace place_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Writer>> writers_;
  uint64_t commits_ = 0;
};

unsigned number_in(const char *variable, unsigned otherwise) {
  const char *text = g_getenv(variable);
  return text ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}

}  // namespace

GST_START_TEST(g21_what_many_writers_announced_is_their_history) {
  signal(SIGPIPE, SIG_IGN);
  SmallFilm film;
  const unsigned first = number_in("HISTORY_SEED", std::random_device()() % 1000000);
  const unsigned histories = number_in("HISTORIES", 4);
  uint64_t commits = 0;
  size_t processes = 0;
  for (unsigned seed = first; seed < first + histories; seed++) {
    g_print("HISTORY_SEED=%u\n", seed);
    History history(film, seed);
    history.live(120);
    history.must_be_true();
    commits += history.commits();
    processes += history.processes();
  }
  g_print("%u histories of %d processes, which announced %d commits\n", histories,
          static_cast<int>(processes), static_cast<int>(commits));
  ck_assert_uint_ge(commits, histories);
}
GST_END_TEST

static Suite *history_suite() {
  Suite *suite = suite_create("history");
  TCase *tc = tcase_create("history");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g21_what_many_writers_announced_is_their_history);
  tcase_set_timeout(tc, 30 * (2 + number_in("HISTORIES", 4)));
  return suite;
}
CHECKPOINT_CHECK_MAIN(history);
