// SPDX-License-Identifier: LGPL-2.1-or-later
// Properties for frame stores on S3, the same on every element and named as awss3sink names them.
// They fill in what an s3:// URI leaves open; for other stores they mean nothing.
#pragma once

#include <gst/gst.h>

#include <map>
#include <string>

namespace checkpoint {

inline constexpr guint kFirstS3Property = 200;  // an element's own ones are below it

class S3Properties {
 public:
  // In class_init.
  static void install(GObjectClass *klass);
  // False: not one of them. Call with the object lock held.
  bool set(guint id, const GValue *value);
  // Keys are write-only.
  bool get(guint id, GValue *value) const;

  // The URI with these settings in it. It may hold the keys, so it is never shown.
  std::string apply(const std::string &uri) const;

 private:
  std::map<std::string, std::string> options_;  // by the URI's name for them
  std::string access_key_, secret_access_key_;
};

}  // namespace checkpoint
