// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/temp_dir.h"

#include <glib.h>

#include <cstdlib>
#include <filesystem>

namespace checkpoint {

TempDir::TempDir(On on) {
  char in_memory[] = "/dev/shm/checkpoint-test-XXXXXX";
  if (on == On::kMemory && g_mkdtemp(in_memory)) {
    path_ = in_memory;
    return;
  }
  char *made = g_dir_make_tmp("checkpoint-test-XXXXXX", nullptr);
  if (!made) std::abort();
  path_ = made;
  g_free(made);
}

TempDir::~TempDir() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  // A test may have taken its own rights away.
  for (fs::recursive_directory_iterator at(path_, ignored), end; at != end; at.increment(ignored)) {
    if (ignored) break;
    if (at->is_directory(ignored) && !at->is_symlink(ignored))
      fs::permissions(at->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
  }
  fs::remove_all(path_, ignored);
}

}  // namespace checkpoint
