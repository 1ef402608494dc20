// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/services.h"

#include <glib.h>

#include "support/check.h"

namespace checkpoint {

void run_service(const std::string &name, const std::string &verb,
                 const std::vector<std::string> &more) {
  const char *folder = g_getenv("GST_CHECKPOINT_TEST_SERVICES");
  ck_assert_msg(folder != nullptr, "the servers are nobody's to change");
  const std::string script = std::string(SERVICES) + "/" + name;
  std::vector<const char *> words = {script.c_str(), verb.c_str(), folder};
  for (const std::string &word : more) words.push_back(word.c_str());
  words.push_back(nullptr);
  gint status = -1;
  gchar *errors = nullptr;
  ck_assert(g_spawn_sync(nullptr, const_cast<gchar **>(words.data()), nullptr, G_SPAWN_DEFAULT,
                         nullptr, nullptr, nullptr, &errors, &status, nullptr));
  ck_assert_msg(status == 0, "%s %s: %s", name.c_str(), verb.c_str(), errors);
  g_free(errors);
}

}  // namespace checkpoint
