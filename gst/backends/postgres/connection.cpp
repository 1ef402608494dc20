// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "backends/postgres/error.h"

namespace checkpoint::postgres {

namespace {

using std::chrono::milliseconds;

constexpr int kOldestServer = 130000;
// By how much the server's own time-out comes before ours.
constexpr milliseconds kGrace{1000};
// How long a server has to say that it stopped: less than a sink's stop-timeout, which waits for
// it.
constexpr milliseconds kAnswerTime{500};
constexpr size_t kCopyPiece = 256 * 1024;

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Location &location,
                                                     Cancellation &cancel) {
  CHECKPOINT_ASSIGN_OR_RETURN(pg_conn * conn, connect(location, cancel));
  std::unique_ptr<Connection> connection(new Connection(location, conn));
  if (connection->wake_fd_ < 0)
    return Status(Code::kUnavailable, "this process has no free file descriptor").set_retryable();
  if (PQserverVersion(conn) < kOldestServer)
    return Status(Code::kUnsupported,
                  "the server of " + location.display() + " is older than PostgreSQL 13",
                  "update the server");
  const char *encoding = PQparameterStatus(conn, "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) != "UTF8")
    return Status(
        Code::kInvalidArgument,
        "the database " + location.display() + " has the encoding " +
            (encoding == nullptr ? "?" : encoding) + ", and UTF8 is needed",
        "make a database that has it: createdb --encoding=UTF8 --template=template0 NAME");
  return connection;
}

Connection::Connection(const Location &location, pg_conn *conn)
    : location_(location), conn_(conn), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PQsetnonblocking(conn_, 1);
  PQsetNoticeReceiver(conn_, take_notice, this);
}

Connection::~Connection() {
  PQfinish(conn_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

void Connection::set_cancellation(Cancellation *cancel) {
  cancel_ = cancel;
  uint64_t count = 0;
  while (read(wake_fd_, &count, sizeof count) > 0) {
  }
}

void Connection::interrupt() {
  const uint64_t one = 1;
  // It can only fail when it is set already.
  static_cast<void>(!write(wake_fd_, &one, sizeof one));
}

// --- waiting

Status Connection::begin_command() {
  if (cancel_ != nullptr) CHECKPOINT_RETURN_IF_ERROR(cancel_->check());
  if (lost_) return connection_lost(location_);
  timed_out_ = warned_ = false;
  // The server's own time-out comes first; this one is for a server that says nothing.
  deadline_ = std::chrono::steady_clock::now() + location_.statement_timeout + kGrace;
  return Status::ok();
}

void Connection::take_notice(void *self, const pg_result *notice) {
  const char *code = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  if (code != nullptr && std::string_view(code) == "01000")
    static_cast<Connection *>(self)->warned_ = true;
}

void Connection::ask_to_stop() {
  stopping_ = true;
  deadline_ = std::chrono::steady_clock::now() + kAnswerTime;
  PGcancel *request = PQgetCancel(conn_);
  if (request == nullptr) return;
  try {
    // It connects, and that may take long.
    std::thread([request] {
      char error[256];
      PQcancel(request, error, sizeof error);
      PQfreeCancel(request);
    }).detach();
  } catch (const std::system_error &) {
    PQfreeCancel(request);
  }
}

Status Connection::wait(short events) {
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (!stopping_ && cancel_ != nullptr && cancel_->cancelled()) ask_to_stop();
    if (now >= deadline_) {
      if (stopping_) return lost();
      timed_out_ = true;
      ask_to_stop();
    }
    pollfd fds[2] = {{PQsocket(conn_), events, 0},
                     {stopping_ || cancel_ == nullptr ? -1 : wake_fd_, POLLIN, 0}};
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - now);
    const int ready = poll(fds, 2, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60000)));
    if (ready < 0 && errno != EINTR) return lost();
    if (ready > 0 && fds[0].revents != 0) return Status::ok();
  }
}

Status Connection::lost() {
  lost_ = true;
  if (cancel_ != nullptr && cancel_->cancelled()) return {Code::kCancelled, "cancelled"};
  if (timed_out_) return status_of("57014", "", location_);
  return connection_lost(location_);
}

Status Connection::flush() {
  for (;;) {
    const int left = PQflush(conn_);
    if (left < 0) return lost();
    if (left == 0) return Status::ok();
    // The server may want to get rid of something before it reads on.
    CHECKPOINT_RETURN_IF_ERROR(wait(POLLIN | POLLOUT));
    if (PQconsumeInput(conn_) == 0) return lost();
  }
}

Status Connection::next_result(ResultPtr &result) {
  while (PQisBusy(conn_) != 0) {
    CHECKPOINT_RETURN_IF_ERROR(wait(POLLIN));
    if (PQconsumeInput(conn_) == 0) break;  // what came before the end can still be read
  }
  result.reset(PQgetResult(conn_));
  return Status::ok();
}

