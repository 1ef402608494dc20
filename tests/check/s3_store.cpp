// SPDX-License-Identifier: LGPL-2.1-or-later
// The S3 frame store on a real server, against what all frame stores promise. Needs
// GST_CHECKPOINT_TEST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY and _SECRET_KEY; over TLS as well where
// _TLS_ENDPOINT and _CA_FILE are set.
#include <stdio.h>
#include <stdlib.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backends/s3/store.h"
#include "common/uuid.h"
#include "conformance/frame_store_suite.h"
#include "support/check.h"
#include "support/gate.h"

using namespace checkpoint;

namespace {

std::string setting(const char *name) {
  const char *value = getenv((std::string("GST_CHECKPOINT_TEST_S3_") + name).c_str());
  return value ? value : "";
}

// Only the keys of the test server, and no file of the user's.
Environment test_environment(const std::string &secret = setting("SECRET_KEY")) {
  return [secret](const char *name) -> std::optional<std::string> {
    const std::string variable = name;
    if (variable == "AWS_ACCESS_KEY_ID") return setting("ACCESS_KEY");
    if (variable == "AWS_SECRET_ACCESS_KEY") return secret;
    if (variable == "AWS_CONFIG_FILE" || variable == "AWS_SHARED_CREDENTIALS_FILE")
      return "/dev/null";
    return std::nullopt;
  };
}

struct Server {
  std::string endpoint = setting("ENDPOINT");
  std::string options;

  bool by_libs3() const { return options.find("s3-client=libs3") != std::string::npos; }
};

// Each client that the build has.
std::vector<Server> servers() {
  std::vector<Server> all = {{}};
#ifdef HAVE_LIBS3
  all.push_back({setting("ENDPOINT"), "&s3-client=libs3"});
#endif
  return all;
}

StoreUri uri_of(const Server &server, const std::string &bucket, const std::string &prefix) {
  auto uri = parse_store_uri("s3://" + bucket + "/" + prefix +
                                 "?endpoint=" + percent_encode(server.endpoint) + server.options,
                             "file");
  ck_assert(uri.is_ok());
  return *uri;
}

S3Config config_of(const Server &server, const std::string &prefix) {
  auto config = read_s3_config(uri_of(server, setting("BUCKET"), prefix), test_environment());
  ck_assert_msg(config.is_ok(), "%s", config.status().to_string().c_str());
  return *config;
}

std::shared_ptr<S3Client> client_of(const Server &server, const S3Config &config) {
  auto client = make_s3_client(uri_of(server, config.bucket, ""), config, test_environment());
  ck_assert_msg(client.is_ok(), "%s", client.status().to_string().c_str());
  return *client;
}

// A prefix of its own, emptied at the end.
class PrefixPlace : public FrameStorePlace {
 public:
  explicit PrefixPlace(Server server = {}) : server_(std::move(server)) {}
  ~PrefixPlace() override {
    auto client = client_of(server_, config_of(server_, prefix_));
    Cancellation cancel;
    S3Listing page;
    do {
      std::string from = page.next;
      auto answer = client->list(prefix_ + "/", from, page, cancel);
      if (!answer.is_ok() || !answer->success()) break;
      for (auto &object : page.objects) (void)client->remove(object.key, cancel).is_ok();
    } while (!page.next.empty());
  }
  std::shared_ptr<FrameStore> make() override {
    auto store = make_s3_store(uri_of(server_, setting("BUCKET"), prefix_), test_environment());
    ck_assert_msg(store.is_ok(), "%s", store.status().to_string().c_str());
    return *store;
  }
  bool shared_by_processes() const override { return true; }
  bool decides_races() const override { return !server_.by_libs3(); }
#ifndef LIBS3_SIGNS_V4
  bool takes_name(const std::string &name) const override {
    return !server_.by_libs3() || name.find(' ') == std::string::npos;
  }
#endif

