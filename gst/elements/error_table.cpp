// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/error_table.h"

#include <string>

namespace checkpoint {

namespace {

// A path and what a damaged database holds may be any bytes; messages are text.
gchar *valid_text(const std::string &text) {
  return g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
}

void post(GstElement *element, GstMessageType type, const Status &status, const char *file,
          const char *function, int line) {
  if (status.is_ok() || status.is(Code::kCancelled)) return;
  GstErrorCode error = gst_error_code(status.code());
  GstStructure *details =
      gst_structure_new("checkpoint-error", "code", G_TYPE_STRING, code_name(status.code()),
                        "retryable", G_TYPE_BOOLEAN, status.retryable() ? TRUE : FALSE, nullptr);
  gst_element_message_full_with_details(
      element, type, error.domain, error.code, g_strdup(error_text(status).c_str()),
      valid_text(status.to_string()), file, function, line, details);
}

}  // namespace

GstErrorCode gst_error_code(Code code) {
  auto resource = [](GstResourceError e) { return GstErrorCode{GST_RESOURCE_ERROR, e}; };
  auto stream = [](GstStreamError e) { return GstErrorCode{GST_STREAM_ERROR, e}; };
  switch (code) {
    case Code::kInvalidArgument:
      return resource(GST_RESOURCE_ERROR_SETTINGS);
    case Code::kNotFound:
    case Code::kMissing:
    case Code::kExpired:
      return resource(GST_RESOURCE_ERROR_NOT_FOUND);
    case Code::kBusy:
    case Code::kLeaseLost:
    case Code::kConflict:
      return resource(GST_RESOURCE_ERROR_BUSY);
    case Code::kUnavailable:
    case Code::kNewerSchema:
      return resource(GST_RESOURCE_ERROR_OPEN_READ_WRITE);
    case Code::kPermissionDenied:
      return resource(GST_RESOURCE_ERROR_NOT_AUTHORIZED);
    case Code::kNoSpace:
      return resource(GST_RESOURCE_ERROR_NO_SPACE_LEFT);
    case Code::kTruncated:
      return resource(GST_RESOURCE_ERROR_READ);
    case Code::kArchived:
      return resource(GST_RESOURCE_ERROR_OPEN_READ);
    case Code::kAlreadyExists:
    case Code::kUnknownOutcome:
      return resource(GST_RESOURCE_ERROR_WRITE);
    case Code::kTimeout:
      return resource(GST_RESOURCE_ERROR_SYNC);
    case Code::kCorrupt:
      return stream(GST_STREAM_ERROR_DECODE);
    case Code::kUnsupported:
      return stream(GST_STREAM_ERROR_FORMAT);
    case Code::kOk:
    case Code::kCancelled:
    case Code::kInternal:
      break;
  }
  return stream(GST_STREAM_ERROR_FAILED);
}

std::string error_text(const Status &status) {
  std::string text;
  for (std::string part : {status.message(), status.hint()}) {
    if (part.empty()) continue;
    part[0] = g_ascii_toupper(part[0]);
    if (char last = part.back(); last != '.' && last != '!' && last != '?') part += '.';
    if (!text.empty()) text += ' ';
    text += part;
  }
  if (text.empty()) return code_name(status.code());
  gchar *valid = valid_text(text);
  text = valid;
  g_free(valid);
  return text;
}

void post_error(GstElement *element, const Status &status, const char *file, const char *function,
                int line) {
  post(element, GST_MESSAGE_ERROR, status, file, function, line);
}

void post_warning(GstElement *element, const Status &status, const char *file, const char *function,
                  int line) {
  post(element, GST_MESSAGE_WARNING, status, file, function, line);
}

}  // namespace checkpoint
