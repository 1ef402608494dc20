// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/home.h"

#include <glib.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "backends/backends.h"
#include "store/registry.h"
#include "support/check.h"
#include "support/pipeline.h"
#ifdef HAVE_POSTGRES
#include "support/postgres_place.h"
#endif

namespace checkpoint {

namespace {

std::string setting(const char *name) {
  const char *value = g_getenv((std::string("GST_CHECKPOINT_TEST_") + name).c_str());
  return value ? value : "";
}

uint16_t port_in(const std::string &uri, size_t from) {
  const size_t colon = uri.find(':', from);
  return colon == uri.npos ? 0 : static_cast<uint16_t>(std::atoi(uri.c_str() + colon + 1));
}

size_t host_of(const std::string &uri) {
  const size_t at = uri.find('@');
  return at == uri.npos ? uri.find("://") + 3 : at + 1;
}

}  // namespace

StorePair store_pair() {
  const std::string name = setting("PAIR");
  if (name.empty()) return {};
  return {name.substr(0, name.find('-')), name.substr(name.find('-') + 1)};
}

bool servers_are_there() {
  const StorePair pair = store_pair();
  for (const char *needed : {pair.frames == "file" ? "" : "S3_ENDPOINT",
                             pair.frames == "s3_tls" ? "S3_TLS_ENDPOINT" : "",
                             pair.rows == "sqlite" ? "" : "POSTGRES"}) {
    if (*needed == 0 || !setting(needed).empty()) continue;
    std::printf("skipped: GST_CHECKPOINT_TEST_%s names no server; tests/services/up starts one\n",
                needed);
    return false;
  }
  return true;
}

uint16_t s3_port() {
  const std::string endpoint = setting("S3_ENDPOINT");
  return endpoint.empty() ? 0 : port_in(endpoint, host_of(endpoint));
}

uint16_t postgres_port() {
  const std::string uri = setting("POSTGRES");
  return uri.empty() ? 0 : port_in(uri, host_of(uri));
}

Home::Home() : pair_(store_pair()) {
  g_setenv("XDG_DATA_HOME", file("data").c_str(), TRUE);
  for (const char *name :
       {"GST_CHECKPOINT_FRAME_STORE", "GST_CHECKPOINT_METADATA_STORE", "GST_CHECKPOINT_JOB_ID",
        "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"})
    g_unsetenv(name);
  gchar *uuid = g_uuid_string_random();
  place_ = std::string("test_") + uuid;
  g_free(uuid);
  for (char &c : place_)
    if (c == '-') c = '_';
  if (pair_.frames != "file") {
    g_setenv("GST_CHECKPOINT_FRAME_STORE", frame_store().c_str(), TRUE);
    g_setenv("AWS_REGION", setting("S3_REGION").c_str(), TRUE);
    g_setenv("AWS_ACCESS_KEY_ID", setting("S3_ACCESS_KEY").c_str(), TRUE);
    g_setenv("AWS_SECRET_ACCESS_KEY", setting("S3_SECRET_KEY").c_str(), TRUE);
  }
  if (pair_.rows != "sqlite")
    g_setenv("GST_CHECKPOINT_METADATA_STORE", metadata_store().c_str(), TRUE);
}

Home::~Home() {
  if (pair_.rows == "postgres") drop_metadata();
}

void Home::drop_metadata() const {
  if (pair_.rows == "sqlite")
    for (const char *end : {"", "-wal", "-shm", "-journal"})
      std::remove((database() + end).c_str());
#ifdef HAVE_POSTGRES
  if (pair_.rows != "postgres") return;
  const Status dropped =
      PostgresAccess(postgres_server()).execute("DROP SCHEMA IF EXISTS " + place_ + " CASCADE");
  ck_assert_msg(dropped.is_ok(), "%s", dropped.to_string().c_str());
#endif
}

std::string Home::frame_store(uint16_t port) const {
  if (pair_.frames == "file") return frames();
  std::string endpoint = setting(pair_.frames == "s3_tls" ? "S3_TLS_ENDPOINT" : "S3_ENDPOINT");
  if (port != 0) endpoint = "http://127.0.0.1:" + std::to_string(port);
  return "s3://" + setting("S3_BUCKET") + "/" + place_ + "?endpoint=" + endpoint +
         (pair_.frames == "s3_tls"     ? "&ca-file=" + setting("S3_CA_FILE")
          : pair_.frames == "s3_libs3" ? "&s3-client=libs3"
                                       : "");
}

std::string Home::metadata_store(uint16_t port) const {
  if (pair_.rows == "sqlite") return database();
  std::string uri = setting("POSTGRES");
  if (port != 0) {
    const size_t colon = uri.find(':', host_of(uri));
    uri.replace(colon + 1, uri.find_first_of("/?", colon) - colon - 1, std::to_string(port));
  }
  return uri + (uri.find('?') == uri.npos ? "?" : "&") + "schema=" + place_;
}

std::string Home::value(const std::string &sql) const {
#ifdef HAVE_POSTGRES
  if (pair_.rows == "postgres") {
    auto rows = PostgresAccess(postgres_server(), place_).query(sql);
    ck_assert_msg(rows.is_ok(), "%s: %s", sql.c_str(), rows.status().to_string().c_str());
    return rows->empty() ? "" : (*rows)[0][0];
  }
#endif
  return query_value(database(), sql);
}

bool Home::has_rows() const {
  if (pair_.rows == "postgres")
    return value("SELECT count(*) FROM information_schema.views WHERE table_schema = '" + place_ +
                 "' AND table_name = 'stage_checkpoints'") == "1";
  return g_file_test(database().c_str(), G_FILE_TEST_EXISTS) &&
         value("SELECT count(*) FROM sqlite_master WHERE name = 'stage_checkpoints'") == "1";
}

std::shared_ptr<FrameStore> Home::open_frames() const {
  register_backends();
  auto store = StoreRegistry::instance().make_frame_store(frame_store());
  ck_assert_msg(store.is_ok(), "%s", store.status().to_string().c_str());
  Cancellation cancel;
  const Status status = (*store)->open(cancel);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return *store;
}

uint64_t Home::stored_bytes() const {
  if (pair_.frames == "file") return bytes_below(frames());
  uint64_t bytes = 0;
  Cancellation cancel;
  const Status status = open_frames()->list(
      "",
      [&](const ObjectInfo &object) {
        bytes += object.size;
        return true;
      },
      cancel);
  ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  return bytes;
}

uint64_t bytes_below(const std::string &folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(folder, error))
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  return bytes;
}

bool same_files(const std::string &a, const std::string &b) {
  using Mapped = std::unique_ptr<GMappedFile, decltype(&g_mapped_file_unref)>;
  const Mapped first(g_mapped_file_new(a.c_str(), FALSE, nullptr), g_mapped_file_unref);
  const Mapped second(g_mapped_file_new(b.c_str(), FALSE, nullptr), g_mapped_file_unref);
  if (!first || !second) return false;
  const size_t size = g_mapped_file_get_length(first.get());
  return size == g_mapped_file_get_length(second.get()) &&
         (size == 0 || std::memcmp(g_mapped_file_get_contents(first.get()),
                                   g_mapped_file_get_contents(second.get()), size) == 0);
}

}  // namespace checkpoint