 protected:
  const Server server_;
  const std::string prefix_ = "conformance/" + Uuid::random().to_string();
};

// A client whose keys all begin somewhere else than the store thinks.
class MovingClient : public S3Client {
 public:
  MovingClient(std::shared_ptr<S3Client> next, std::shared_ptr<std::string> root)
      : next_(std::move(next)), root_(std::move(root)) {}
  bool puts_conditionally() const override { return next_->puts_conditionally(); }
  Status check_key(const std::string &key) const override { return next_->check_key(key); }
  void renew_credentials() override { next_->renew_credentials(); }
  Result<S3Answer> put(const std::string &key, std::span<const ByteView> parts,
                       const Sha256 &sha256, bool if_absent, Cancellation &cancel) override {
    return next_->put(*root_ + key, parts, sha256, if_absent, cancel);
  }
  Result<S3Answer> get(const std::string &key, uint64_t offset, MutableByteView out,
                       Cancellation &cancel) override {
    return next_->get(*root_ + key, offset, out, cancel);
  }
  Result<S3Answer> head(const std::string &key, Cancellation &cancel) override {
    return next_->head(*root_ + key, cancel);
  }
  Result<S3Answer> remove(const std::string &key, Cancellation &cancel) override {
    return next_->remove(*root_ + key, cancel);
  }
  Result<S3Answer> list(const std::string &prefix, const std::string &from, S3Listing &listing,
                        Cancellation &cancel) override {
    auto answer = next_->list(*root_ + prefix, from, listing, cancel);
    for (auto &object : listing.objects) object.key.erase(0, root_->size());
    return answer;
  }

 private:
  const std::shared_ptr<S3Client> next_;
  const std::shared_ptr<std::string> root_;
};

// A place whose objects can go away, as if a rule had removed them all, or somebody had put another
// store there.
class MovingPlace : public PrefixPlace {
 public:
  using PrefixPlace::PrefixPlace;
  std::shared_ptr<FrameStore> make() override {
    S3Config config = config_of(server_, "frames");
    config.marker_age = std::chrono::milliseconds(0);
    return make_s3_store(config, std::make_shared<MovingClient>(client_of(server_, config), root_));
  }
  bool hide() override {
    *root_ = prefix_ + "/hidden/";
    return true;
  }
  void show() override { *root_ = prefix_ + "/"; }
  bool replace_by(FrameStorePlace &other) override {
    *root_ = *dynamic_cast<MovingPlace &>(other).root_;
    return true;
  }

 private:
  const std::shared_ptr<std::string> root_ = std::make_shared<std::string>(prefix_ + "/");
};

}  // namespace

const std::vector<FrameStoreCase> &checkpoint::frame_store_cases() {
  static const std::vector<FrameStoreCase> cases = [] {
    std::vector<FrameStoreCase> all;
    for (const Server &server : servers()) {
      const std::string name = server.by_libs3() ? "s3 by libs3" : "s3";
      all.push_back({name, [=] { return std::make_unique<PrefixPlace>(server); }});
      all.push_back({name + ", taken away", [=] { return std::make_unique<MovingPlace>(server); }});
    }
    if (!setting("TLS_ENDPOINT").empty())
      all.push_back(
          {"s3 over TLS", [] {
             return std::make_unique<PrefixPlace>(
                 Server{setting("TLS_ENDPOINT"), "&ca-file=" + percent_encode(setting("CA_FILE"))});
           }});
    return all;
  }();
  return cases;
}

GST_START_TEST(the_server_checks_every_byte) {
  Server server = servers()[static_cast<size_t>(__i__)];
  server.options += "&retry-attempts=1";
  PrefixPlace place(server);
  auto store = place.make();
  Cancellation cancel;
  ck_assert(store->write_marker({Uuid::random(), Uuid::random()}, cancel).is_ok());
  ck_assert(store->traits().checks_sha256);
  std::array<ByteView, 1> parts{as_bytes("some bytes")};
  Status status = store->put("job/frames/a", parts, Sha256{}, cancel);
  ck_assert_msg(status.is(Code::kUnavailable), "%s", status.to_string().c_str());
  ck_assert(status.hint().find("not those that were sent") != std::string::npos);
  ck_assert(store->stat("job/frames/a", cancel).status().is(Code::kMissing));
}
GST_END_TEST

