// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/pipeline.h"

#include <sqlite3.h>

#include "support/check.h"

namespace checkpoint {

BusLog::~BusLog() {
  for (GstStructure *structure : elements) gst_structure_free(structure);
}

const GstStructure *BusLog::element(const std::string &name) const {
  const GstStructure *found = nullptr;
  for (const GstStructure *structure : elements)
    if (gst_structure_has_name(structure, name.c_str())) found = structure;
  return found;
}

GstElement *parse_line(const std::string &line) {
  GError *error = nullptr;
  GstElement *pipeline = gst_parse_launch(line.c_str(), &error);
  ck_assert_msg(pipeline && !error, "%s: %s", line.c_str(), error ? error->message : "");
  return pipeline;
}

BusLog wait_for_end(GstElement *pipeline) {
  BusLog log;
  GstBus *bus = gst_element_get_bus(pipeline);
  GstClockTime patience = 60 * GST_SECOND;
  for (;;) {
    GstMessage *message = gst_bus_timed_pop(bus, patience);
    if (!message) break;
    GError *error = nullptr;
    gchar *debug = nullptr;
    switch (GST_MESSAGE_TYPE(message)) {
      case GST_MESSAGE_EOS:
        log.eos = true;
        patience = 0;
        break;
      case GST_MESSAGE_ERROR:
        gst_message_parse_error(message, &error, &debug);
        log.errors.push_back(std::string(g_quark_to_string(error->domain)) + "/" +
                             std::to_string(error->code) + ": " + error->message);
        log.debugs.push_back(debug ? debug : "");
        log.sources.push_back(GST_MESSAGE_SRC_NAME(message));
        patience = 200 * GST_MSECOND;
        break;
      case GST_MESSAGE_WARNING:
        gst_message_parse_warning(message, &error, nullptr);
        log.warnings.push_back(error->message);
        break;
      case GST_MESSAGE_ELEMENT:
        log.elements.push_back(gst_structure_copy(gst_message_get_structure(message)));
        break;
      default:
        break;
    }
    g_clear_error(&error);
    g_free(debug);
    gst_message_unref(message);
  }
  gst_object_unref(bus);
  ck_assert_msg(log.eos || !log.errors.empty(), "neither EOS nor an error came");
  return log;
}

BusLog run_line(const std::string &line) {
  GstElement *pipeline = parse_line(line);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  BusLog log = wait_for_end(pipeline);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return log;
}

namespace {

constexpr int kPatienceMs = 20000;  // the last writer may be closing it

sqlite3 *open_database(const std::string &path, int patience_ms = kPatienceMs) {
  sqlite3 *db = nullptr;
  ck_assert_int_eq(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  sqlite3_busy_timeout(db, patience_ms);
  return db;
}

void execute(sqlite3 *db, const std::string &sql) {
  ck_assert_msg(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, "%s: %s",
                sql.c_str(), sqlite3_errmsg(db));
}

}  // namespace

void change_database(const std::string &database, const std::string &sql) {
  sqlite3 *db = open_database(database);
  execute(db, sql);
  sqlite3_close(db);
}

DatabaseLock::DatabaseLock(const std::string &database) : db_(open_database(database)) {
  execute(db_, "BEGIN IMMEDIATE");
}

DatabaseLock::~DatabaseLock() { sqlite3_close(db_); }

std::string query_value(const std::string &database, const std::string &sql,
                        std::optional<int> patience_ms) {
  sqlite3 *db = open_database(database, patience_ms.value_or(kPatienceMs));
  sqlite3_stmt *statement = nullptr;
  const int prepared = sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr);
  ck_assert_msg(prepared == SQLITE_OK || (prepared == SQLITE_BUSY && patience_ms), "%s",
                sqlite3_errmsg(db));
  std::string value;
  const int stepped = sqlite3_step(statement);
  ck_assert_msg(stepped != SQLITE_BUSY || patience_ms, "%s", sqlite3_errmsg(db));
  if (stepped == SQLITE_ROW) {
    const unsigned char *text = sqlite3_column_text(statement, 0);
    value = text ? reinterpret_cast<const char *>(text) : "(null)";
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return value;
}

}  // namespace checkpoint
