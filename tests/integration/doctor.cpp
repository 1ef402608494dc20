// SPDX-License-Identifier: LGPL-2.1-or-later
// gst-checkpoint-1.0 doctor, with all well and with each thing broken, on every pair of stores.
#include <map>

#include "backends/s3/http.h"
#include "store/digest.h"
#include "support/housekeeping_place.h"
#include "support/tool.h"

using namespace checkpoint;

namespace {

// What doctor says of each "store check", as "level: message".
std::map<std::string, std::string> doctor(int code, std::vector<std::string> options = {}) {
  options.insert(options.begin(), "doctor");
  JsonTree tree = tool_json(code, options);
  std::map<std::string, std::string> found;
  for (int i = 0;; i++) {
    const std::string place = "[" + std::to_string(i) + "].";
    if (at(tree, place + "check") == "(none)") return found;
    const std::string level = at(tree, place + "level");
    // Whoever has something to do is told what.
    if (level == "warning" || level == "error") ck_assert(!at(tree, place + "hint").empty());
    found[at(tree, place + "store").substr(0, 1) + " " + at(tree, place + "check")] =
        level + ": " + at(tree, place + "message");
  }
}

void says(const std::map<std::string, std::string> &found, const std::string &check,
          const std::string &wanted) {
  ck_assert_msg(found.count(check) == 1, "nothing about %s", check.c_str());
  ck_assert_msg(found.at(check).find(wanted) != std::string::npos, "%s is %s", check.c_str(),
                found.at(check).c_str());
}

// A request about a bucket's rules, as its owner.
int bucket_request(HttpMethod method, const std::string &path, const std::string &body = "",
                   const std::string &header = "") {
  const auto setting = [](const char *name) {
    return std::string(g_getenv((std::string("GST_CHECKPOINT_TEST_S3_") + name).c_str()));
  };
  const ByteView part = as_bytes(body);
  HttpRequest request;
  request.method = method;
  request.url = setting("ENDPOINT") + "/" + path;
  request.signer = {setting("ACCESS_KEY"), setting("SECRET_KEY"), setting("REGION")};
  request.body = std::span(&part, 1);
  request.headers = {"x-amz-content-sha256: " + hex(*sha256_of(request.body))};
  if (!header.empty()) request.headers.push_back(header);
  GChecksum *sum = g_checksum_new(G_CHECKSUM_MD5);
  g_checksum_update(sum, reinterpret_cast<const guchar *>(body.data()),
                    static_cast<gssize>(body.size()));
  guint8 digest[16];
  gsize size = sizeof digest;
  g_checksum_get_digest(sum, digest, &size);
  g_checksum_free(sum);
  gchar *text = g_base64_encode(digest, size);
  request.headers.push_back(std::string("Content-MD5: ") + text);
  g_free(text);
  Cancellation cancel;
  const HttpAnswer answer = make_curl_transfers()->run(request, cancel);
  if (!answer.success()) g_printerr("%d %s\n", answer.status, answer.text.c_str());
  return answer.status;
}

}  // namespace