GST_START_TEST(without_conditional_puts_names_are_looked_up) {
  PrefixPlace place({setting("ENDPOINT"), "&conditional-puts=no"});
  auto store = place.make();
  Cancellation cancel;
  StoreMarker marker{Uuid::random(), Uuid::random()};
  ck_assert(store->write_marker(marker, cancel).is_ok());
  ck_assert(store->write_marker(marker, cancel).is(Code::kAlreadyExists));
  std::array<ByteView, 1> first{as_bytes("first")}, second{as_bytes("other")};
  ck_assert(store->put("job/frames/a", first, std::nullopt, cancel).is_ok());
  for (const auto &parts : {first, second})
    ck_assert(store->put("job/frames/a", parts, std::nullopt, cancel).is(Code::kAlreadyExists));
  Bytes out(5);
  ck_assert(store->get("job/frames/a", 0, out, cancel).is_ok());
  ck_assert(as_text(out) == "first");
}
GST_END_TEST

GST_START_TEST(a_listing_of_many_pages_is_whole) {
  const Server server = servers()[static_cast<size_t>(__i__)];
  PrefixPlace place(server);
  auto store = place.make();
  Cancellation cancel;
  ck_assert(store->write_marker({Uuid::random(), Uuid::random()}, cancel).is_ok());
  constexpr int kObjects = 1203, kThreads = 8;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++)
    threads.emplace_back([&, t] {
      for (int i = t; i < kObjects; i += kThreads)
        ck_assert(store->put("many/frames/" + std::to_string(i), {}, std::nullopt, cancel).is_ok());
    });
  for (auto &thread : threads) thread.join();
  int seen = 0;
  ck_assert(store
                ->list(
                    "many/", [&](const ObjectInfo &) { return ++seen > 0; }, cancel)
                .is_ok());
  ck_assert_int_eq(seen, kObjects);
}
GST_END_TEST

GST_START_TEST(what_is_wrong_is_named_at_once) {
  Cancellation cancel;
  struct Case {
    std::string bucket, secret;
    Code code;
    const char *says;
  };
  const std::string secret = setting("SECRET_KEY");
  for (const Case &c : {Case{"no-such-bucket-here", secret, Code::kNotFound, "no-such-bucket-here"},
                        Case{setting("BUCKET"), "wrong-secret-4711", Code::kPermissionDenied,
                             "SignatureDoesNotMatch"}}) {
    const Server server = servers()[static_cast<size_t>(__i__)];
    auto store = make_s3_store(uri_of(server, c.bucket, "p"), test_environment(c.secret));
    ck_assert(store.is_ok());
    Status status = (*store)->open(cancel);
    const std::string text = status.to_string();
    ck_assert_msg(status.is(c.code), "%s", text.c_str());
    ck_assert_msg(text.find(c.says) != std::string::npos, "%s", text.c_str());
    ck_assert(!status.hint().empty() && !status.retryable());
    ck_assert_msg(text.find(c.secret) == std::string::npos, "%s", text.c_str());
    ck_assert(text.find(setting("ACCESS_KEY")) == std::string::npos);
  }
}
GST_END_TEST

GST_START_TEST(g37_a_certificate_of_a_stranger_is_refused) {
  if (setting("TLS_ENDPOINT").empty()) return;
  Cancellation cancel;
  auto store = make_s3_store(uri_of({setting("TLS_ENDPOINT"), ""}, setting("BUCKET"), "p"),
                             test_environment());
  Status status = (*store)->open(cancel);
  ck_assert_msg(status.is(Code::kUnavailable) && !status.retryable(), "%s",
                status.to_string().c_str());
  ck_assert(status.hint().find("ca-file") != std::string::npos);
}
GST_END_TEST

static Suite *s3_store_suite() {
  Suite *suite = suite_create("s3_store");
  TCase *tc = tcase_create("s3_store");
  suite_add_tcase(suite, tc);
  add_frame_store_suite(tc);
  const int clients = static_cast<int>(servers().size());
  tcase_add_loop_test(tc, the_server_checks_every_byte, 0, clients);
  tcase_add_test(tc, without_conditional_puts_names_are_looked_up);
  tcase_add_loop_test(tc, a_listing_of_many_pages_is_whole, 0, clients);
  tcase_add_loop_test(tc, what_is_wrong_is_named_at_once, 0, clients);
  tcase_add_test(tc, g37_a_certificate_of_a_stranger_is_refused);
  return suite;
}

int main(int argc, char **argv) {
  if (setting("ENDPOINT").empty()) {
    printf("skipped: GST_CHECKPOINT_TEST_S3_ENDPOINT is not set, so there is no S3 server\n");
    return 77;
  }
  gst_check_init(&argc, &argv);
  return gst_check_run_suite(s3_store_suite(), "s3_store", __FILE__);
}
