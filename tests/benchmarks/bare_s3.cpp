// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bare_s3.h"

#include <curl/curl.h>
#include <glib.h>
#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

namespace benchmark {

namespace {

[[noreturn]] void die(const std::string &message) {
  std::fprintf(stderr, "bare S3: %s\n", message.c_str());
  std::_Exit(1);  // other threads go on
}

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

// One kept-alive connection.
class Connection {
 public:
  explicit Connection(const BareS3 &server) : server_(server), curl_(curl_easy_init()) {
    set(CURLOPT_AWS_SIGV4, ("aws:amz:" + server.region + ":s3").c_str());
    set(CURLOPT_USERPWD, (server.access_key + ":" + server.secret_key).c_str());
    set(CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    set(CURLOPT_BUFFERSIZE, 512L * 1024);
    content_sha256("UNSIGNED-PAYLOAD");
  }
  ~Connection() {
    curl_easy_cleanup(curl_);
    curl_slist_free_all(headers_);
  }
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  void put(const BareS3::Object &object, bool checked) {
    if (checked) content_sha256(sha256_of(object));
    struct Reader {
      const BareS3::Object &object;
      size_t part = 0, at = 0;
      static size_t read(char *to, size_t size, size_t n, void *self) {
        auto &r = *static_cast<Reader *>(self);
        size_t room = size * n, done = 0;
        while (room > 0 && r.part < r.object.parts.size()) {
          const auto &bytes = r.object.parts[r.part];
          const size_t chunk = std::min(room, bytes.size() - r.at);
          std::memcpy(to + done, bytes.data() + r.at, chunk);
          done += chunk;
          room -= chunk;
          r.at += chunk;
          if (r.at == bytes.size()) r.part++, r.at = 0;
        }
        return done;
      }
    } reader{object};
    set(CURLOPT_URL, url(object.name).c_str());
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, Reader::read);
    set(CURLOPT_READDATA, &reader);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(object.size));
    perform(200);
  }

  void get(const BareS3::Object &object, size_t offset, std::span<std::byte> out) {
    struct Writer {
      std::span<std::byte> out;
      size_t at = 0;
      static size_t write(char *from, size_t size, size_t n, void *self) {
        auto &w = *static_cast<Writer *>(self);
        if (size * n > w.out.size() - w.at) return 0;
        std::memcpy(w.out.data() + w.at, from, size * n);
        w.at += size * n;
        return size * n;
      }
    } writer{out};
    set(CURLOPT_URL, url(object.name).c_str());
    set(CURLOPT_RANGE,
        (std::to_string(offset) + "-" + std::to_string(offset + out.size() - 1)).c_str());
    set(CURLOPT_WRITEFUNCTION, Writer::write);
    set(CURLOPT_WRITEDATA, &writer);
    perform(206);
    if (writer.at != out.size()) die("a short read");
  }

 private:
  static std::string sha256_of(const BareS3::Object &object) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[32];
    bool good = EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1;
    for (const auto &part : object.parts)
      good = good && EVP_DigestUpdate(context, part.data(), part.size()) == 1;
    good = good && EVP_DigestFinal_ex(context, digest, nullptr) == 1;
    EVP_MD_CTX_free(context);
    if (!good) die("SHA-256");
    std::string hex;
    for (const unsigned char byte : digest) {
      char two[3];
      std::snprintf(two, sizeof two, "%02x", byte);
      hex += two;
    }
    return hex;
  }
  void content_sha256(const std::string &value) {
    curl_slist *fresh = curl_slist_append(nullptr, ("x-amz-content-sha256: " + value).c_str());
    set(CURLOPT_HTTPHEADER, fresh);
    curl_slist_free_all(std::exchange(headers_, fresh));
  }
  template <typename Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(curl_, option, value) != CURLE_OK) die("an option of libcurl");
  }
  std::string url(const std::string &name) const {
    return server_.endpoint + "/" + server_.bucket + "/" + name;
  }
  void perform(long wanted) {
    const CURLcode code = curl_easy_perform(curl_);
    if (code != CURLE_OK) die(curl_easy_strerror(code));
    long answer = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer);
    if (answer != wanted) die("the server answers " + std::to_string(answer));
  }

  const BareS3 &server_;
  CURL *curl_;
  curl_slist *headers_ = nullptr;
};

double on_connections(const BareS3 &server, size_t count, unsigned connections,
                      const std::function<void(Connection &, size_t)> &work) {
  std::atomic<size_t> next{0};
  const gint64 begin = g_get_monotonic_time();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < connections; i++)
    threads.emplace_back([&] {
      Connection connection(server);
      for (size_t n; (n = next++) < count;) work(connection, n);
    });
  for (std::thread &thread : threads) thread.join();
  return static_cast<double>(g_get_monotonic_time() - begin) / 1e6;
}

}  // namespace

BareS3 BareS3::from_environment() {
  BareS3 server;
  server.endpoint = variable("GST_CHECKPOINT_TEST_S3_ENDPOINT");
  server.bucket = variable("GST_CHECKPOINT_TEST_S3_BUCKET");
  server.region = variable("GST_CHECKPOINT_TEST_S3_REGION");
  server.access_key = variable("GST_CHECKPOINT_TEST_S3_ACCESS_KEY");
  server.secret_key = variable("GST_CHECKPOINT_TEST_S3_SECRET_KEY");
  if (server.region.empty()) server.region = "us-east-1";
  return server;
}

double BareS3::put(const std::vector<Object> &objects, unsigned connections, bool checked) const {
  return on_connections(*this, objects.size(), connections, [&](Connection &connection, size_t n) {
    connection.put(objects[n], checked);
  });
}

double BareS3::get(const std::vector<Object> &objects, unsigned connections) const {
  return on_connections(*this, objects.size(), connections, [&](Connection &connection, size_t n) {
    static thread_local std::vector<std::byte> bytes;
    bytes.resize(objects[n].size);
    connection.get(objects[n], 0, bytes);
  });
}

}  // namespace benchmark
