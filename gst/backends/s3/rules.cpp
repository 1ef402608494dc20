// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/s3/rules.h"

#include "backends/s3/xml.h"

namespace checkpoint {

namespace {

struct Rule {
  std::string id, prefix;
  bool enabled = false;
  bool of_some = false;  // only of objects with tags, which ours don't have
  bool expires = false, archives = false, ends_old_versions = false;
};

}  // namespace

S3Lifecycle read_s3_lifecycle(const std::string &xml, const std::string &prefix) {
  S3Lifecycle found;
  Rule rule;
  const std::string top = "/LifecycleConfiguration/Rule";
  walk_xml(xml, [&](const std::string &path, const std::string &text) {
    if (!path.starts_with(top)) return;
    const std::string name = path.substr(top.size());
    if (name == "/ID") rule.id = printable(text);
    if (name == "/Status") rule.enabled = text == "Enabled";
    if (name == "/Prefix" || name == "/Filter/Prefix" || name == "/Filter/And/Prefix")
      rule.prefix = text;
    if (name == "/Filter/Tag/Key" || name == "/Filter/And/Tag/Key") rule.of_some = true;
    if (name == "/Expiration/Days" || name == "/Expiration/Date") rule.expires = true;
    if (name == "/Transition/StorageClass" && (text == "GLACIER" || text == "DEEP_ARCHIVE"))
      rule.archives = true;
    if (name.starts_with("/NoncurrentVersionExpiration/")) rule.ends_old_versions = true;
    if (!name.empty()) return;
    const bool touches = rule.prefix.starts_with(prefix) || prefix.starts_with(rule.prefix);
    if (rule.enabled && !rule.of_some && touches) {
      if (rule.expires) found.expiring.push_back(rule.id);
      if (rule.archives) found.archiving.push_back(rule.id);
      // Only where it reaches all of ours.
      if (rule.ends_old_versions && prefix.starts_with(rule.prefix)) found.ends_old_versions = true;
    }
    rule = {};
  });
  return found;
}

bool s3_versions_are_kept(const std::string &xml) {
  bool kept = false;
  walk_xml(xml, [&](const std::string &path, const std::string &text) {
    if (path == "/VersioningConfiguration/Status") kept = text == "Enabled";
  });
  return kept;
}

std::string s3_default_retention(const std::string &xml) {
  const std::string top = "/ObjectLockConfiguration/Rule/DefaultRetention/";
  std::string mode, time;
  walk_xml(xml, [&](const std::string &path, const std::string &text) {
    if (path == top + "Mode") mode = printable(text);
    if (path == top + "Days") time = printable(text) + " days";
    if (path == top + "Years") time = printable(text) + " years";
  });
  return time.empty() ? "" : time + ", " + mode;
}

}  // namespace checkpoint