GST_START_TEST(a_pair_that_is_well_is_said_to_be_well) {
  Housekeeping place;
  place.store("decode", 0, 4);
  const uint64_t bytes = place.stored_bytes();
  const auto found = doctor(0);
  for (const char *check :
       {"m reach", "m clock", "m schema", "m rights", "m packs", "m leases", "m partial", "f reach",
        "f marker", "f put", "f get", "f list", "f remove"})
    says(found, check, "ok: ");
  const bool on_disk = store_pair().frames == "file";
  says(found, on_disk ? "f space" : "f versioning",
       store_pair().frames == "s3_libs3" ? "unknown: " : "ok: ");
  // Nothing of it is left.
  ck_assert_uint_eq(place.stored_bytes(), bytes);
  const std::string text = tool_says(0, {"doctor"});
  ck_assert(text.find("ok       frame store     put          may be done\n") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(what_is_not_there_or_not_ours_is_an_error_with_the_next_step) {
  {
    Home home;
    const auto found = doctor(3);
    says(found, "m reach", "warning: nothing is stored");
    says(found, "f rights", "unknown: not tried");
    ck_assert(!home.has_rows());
  }
  Housekeeping place;
  place.store("decode", 0, 4);
  // Of another metadata store.
  const std::string other = "sqlite://" + place.file("other.db");
  { Place elsewhere(place.file("elsewhere"), other); }
  says(doctor(3, {"--metadata-store", other}), "f marker", "error: ");
  // Not mounted; the rows say where frames are.
  std::string away = place.frame_store();
  away.insert(std::min(away.find('?'), away.size()), "-away");
  says(doctor(3, {"--frame-store", away}), "f marker", "error: ");
  // No server, no folder that could be one.
  says(doctor(3, {"--frame-store", place.database() + ".txt/x", "--metadata-store",
                  "postgresql://127.0.0.1:1/none"}),
       "m reach", "error: ");
  tool_says(1, {"doctor", "--frame-store", "gopher://x"});
}
GST_END_TEST

GST_START_TEST(lost_metadata_lead_to_repair) {
  Home home;
  { Place(home.frame_store(), home.metadata_store()); }
  home.drop_metadata();
  const auto found = doctor(3);
  says(found, "f marker", "error: belongs to the metadata store");
  ck_assert(tool_says(3, {"doctor"}).find("repair makes it again") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(what_was_left_behind_is_counted) {
  Housekeeping place;
  const CheckpointRow gone = place.store("decode", 0, 4);
  place.store("track", 10, 14, false, {}, "it stopped");
  place.remove(gone);
  CollectOptions patient;
  const uint64_t packs = place.run(patient).packs_condemned;
  LeaseOwner owner;
  owner.host = "gone";
  owner.instance = Uuid::random();
  ck_assert(place.stores->metadata
                ->acquire_lease(gone.job, {}, "died", owner, std::chrono::milliseconds(0), nullptr,
                                place.cancel)
                .is_ok());
  const auto found = doctor(3);
  says(found, "m packs", "ok: " + std::to_string(packs) + " condemned");
  says(found, "m leases", "warning: 1 ran out");
  says(found, "m partial", "warning: 1 partial");
}
GST_END_TEST

GST_START_TEST(who_may_only_read_is_told_so) {
  if (store_pair().rows != "postgres") return;
  Housekeeping place;
  place.store("decode", 0, 4);
  g_setenv("PGOPTIONS", "-c default_transaction_read_only=on", TRUE);
  says(doctor(3), "m rights", "warning: it is a standby, or read-only");
  g_unsetenv("PGOPTIONS");
}
GST_END_TEST

// On the real server, each bucket with one thing that harms.
GST_START_TEST(rules_of_a_bucket_that_harm_packs_are_found) {
  if (store_pair().frames != "s3") return;
  Housekeeping place;
  place.store("decode", 0, 4);
  const std::string bucket = "doctor-" + Uuid::random().to_string();
  ck_assert_int_eq(
      bucket_request(HttpMethod::kPut, bucket, "", "x-amz-bucket-object-lock-enabled: true"), 200);
  std::string uri = place.frame_store();
  uri.replace(5, uri.find('/', 5) - 5, bucket);
  const auto examined = [&] { return doctor(3, {"--frame-store", uri}); };
  // A bucket with Object Lock keeps versions.
  auto found = examined();
  says(found, "f versioning", "warning: ");
  says(found, "f object-lock", "ok: ");
  says(found, "f lifecycle", "ok: ");
  says(found, "f clock", "ok: ");

  const std::string prefix = uri.substr(uri.find('/', 5) + 1, 8);
  const auto rules = [&](const std::string &text) {
    ck_assert_int_eq(
        bucket_request(HttpMethod::kPut, bucket + "?lifecycle=",
                       "<LifecycleConfiguration>" + text + "</LifecycleConfiguration>"),
        200);
  };
  const auto rule = [](const std::string &id, const std::string &where, const std::string &what) {
    return "<Rule><ID>" + id + "</ID><Filter><Prefix>" + where +
           "</Prefix></Filter><Status>Enabled</Status>" + what + "</Rule>";
  };
  const std::string soon = "<Expiration><Days>30</Days></Expiration>";
  const std::string old =
      "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
      "</NoncurrentVersionExpiration>";
  rules(rule("others", "elsewhere/", soon) + rule("old", "", old));
  found = examined();
  says(found, "f lifecycle", "ok: ");
  says(found, "f versioning", "ok: the bucket keeps versions, and a rule ends old ones");
  rules(rule("tidy", prefix, soon));
  says(examined(), "f lifecycle", "error: rule 'tidy'");

  ck_assert_int_eq(bucket_request(HttpMethod::kPut, bucket + "?object-lock=",
                                  "<ObjectLockConfiguration><ObjectLockEnabled>Enabled"
                                  "</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE"
                                  "</Mode><Days>3</Days></DefaultRetention></Rule>"
                                  "</ObjectLockConfiguration>"),
                   200);
  says(examined(), "f object-lock", "warning: each object is locked for 3 days, GOVERNANCE");
  ck_assert_int_eq(bucket_request(HttpMethod::kDelete, bucket), 204);
  says(doctor(3, {"--frame-store", uri}), "f reach", "error: ");
}
GST_END_TEST

// The owner denies what a policy may deny to others.
GST_START_TEST(rights_that_are_missing_are_named_one_by_one) {
  if (store_pair().frames != "s3") return;
  Home home;
  const std::string bucket = "doctor-" + Uuid::random().to_string();
  ck_assert_int_eq(bucket_request(HttpMethod::kPut, bucket), 200);
  std::string uri = home.frame_store();
  uri.replace(5, uri.find('/', 5) - 5, bucket);
  Place(uri, home.metadata_store());
  const auto deny = [&](const std::string &action) {
    const std::string policy =
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":")" +
        action + R"(","Resource":["arn:aws:s3:::)" + bucket + R"(","arn:aws:s3:::)" + bucket +
        R"(/*"]}]})";
    ck_assert_int_eq(bucket_request(HttpMethod::kPut, bucket + "?policy=", policy) / 100, 2);
  };
  const std::map<std::string, std::string> rights = {
      {"s3:PutObject", "f put"}, {"s3:ListBucket", "f list"}, {"s3:DeleteObject", "f remove"}};
  for (const auto &[action, check] : rights) {
    deny(action);
    const auto found = doctor(3, {"--frame-store", uri});
    says(found, check, "warning: ");
    says(found, "f marker", "ok: ");
  }
  deny("s3:GetLifecycleConfiguration");
  says(doctor(0, {"--frame-store", uri}), "f lifecycle", "unknown: not told by this server");
}
GST_END_TEST

static Suite *doctor_suite() {
  Suite *suite = suite_create("doctor");
  TCase *tc = tcase_create("doctor");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_pair_that_is_well_is_said_to_be_well);
  tcase_add_test(tc, what_is_not_there_or_not_ours_is_an_error_with_the_next_step);
  tcase_add_test(tc, lost_metadata_lead_to_repair);
  tcase_add_test(tc, what_was_left_behind_is_counted);
  tcase_add_test(tc, who_may_only_read_is_told_so);
  tcase_add_test(tc, rules_of_a_bucket_that_harm_packs_are_found);
  tcase_add_test(tc, rights_that_are_missing_are_named_one_by_one);
  return suite;
}
CHECKPOINT_CHECK_MAIN(doctor);
