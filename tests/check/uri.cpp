// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include "store/registry.h"
#include "store/uri.h"
#include "support/check.h"

using namespace checkpoint;

static StoreUri parsed(const char *text) {
  auto uri = parse_store_uri(text, "file");
  ck_assert_msg(uri.is_ok(), "%s", text);
  return *uri;
}

GST_START_TEST(uris_and_paths) {
  StoreUri uri = parsed("S3://key:se%2Fcret@bucket:9000/a%20b/%C3%BC?region=eu&x=%26");
  ck_assert(uri.scheme == "s3" && uri.user_info == "key:se%2Fcret" &&
            uri.authority == "bucket:9000");
  ck_assert(uri.path == "/a b/ü");
  ck_assert(uri.query.at("region") == "eu" && uri.query.at("x") == "&");
  ck_assert(parsed("file:///data").path == "/data");
  ck_assert(parsed("file:/data").path == "/data");
  ck_assert(parsed("file://localhost/data").authority == "localhost");
  ck_assert(parsed("memory://name").authority == "name");
  for (const char *path : {"/data/100%25?#", "relative/a b", "a:b", "./x://y"}) {
    uri = parsed(path);
    ck_assert(uri.scheme == "file" && uri.path == path && uri.query.empty());
  }
}
GST_END_TEST

GST_START_TEST(g34_what_is_no_uri_is_refused) {
  using namespace std::string_literals;
  for (const std::string &text :
       {""s, "file:///a%2"s, "file:///a%zz"s, "file:///a%00b"s, "file:///a#b"s, "1x://a"s, "a\nb"s,
        "a\0b"s, "s3://b?x=1&x=2"s, "s3://b?=2"s, "s3://b?a=%"s}) {
    auto uri = parse_store_uri(text, "file");
    ck_assert_msg(uri.status().is(Code::kInvalidArgument), "%s", text.c_str());
  }
}
GST_END_TEST

GST_START_TEST(g36_no_secret_in_what_is_shown) {
  ck_assert(parsed("s3://key:secret@bucket/a%20b?token=hush").display() ==
            "s3://***@bucket/a%20b?token=***");
  ck_assert(parsed("/data/a b").display() == "file:///data/a%20b");
  const std::pair<const char *, const char *> cases[] = {
      {"/a/file?x=y", "/a/file?x=y"},
      {"https://host/@user/v.mp4", "https://host/@user/v.mp4"},
      {"rtsp://u:hush@host:554/live?auth=hush&n", "rtsp://***@host:554/live?auth=***&***"},
      {"https://host/v?hush", "https://host/v?***"},
      {"https://host/v#access_token=hush", "https://host/v#access_token=***"},
      {"postgresql://u:hu/sh@host/db", "postgresql://***@host/db"},
      {"postgresql://u:12/hush@host/db", "postgresql://***@host/db"},
      {"s3://u:hu#sh?@host/db", "s3://***@host/db"},
      {"jdbc:postgresql://u:hush@h/d?password=hush", "jdbc:postgresql://***@h/d?password=***"},
      {"http://[::1]:80/a@b", "http://[::1]:80/a@b"},
      {" rtsp://u:hush@host/1", " rtsp://***@host/1"},
      {"\"rtsp://u:hush@host/1\"", "\"rtsp://***@host/1\""},
      {"from rtsp://u:hush@a/1 to http://b/?t=hush or s3://k:hush@c/d",
       "from rtsp://***@a/1 to http://b/?t=*** s3://***@c/d"},
      {"rtsp://a,rtsp://u:hush@b/1?t=hush", "rtsp://a,rtsp://***@b/1?t=***"},
      {"rtsp://u:hush@a,rtsp://v:hush@b", "rtsp://***@a,rtsp://***@b"},
      {"http://a/?url=rtsp://u:hush@b/1&t=hush", "http://a/?url=***&t=***"},
      {"http://a/#rtsp://u:hush@b/1", "http://a/#rtsp://***@b/1"},
  };
  for (const auto &[text, masked] : cases)
    ck_assert_msg(mask_uri(text) == masked, "%s: %s", text, mask_uri(text).c_str());
  // However many there are.
  std::string many = "x";
  for (int i = 0; i < 200000; i++) many += "://u:hush@h/x";
  ck_assert(mask_uri(many).find("hush") == std::string::npos);
  for (const char *text : {"s3://u:hush@h/%", "s3://u:hush@h/a#b", "s3://h?hush=%"})
    ck_assert(parse_store_uri(text, "file").status().to_string().find("hush") == std::string::npos);
}
GST_END_TEST

