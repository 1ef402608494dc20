// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include "core/names.h"
#include "support/check.h"

using namespace checkpoint;

static JobRow job(const std::string &id) {
  JobRow row;
  row.job_id = id;
  row.uuid = *Uuid::parse("1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b");
  return row;
}

GST_START_TEST(g35_names_of_all_kinds_are_taken) {
  for (const char *name : {"../../etc", "'; drop table", "a \"b\" `c`", "größe/日本", "a", "-"})
    ck_assert(check_name("job-id", name).is_ok());
  ck_assert(check_name("stage", std::string(512, 'x')).is_ok());
}
GST_END_TEST

GST_START_TEST(g35_what_can_not_be_a_name_is_refused_by_name) {
  using namespace std::string_literals;
  for (const std::string &name : {""s, std::string(513, 'x'), "a\nb"s, "a\0b"s, "a\x7f"s,
                                  "a\xc2\x85"s, "\xff"s, "\xed\xa0\x80"s, "cut\xc3"s}) {
    Status s = check_name("scenario", name);
    ck_assert(s.is(Code::kInvalidArgument));
    ck_assert(s.message().rfind("scenario", 0) == 0);
    for (char c : s.message()) ck_assert(static_cast<unsigned char>(c) >= 0x20);
  }
}
GST_END_TEST

GST_START_TEST(g35_object_names_stay_in_their_folder) {
  const std::string uuid = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b";
  ck_assert(frames_prefix(job("street-1.b_C")) == "street-1.b_C/frames/");
  ck_assert(frames_prefix(job("...a")) == "...a/frames/");
  ck_assert(frames_prefix(job(std::string(200, 'x'))) == std::string(200, 'x') + "/frames/");
  for (const std::string &id :
       {std::string("."), std::string(".."), std::string("../../etc"), std::string("a/b"),
        std::string("a b"), std::string("größe"), std::string("~x"), std::string(201, 'x')})
    ck_assert(frames_prefix(job(id)) == "~" + uuid + "/frames/");
}
GST_END_TEST

GST_START_TEST(object_names) {
  Uuid pack = *Uuid::parse("00000000-2fa1-4d3b-a3f5-ef19b5a7633b");
  ck_assert(pack_object_name(job("j"), pack, false) ==
            "j/frames/00000000-2fa1-4d3b-a3f5-ef19b5a7633b.pack");
  std::string plain = pack_object_name(job("j"), pack, true);
  ck_assert(plain == "j/frames/00000000-2fa1-4d3b-a3f5-ef19b5a7633b");
  PayloadRef ref;
  ref.offset = 7;
  ck_assert(plain_object_name(plain, ref) == plain + "-00000007.raw");
  ref.content = Content::kJpeg;
  ck_assert(plain_object_name(plain, ref) == plain + "-00000007.jpg");
  ref.content = Content::kPng;
  ck_assert(plain_object_name(plain, ref) == plain + "-00000007.png");
  ref.codec = Codec::kZstd;
  ck_assert(plain_object_name(plain, ref) == plain + "-00000007.zst");
  ref.codec = Codec::kLz4;
  ref.offset = 123456789012;
  ck_assert(plain_object_name(plain, ref) == plain + "-123456789012.lz4");
}
GST_END_TEST

// What a collector may take for a lost pack of this frame store.
GST_START_TEST(g40_objects_of_a_store_below_are_never_ours) {
  const std::string uuid = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b";
  const std::string pack = "/frames/" + uuid + ".pack", plain = "/frames/" + uuid + "-00000007.jpg";
  for (const std::string &own : {std::string("street-1.b_C"), std::string("frames"), "~" + uuid}) {
    ck_assert(parse_pack_object(own + pack)->object == own + pack);
    ck_assert(!parse_pack_object(own + pack)->plain);
    ck_assert(parse_pack_object(own + plain)->object == own + "/frames/" + uuid);
    ck_assert(parse_pack_object(own + plain)->plain);
    for (const char *below : {"other/", "a/b/", "frames/", "street/frames/", "/", "~/"}) {
      ck_assert_msg(!parse_pack_object(below + own + pack), "%s%s", below, own.c_str());
      ck_assert_msg(!parse_pack_object(below + own + plain), "%s%s", below, own.c_str());
    }
  }
  for (const char *no_job : {"", ".", "..", "~", "~x", "a b"})
    ck_assert_msg(!parse_pack_object(no_job + pack), "%s", no_job);
}
GST_END_TEST

static Suite *names_suite() {
  Suite *suite = suite_create("names");
  TCase *tc = tcase_create("names");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g35_names_of_all_kinds_are_taken);
  tcase_add_test(tc, g35_what_can_not_be_a_name_is_refused_by_name);
  tcase_add_test(tc, g35_object_names_stay_in_their_folder);
  tcase_add_test(tc, object_names);
  tcase_add_test(tc, g40_objects_of_a_store_below_are_never_ours);
  return suite;
}
GST_CHECK_MAIN(names);
