// SPDX-License-Identifier: LGPL-2.1-or-later
// What the URI of a PostgreSQL store may say, and that no secret of it is ever shown. No server is
// needed.
#include <string>
#include <vector>

#include "backends/postgres/location.h"
#include "backends/postgres/postgres_store.h"
#include "support/check.h"

using namespace checkpoint;
using namespace checkpoint::postgres;
using std::chrono::milliseconds;

namespace {

Result<Location> parse(const std::string &text) {
  CHECKPOINT_ASSIGN_OR_RETURN(StoreUri uri, parse_store_uri(text, "sqlite"));
  return parse_location(uri);
}

Location parsed(const std::string &text) {
  Result<Location> location = parse(text);
  if (!location.is_ok())
    ck_abort_msg("%s: %s", text.c_str(), location.status().to_string().c_str());
  return *location;
}

std::string value(const Location &location, const std::string &name) {
  std::string found;
  for (const auto &[key, text] : location.parameters)
    if (key == name) found = text;  // the last one counts
  return found;
}

// The secret of these tests; its parts are what a torn URI would show.
constexpr const char *kParts[] = {"Xq7", "Zw9"};

void check_says_no_secret(const std::string &text, const std::string &uri) {
  for (const char *part : kParts)
    ck_assert_msg(text.find(part) == std::string::npos, "%s shows a secret of %s", text.c_str(),
                  uri.c_str());
}

}  // namespace

GST_START_TEST(a_uri_is_taken_apart) {
  Location location = parsed("postgresql://me:p%40ss@db.example:6543/films?sslmode=require");
  ck_assert(value(location, "user") == "me" && value(location, "password") == "p@ss");
  ck_assert(value(location, "host") == "db.example" && value(location, "port") == "6543");
  ck_assert(value(location, "dbname") == "films" && value(location, "sslmode") == "require");
  ck_assert(location.schema == "gst_checkpoint" && location.prepared_statements);
  ck_assert(location.display() == "postgresql://me@db.example:6543/films?schema=gst_checkpoint");

  location = parsed(
      "postgres://db/films?schema=Night%20%22shift%22&prepared-statements=false&busy-timeout=5"
      "&statement-timeout=6&reconnect-timeout=0&connections=2&connect_timeout=3");
  ck_assert(location.schema == "Night \"shift\"");
  ck_assert(location.quoted_schema() == "\"Night \"\"shift\"\"\"");
  ck_assert(!location.prepared_statements && location.connections == 2);
  ck_assert(location.busy_timeout == milliseconds(5));
  ck_assert(location.statement_timeout == milliseconds(6));
  ck_assert(location.reconnect_timeout == milliseconds(0));
  ck_assert(location.connect_timeout == milliseconds(3000));
  // None of ours goes to libpq.
  for (const char *name : {"schema", "prepared-statements", "busy-timeout", "connections"})
    ck_assert(value(location, name).empty());

  // As libpq takes them: a socket's folder, several hosts, IPv6, a service.
  location = parsed("postgresql:///films?host=/run/postgresql");
  ck_assert(value(location, "host") == "/run/postgresql" && value(location, "dbname") == "films");
  ck_assert(value(parsed("postgresql://%2Frun%2Fpg/films"), "host") == "/run/pg");
  location = parsed("postgresql://a:1,b:2/films?target_session_attrs=read-write");
  ck_assert(value(location, "host") == "a,b" && value(location, "port") == "1,2");
  ck_assert(value(parsed("postgresql://[::1]:5433/films"), "host") == "::1");
  ck_assert(value(parsed("postgresql://?service=films"), "service") == "films");
  // A dead connection is found out, unless the user knows better.
  ck_assert(value(location, "keepalives_idle") == "10");
  ck_assert(value(parsed("postgresql://h/d?keepalives_idle=60"), "keepalives_idle") == "60");
}
GST_END_TEST

