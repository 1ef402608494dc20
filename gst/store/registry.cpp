// SPDX-License-Identifier: LGPL-2.1-or-later
#include "store/registry.h"

#include <glib.h>

namespace checkpoint {

namespace {

template <typename Factories>
Status unknown_scheme(const char *kind, const StoreUri &uri, const Factories &factories) {
  std::string known;
  for (const auto &[scheme, factory] : factories) known += (known.empty() ? "" : ", ") + scheme;
  return {Code::kInvalidArgument,
          std::string("no ") + kind + " store has the scheme '" + uri.scheme + "'",
          known.empty() ? "this build has none at all" : "this build has: " + known};
}

// Read anew at every call, where GLib would keep its first answer: an application may set its
// environment after GLib looked.
std::string data_file(const char *name) {
  const char *data = g_getenv("XDG_DATA_HOME");
  std::string base;
  if (data && g_path_is_absolute(data)) {  // others are to be ignored, says the specification
    base = data;
  } else {
    const char *home = g_getenv("HOME");
    if (!home || !g_path_is_absolute(home)) home = g_get_home_dir();
    base = std::string(home) + "/.local/share";
  }
  return base + "/gst-checkpoint/" + name;
}

}  // namespace

StoreRegistry &StoreRegistry::instance() {
  // Never destroyed: a thread that was left behind may need it while the process exits.
  static auto *registry = new StoreRegistry;
  return *registry;
}

void StoreRegistry::add_frame_store(const std::string &scheme, FrameStoreFactory factory) {
  frame_stores_[scheme] = std::move(factory);
}

void StoreRegistry::add_metadata_store(const std::string &scheme, MetadataStoreFactory factory) {
  metadata_stores_[scheme] = std::move(factory);
}

Result<std::shared_ptr<FrameStore>> StoreRegistry::make_frame_store(const std::string &uri) const {
  CHECKPOINT_ASSIGN_OR_RETURN(StoreUri parsed, parse_store_uri(uri, "file"));
  auto found = frame_stores_.find(parsed.scheme);
  if (found == frame_stores_.end()) return unknown_scheme("frame", parsed, frame_stores_);
  return found->second(parsed);
}

Result<std::shared_ptr<MetadataStore>> StoreRegistry::make_metadata_store(
    const std::string &uri) const {
  CHECKPOINT_ASSIGN_OR_RETURN(StoreUri parsed, parse_store_uri(uri, "sqlite"));
  auto found = metadata_stores_.find(parsed.scheme);
  if (found == metadata_stores_.end()) return unknown_scheme("metadata", parsed, metadata_stores_);
  return found->second(parsed);
}

std::string default_frame_store_uri() {
  const char *set = g_getenv("GST_CHECKPOINT_FRAME_STORE");
  return set && *set ? set : data_file("frames");
}

std::string default_metadata_store_uri() {
  const char *set = g_getenv("GST_CHECKPOINT_METADATA_STORE");
  return set && *set ? set : data_file("checkpoints.db");
}

}  // namespace checkpoint