Status Connection::failure(const pg_result *result) {
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view sqlstate = state == nullptr ? "" : state;
  if (PQstatus(conn_) == CONNECTION_BAD || is_lost_connection(sqlstate)) return lost();
  if (sqlstate == "57014" && cancel_ != nullptr && cancel_->cancelled())
    return {Code::kCancelled, "cancelled"};
  return status_of(sqlstate, message == nullptr ? "" : message, location_);
}

Status Connection::collect(ResultPtr &result) {
  Status status;
  ResultPtr next;
  for (;;) {
    CHECKPOINT_RETURN_IF_ERROR(next_result(next));
    if (!next) return status;
    switch (PQresultStatus(next.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        result = std::move(next);
        break;
      case PGRES_COPY_IN:
        result = std::move(next);
        return status;
      case PGRES_PIPELINE_ABORTED:  // skipped, since the statement before it failed
        break;
      default:
        if (status.is_ok()) status = failure(next.get());
        if (lost_) return status;
    }
  }
}

// --- statements

std::string Connection::expand(std::string_view sql) const {
  const std::string schema = location_.quoted_schema() + ".";
  std::string text;
  for (char c : sql) {
    if (c == '@') {
      text += schema;
    } else {
      text += c;
    }
  }
  return text;
}

Connection::Statement &Connection::statement(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end())
    found = statements_.emplace(std::string(sql), Statement{expand(sql), {}}).first;
  return found->second;
}

Status Connection::prepare(const Query &query, Statement &statement) {
  if (!location_.prepared_statements || !statement.name.empty()) return Status::ok();
  std::vector<Oid> types;
  for (const Parameters::Value &value : query.parameters().values()) types.push_back(value.type);
  // A new one each time: the server may have kept that of an attempt that failed.
  const std::string name = "checkpoint_" + std::to_string(++prepared_);
  if (PQsendPrepare(conn_, name.c_str(), statement.text.c_str(), static_cast<int>(types.size()),
                    types.data()) == 0)
    return lost();
  CHECKPOINT_RETURN_IF_ERROR(flush());
  ResultPtr result;
  CHECKPOINT_RETURN_IF_ERROR(collect(result));
  statement.name = name;
  return Status::ok();
}

Status Connection::send(const Query &query, const Statement &statement) {
  const std::vector<Parameters::Value> &list = query.parameters().values();
  std::vector<Oid> types;
  std::vector<const char *> values;
  std::vector<int> lengths;
  const std::vector<int> formats(list.size(), 1);
  for (const Parameters::Value &value : list) {
    types.push_back(value.type);
    values.push_back(value.null ? nullptr : value.bytes.data());
    lengths.push_back(static_cast<int>(value.bytes.size()));
  }
  const int count = static_cast<int>(list.size());
  const int sent = !statement.name.empty()
                       ? PQsendQueryPrepared(conn_, statement.name.c_str(), count, values.data(),
                                             lengths.data(), formats.data(), 1)
                       : PQsendQueryParams(conn_, statement.text.c_str(), count, types.data(),
                                           values.data(), lengths.data(), formats.data(), 1);
  return sent == 0 ? lost() : Status::ok();
}

Status Connection::run(const Query &query, ResultPtr &result) {
  CHECKPOINT_RETURN_IF_ERROR(begin_command());
  if (query.is_kept()) {
    Statement &kept = statement(query.sql());
    CHECKPOINT_RETURN_IF_ERROR(prepare(query, kept));
    CHECKPOINT_RETURN_IF_ERROR(send(query, kept));
  } else {
    CHECKPOINT_RETURN_IF_ERROR(send(query, Statement{expand(query.sql()), {}}));
  }
  CHECKPOINT_RETURN_IF_ERROR(flush());
  return collect(result);
}

Status Connection::execute(const std::string &sql) {
  CHECKPOINT_RETURN_IF_ERROR(begin_command());
  if (PQsendQuery(conn_, expand(sql).c_str()) == 0) return lost();
  CHECKPOINT_RETURN_IF_ERROR(flush());
  ResultPtr result;
  return collect(result);
}

Status Connection::copy_in(std::string_view sql, const std::string &rows) {
  CHECKPOINT_RETURN_IF_ERROR(begin_command());
  if (PQsendQuery(conn_, expand(sql).c_str()) == 0) return lost();
  CHECKPOINT_RETURN_IF_ERROR(flush());
  ResultPtr result;
  CHECKPOINT_RETURN_IF_ERROR(collect(result));
  for (size_t at = 0; at < rows.size(); at += kCopyPiece) {
    const size_t size = std::min(kCopyPiece, rows.size() - at);
    if (PQputCopyData(conn_, rows.data() + at, static_cast<int>(size)) != 1) return lost();
    CHECKPOINT_RETURN_IF_ERROR(flush());
  }
  if (PQputCopyEnd(conn_, nullptr) != 1) return lost();
  CHECKPOINT_RETURN_IF_ERROR(flush());
  return collect(result);
}