GST_START_TEST(what_makes_no_sense_is_refused) {
  for (const char *text :
       {"postgresql://h/d?schema=", "postgresql://h/d?schema=pg_mine",
        "postgresql://h/d?schema=a$b", "postgresql://h/d?prepared-statements=maybe",
        "postgresql://h/d?busy-timeout=-1", "postgresql://h/d?busy-timeout=1s",
        "postgresql://h/d?connections=0", "postgresql://h/d?connect_timeout=soon",
        "postgresql://h/d?no_such_option=1", "postgresql://h:port/d", "postgresql://u%@h/d",
        "postgresql://[::1/d"}) {
    Result<Location> location = parse(text);
    ck_assert_msg(!location.is_ok() && location.status().is(Code::kInvalidArgument), "%s", text);
  }
}
GST_END_TEST

GST_START_TEST(g36_no_part_of_a_password_is_shown) {
  for (const char *text :
       {"postgresql://u:Xq7Zw9@127.0.0.1:1/d", "postgresql://u:Xq7%2FZw9@127.0.0.1:1/d",
        "postgresql://u:Xq7/Zw9@127.0.0.1:1/d", "postgresql://u:Xq7?Zw9@127.0.0.1:1/d",
        "postgresql://u:Xq7#Zw9@127.0.0.1:1/d", "postgresql://u:Xq7@Zw9@127.0.0.1:1/d",
        "postgresql://u:Xq7:Zw9@127.0.0.1:1/d", "postgresql://u:Xq7%Zw9@127.0.0.1:1/d",
        "postgresql://u:7/Xq7Zw9@127.0.0.1:1/d", "postgresql://u:7?Xq7=Zw9@127.0.0.1:1/d",
        "postgresql://u:Xq7&Zw9@127.0.0.1:1/d", "postgresql://u:Xq7,Zw9@127.0.0.1:1/d",
        "postgresql://127.0.0.1:1/d?user=u&password=Xq7Zw9",
        "postgresql://127.0.0.1:1/d?sslpassword=Xq7Zw9&passwort=Xq7Zw9",
        "postgresql://u:Xq7Zw9@127.0.0.1:1/d?sslmode=no&port=x"}) {
    Result<StoreUri> uri = parse_store_uri(text, "sqlite");
    if (!uri.is_ok()) {
      check_says_no_secret(uri.status().to_string(), text);
      continue;
    }
    Result<std::shared_ptr<MetadataStore>> store = make_postgres_store(*uri);
    if (!store.is_ok()) {
      check_says_no_secret(store.status().to_string(), text);
      continue;
    }
    check_says_no_secret((*store)->display_uri(), text);
    Cancellation cancel;
    Status status = (*store)->open(cancel);
    ck_assert_msg(!status.is_ok(), "%s", text);
    check_says_no_secret(status.to_string(), text);
  }
}
GST_END_TEST

GST_START_TEST(g11_a_server_that_is_not_there_is_unavailable) {
  Result<StoreUri> uri = parse_store_uri("postgresql://u@127.0.0.1:1/d", "sqlite");
  Result<std::shared_ptr<MetadataStore>> store = make_postgres_store(*uri);
  Cancellation cancel;
  Status status = (*store)->open(cancel);
  ck_assert_msg(status.is(Code::kUnavailable) && status.retryable(), "%s",
                status.to_string().c_str());
  ck_assert(status.message().find("127.0.0.1") != std::string::npos);
  ck_assert(!status.hint().empty());
  // Whatever is wrong is for open() to say.
  Result<bool> exists = (*store)->exists(cancel);
  ck_assert(exists.is_ok() && *exists);
  ck_assert((*store)->uuid(cancel).status().is(Code::kUnavailable));
}
GST_END_TEST

static Suite *postgres_uri_suite() {
  Suite *suite = suite_create("postgres_uri");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_uri_is_taken_apart);
  tcase_add_test(tc, what_makes_no_sense_is_refused);
  tcase_add_test(tc, g36_no_part_of_a_password_is_shown);
  tcase_add_test(tc, g11_a_server_that_is_not_there_is_unavailable);
  return suite;
}
GST_CHECK_MAIN(postgres_uri);
