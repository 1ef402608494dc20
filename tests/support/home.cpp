// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/home.h"

#include <glib.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "support/pipeline.h"

namespace checkpoint {

Home::Home() {
  g_setenv("XDG_DATA_HOME", file("data").c_str(), TRUE);
  for (const char *name :
       {"GST_CHECKPOINT_FRAME_STORE", "GST_CHECKPOINT_METADATA_STORE", "GST_CHECKPOINT_JOB_ID"})
    g_unsetenv(name);
}

std::string Home::value(const std::string &sql) const { return query_value(database(), sql); }

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
