// SPDX-License-Identifier: LGPL-2.1-or-later
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "backends/postgres/connection.h"
#include "backends/postgres/error.h"

namespace checkpoint::postgres {

namespace {

struct Attempt {
  explicit Attempt(const Location &to) : location(to) {}
  ~Attempt() { PQfinish(conn); }

  const Location location;
  std::mutex mutex;
  std::condition_variable changed;
  pg_conn *conn = nullptr;  // protected by mutex until done
  Status status;            // likewise
  bool done = false;        // protected by mutex
  bool cancelled = false;   // protected by mutex
};

// "FATAL:  28P01: password authentication failed": the code and what follows it on its line. A list
// of hosts gives several; the last counts.
bool find_server_answer(const std::string &text, std::string &sqlstate, std::string &message) {
  auto is_code = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
  for (size_t at = text.rfind(":  "); at != std::string::npos;
       at = at == 0 ? std::string::npos : text.rfind(":  ", at - 1)) {
    const size_t code = at + 3;
    if (code + 7 > text.size() || text.compare(code + 5, 2, ": ") != 0 ||
        !std::all_of(text.begin() + static_cast<std::ptrdiff_t>(code),
                     text.begin() + static_cast<std::ptrdiff_t>(code) + 5, is_code))
      continue;
    sqlstate = text.substr(code, 5);
    message = text.substr(code + 7, text.find('\n', code) - code - 7);
    return true;
  }
  return false;
}

Status connect_failure(const pg_conn *conn, bool started, const Location &location) {
  const std::string where = location.display();
  const std::string text = PQerrorMessage(conn);
  std::string sqlstate, message;
  if (find_server_answer(text, sqlstate, message)) return status_of(sqlstate, message, location);
  if (PQconnectionNeedsPassword(conn) != 0)
    return {Code::kPermissionDenied, where + " asks for a password and there is none",
            "give it in the URI, in PGPASSWORD, or in ~/.pgpass"};
  // What fails before anything was sent may quote settings, and so a part of a password.
  const bool of_network =
      text.rfind("connection to server", 0) == 0 || text.find("host name") != std::string::npos;
  if (!started && !of_network)
    return {Code::kInvalidArgument, "libpq refuses the settings for " + where,
            "check port, sslmode, service and the other options of the URI"};
  if (text.find("SSL") != std::string::npos || text.find("certificate") != std::string::npos)
    return {Code::kUnavailable, where + ": " + without_secrets(text, location),
            "check sslmode and sslrootcert"};
  return Status(Code::kUnavailable, where + " can't be reached: " + without_secrets(text, location),
                "see whether the server runs, and check host and port")
      .set_retryable();
}

// As PQconnectPoll() wants it. False: the time is over.
bool wait_for(const pg_conn *conn, PostgresPollingStatusType state,
              std::chrono::steady_clock::time_point deadline) {
  pollfd fd{PQsocket(conn), static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT),
            0};
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return left.count() > 0 && poll(&fd, 1, static_cast<int>(left.count())) != 0;
}

void run_attempt(Attempt &attempt) {
  std::vector<const char *> names, values;
  for (const auto &[name, value] : attempt.location.parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  const auto hosts = std::count(attempt.location.shown.begin(), attempt.location.shown.end(), ',');
  const auto deadline =
      std::chrono::steady_clock::now() + attempt.location.connect_timeout * (hosts + 1);
  pg_conn *conn = PQconnectStartParams(names.data(), values.data(), 0);
  Status status;
  if (conn == nullptr) {
    status = Status(Code::kInternal, "no memory for a connection");
  } else {
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);  // with the code of the error
    PQsetNoticeReceiver(
        conn, [](void *, const PGresult *) {}, nullptr);
    bool started = PQstatus(conn) != CONNECTION_BAD;
    bool in_time = true;
    PostgresPollingStatusType state = started ? PGRES_POLLING_WRITING : PGRES_POLLING_FAILED;
    while (in_time && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
      in_time = wait_for(conn, state, deadline);
      if (in_time) state = PQconnectPoll(conn);
    }
    if (!in_time)
      status = Status(Code::kUnavailable, attempt.location.display() + " did not answer in time",
                      "check host, port and firewalls, or wait longer with ?connect_timeout=")
                   .set_retryable();
    else if (state != PGRES_POLLING_OK)
      status = connect_failure(conn, started, attempt.location);
  }
  std::lock_guard lock(attempt.mutex);
  attempt.conn = conn;
  attempt.status = std::move(status);
  attempt.done = true;
  attempt.changed.notify_all();
}

}  // namespace

Result<pg_conn *> connect(const Location &location, Cancellation &cancel) {
  auto attempt = std::make_shared<Attempt>(location);
  // Lock order: the Cancellation's, then ours.
  Cancellation::Hook hook(cancel, [&] {
    std::lock_guard lock(attempt->mutex);
    attempt->cancelled = true;
    attempt->changed.notify_all();
  });
  CHECKPOINT_RETURN_IF_ERROR(cancel.check());
  try {
    // It ends by itself within the time-out; whoever is last throws the attempt away.
    std::thread([attempt] { run_attempt(*attempt); }).detach();
  } catch (const std::system_error &) {
    return Status(Code::kUnavailable, "no thread could be started to connect to the database")
        .set_retryable();
  }
  std::unique_lock lock(attempt->mutex);
  attempt->changed.wait(lock, [&] { return attempt->done || attempt->cancelled; });
  if (!attempt->done) return Status(Code::kCancelled, "cancelled");
  CHECKPOINT_RETURN_IF_ERROR(attempt->status);
  return std::exchange(attempt->conn, nullptr);
}

}  // namespace checkpoint::postgres
