// SPDX-License-Identifier: LGPL-2.1-or-later
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "backends/s3/http.h"
#include "common/thread_name.h"

namespace checkpoint {

namespace {

using Clock = std::chrono::steady_clock;

constexpr long kConnections = 64;           // kept
constexpr long kReceiveBuffer = 512 << 10;  // libcurl's largest
constexpr long kSendBuffer = 512 << 10;
constexpr std::chrono::milliseconds kConnectPatience{10000};

struct FreeEasy {
  void operator()(CURL *easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM *multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist *list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

// A request under way; on the stack of the thread that waits for it.
struct Transfer {
  explicit Transfer(const HttpRequest &r) : request(r) {
    for (ByteView piece : r.body) body_size += piece.size();
  }

  const HttpRequest &request;
  HttpAnswer answer;
  Easy easy;
  HeaderList headers;
  std::array<char, CURL_ERROR_SIZE> error{};
  uint64_t body_size = 0;

  // Used by the engine's thread once it has the transfer.
  size_t part = 0, part_at = 0;  // of the body, next to send
  uint64_t skipped = 0;          // of a 200's body
  bool enough = false;           // `into` is full and there is more
  bool too_long = false;
  curl_off_t moved = 0;
  Clock::time_point last_move;

  std::atomic<bool> cancelled{false};
  std::condition_variable ended;
  bool done = false;  // protected by the engine's mutex
};

size_t on_header(char *data, size_t, size_t size, void *user) {
  Transfer &t = *static_cast<Transfer *>(user);
  std::string_view line(data, size);
  if (line.substr(0, 5) == "HTTP/") {  // also behind "100 Continue"
    t.answer.headers.clear();
    return size;
  }
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  for (char &c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  t.answer.headers[name] = trimmed(line.substr(colon + 1));
  return size;
}

size_t on_body(char *data, size_t, size_t size, void *user) {
  Transfer &t = *static_cast<Transfer *>(user);
  long status = 0;
  curl_easy_getinfo(t.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (!t.request.into || (status != 200 && status != 206)) {
    if (size > t.request.max_text - t.answer.text.size()) {
      t.too_long = true;
      return 0;
    }
    t.answer.text.append(data, size);
    return size;
  }
  size_t at = 0;
  if (status == 200 && t.skipped < t.request.offset) {
    at = static_cast<size_t>(std::min<uint64_t>(size, t.request.offset - t.skipped));
    t.skipped += at;
  }
  MutableByteView rest = t.request.into->subspan(t.answer.received);
  size_t n = std::min(rest.size(), size - at);
  if (n > 0) std::memcpy(rest.data(), data + at, n);
  t.answer.received += n;
  if (at + n < size) {
    t.enough = true;
    return 0;
  }
  return size;
}

size_t on_send(char *out, size_t, size_t room, void *user) {
  Transfer &t = *static_cast<Transfer *>(user);
  size_t filled = 0;
  while (filled < room && t.part < t.request.body.size()) {
    ByteView part = t.request.body[t.part];
    size_t n = std::min(room - filled, part.size() - t.part_at);
    if (n > 0) std::memcpy(out + filled, part.data() + t.part_at, n);
    filled += n;
    t.part_at += n;
    if (t.part_at == part.size()) {
      t.part++;
      t.part_at = 0;
    }
  }
  return filled;
}

// A kept connection that turns out to be dead is replaced by libcurl, from the first byte on.
int on_rewind(void *user, curl_off_t offset, int origin) {
  Transfer &t = *static_cast<Transfer *>(user);
  if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
  t.part = t.part_at = 0;
  return CURL_SEEKFUNC_OK;
}

int on_progress(void *user, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
  Transfer &t = *static_cast<Transfer *>(user);
  if (received + sent != t.moved) {
    t.moved = received + sent;
    t.last_move = Clock::now();
  }
  return t.cancelled ? 1 : 0;
}

HttpAnswer::Outcome outcome_of(CURLcode code, Transfer &t) {
  using Outcome = HttpAnswer::Outcome;
  switch (code) {
    case CURLE_OK:
      return Outcome::kAnswered;
    case CURLE_WRITE_ERROR:
      return t.enough ? Outcome::kAnswered : Outcome::kBroken;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return Outcome::kNotSent;
    case CURLE_OPERATION_TIMEDOUT:
      return Outcome::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_CIPHER:
      return Outcome::kUntrusted;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_NOT_BUILT_IN:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return Outcome::kUnusable;
    case CURLE_ABORTED_BY_CALLBACK:
      return Outcome::kCancelled;
    default:
      return Outcome::kBroken;
  }
}

class CurlTransfers : public HttpTransfers {
 public:
  CurlTransfers() {
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (once == CURLE_OK) multi_.reset(curl_multi_init());
    if (multi_) curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kConnections);
  }
  ~CurlTransfers() override {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  HttpAnswer run(const HttpRequest &request, Cancellation &cancel) override {
    Transfer transfer(request);
    if (!prepare(transfer)) {
      transfer.answer.error = "libcurl can't make the request";
      return std::move(transfer.answer);
    }
    Cancellation::Hook hook(cancel, [&] {
      transfer.cancelled = true;
      curl_multi_wakeup(multi_.get());
    });
    std::unique_lock lock(mutex_);
    arrived_.push_back(&transfer);
    if (!thread_.joinable()) {
      try {
        thread_ = std::thread([this] {
          name_thread("ckpt:s3");
          loop();
        });
      } catch (const std::system_error &error) {
        arrived_.pop_back();
        transfer.answer.error = std::string("no thread can be started: ") + error.what();
        return std::move(transfer.answer);
      }
    }
    curl_multi_wakeup(multi_.get());
    transfer.ended.wait(lock, [&] { return transfer.done; });
    if (spare_.size() < static_cast<size_t>(kConnections)) {
      curl_easy_reset(transfer.easy.get());  // forgets the secret, and us
      spare_.push_back(std::move(transfer.easy));
    }
    return std::move(transfer.answer);
  }

 private:
  Easy take_easy() {
    {
      std::lock_guard lock(mutex_);
      if (!spare_.empty()) {
        Easy easy = std::move(spare_.back());
        spare_.pop_back();
        return easy;
      }
    }
    return Easy(curl_easy_init());
  }

  bool prepare(Transfer &t) {
    if (!multi_) return false;
    const HttpRequest &r = t.request;
    t.easy = take_easy();
    if (!t.easy) return false;
    bool good = true;
    auto set = [&](CURLoption option, auto value) {
      good = good && curl_easy_setopt(t.easy.get(), option, value) == CURLE_OK;
    };
    for (const std::string &header : r.headers) {
      curl_slist *longer = curl_slist_append(t.headers.get(), header.c_str());
      if (!longer) return false;
      (void)t.headers.release();
      t.headers.reset(longer);
    }
    set(CURLOPT_URL, r.url.c_str());
    set(CURLOPT_PRIVATE, &t);
    set(CURLOPT_ERRORBUFFER, t.error.data());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);  // an answer must not lead a signed request elsewhere
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a cancelled look-up of a name is not waited for
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_USERAGENT, "gst-checkpoint/" PACKAGE_VERSION);
    set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
    set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBuffer);
    set(CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::min(r.patience, kConnectPatience).count()));
    set(CURLOPT_HTTPHEADER, t.headers.get());
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &t);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &t);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &on_progress);
    set(CURLOPT_XFERINFODATA, &t);
    if (!r.ca_file.empty()) set(CURLOPT_CAINFO, r.ca_file.c_str());
    if (!r.proxy) set(CURLOPT_NOPROXY, "*");
    if (r.signer) {
      set(CURLOPT_AWS_SIGV4, ("aws:amz:" + r.signer->region + ":s3").c_str());
      set(CURLOPT_USERNAME, r.signer->access_key.c_str());
      set(CURLOPT_PASSWORD, r.signer->secret_key.c_str());
    }
    switch (r.method) {
      case HttpMethod::kGet:
        break;
      case HttpMethod::kHead:
        set(CURLOPT_NOBODY, 1L);
        break;
      case HttpMethod::kDelete:
        set(CURLOPT_CUSTOMREQUEST, "DELETE");
        break;
      case HttpMethod::kPut:
        set(CURLOPT_UPLOAD, 1L);
        set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(t.body_size));
        set(CURLOPT_READFUNCTION, &on_send);
        set(CURLOPT_READDATA, &t);
        set(CURLOPT_SEEKFUNCTION, &on_rewind);
        set(CURLOPT_SEEKDATA, &t);
        break;
    }
    return good;
  }

  // --- the engine's thread

  void loop() {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        if (stop_) return;  // nobody waits: run() holds the object
        while (!arrived_.empty()) {
          Transfer *t = arrived_.front();
          arrived_.pop_front();
          lock.unlock();
          begin(*t);
          lock.lock();
        }
      }
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      int wait_ms = drop_the_late();
      curl_multi_poll(multi_.get(), nullptr, 0, wait_ms, nullptr);
    }
  }

  void begin(Transfer &t) {
    t.last_move = Clock::now();
    if (t.cancelled || curl_multi_add_handle(multi_.get(), t.easy.get()) != CURLM_OK) {
      finish(t, t.cancelled ? HttpAnswer::Outcome::kCancelled : HttpAnswer::Outcome::kUnusable);
      return;
    }
    running_.push_back(&t);
  }

  void collect() {
    int left = 0;
    while (CURLMsg *message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURLcode code = message->data.result;
      char *user = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
      Transfer &t = *reinterpret_cast<Transfer *>(user);
      HttpAnswer::Outcome outcome = outcome_of(code, t);
      if (outcome != HttpAnswer::Outcome::kAnswered) {
        t.answer.error = t.error[0] ? t.error.data() : curl_easy_strerror(code);
        if (t.too_long) t.answer.error = "the answer is longer than any that is expected";
      }
      detach(t);
      finish(t, outcome);
    }
  }

  // Ends what was cancelled or stands still. Returns how long the others may stand still.
  int drop_the_late() {
    Clock::time_point now = Clock::now();
    std::chrono::milliseconds wait{60000};
    for (size_t i = running_.size(); i-- > 0;) {
      Transfer &t = *running_[i];
      auto left =
          std::chrono::ceil<std::chrono::milliseconds>(t.last_move + t.request.patience - now);
      if (!t.cancelled && left.count() > 0) {
        wait = std::min(wait, left);
        continue;
      }
      if (!t.cancelled)
        t.answer.error = "no byte moved for " + std::to_string(t.request.patience.count()) + " ms";
      detach(t);
      finish(t, t.cancelled ? HttpAnswer::Outcome::kCancelled : HttpAnswer::Outcome::kTimeout);
    }
    return static_cast<int>(wait.count());
  }

  void detach(Transfer &t) {
    curl_multi_remove_handle(multi_.get(), t.easy.get());
    std::erase(running_, &t);
  }

  void finish(Transfer &t, HttpAnswer::Outcome outcome) {
    long status = 0;
    curl_easy_getinfo(t.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    t.answer.status = static_cast<int>(status);
    t.answer.outcome = outcome;
    std::lock_guard lock(mutex_);
    t.done = true;
    t.ended.notify_all();  // under the lock: it is gone as soon as its thread sees `done`
  }

  Multi multi_;
  std::mutex mutex_;
  std::deque<Transfer *> arrived_;   // protected by mutex_
  std::vector<Easy> spare_;          // protected by mutex_
  bool stop_ = false;                // protected by mutex_
  std::thread thread_;               // begun with mutex_ held
  std::vector<Transfer *> running_;  // the engine's thread only
};

}  // namespace

std::shared_ptr<HttpTransfers> make_curl_transfers() { return std::make_shared<CurlTransfers>(); }

}  // namespace checkpoint