Status Connection::commit(std::string *tag) {
  CHECKPOINT_RETURN_IF_ERROR(begin_command());
  if (PQsendQuery(conn_, "COMMIT") == 0) return lost();
  CHECKPOINT_RETURN_IF_ERROR(flush());
  ResultPtr result;
  CHECKPOINT_RETURN_IF_ERROR(collect(result));
  if (result) *tag = PQcmdStatus(result.get());
  return Status::ok();
}

Status Connection::run_and_commit(const Query &last, std::string *tag, bool *sent) {
  *sent = false;
  CHECKPOINT_RETURN_IF_ERROR(begin_command());
  Statement &kept = statement(last.sql());
  CHECKPOINT_RETURN_IF_ERROR(prepare(last, kept));
  if (PQenterPipelineMode(conn_) == 0) return lost();
  CHECKPOINT_RETURN_IF_ERROR(send(last, kept));
  *sent = true;
  if (PQsendQueryParams(conn_, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 1) == 0 ||
      PQpipelineSync(conn_) == 0)
    return lost();
  CHECKPOINT_RETURN_IF_ERROR(flush());
  // An error skips what follows it up to the sync.
  ResultPtr result, committed;
  Status status = collect(result);
  if (lost_) return status;
  Status end = collect(committed);
  if (lost_) return end;
  if (status.is_ok()) status = end;
  if (status.is_ok() && committed) *tag = PQcmdStatus(committed.get());
  CHECKPOINT_RETURN_IF_ERROR(next_result(result));  // of the sync
  if (PQexitPipelineMode(conn_) == 0) lost_ = true;
  return status;
}

// --- between calls

bool Connection::is_alive() {
  pollfd fd{PQsocket(conn_), POLLIN, 0};
  if (poll(&fd, 1, 0) > 0) {
    // Between calls a server speaks only to say good-bye, or of changed settings.
    if (PQconsumeInput(conn_) == 0) return false;
    // An end that came right behind it.
    if (poll(&fd, 1, 0) > 0 && PQconsumeInput(conn_) == 0) return false;
  }
  return PQstatus(conn_) == CONNECTION_OK && PQtransactionStatus(conn_) == PQTRANS_IDLE;
}

bool Connection::clean_up() {
  // A request to stop may still be on its way, and would end somebody else's statement.
  if (lost_ || stopping_) return false;
  const PGTransactionStatusType state = PQtransactionStatus(conn_);
  if (state == PQTRANS_IDLE) return true;
  if (state != PQTRANS_INTRANS && state != PQTRANS_INERROR) return false;
  Cancellation *cancel = std::exchange(cancel_, nullptr);
  const bool done = execute("ROLLBACK").is_ok() && PQtransactionStatus(conn_) == PQTRANS_IDLE;
  cancel_ = cancel;
  return done;
}

// --- Transaction

Transaction::~Transaction() {
  if (open_) connection_.clean_up();
}

Status Transaction::begin_write() {
  const Location &location = connection_.location();
  auto ms = [](milliseconds time) { return "'" + std::to_string(time.count()) + "ms'"; };
  // SET LOCAL in one statement: it also works where a pooler gives each transaction another
  // session. A writer that was stopped in the middle, or whose machine is gone, must not hold its
  // locks for long.
  CHECKPOINT_RETURN_IF_ERROR(connection_.execute(
      "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
      "SELECT set_config('lock_timeout', " +
      ms(location.busy_timeout) +
      ", true),"
      " set_config('statement_timeout', " +
      ms(location.statement_timeout) +
      ", true),"
      " set_config('idle_in_transaction_session_timeout', '10s', true),"
      " set_config('tcp_keepalives_idle', '10', true),"
      " set_config('tcp_keepalives_interval', '5', true),"
      " set_config('tcp_keepalives_count', '3', true),"
      " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
      " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)"));
  open_ = true;
  return Status::ok();
}

Status Transaction::check_end(const Status &status, const std::string &tag, bool sent) {
  if (status.is_ok()) {
    open_ = false;
    // It was called back, by us or by somebody, while it waited for a synchronous standby: that may
    // not have it.
    if (tag == "COMMIT" && connection_.was_warned())
      return {Code::kUnknownOutcome,
              connection_.location().display() + ": no synchronous standby has confirmed a commit"};
    if (tag == "COMMIT") return Status::ok();
    // A transaction that had failed answers so.
    return {Code::kInternal, connection_.location().display() + ": the transaction ended with " +
                                 (tag.empty() ? "nothing" : tag)};
  }
  // Called back too: what became of it is not known before somebody asks.
  if (!sent || !connection_.is_lost()) return status;
  open_ = false;
  return {Code::kUnknownOutcome,
          connection_.location().display() + ": the answer to a commit was lost"};
}

Status Transaction::commit() {
  std::string tag;
  Status status = connection_.commit(&tag);
  return check_end(status, tag, true);
}

Status Transaction::commit_after(const Query &last) {
  std::string tag;
  bool sent = false;
  Status status = connection_.run_and_commit(last, &tag, &sent);
  return check_end(status, tag, sent);
}

}  // namespace checkpoint::postgres