GST_START_TEST(g36_a_conninfo_is_refused_and_not_shown) {
  for (const char *text : {"host=h password=hush", " password = 'hush'", "service=hush",
                           "user=hush dbname=x", "sslpassword=hush host=h"}) {
    for (const char *scheme : {"file", "sqlite"}) {
      const Status status = parse_store_uri(text, scheme).status();
      ck_assert_msg(status.is(Code::kInvalidArgument), "%s", text);
      ck_assert_msg(status.to_string().find("hush") == std::string::npos, "%s", text);
      ck_assert(status.hint().find("postgresql://") != std::string::npos);
    }
    ck_assert_msg(mask_uri(text) == "***", "%s", text);
  }
  for (const char *text : {"./host=h", "/data/user=alice", "colour=red", "password"}) {
    ck_assert_msg(parse_store_uri(text, "sqlite").is_ok(), "%s", text);
    ck_assert(mask_uri(text) == text);
  }
}
GST_END_TEST

GST_START_TEST(g36_a_mistyped_store_is_refused_and_not_shown) {
  for (const char *text :
       {"postgresql:u:hush@h/db", "postgresql//u:hush@h/db", "PostgreSQL:u:hush@h/db",
        " postgres:u:hush@h/db", "postgresql;//u:hush@h/db", "s3:k:hush@bucket/x"}) {
    for (const char *scheme : {"file", "sqlite"}) {
      const Status status = parse_store_uri(text, scheme).status();
      ck_assert_msg(status.is(Code::kInvalidArgument), "%s", text);
      ck_assert_msg(status.to_string().find("hush") == std::string::npos, "%s", text);
      ck_assert(status.to_string().find("://") != std::string::npos);
    }
    ck_assert_msg(mask_uri(text) == "***", "%s", text);
  }
  for (const char *path : {"sqlite/a.db", "s3-frames", "file.db", "postgresql", "file:/data",
                           "./postgresql:a", "memory_of/a"})
    ck_assert_msg(parse_store_uri(path, "sqlite").is_ok(), "%s", path);
}
GST_END_TEST

GST_START_TEST(percent_encoding_round_trips) {
  std::string all;
  for (int c = 1; c < 256; c++) all += static_cast<char>(c);
  ck_assert(*percent_decode(percent_encode(all)) == all);
  ck_assert(percent_encode("a/b c", "/") == "a/b%20c");
}
GST_END_TEST

GST_START_TEST(a_scheme_without_a_store_is_named) {
  StoreRegistry registry;
  Status s = registry.make_frame_store("nfs://x/y").status();
  ck_assert(s.is(Code::kInvalidArgument));
  registry.add_frame_store("file", [](const StoreUri &uri) -> Result<std::shared_ptr<FrameStore>> {
    return Status(Code::kUnavailable, uri.path);
  });
  s = registry.make_frame_store("nfs://x/y").status();
  ck_assert(s.message().find("'nfs'") != std::string::npos);
  ck_assert(s.hint().find("file") != std::string::npos);
  ck_assert(registry.make_frame_store("/x").status().message() == "/x");
}
GST_END_TEST

GST_START_TEST(defaults_follow_the_environment) {
  g_setenv("XDG_DATA_HOME", "/somewhere", TRUE);
  g_unsetenv("GST_CHECKPOINT_FRAME_STORE");
  g_unsetenv("GST_CHECKPOINT_METADATA_STORE");
  ck_assert(default_frame_store_uri() == "/somewhere/gst-checkpoint/frames");
  ck_assert(default_metadata_store_uri() == "/somewhere/gst-checkpoint/checkpoints.db");
  g_setenv("XDG_DATA_HOME", "relative", TRUE);
  g_setenv("HOME", "/home/me", TRUE);
  ck_assert(default_frame_store_uri() == "/home/me/.local/share/gst-checkpoint/frames");
  g_setenv("GST_CHECKPOINT_FRAME_STORE", "s3://bucket", TRUE);
  g_setenv("GST_CHECKPOINT_METADATA_STORE", "sqlite:///x.db", TRUE);
  ck_assert(default_frame_store_uri() == "s3://bucket");
  ck_assert(default_metadata_store_uri() == "sqlite:///x.db");
}
GST_END_TEST

static Suite *uri_suite() {
  Suite *suite = suite_create("uri");
  TCase *tc = tcase_create("uri");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, uris_and_paths);
  tcase_add_test(tc, g34_what_is_no_uri_is_refused);
  tcase_add_test(tc, g36_no_secret_in_what_is_shown);
  tcase_add_test(tc, g36_a_conninfo_is_refused_and_not_shown);
  tcase_add_test(tc, g36_a_mistyped_store_is_refused_and_not_shown);
  tcase_add_test(tc, percent_encoding_round_trips);
  tcase_add_test(tc, a_scheme_without_a_store_is_named);
  tcase_add_test(tc, defaults_follow_the_environment);
  return suite;
}
GST_CHECK_MAIN(uri);
