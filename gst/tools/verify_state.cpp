// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/verify_state.h"

#include <glib.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "tools/output_file.h"
#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr const char *kGroup = "verification";
constexpr std::chrono::seconds kInterval{5};

struct FreeKeyFile {
  void operator()(GKeyFile *file) const { g_key_file_free(file); }
};
using KeyFile = std::unique_ptr<GKeyFile, FreeKeyFile>;

// The numbers by their names in the file.
constexpr std::pair<const char *, uint64_t VerifyState::*> kNumbers[] = {
    {"next-frame", &VerifyState::next},
    {"checkpoints", &VerifyState::checkpoints},
    {"frames", &VerifyState::frames},
    {"broken-frames", &VerifyState::broken_frames},
    {"broken-packs", &VerifyState::broken_packs},
};

}  // namespace

Status VerifyStateFile::load(VerifyState &state) {
  if (path_.empty() || !g_file_test(path_.c_str(), G_FILE_TEST_EXISTS)) return Status::ok();
  const Status foreign(Code::kInvalidArgument, in_quotes(path_) + " is of another verification",
                       "name another file, or remove it to begin anew");
  const KeyFile file(g_key_file_new());
  if (!g_key_file_load_from_file(file.get(), path_.c_str(), G_KEY_FILE_NONE, nullptr))
    return foreign;
  const auto text = [&file](const char *name) {
    gchar *value = g_key_file_get_string(file.get(), kGroup, name, nullptr);
    std::string copy = value ? value : "";
    g_free(value);
    return copy;
  };
  if (text("scope") != state.scope) return foreign;
  state.id = text("id");
  GError *error = nullptr;
  for (const auto &[name, number] : kNumbers)
    if (!error) state.*number = g_key_file_get_uint64(file.get(), kGroup, name, &error);
  if (!error) state.checkpoint = g_key_file_get_int64(file.get(), kGroup, "checkpoint", &error);
  if (!error) state.done = g_key_file_get_boolean(file.get(), kGroup, "done", &error) != FALSE;
  if (!error) return Status::ok();
  g_error_free(error);
  return foreign;
}

Status VerifyStateFile::save(const VerifyState &state) {
  if (path_.empty()) return Status::ok();
  const KeyFile file(g_key_file_new());
  g_key_file_set_string(file.get(), kGroup, "scope", state.scope.c_str());
  g_key_file_set_string(file.get(), kGroup, "id", state.id.c_str());
  g_key_file_set_int64(file.get(), kGroup, "checkpoint", state.checkpoint);
  g_key_file_set_boolean(file.get(), kGroup, "done", state.done);
  for (const auto &[name, number] : kNumbers)
    g_key_file_set_uint64(file.get(), kGroup, name, state.*number);
  gsize size = 0;
  gchar *text = g_key_file_to_data(file.get(), &size, nullptr);
  const std::string bytes(text, size);
  g_free(text);
  CHECKPOINT_ASSIGN_OR_RETURN(const auto output, OutputFile::create(path_, true));
  output->write(bytes);
  next_ = std::chrono::steady_clock::now() + kInterval;
  return output->publish();
}

Status VerifyStateFile::save_now_and_then(const VerifyState &state) {
  return std::chrono::steady_clock::now() < next_ ? Status::ok() : save(state);
}

void VerifyStateFile::remove() {
  if (!path_.empty()) std::remove(path_.c_str());
}

}  // namespace checkpoint::tool
